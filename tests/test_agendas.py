"""Named agendas: the list, what readers may say, who is assigned, and what comes of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.agendas.assign import Evidence, assign_chances
from pipeline.agendas.draw import draw_documents, list_items, score_draws
from pipeline.agendas.find import find_agenda, rank_members
from pipeline.agendas.profile import count_people
from pipeline.agendas.reading import Reading, lay_reading
from pipeline.agendas.scores import measure_calibration, score_agendas
from pipeline.agendas.sizes import Domain, estimate_sizes, list_domains, measure_domain
from pipeline.coding.agenda_list import Agenda, AgendaList, load_agendas, read_agenda_sheets
from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.errors import DataError, SheetError
from pipeline.estimate.kernel import Kernel
from pipeline.report.named import tell_size
from pipeline.text.phrase_matches import find_in_titles, find_in_words
from pipeline.text.phrases import fold_text, phrase_pattern
from pipeline.text.word_counts import code_terms
from tests.bench.agendas import name_tags

GOOD = """version = 1
[[agendas]]
id = "cups"
name = "Cups"
says = "Cups and what is in them."
leaves = ["A1"]
phrases = ["cup*"]
seeds = ["x:1", "x:2", "x:3"]
"""
MUST = """
unlearning control cot-monitoring character specs data-attribution steering weak-to-strong debate elk
sandbagging evaluation-awareness corrigibility model-organisms scheming-evals reward-hacking circuits
sparse-autoencoders probing developmental-interp regulation international compute-governance biosecurity
jailbreaks red-teaming welfare timelines safety-cases decision-theory embedded-agency logical-uncertainty
agency-theory
""".split()


@pytest.fixture(scope="module")
def codebook(shipped: Path) -> Codebook:
    return load_codebook(shipped / "data/raw/handcheck/codebook/codebook.toml")


@pytest.fixture(scope="module")
def listed(shipped: Path, codebook: Codebook) -> AgendaList:
    return load_agendas(shipped / "data/raw/handcheck/agendas.toml", codebook)


def make_agenda(name: str, *phrases: str) -> Agenda:
    return Agenda(name, name.title(), "What it is.", ("A1",), phrases or (name,), ("x:1",))


def test_the_study_has_the_agendas_that_a_specialist_looks_for(listed: AgendaList, shipped: Path) -> None:
    assert 60 <= len(listed.agendas) <= 80
    assert set(MUST) <= set(listed.ids)
    census = shipped / "data/raw/census/2026.07/documents.parquet"
    known = set(pd.read_parquet(census, columns=["doc_id"])["doc_id"])
    for agenda in listed.agendas:
        assert 3 <= len(agenda.seeds) <= 10, agenda.id
        assert set(agenda.seeds) <= known, agenda.id


def test_crosswalks_name_agendas_that_exist(listed: AgendaList, shipped: Path) -> None:
    rows = pd.read_csv(shipped / "data/raw/handcheck/external/agendas.csv")
    assert not rows.duplicated(["label_scheme", "label"]).any()
    assert set(" ".join(rows["agendas"]).split()) <= set(listed.ids)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("version = 1\nagendas = 3", "must be written"),
        ("[[agendas]\n", "not valid TOML"),
        (GOOD.replace("version = 1", "version = true"), "whole number"),
        (GOOD.replace('says = "Cups and what is in them."\n', ""), "lacks 'says'"),
        (GOOD.replace('["A1"]', '["Z9"]'), "no leaf 'Z9'"),
        (GOOD.replace('["A1"]', '"A1"'), "a list of texts"),
        (GOOD.replace('"x:2"', '"x:1"'), "twice"),
        (GOOD.replace('["cup*"]', '["*"]'), "match every text"),
        (GOOD.replace('"cups"', '"Cups!"'), "cannot be an id"),
        (GOOD.replace('"cups"', '"none"'), "cannot be an id"),
        (GOOD + "colour = 1\n", "unknown key 'colour'"),
        (GOOD + GOOD.partition("\n")[2], "names the agenda 'cups' twice"),
    ],
)
def test_a_list_that_is_wrong_is_told_in_one_line(tmp_path: Path, codebook: Codebook, text: str, wrong: str) -> None:
    path = tmp_path / "agendas.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_agendas(path, codebook)
    assert wrong in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_is_no_agenda(tmp_path: Path, codebook: Codebook) -> None:
    assert load_agendas(tmp_path / "agendas.toml", codebook) == AgendaList(0, ())


def write_sheet(folder: Path, coder: str, lines: str) -> None:
    path = folder / "sheets" / "agendas" / f"{coder}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("doc_id,agendas,agendas_version,coder_kind\n" + lines, encoding="utf-8")


def test_a_person_counts_before_a_language_model_and_another_version_not_at_all(tmp_path: Path) -> None:
    listed = AgendaList(1, (make_agenda("cups"), make_agenda("plates")))
    write_sheet(
        tmp_path, "a-model", "x:1,cups,1,language model\nx:2,cups,1,language model\nx:3,cups,2,language model\n"
    )
    write_sheet(tmp_path, "b-person", "x:1,none,1,person\n")
    read = read_agenda_sheets(tmp_path, listed)
    assert dict(read["agendas"]) == {"x:1": (), "x:2": ("cups",)}
    assert read.loc["x:1", "coder_kind"] == "person"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("x:1,forks,1,person\n", "no agenda 'forks'"),
        ("x:1,cups none,1,person\n", "no agenda 'none'"),
        ("x:1,,1,person\n", "has no agenda"),
        ("x:1,cups,1,robot\n", "'robot' is unknown"),
        ("x:1,cups,1,person\nx:1,cups,1,person\n", "stands twice"),
    ],
)
def test_a_sheet_that_is_wrong_names_file_and_line(tmp_path: Path, line: str, wrong: str) -> None:
    write_sheet(tmp_path, "me", line)
    with pytest.raises(SheetError) as caught:
        read_agenda_sheets(tmp_path, AgendaList(1, (make_agenda("cups"),)))
    assert wrong in str(caught.value) and "me.csv:" in str(caught.value)


def test_what_was_settled_out_of_scope_is_of_no_agenda_unless_a_reader_says_so(codebook: Codebook) -> None:
    ids = pd.Series(["x:1", "x:2", "x:3", "x:4"])
    sheets = pd.DataFrame({"agendas": [("cups",)], "coder_kind": ["person"]}, index=["x:2"])
    codes = pd.DataFrame({"doc_id": ["x:1", "x:2", "x:3"], "leaf": ["N0", "N0", "A1"], "stratum": ["s", "s", "t"]})
    reading = lay_reading(ids, sheets, codes, ("cups",), codebook)
    assert reading.rows.tolist() == [0, 1]
    unread = lay_reading(ids, sheets, codes.assign(stratum="s"), ("cups",), codebook)
    assert unread.rows.tolist() == [1], "a stratum with unread work in scope says nothing of the rest"
    assert reading.is_member[:, 0].tolist() == [False, True]
    assert not len(lay_reading(ids, sheets.iloc[:0], codes, ("cups",), codebook).rows), "nothing was read"


def test_phrases_are_found_in_titles_and_among_terms() -> None:
    phrases = [("tea cup*",), ("plate",)]
    titles = pd.Series(["On Tea-Cups", "A plated thing", None])
    assert find_in_titles(titles, phrases).tolist() == [[True, False], [False, False], [False, False]]
    odd = [("o'hare", "c++", "+1 sign"), ("cup s*",)]
    texts = pd.Series(["O'Hares and me", "the o hare", "old c++ s", "a cup sees", "two cups", "give a+1 sign"])
    assert find_in_titles(texts, odd).tolist() == [
        [phrase_pattern(own).search(fold_text(text)) is not None for own in odd] for text in texts
    ]
    terms = pa.table({"doc_id": ["b", "b", "gone"], "term": ["tea cup", "plates", "plate"], "term_count": [1, 1, 1]})
    words = code_terms([terms], pd.Index(["a", "b"]))
    assert find_in_words(words.rows, words.columns, words.vocabulary, 2, phrases).tolist() == [
        [False, False],
        [True, True],
    ]


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """Two heaps of points: the first forty are of agenda 0, the next forty of agenda 1, the last forty of none."""
    rng = np.random.default_rng(5)
    centres = np.repeat(np.eye(3, 8), 40, axis=0)
    vectors = centres + 0.15 * rng.normal(size=centres.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    features = {"vector": vectors}
    nothing = np.zeros((120, 2), dtype=bool)
    return Evidence(
        Kernel(features, np.arange(0, 120, 2)), np.arange(120) % 5, nothing, nothing, np.full((120, 2), 0.5)
    )


def heaps(evidence: Evidence) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    truth = np.zeros((120, 2), dtype=bool)
    truth[:40, 0] = truth[40:80, 1] = True
    is_seed = np.zeros_like(truth)
    is_seed[[0, 2, 4], 0] = is_seed[[40, 42, 44], 1] = True
    read = evidence.kernel.read[3:]
    return truth, is_seed, read, truth[read]


def test_documents_nobody_read_are_assigned_to_what_they_are_like(evidence: Evidence) -> None:
    truth, is_seed, read, said = heaps(evidence)
    chances = assign_chances(evidence, is_seed, read, said, np.ones(len(read), dtype=bool))
    unread = np.setdiff1d(np.arange(120), read)
    assert ((chances >= 0.4) == truth)[unread].mean() > 0.97
    assert chances.min() >= 0 and chances.max() <= 1


def test_what_was_read_of_a_document_does_not_move_its_own_chance_far(evidence: Evidence) -> None:
    _, is_seed, read, said = heaps(evidence)
    before = assign_chances(evidence, is_seed, read, said, np.ones(len(read), dtype=bool))
    turned = said.copy()
    turned[5, 0] = not turned[5, 0]
    after = assign_chances(evidence, is_seed, read, turned, np.ones(len(read), dtype=bool))
    assert abs(after[read[5], 0] - before[read[5], 0]) < 0.1
    assert np.array_equal(before, assign_chances(evidence, is_seed, read, said, np.ones(len(read), dtype=bool))), (
        "a rerun must be the same"
    )


def test_a_phrase_in_the_title_speaks_for_its_agenda(evidence: Evidence) -> None:
    _, is_seed, read, said = heaps(evidence)
    named = evidence.in_title.copy()
    named[:40, 0] = named[100, 0] = True
    plain = assign_chances(evidence, is_seed, read, said, np.ones(len(read), dtype=bool))
    told = assign_chances(replace(evidence, in_title=named), is_seed, read, said, np.ones(len(read), dtype=bool))
    assert told[100, 0] > plain[100, 0]


def test_without_any_reading_the_seeds_alone_rank_the_documents(evidence: Evidence) -> None:
    _, is_seed, _, _ = heaps(evidence)
    chances = assign_chances(
        evidence, is_seed, np.array([], dtype=int), np.zeros((0, 2), dtype=bool), np.array([], dtype=bool)
    )
    assert chances[:40, 0].min() > chances[80:, 0].max()


def survey(n_read: int) -> tuple[pd.DataFrame, pd.DataFrame, Reading, Domain]:
    documents = pd.DataFrame({"doc_id": [f"x:{number:03}" for number in range(100)]})
    sampled = documents["doc_id"].iloc[::5]
    weights = pd.DataFrame({"doc_id": sampled, "frame": "one", "year": "", "weight": 5.0}).reset_index(drop=True)
    rng = np.random.default_rng(1)
    weights["replicate_weights"] = [5 * rng.exponential(size=50) for _ in range(len(weights))]
    rows = np.arange(0, 100, 5)[:n_read]
    return (
        documents,
        weights,
        Reading(rows, (rows < 50)[:, None], ("person",)),
        Domain("one", "", np.arange(100), np.arange(20)),
    )


def test_chances_that_are_wrong_everywhere_are_put_right_by_what_was_read() -> None:
    documents, weights, reading, domain = survey(20)
    wrong = np.full((100, 1), 0.1)  # the sum would be 10; half of what was read is of the agenda
    total, variance, found, n_read = measure_domain(domain, documents, weights, wrong, reading)
    assert total[0] == pytest.approx(50) and found[0] == 10 and n_read == 20 and variance[0] > 0
    right = np.repeat([1.0, 0.0], 50)[:, None]
    total, variance, _, _ = measure_domain(domain, documents, weights, right, reading)
    assert total[0] == pytest.approx(50) and variance[0] == pytest.approx(0), (
        "a sure prediction leaves nothing to chance"
    )


def test_a_frame_that_was_not_read_whole_has_a_sum_and_no_interval() -> None:
    documents, weights, reading, domain = survey(19)
    sizes = estimate_sizes([domain], documents, weights, np.full((100, 1), 0.25), reading, ("cups",), 0.95)
    row = sizes.iloc[0]
    assert row["basis"] == "chances" and row["document_count"] == pytest.approx(25)
    assert pd.isna(row["low"]) and pd.isna(row["high"])


def test_a_document_that_nobody_has_read_yet_counts_as_its_chance_says_and_a_tenth_of_them_is_too_many() -> None:
    documents = pd.DataFrame({"doc_id": [f"x:{number:03}" for number in range(400)]})
    weights = pd.DataFrame({"doc_id": documents["doc_id"].iloc[:40], "frame": "one", "year": "", "weight": 10.0})
    weights["replicate_weights"] = list(10 * np.random.default_rng(2).exponential(size=(40, 50)))
    domain = Domain("one", "", np.arange(400), np.arange(40))
    chances = np.full((400, 1), 0.5)
    for n_read, wanted in ((40, 200.0), (39, 205.0), (36, 200.0)):
        said = (np.arange(n_read) < 20)[:, None]
        total, _, found, n = measure_domain(domain, documents, weights, chances, Reading(np.arange(n_read), said, ()))
        assert total[0] == pytest.approx(wanted) and (n, found[0]) == ((n_read, 20) if n_read > 36 else (0, 0))


def test_an_interval_holds_its_count_and_no_fewer_than_were_found() -> None:
    documents, weights, reading, domain = survey(20)
    row = estimate_sizes([domain], documents, weights, np.full((100, 1), 0.1), reading, ("cups",), 0.95).iloc[0]
    assert row["n_found"] <= row["low"] < row["document_count"] < row["high"] <= 100


def test_precision_and_recall_are_weighted_to_the_population() -> None:
    chances = np.array([[0.9], [0.9], [0.1], [0.1]])
    reading = Reading(np.arange(4), np.array([[True], [False], [True], [False]]), ("person",))
    scores = score_agendas(chances, reading, np.array([3.0, 1.0, 1.0, 1.0]), ("cups",), 0.4, 0.95).set_index("agenda")
    assert scores.loc["cups", "precision"] == pytest.approx(0.75)
    assert scores.loc["cups", "recall"] == pytest.approx(0.75)
    assert scores.loc["cups", "precision_low"] < 0.75 < scores.loc["cups", "precision_high"]


def test_calibration_error_is_nothing_where_chances_come_true() -> None:
    chance = np.full((10, 1), 0.5)
    said = (np.arange(10) < 5)[:, None]
    assert measure_calibration(chance, said, np.ones((10, 1))) == pytest.approx(0)
    assert measure_calibration(chance, ~said | True, np.ones((10, 1))) == pytest.approx(0.5)


def test_an_agenda_is_found_by_id_name_phrase_and_words(listed: AgendaList) -> None:
    for query, wanted in (
        ("control", "control"),
        ("chain-of-thought monitoring", "cot-monitoring"),
        ("Unlearning", "unlearning"),
        ("sparse autoencoders", "sparse-autoencoders"),
        ("activation steering", "steering"),
        ("training data attribution", "data-attribution"),
        ("character training", "character"),
        ("weak to strong generalisation", "weak-to-strong"),
    ):
        assert find_agenda(listed, query).id == wanted, query
    with pytest.raises(DataError, match="there is no agenda"):
        find_agenda(listed, "basket weaving")


def test_read_documents_come_first_and_ties_go_by_id() -> None:
    members = pd.DataFrame(
        {
            "agenda": ["cups"] * 4 + ["plates"],
            "doc_id": ["d", "c", "b", "a", "e"],
            "chance": [0.9, 0.9, 0.5, 0.2, 1.0],
            "is_read": [False, False, True, False, True],
            "is_assigned": [True, True, True, False, True],
        }
    )
    assert rank_members(members, "cups")["doc_id"].tolist() == ["b", "c", "d"]


def test_a_person_counts_once_a_document_and_not_for_a_single_one() -> None:
    persons = pd.Series([["Ada", "Ada"], ["Ada", "Bo"], ["Bo"], ["Cy"]])
    assert count_people(persons) == [("Ada", 2), ("Bo", 2)]


def test_a_draw_is_of_unread_assigned_documents_and_a_larger_one_holds_a_smaller_one() -> None:
    listed = AgendaList(1, (make_agenda("cups"), make_agenda("plates")))
    members = pd.DataFrame({"agenda": "cups", "doc_id": [f"x:{number}" for number in range(30)], "chance": 0.5})
    members["is_read"], members["is_assigned"] = members.index < 10, members.index < 20
    small, large = (draw_documents(members, listed, count, 1) for count in (3, 5))
    assert set(small["doc_id"]) < set(large["doc_id"]) <= {f"x:{number}" for number in range(10, 20)}
    assert set(small["n_assigned"]) == {10} and set(small["agenda"]) == {"cups"}
    assert draw_documents(members.sample(frac=1, random_state=3), listed, 3, 1).equals(small)


def test_items_to_read_do_not_say_what_they_were_drawn_for() -> None:
    documents = pd.DataFrame({"doc_id": ["b", "a"], "title": ["B", "A"], "url": None, "text": None})
    lines = list_items(documents, pd.Series(["b", "a", "a"])).splitlines()
    assert [line.split('"')[3] for line in lines] == ["a", "b"]
    assert "cups" not in "".join(lines)


def test_what_was_read_of_a_draw_counts_but_for_seeds(tmp_path: Path) -> None:
    listed = AgendaList(1, (make_agenda("cups"), make_agenda("plates")))  # x:1 is a seed of both
    lines = [f"cups,{doc_id},0.5,9,1\n" for doc_id in ("x:1", "x:2", "x:3", "x:4")]
    path = tmp_path / "agenda-draws" / "one.csv"
    path.parent.mkdir()
    path.write_text("agenda,doc_id,chance,n_assigned,agendas_version\n" + "".join(lines), encoding="utf-8")
    write_sheet(tmp_path, "me", "x:1,cups,1,person\nx:2,cups plates,1,person\nx:3,plates,1,person\n")
    assert score_draws(tmp_path, listed, read_agenda_sheets(tmp_path, listed)).loc["cups"].tolist() == [2, 1]
    path.write_text("agenda,doc_id,chance,n_assigned,agendas_version\nforks,x:1,0.5,9,1\n", encoding="utf-8")
    with pytest.raises(SheetError, match=r"no agenda 'forks'"):
        score_draws(tmp_path, listed, read_agenda_sheets(tmp_path, listed))


def test_a_size_that_rests_on_no_reading_says_so() -> None:
    row = {"document_count": 12.4, "low": 8.6, "high": 20.2, "basis": "read"}
    assert tell_size(row) == "12 [9 to 20]"
    assert "by chances alone" in tell_size({**row, "basis": "chances", "low": None, "high": None})


def members_of(frame: str, windows: list[str], ids: list[str]) -> pd.DataFrame:
    window, part = zip(*(name.split("/") for name in windows), strict=True)
    return pd.DataFrame({"frame": frame, "doc_id": ids, "window": window, "part": part, "gone": None})


def test_a_frame_of_which_the_census_has_a_part_is_counted_by_weights_where_it_has_not_all() -> None:
    """Of the part 'core' every document is at hand; of 'rest', 1,000 documents, the ten that were read."""
    core, rest = [f"c:{number:03}" for number in range(50)], [f"r:{number:03}" for number in range(1_000)]
    documents = pd.DataFrame({"doc_id": core + rest[:10], "published_year": 2025})
    members = members_of("arxiv", ["2025/core"] * 50 + ["2025/rest"] * 1_000, core + rest)
    read = core[:10] + rest[:10]
    weights = pd.DataFrame({"doc_id": read, "frame": "arxiv", "year": "2025", "weight": [5.0] * 10 + [100.0] * 10})
    weights["stratum"] = ["arxiv/2025/core"] * 10 + ["arxiv/2025/rest"] * 10
    rng = np.random.default_rng(3)
    weights["replicate_weights"] = [weight * rng.exponential(size=80) for weight in weights["weight"]]
    rows = np.array([*range(10), *range(50, 60)])
    reading = Reading(rows, np.isin(rows, [0, 1, 50, 51, 52])[:, None], ("person",))
    domains = list_domains(documents, members, weights, {})
    assert [(each.year, each.n_population, len(each.rows)) for each in domains] == [("", 1050, 50), ("2025", 1050, 50)]
    chances = np.full((60, 1), 0.9)
    total, variance, found, n_read = measure_domain(domains[0], documents, weights, chances, reading)
    assert total[0] == pytest.approx(50 * 0.9 + 5 * (2 - 10 * 0.9) + 100 * 3) and found[0] == 5 and n_read == 20
    sure = measure_domain(domains[0], documents, weights, np.zeros((60, 1)), reading)
    assert sure[0][0] == pytest.approx(310) and variance[0] > 0
    row = estimate_sizes(domains[:1], documents, weights, chances, reading, ("cups",), 0.95).iloc[0]
    assert row["basis"] == "read" and 5 <= row["low"] < row["document_count"] < row["high"] <= 1_050
    assert row["share"] == pytest.approx(row["document_count"] / 1_050)


def test_a_frame_that_is_a_part_of_another_is_counted_by_the_readings_of_that_part() -> None:
    ids = [f"c:{number:03}" for number in range(40)]
    documents = pd.DataFrame({"doc_id": ids, "published_year": 2024})
    members = members_of("core", ["2025/core"] * 40, ids)
    weights = pd.DataFrame({"doc_id": ids[:8], "frame": "arxiv", "year": "2025", "weight": 5.0})
    weights["stratum"] = ["arxiv/2025/core"] * 6 + ["arxiv/2025/rest"] * 2
    whole, year = list_domains(documents, members, weights, {"core": "arxiv/core"})
    assert whole.place.tolist() == list(range(6)) and whole.n_population == 40
    assert (year.year, year.n_population) == ("2025", 40), "by the window it was announced in, not by its date"


def test_tags_are_one_by_name_and_slug_and_a_post_that_nobody_tagged_tells_nothing() -> None:
    rows = [
        ("a", "Shard Theory"), ("a", "shard-theory"), ("b", "shard-theory"), ("c", "AI"),
        ("d", "sequence:shard-theory"), ("e", "Goodhart's Law"), ("e", "AI"),
        ("f", "Threat Models (AI)"), ("g", "Unheard Of"),
    ]  # fmt: skip
    tags = pd.DataFrame(rows, columns=["doc_id", "label"]).assign(label_scheme="forum-tag")
    names = pd.Series(["Shard Theory", "Goodhart's Law", "Threat Models (AI)"])
    found = name_tags(tags, names)
    assert sorted(zip(found["doc_id"], found["label"], strict=True)) == [
        ("a", "Shard Theory"),
        ("b", "Shard Theory"),
        ("e", "Goodhart's Law"),
        ("f", "Threat Models (AI)"),
        ("g", "unheard-of"),
    ]
