"""The core of the estimator, part by part: by hand where a hand can, else against the numbers of an invented census."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.coding.positions import Position
from pipeline.coding.queries import Definition
from pipeline.estimate.agendas import estimate_agendas, estimate_growth, list_agendas
from pipeline.estimate.as_people import tabulate_as_people
from pipeline.estimate.axis_donors import ALIKE_WORTH, AXES_WORTH, OTHERS_WORTH, AxisDonors, _sort_readers
from pipeline.estimate.bootstrap import rescale
from pipeline.estimate.curve import draw_curves
from pipeline.estimate.differences import compare_parts
from pipeline.estimate.flips import AIM_WORTH, TARGET_WORTH, aim_flips
from pipeline.estimate.growth import measure_total_growth
from pipeline.estimate.intervals import effective_size, jeffreys_interval, student_quantile, wilson_interval
from pipeline.estimate.mixture import estimate_mixture
from pipeline.estimate.needs import tabulate_needs
from pipeline.estimate.nesting import find_wider, nest_ends
from pipeline.estimate.people import WEIGHTS, count_people, size_by_karma, size_by_words
from pipeline.estimate.person_counts import add_person_counts
from pipeline.estimate.planning import plan_reading
from pipeline.estimate.prediction_tables import tabulate_guesses
from pipeline.estimate.price_targets import find_targets
from pipeline.estimate.prices import price_actions
from pipeline.estimate.published import read_weights, tabulate_weights, total_by_replicate
from pipeline.estimate.reader_error import OUTSIDE_LABELS, Evidence, tabulate_errors
from pipeline.estimate.robustness import vary_estimates
from pipeline.estimate.share_table import tabulate_shares
from pipeline.estimate.shares import PRIOR_HITS, SURE, bound_ends, estimate_shares, steady_variance
from pipeline.estimate.smooth import tabulate_smoothed
from pipeline.estimate.survey import Found, Survey, estimate_batch, measure_sizes
from pipeline.estimate.told import _find_splits, _is_assumed
from pipeline.estimate.totals import count_totals, estimate_positions
from pipeline.estimate.trends import measure_groups, measure_trends
from pipeline.estimate.weights import _count_strata
from pipeline.settings import Minutes
from tests.invented_survey import CODEBOOK, READ, invent_sample, invent_survey

NUMBERS = (
    Path(__file__).parent / "fixtures" / "estimate" / "invented.json"
)  # written by `python -m tests.invented_numbers`
POSITIONS = (
    Position("one", "", "", "", definition="strict", include=("E1",)),
    Position("two", "", "", "", definition="broad", exclude=("A2",)),
)
JOINED = {"theory and oversight": ("A1", "B1")}


@pytest.fixture(scope="module")
def survey() -> Survey:
    return invent_survey()


@pytest.fixture(scope="module")
def found(survey: Survey) -> Found:
    agendas = [query for _, query in list_agendas(CODEBOOK, JOINED).values()]
    return estimate_batch(survey, [*CODEBOOK.definitions, *agendas], list(WEIGHTS))


def test_what_documents_surely_are_is_counted_as_if_every_chance_were_looked_at(survey: Survey) -> None:
    """The short way, by the code that outweighs all others, against the chances of every document."""
    rng, codes = np.random.default_rng(3), survey.weights.codes
    change = np.where(codes.is_settled, 0.0, rng.choice([0.1, 0.5], len(codes.change)))
    survey = replace(survey, weights=replace(survey.weights, codes=replace(codes, change=change)))
    unsure, read = 0, 0
    for domain in survey.domains:
        part = survey.part(domain)
        assert part is not None
        unsure, read = unsure + part.chances.shape[0], read + int(domain.rows.sum())
        some = rng.random((40, len(survey.records))) < rng.random((40, 1))
        whole = (survey.weights.codes.chance.toarray()[domain.rows] @ some.T >= SURE).sum(axis=0)
        assert (part.count_sure(some.astype(float)) == whole).all()
    assert 0 < unsure < read, "some are sure by one code, and some are not"


def tabulate(survey: Survey, found: Found) -> dict[str, pd.DataFrame]:
    """Returns every table of the core from a survey."""
    curve, toggles = draw_curves(survey)
    weights = tabulate_weights(survey.weights)
    tables = {
        "weights": weights.drop(columns=[name for name in weights if isinstance(weights[name].iloc[0], list)]),
        "replicates": pd.DataFrame(survey.weights.replicates),
        "codes": pd.DataFrame(survey.weights.codes.chance.toarray()),
        "drawn codes": pd.DataFrame(survey.weights.codes.kept_drawn),
        "drawn changes": pd.DataFrame(survey.weights.codes.change_drawn),
        "shares": tabulate_shares(survey, found),
        "groups": measure_groups(survey),
        "trends": measure_trends(survey),
        "people": count_people(survey.population.documents),
        "agendas": estimate_agendas(survey, JOINED, found),
        "growth": estimate_growth(survey, JOINED),
        "curve": curve,
        "toggles": toggles,
        "plan": plan_reading(survey, found, "safety", ("strict", "broad")),
        "guesses": tabulate_guesses(survey.population),
        "totals": count_totals(survey, list(CODEBOOK.definitions)),
        "positions": estimate_positions(survey, POSITIONS, list(CODEBOOK.definitions)),
        "growth of numbers": measure_total_growth(survey, list(CODEBOOK.definitions)),
        "smoothed": tabulate_smoothed(survey),
        "robustness": vary_estimates(survey, invent_clusters(survey), ["f"]),
        **tabulate_labels(survey, found),
    }
    return add_person_counts(tables, survey.sample)


def invent_clusters(survey: Survey) -> pd.DataFrame:
    """Returns rows of `cluster_members` in two layers: by the likeliest leaf, and by none that tells anything."""
    assert survey.population.predictions is not None
    leaf = survey.population.predictions.leaf_probability.argmax(axis=1)
    ids = survey.population.documents["doc_id"]
    layers = {"broad": leaf, "fine": 10 * leaf + np.arange(len(ids)) % 3}
    rows = [pd.DataFrame({"layer": name, "doc_id": ids, "cluster_id": part}) for name, part in layers.items()]
    return pd.concat(rows, ignore_index=True).assign(cluster_id=lambda table: table["cluster_id"].astype(str))


def tabulate_labels(survey: Survey, found: Found) -> dict[str, pd.DataFrame]:
    """Returns the tables of readers' error: people label every third read document, every fifth of them otherwise."""
    rows = np.arange(len(survey.sample.units)) % 3 == 0
    settled = survey.sample.readers[0][rows]
    place = pd.Index(CODEBOOK.leaves).get_indexer(pd.Index(settled["leaf"]))
    said = np.where(np.arange(len(place)) % 5 == 0, (place + 1) % len(CODEBOOK.leaves), place)
    allowed = np.eye(len(CODEBOOK.leaves), dtype=bool)[said]
    allowed[::4, -1] = True  # some schemes cannot tell what is outside
    source = np.where(np.arange(len(rows)) % 2 == 0, "x", "y")
    weight, ids = 1.0 + np.arange(len(place)) % 3, settled.index.to_numpy(dtype=str)
    evidence = [Evidence(OUTSIDE_LABELS, source[rows], settled, None, allowed, weight, ids)]
    errors = tabulate_errors(evidence, CODEBOOK, survey.level)
    as_people = tabulate_as_people(survey, found, evidence, source, 5)
    wanted = [("f", "", "strict"), ("f", "2019", "broad")]
    targets = find_targets(survey, found, "safety", wanted)
    asked = {"f": {"strict": 0.06, "broad": 0.08, "sure": 0.05}}
    return {
        "reader error": errors,
        "as people": as_people,
        "prices": price_actions(survey, targets, evidence, source, as_people, Minutes()),
        "needs": tabulate_needs(survey, found, "safety", asked),
    }


def fingerprint(table: pd.DataFrame) -> dict[str, float]:
    """Returns a number for each column that any change of a cell moves: sums with weights that hang on the row."""
    numbers = table.select_dtypes(["number", "bool"]).astype(float).fillna(-9.0)
    weight = 1 + np.arange(len(table)) % 7
    return {"rows": float(len(table)), **{str(name): float(column @ weight) for name, column in numbers.items()}}


def test_the_invented_census_gives_the_numbers_it_gave(survey: Survey, found: Found) -> None:
    expected = json.loads(NUMBERS.read_text(encoding="utf-8"))
    tables = tabulate(survey, found)
    assert set(tables) == set(expected)
    for name, table in tables.items():
        found_here = fingerprint(table)  # further columns are the business of those who add them
        assert {key: found_here.get(key) for key in expected[name]} == pytest.approx(
            expected[name], rel=1e-7, abs=1e-7
        ), name


def test_sums_hold_in_every_year_and_way_of_counting(survey: Survey, found: Found) -> None:
    names = [*(definition.id for definition in CODEBOOK.definitions), *list_agendas(CODEBOOK, JOINED)]
    place = {name: number for number, name in enumerate(names)}
    for (_, _, _, denominator), shares in found.items():
        share = shares.share
        assert share[place["A1"]] + share[place["A2"]] == pytest.approx(share[place["A"]], abs=1e-9)
        assert share[place["A1"]] + share[place["B1"]] == pytest.approx(share[place["A1+B1"]], abs=1e-9)
        assert share[place["strict"]] == pytest.approx(share[place["A"]], abs=1e-12)
        letters = "ABEN" if denominator == "everything" else "ABE"
        assert sum(share[place[letter]] for letter in letters) == pytest.approx(1, abs=1e-9)
        assert (shares.low[place["strict"]] <= shares.low[place["broad"]]) and (shares.low <= share + 1e-12).all()
        assert (shares.high[place["strict"]] <= shares.high[place["broad"]]) and (share <= shares.high + 1e-12).all()


def test_weights_meet_the_size_of_each_stratum_in_every_replicate(survey: Survey) -> None:
    stratum = survey.weights.units["stratum"].to_numpy()
    for name in np.unique(stratum):
        rows = stratum == name
        assert survey.weights.weight[rows].sum() == pytest.approx(100, abs=1e-5)
        assert survey.weights.replicates[:, rows].sum(axis=1) == pytest.approx(100, abs=0.1)
    assert (survey.weights.weight[stratum == "f/2022"] == 1).all()  # read in full


def test_the_table_of_weights_is_all_it_takes(survey: Survey, found: Found) -> None:
    table = tabulate_weights(survey.weights)
    again = read_weights(table, CODEBOOK)
    assert again.weight == pytest.approx(survey.weights.weight)
    year = table[table["year"] == "2019"]
    alone = sum(total_by_replicate(year.iloc[[row]], lambda code: code[0] == "A") for row in range(len(year)))
    assert alone == pytest.approx(total_by_replicate(year, lambda code: code[0] == "A"))
    theory, safety = (total_by_replicate(year, lambda code, first=first: code[0] in first) for first in ("A", "ABE"))
    shares = found["f", "2019", "documents", "safety"]
    assert theory[0] / safety[0] == pytest.approx(shares.share[0], abs=1e-6)
    assert np.std(theory[1:] / safety[1:]) == pytest.approx(shares.standard_error[0], abs=1e-6)
    karma = survey.sizes["karma"]["f"][survey.population.units]
    size = pd.Series(karma, index=survey.weights.units.index)
    weighed = [total_by_replicate(table, lambda code, first=first: code[0] in first, size)[0] for first in ("A", "ABE")]
    assert weighed[0] / weighed[1] == pytest.approx(found["f", "", "karma", "safety"].share[0], abs=1e-6)


def test_an_interval_is_wilsons_on_the_steadied_variance() -> None:
    survey = invent_survey()
    part = survey.part(survey.domains[0])
    assert part is not None
    inside = survey.inside(CODEBOOK.denominators["safety"])
    counted = survey.definitions(CODEBOOK.definitions[:1]) & inside
    shares = estimate_shares(part, counted, inside, 0.95)
    weights, sure = survey.weights, 0.5 - 1e-6
    chance = weights.codes.chance.toarray()
    p = float(weights.weight @ chance @ counted[0] / (weights.weight @ chance @ inside))
    unread = 1 - weights.units["inclusion_probability"].to_numpy()
    leverage = float((weights.weight**2 * unread) @ chance @ inside) / float(weights.weight @ chance @ inside) ** 2
    replicates = (part.totals[1:] @ counted[0]) / (part.totals[1:] @ inside)
    variance = float(np.mean((replicates - replicates.mean()) ** 2))
    rarer = min(p, 1 - p)
    steady = (rarer * variance + PRIOR_HITS * leverage * p * (1 - p) * leverage) / (rarer + PRIOR_HITS * leverage)
    n_read, n_inside = len(unread), float((chance @ inside >= sure).sum())
    assert 0.5 / (n_inside + 1) < p < 1 - 0.5 / (n_inside + 1)
    n = p * (1 - p) / steady * (stats.t.ppf(0.975, n_read - 1) / stats.t.ppf(0.975, n_read - 6)) ** 2
    z = stats.norm.ppf(0.975)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    assert shares.n_effective[0] == pytest.approx(n)
    assert (shares.low[0], shares.high[0]) == pytest.approx((centre - half, centre + half))
    assert shares.standard_error[0] == pytest.approx(np.sqrt(variance))


def test_few_hits_take_the_binomial_variance_and_many_their_own() -> None:
    share, own = np.array([0.01, 0.5, 0.5, 0.99]), np.array([0.0, 0.001, 0.0, 0.0])
    steady = steady_variance(share, own, 0.01)
    assert steady[0] == pytest.approx(0.03 * 0.0099 * 0.01 / 0.04)
    assert steady[1] == pytest.approx((0.5 * 0.001 + 0.03 * 0.25 * 0.01) / 0.53)
    assert steady[3] == pytest.approx(steady[0])
    assert steady_variance(np.array([0.3]), np.array([0.002]), 0.0)[0] == pytest.approx(0.002)
    assert steady_variance(np.array([0.3]), np.array([0.21 / 50]), 1 / 50)[0] == pytest.approx(0.21 / 50)


def test_overturned_documents_go_where_drawn_ones_of_any_group_went() -> None:
    # Two groups: leaves 0 and 1, and leaf 2. Three disagreements took leaf 0 to leaf 2, one took leaf 0 to leaf 1.
    leaf = np.array([0, 0, 0, 0, 0, 0, 2])
    ruled = np.array([2, 2, 2, 1, 1, 0, 2])
    second = np.array([2, 2, 2, 1, 0, 0, 2])
    said = np.stack([leaf[:, None], second[:, None]])
    settled, drawn = np.array([1, 1, 1, 1, 1, 0, 0], bool), np.array([0, 0, 0, 0, 1, 0, 0], bool)
    even = np.full((7, 3), 1 / 3)
    aims = aim_flips(said, ruled[:, None], settled, drawn, even, ["A", "A", "B"])
    # Of group A: two went to leaf 1 and three to leaf 2, and the classifier says a third each.
    first = np.array([0, 2 + AIM_WORTH / 3, 3 + AIM_WORTH / 3])
    first /= first.sum()
    # One agreement was drawn and overturned, and went to leaf 1 of group A.
    factor = np.array([1 + TARGET_WORTH, TARGET_WORTH]) / (np.array([first[1], first[2]]) + TARGET_WORTH)
    expected = np.array([0, first[1] * factor[0], first[2] * factor[1]])
    assert aims[5] == pytest.approx(expected / expected.sum())
    # Nothing of leaf 2 was ever overturned: the classifier's, made as large as the drawn ones say.
    assert aims[6] == pytest.approx([0.5, 0.5, 0.0])
    none = aim_flips(
        said[:, :1], ruled[:1, None], np.zeros(1, bool), np.zeros(1, bool), np.zeros((1, 3)), ["A", "A", "B"]
    )
    assert none[0] == pytest.approx([0, 1, 0])  # what either reader said is out


def test_which_of_two_readers_said_something_unusual_teaches_nothing() -> None:
    meant = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 1, 0]])  # two readers, then the ruling
    axes = np.array([[[0], [5], [6], [0]], [[0], [7], [8], [0]]])
    sorted_axes, sorted_meant, sorted_scope, is_odd = _sort_readers(axes, meant, np.zeros_like(meant))
    assert not sorted_scope.any()
    assert sorted_meant.tolist() == [[0, 1, 1, 0], [0, 0, 0, 0], [0, 1, 1, 0]]
    assert sorted_axes[:, 1:3, 0].tolist() == [[5, 8], [7, 6]]
    assert is_odd.tolist() == [[False, True, True, False], [False, False, False, False]]


def test_axes_follow_what_adjudication_did_to_alike_ones() -> None:
    # Readers said y of the first three documents; the first was drawn and ruled x, the second was drawn and upheld.
    said = np.array([[[0, 1], [0, 1], [0, 1], [0, 0]], [[0, 1], [0, 1], [0, 1], [0, 0]]])
    ruled = np.array([[0, 0], [0, 1], [0, 1], [0, 0]])
    meant = np.array([[1, 1, 1, 0], [1, 1, 1, 0], [0, 1, 1, 0]])
    drawn, version = np.array([True, True, False, False]), np.zeros(4, dtype=int)
    scope = np.zeros_like(meant)
    patterns = AxisDonors.of(said, ruled, np.array([2]), drawn, meant, scope, version)
    assert patterns.codes[0, :, 0].tolist() == [0, 1, 1, 1]
    assert patterns.likeness[0].tolist() == [1, 1, 0.05, 0.05]
    other = AxisDonors.of(said, ruled, np.array([2]), drawn, meant, scope, np.array([1, 0, 0, 0]))
    assert other.likeness[0].tolist() == [0, 1, 0.05, 0.05]


@pytest.mark.parametrize("count", [1, 4, 40])
def test_rulings_on_what_is_out_of_scope_speak_for_nothing_else_however_many_they_are(count: int) -> None:
    # Out of scope (0) readers mostly say 9; in scope (1) mostly 5. One document is open, of which they say 6, in scope.
    # Ruled on are 7 in scope, `count` times 8 out of scope, and what is usual.
    meant = np.array([6, 7, *[8] * count, *[5] * 50, *[9] * 90])
    scope = np.where(meant < 8, 1, 0)
    said = np.stack([np.zeros_like(meant), meant], axis=1)
    drawn = np.arange(len(meant)) > 0
    version, meant, scope = np.zeros_like(meant), np.tile(meant, (3, 1)), np.tile(scope, (3, 1))
    patterns = AxisDonors.of(np.stack([said, said]), said, np.array([0]), drawn, meant, scope, version)
    likeness = patterns.likeness[0]
    assert likeness[0] == pytest.approx(ALIKE_WORTH) and likeness[-2:].sum() == pytest.approx(AXES_WORTH)
    assert likeness[1 : count + 1].sum() == pytest.approx(OTHERS_WORTH)
    assert not likeness[count + 1 : -2].any()


def test_rulings_where_readers_agree_say_nothing_of_where_they_differ() -> None:
    meant = np.array([[5, 5, 7, 5, 5], [6, 5, 7, 5, 5], [0, 5, 7, 5, 5]])  # they differ on the first, which is open
    said = np.zeros((2, 5, 2), dtype=int)
    drawn, zeros = np.array([False, True, True, True, True]), np.zeros_like(meant)
    patterns = AxisDonors.of(said, said[0], np.array([0]), drawn, meant, zeros, zeros[0])
    assert patterns.likeness[0].tolist() == [0, 0, 0, 0, AXES_WORTH / 2, AXES_WORTH / 2]


def test_replicates_rescale_as_the_paper_says() -> None:
    stratum, probability = np.zeros(8, dtype=int), np.full(8, 0.25)
    factors, plain = rescale(stratum, probability, np.random.default_rng(1), 4_000)
    size = int(7 * 0.75)  # draws with replacement: none of the factors may be below 0
    scale = np.sqrt(size / (7 * 0.75))
    times = np.random.default_rng(1).multinomial(size, np.full(8, 1 / 8), size=4_000)
    assert factors == pytest.approx(np.maximum(1 + scale * (8 / size * times - 1), 0))
    assert plain == pytest.approx(1 + np.sqrt(size / 7) * (8 / size * times - 1))
    values = np.arange(8.0)
    spread = (factors @ values).var() / 64
    assert spread == pytest.approx(values.var(ddof=1) / 8 / 0.75, rel=0.05)


def test_ends_leave_room_for_what_was_not_read_and_no_more(survey: Survey) -> None:
    part = survey.part(next(domain for domain in survey.domains if domain.year == "2023"))
    assert part is not None
    inside = survey.inside(CODEBOOK.denominators["everything"]).astype(float)
    counted = survey.definitions(CODEBOOK.definitions[:2]).astype(float)
    share = (part.totals[0] @ counted.T) / 100
    low, high = bound_ends(part, counted, inside, share, np.zeros(2), np.ones(2))
    read, settled = counted @ part.read, part.read.sum()
    assert low == pytest.approx(np.minimum(read / 100, share))
    assert high == pytest.approx(np.maximum((read + 100 - settled) / 100, share))


def test_nested_ends_only_grow() -> None:
    counted = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]], bool)
    wider = find_wider(counted)
    assert wider.tolist() == [[True, True, False], [False, True, False], [False, False, True]]
    low, high = nest_ends(wider, np.array([0.3, 0.2, 0.1]), np.array([0.6, 0.5, 0.2]))
    assert low.tolist() == [0.2, 0.2, 0.1] and high.tolist() == [0.6, 0.6, 0.2]


def test_ends_for_differences_lie_half_way_from_wilsons_to_jeffreys(survey: Survey) -> None:
    part = survey.part(survey.domains[0])
    assert part is not None
    counted, everything = np.eye(len(survey.records), dtype=bool), np.ones(len(survey.records), dtype=bool)
    found = estimate_shares(part, counted, everything, 0.9)
    hits, misses = found.n_effective * found.share + 0.5, found.n_effective * (1 - found.share) + 0.5
    low = np.where(found.share > 0, stats.beta.ppf(0.05, hits, misses), 0.0)
    high = stats.beta.ppf(0.95, hits, misses)
    assert found.apart is not None
    low, high = (np.clip(end, found.low, found.high) for end in (np.minimum(low, found.share), high))
    assert found.apart[0] == pytest.approx((low + found.low) / 2)
    assert found.apart[1] == pytest.approx((np.maximum(high, found.share) + found.high) / 2)
    assert jeffreys_interval(np.array([0.0, 1.0]), np.array([20.0, 20.0]), 0.95).tolist() == [
        [0.0, pytest.approx(stats.beta.ppf(0.025, 20.5, 0.5))],
        [pytest.approx(stats.beta.ppf(0.975, 0.5, 20.5)), 1.0],
    ]


def test_a_change_is_as_certain_as_its_two_ends(survey: Survey) -> None:
    years = [survey.part(domain) for domain in survey.domains if domain.year in ("2018", "2021")]
    inside = survey.inside(CODEBOOK.denominators["safety"])
    counted = survey.definitions(CODEBOOK.definitions[:1])
    early, late = (estimate_shares(part, counted, inside, 0.95) for part in years if part is not None)
    change, error, low, high = (float(values[0]) for values in compare_parts(early, late, 0.95))
    r = float(np.corrcoef(early.replicates[:, 0], late.replicates[:, 0])[0, 1])
    assert early.apart is not None and late.apart is not None
    below, above = abs(late.apart - late.share)[:, 0].tolist()
    under, over = abs(early.apart - early.share)[:, 0].tolist()
    assert change == pytest.approx(float(late.share[0] - early.share[0]))
    assert error == pytest.approx(float(np.std(late.replicates[:, 0] - early.replicates[:, 0])))
    assert low == pytest.approx(change - np.sqrt(below**2 + over**2 - 2 * r * below * over))
    assert high == pytest.approx(change + np.sqrt(above**2 + under**2 - 2 * r * above * under))
    assert student_quantile(0.95, 10) == pytest.approx(2.228139) and student_quantile(0.95, 10, 5) == pytest.approx(
        3.169273
    )


def test_the_effective_size_is_that_of_a_plain_sample_for_a_plain_variance() -> None:
    degrees = stats.t.ppf(0.975, 99) / stats.t.ppf(0.975, 90)
    assert effective_size(0.2, 0.2 * 0.8 / 150, 80, 100, 90, 0.95) == pytest.approx(150 * degrees**2)
    assert effective_size(0.0, 0.0, 80, 100, 90, 0.95) == pytest.approx(100 * degrees**2)
    edge = 0.5 / 81
    assert effective_size(0.0, 0.001, 80, 100, 90, 0.95) == pytest.approx(edge * (1 - edge) / 0.001 * degrees**2)
    assert wilson_interval(0.0, 96.0, 0.95)[1] == pytest.approx(3.841459 / (96 + 3.841459))


def test_a_mixture_draw_is_hajeks_ratio_by_hand() -> None:
    y, inside = np.array([1.0, 0, 0, 1, 0]), np.array([1.0, 1, 1, 1, 0])
    probability, weight = np.array([0.1, 0.2, 0.1, 0.4, 0.2]), np.array([1.0, 2, 3, 4, 5])
    found = estimate_mixture(y, inside, probability, weight, 0.9)
    assert found.share == pytest.approx((10 + 10) / (10 + 10 + 30 + 10))
    residual = np.array([10, 10, 30, 10, 0]) * (y - 1 / 3) / 12
    assert found.standard_error == pytest.approx(residual.std(ddof=1) / np.sqrt(5))
    assert found.low < found.share < found.high and found.n_draws == 5
    z, size = stats.norm.ppf(0.95), 2 / 9 / found.standard_error**2
    size *= (z / stats.t.ppf(0.95, 4)) ** 2
    assert (found.low, found.high) == pytest.approx(tuple(float(end) for end in wilson_interval(1 / 3, size, 0.9)))


def test_a_definition_of_nothing_has_no_share_and_breaks_nothing(survey: Survey) -> None:
    nothing = [Definition(id="nothing", title="", axes={"target": ("z",)})]
    for shares in estimate_batch(survey, nothing, ()).values():
        assert shares.share[0] == 0 and shares.low[0] == 0 and shares.high[0] >= 0


def test_a_frame_with_one_opening_or_one_missing_karma_is_not_counted_so() -> None:
    documents = pd.DataFrame({"text_kind": ["full", "opening"], "word_count": [100, 200], "karma": [3.0, np.nan]})
    assert size_by_words(documents) is None and size_by_karma(documents) is None
    known = documents.assign(text_kind="full", karma=[-3.0, 5.0])
    words, karma = size_by_words(known), size_by_karma(known)
    assert words is not None and words.tolist() == [100, 200]
    assert karma is not None and karma.tolist() == [0, 5]


def test_strata_that_are_known_by_their_size_alone_are_weighed_by_it() -> None:
    sample, population = invent_sample()
    names, rows = [f"f/{year}" for year in range(2018, 2024)], np.arange(sum(READ))
    unread = np.repeat([100 / count - 1 for count in READ], READ)
    redrawn = np.random.default_rng(2).uniform(0.5, 1.5, (3, len(rows)))
    weight, replicates = _count_strata(sample, names, rows, unread, redrawn)
    assert weight == pytest.approx(1 + unread)
    own = np.repeat(np.arange(6), READ)
    for replicate, redraw in zip(replicates, redrawn, strict=True):
        assert np.bincount(own, replicate) == pytest.approx(100)
        assert replicate[1] - 1 == pytest.approx((replicate[0] - 1) * redraw[1] / redraw[0])
    assert measure_sizes(sample, population)["people"].keys() == {"f"}
    strata = sample.strata.assign(n_population=[100] * 5 + [101])  # one document of the last year is known by id alone
    assert not measure_sizes(replace(sample, strata=strata), population)["people"]


def test_readers_who_differ_and_are_never_ruled_on_count_in_part() -> None:
    said = np.array([[[0], [0], [0], [0], [0]], [[1], [0], [1], [0], [1]]])
    meant = np.array([[0, 0, 0, 0, 0], [0, 0, 0, 1, 0]])
    units = pd.DataFrame(
        {"phase2_probability": [0.0, 0.0, 1.0, 0.0, 0.0], "is_adjudicated": [False, False, False, False, True]}
    )
    assert _find_splits(units, said, meant).tolist() == [True, False, False, True, False]
    assert _is_assumed(pd.DataFrame({"assumed": ["", "target"]})).tolist() == [False, True]
