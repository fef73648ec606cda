"""The robustness table: the same share by other estimators, other readers, other scopes, and by the wrong way."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.coding.queries import Definition, Denominator
from pipeline.coding.sample import Sample
from pipeline.estimate.classify import Predictions
from pipeline.estimate.domains import Domain, Population
from pipeline.estimate.rulings import CodeChances
from pipeline.estimate.shares import Shares, estimate_shares, take_part
from pipeline.estimate.survey import Survey, merge_records
from pipeline.estimate.weights import Weights, make_weights

# What part of the direct and of the indirect work the sources might hold.
FOUND = ((0.9, 0.7), (0.7, 0.9))
ROUNDS_OF_EM = 200  # far beyond convergence for 1,090 documents
VARIANT_REPLICATES = 100  # half of the headline's: their intervals are to look at
SEED = 1  # of the variants' replicates
Row = tuple[str, tuple[float, float, float] | float, str]


def vary_estimates(survey: Survey, members: pd.DataFrame, frames: Collection[str]) -> pd.DataFrame:
    """Returns the rows of the table `robustness`: every definition, as a share of the first denominator.

    Args:
        survey: the read documents with their weights.
        members: rows of the table `cluster_members`, and of others like it (`add_second_encoder`).
        frames: the frames to vary: those whose shares may be quoted.
    """
    name, denominator = next(iter(survey.codebook.denominators.items()))
    versions = _list_versions(survey, members)
    plain = _without_predictions(survey)
    wanted = [domain for domain in survey.domains if not domain.year and domain.frame in frames]
    codes = _both_codes(survey.sample, survey.codebook)
    clusters = {layer: _clusters(survey.population, members, layer) for layer in sorted(members["layer"].unique())}
    found = {
        (variant, domain.frame): _estimate(version, domain, denominator)
        for variant, (version, _) in versions.items()
        for domain in wanted
    }
    rows: list[dict[str, object]] = []
    for number, definition in enumerate(survey.codebook.definitions):
        case = _Case(survey, plain, definition, denominator, codes, clusters)
        ballots = _count_votes(case)
        for domain in wanted:
            headline = float(found["headline", domain.frame].share[number])
            if not np.isfinite(headline):
                continue
            named: list[Row] = [
                (variant, _numbers(found[variant, domain.frame], number), note)
                for variant, (_, note) in versions.items()
            ]
            for variant, result, note in [*named, *_list_variants(case, domain, ballots, headline)]:
                share, low, high = (result, None, None) if isinstance(result, float) else result
                rows.append(
                    {
                        "frame": domain.frame,
                        "definition": definition.id,
                        "denominator": name,
                        "variant": variant,
                        "share": share,
                        "low": low,
                        "high": high,
                        "difference": share - headline,
                        "note": note,
                    }
                )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class _Case:
    """One definition, with what the variants need: both leaves of the settled codes, and each layer's clusters."""

    survey: Survey
    plain: Weights
    definition: Definition
    denominator: Denominator
    codes: tuple[pd.DataFrame, pd.DataFrame, np.ndarray]
    clusters: Mapping[str, np.ndarray]
    known: dict[int, tuple[pd.DataFrame, np.ndarray, np.ndarray]] = field(default_factory=dict)  # by id of the codes

    def match(self, codes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Returns y and denominator of codes, float (n,)."""
        if id(codes) not in self.known:
            inside = match_denominator(self.denominator, codes).astype(float)
            self.known[id(codes)] = (codes, match_definition(self.definition, codes) * inside, inside)
        return self.known[id(codes)][1:]

    def settle(self, domain: Domain, y: np.ndarray, inside: np.ndarray) -> tuple[float, float, float] | None:
        """Estimates from chances taken for the truth, without predictions; None where nothing is inside."""
        if not inside[domain.rows].any():
            return None
        states = np.stack([y, np.maximum(inside - y, 0.0), 1 - inside], axis=1)
        table = sparse.csr_array(states)
        codes = replace(
            self.plain.codes,
            kept=table,
            changed=table,
            change=np.ones(len(y)),
            change_drawn=np.ones_like(self.plain.replicates),
            kept_drawn=np.zeros(self.plain.replicates.shape, dtype=np.int64),
            is_settled=((y == 0) | (y == 1)) & ((inside == 0) | (inside == 1)),
        )
        part = take_part(replace(self.plain, codes=codes), domain.rows, float(domain.n_population))
        shares = estimate_shares(
            part, np.array([[True, False, False]]), np.array([True, True, False]), self.survey.level
        )
        return _numbers(shares, 0)


def _numbers(shares: Shares, number: int) -> tuple[float, float, float]:
    return float(shares.share[number]), float(shares.low[number]), float(shares.high[number])


def _estimate(survey: Survey, domain: Domain, denominator: Denominator) -> Shares:
    part = survey.part(domain)
    assert part is not None
    counted = survey.definitions(survey.codebook.definitions)
    return estimate_shares(part, counted, survey.inside(denominator), survey.level)


def _reweigh(survey: Survey, sample: Sample, population: Population) -> Survey:
    """Returns the survey with weights made anew, from other predictions or codes."""
    told = survey.full_weights.codes.told if sample is survey.sample else None
    weights = make_weights(sample, population, survey.codebook, SEED, VARIANT_REPLICATES, told=told)
    return replace(survey, sample=sample, population=population, weights=merge_records(weights, survey.codebook))


def _without_predictions(survey: Survey) -> Weights:
    blind, told = replace(survey.population, predictions=None), survey.full_weights.codes.told
    return make_weights(survey.sample, blind, survey.codebook, SEED, VARIANT_REPLICATES, told=told)


def _list_versions(survey: Survey, members: pd.DataFrame) -> Mapping[str, tuple[Survey, str]]:
    """Returns the survey with other weights, by variant, with what was done otherwise."""
    sample, population = survey.sample, survey.population
    blind = replace(population, predictions=None)
    versions = {"headline": (survey, "as in the table shares")}
    versions["no predictions"] = (_reweigh(survey, sample, blind), "weights of the design, the classifier left out")
    pooled = replace(survey, weights=replace(survey.weights, codes=_pool_changes(survey.weights)))
    versions["adjudication pooled"] = (pooled, "one chance of being overturned for every agreement")
    if population.predictions is not None:
        for layer in sorted(members["layer"].unique()):
            predicted = _predict_by_cluster(survey, population.predictions, _clusters(population, members, layer))
            version = _reweigh(survey, sample, replace(population, predictions=predicted))
            versions[f"{layer} clusters as predictions"] = (version, "cross-fitted")
    for number, reader in enumerate(sample.readers, start=1):
        units = sample.units.assign(is_adjudicated=True, phase2_probability=1.0)
        alone = replace(sample, units=units, adjudicator=reader)
        version = _reweigh(survey, alone, blind)
        versions[f"reader {number} alone"] = (version, "their codes taken for the truth")
    return versions


def _pool_changes(weights: Weights) -> CodeChances:
    """Returns codes of which every unsettled one has the mean chance of being overturned."""
    codes = weights.codes
    is_open = ~codes.is_settled
    if not is_open.any():
        return codes
    mean = float(codes.change[is_open].mean())
    drawn = codes.change_drawn.copy()
    drawn[:, is_open] = drawn[:, is_open].mean(axis=1, keepdims=True)
    return replace(codes, change=np.where(is_open, mean, 0.0), change_drawn=drawn)


def _list_variants(
    case: _Case, domain: Domain, ballots: list[tuple[str, np.ndarray, str]], headline: float
) -> Iterator[Row]:
    for name, chance, note in ballots:
        estimate = case.settle(domain, chance[:, 2], chance[:, 1] + chance[:, 2])
        if estimate is not None:
            yield name, estimate, note
    yield from _list_doubts(case, domain)
    for direct, indirect in FOUND:
        odds = headline / direct, (1 - headline) / indirect
        note = f"if the sources held {direct:.0%} of the direct and {indirect:.0%} of the other work"
        yield f"coverage {direct:.1f}/{indirect:.1f}", odds[0] / sum(odds), note
    is_known = all(case.survey.population.knows(case.survey.sample, str(name)) for name in domain.strata.index)
    for layer, cluster in case.clusters.items() if is_known else ():
        wrong = _add_up_majorities(case, domain, cluster)
        if wrong is not None:
            yield f"WRONG: majority of {layer} clusters", wrong, "each cluster counted whole; shown to be avoided"


def _count_votes(case: _Case) -> list[tuple[str, np.ndarray, str]]:
    """Returns, by way of counting votes, each document's chances of the three states, float (n, 3), and a note."""
    sample = case.survey.sample
    codes = [case.match(reader) for reader in sample.readers]
    votes = np.array([y + inside for y, inside in codes])  # 2 counts, 1 in the denominator only, 0 outside
    third = np.full(votes.shape[1], -1.0)
    y, inside = case.match(sample.adjudicator)
    third[sample.units.index.get_indexer(sample.adjudicator.index)] = y + inside
    votes = np.vstack([votes, third]).astype(int)
    majority = np.array([np.bincount(column[column >= 0], minlength=3) for column in votes.T], dtype=float)
    most = (majority == majority.max(axis=1, keepdims=True)).astype(float)
    return [
        ("majority of readers", most / most.sum(axis=1, keepdims=True), "the adjudicator votes where they read"),
        ("Dawid-Skene", dawid_skene(votes, 3), "latent classes from the same votes (Dawid and Skene 1979)"),
    ]


def dawid_skene(votes: np.ndarray, n_classes: int) -> np.ndarray:
    """Returns the chance of each class for each document: float (n, n_classes), by expectation-maximisation.

    Args:
        votes: int (n_coders, n), classes; -1 where a coder did not read.
        n_classes: number of classes.
    """
    alike, place, times = np.unique(votes, axis=1, return_inverse=True, return_counts=True)
    seen = np.stack([alike == label for label in range(n_classes)], axis=2).astype(float)
    chance = seen.sum(axis=0) / seen.sum(axis=(0, 2))[:, None]
    for _ in range(ROUNDS_OF_EM):
        weighed = chance * times[:, None]
        prior = weighed.sum(axis=0) / times.sum()
        confusion = np.einsum("nt,cnl->ctl", weighed, seen) + 0.01  # never quite certain
        confusion /= confusion.sum(axis=2, keepdims=True)
        logarithm = np.log(np.maximum(prior, 1e-12)) + np.einsum("cnl,ctl->nt", seen, np.log(confusion))
        chance = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
    return chance[place.reshape(-1)]


def _list_doubts(case: _Case, domain: Domain) -> Iterator[Row]:
    """Pushes every coin-flip code either way, then only those about scope: bounds, not intervals."""
    first, second, is_doubtful = case.codes
    plain, other = case.match(first), case.match(second)
    is_scope = is_doubtful & (plain[1] != other[1])
    choices = [
        ("every doubtful code out", is_doubtful & _take_low(plain, other)),
        ("every doubtful code in", is_doubtful & _take_high(plain, other)),
        ("doubtful scope out", is_scope & (np.minimum(plain[1], other[1]) == other[1])),
        ("doubtful scope in", is_scope & (np.maximum(plain[1], other[1]) == other[1])),
    ]
    for variant, swap in choices:
        is_open = is_scope if "scope" in variant else is_doubtful
        y, inside = (np.where(swap, there, here) for here, there in zip(plain, other, strict=True))
        estimate = case.settle(domain, y, inside)
        if estimate is not None:
            count = int(is_open[domain.rows].sum())
            yield variant, estimate, f"{count} read documents take the worse of their two leaves"


def _take_low(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Where the second code makes the share smaller: it stops counting, or joins the denominator without counting."""
    return (second[0] < first[0]) | ((second[0] == first[0]) & (first[0] == 0) & (second[1] > first[1]))


def _take_high(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return (second[0] > first[0]) | ((second[0] == first[0]) & (first[0] == 0) & (second[1] < first[1]))


def _both_codes(sample: Sample, codebook: Codebook) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Returns the settled codes, the same with the second leaf in place of the first, and where it was a toss-up."""
    settled = sample.readers[0].copy()
    settled.loc[sample.adjudicator.index] = sample.adjudicator[settled.columns]
    leaf2 = settled["leaf2"].fillna("")
    swapped = settled.assign(leaf=leaf2.where(leaf2 != "", settled["leaf"]))
    swapped = swapped.assign(group=swapped["leaf"].map(codebook.group_of))
    is_doubtful = ((settled["confidence"].astype(int) <= codebook.doubt) & (leaf2 != "")).to_numpy()
    return settled, swapped, is_doubtful


def _clusters(population: Population, members: pd.DataFrame, layer: str) -> np.ndarray:
    """Returns the cluster of every document of the population: int (n,). Those without one are a cluster together."""
    part = members[members["layer"] == layer].set_index("doc_id")["cluster_id"]
    cluster = pd.factorize(part.reindex(population.documents["doc_id"]), sort=True)[0]
    return np.where(cluster < 0, cluster.max(initial=-1) + 1, cluster)


def add_second_encoder(members: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Returns the layers of `cluster_members` with those of a second encoder beside them, under names that say so."""
    there = second.assign(
        layer=second["layer"].astype(str) + ", second encoder", cluster_id=second["cluster_number"].astype(str)
    )
    columns = ["layer", "doc_id", "cluster_id"]
    return pd.concat([members[columns].astype({"cluster_id": str}), there[columns]], ignore_index=True)


def _predict_by_cluster(survey: Survey, predictions: Predictions, cluster: np.ndarray) -> Predictions:
    """Predicts each document's leaf by its cluster's read ones in the other folds: post-stratification by cluster."""
    units = survey.population.units
    settled, _, _ = _both_codes(survey.sample, survey.codebook)
    leaf = pd.Index(predictions.leaves).get_indexer(pd.Index(settled["leaf"]))
    codes = np.eye(len(predictions.leaves))[leaf]
    chance = np.zeros((len(cluster), len(predictions.leaves)))
    for fold in np.unique(predictions.fold):
        learn, rows = predictions.fold[units] != fold, predictions.fold == fold
        own = sparse.csr_array(
            (np.ones(int(learn.sum())), (cluster[units][learn], np.arange(int(learn.sum())))),
            shape=(cluster.max() + 1, int(learn.sum())),
        )
        prior = codes[learn].mean(axis=0) if learn.any() else np.full(codes.shape[1], 1 / codes.shape[1])
        sums = own @ codes[learn] + prior
        chance[rows] = (sums / sums.sum(axis=1, keepdims=True))[cluster[rows]]
    return replace(predictions, leaf_probability=chance)


def _add_up_majorities(case: _Case, domain: Domain, cluster: np.ndarray) -> float | None:
    """Does what must not be done: gives every cluster of the frame the class of most of its read documents."""
    population = case.survey.population
    y, base = case.match(case.codes[0])
    units = population.units[domain.rows]
    number = cluster.max() + 1
    sizes = np.bincount(cluster[population.rows_within(domain)], minlength=number)
    read = np.maximum(np.bincount(cluster[units], minlength=number), 1)
    most_y = np.bincount(cluster[units], y[domain.rows], number) / read
    most_inside = np.bincount(cluster[units], base[domain.rows], number) / read > 0.5
    total = float(sizes @ most_inside)
    return float(sizes @ (most_inside & (most_y > 0.5 * most_inside))) / total if total else None
