"""A study of another question, from `make new` to a release, without an edit of any Python: every number is checked."""

import csv
import json
import os
import random
from pathlib import Path

import pandas as pd
import pytest

from pipeline import store
from pipeline.config import load_config
from pipeline.dataset import load_census
from pipeline.errors import ConfigError
from pipeline.study.create import map_columns, read_columns
from tests.warm import Warm

pytestmark = pytest.mark.whole

CODEBOOK = """\
version = 1

[study]
question = "What share of interpretability work is mechanistic?"
output = "interpretability work"
direct = "mechanistic"
corpus = "an invented literature"
subject = "interpretability"
core = "Causal work on circuits"

[groups]
mechanistic = { title = "what a network computes inside", colour = 1 }
explaining = { title = "what a user is told", colour = 2 }
elsewhere = { title = "another subject", outside = true }

[leaves]
circuits = { title = "circuits and features", group = "mechanistic" }
probing = { title = "probes", group = "mechanistic" }
saliency = { title = "saliency", group = "explaining" }
concepts = { title = "concepts", group = "explaining" }
vision = { title = "plain vision", group = "elsewhere" }

[axes]
method = { causal = "an intervention", correlational = "none" }
scale = { toy = "a toy model", real = "a model in use" }

[denominators.subject]
title = "interpretability work"
groups = ["mechanistic", "explaining"]

[denominators.everything]
title = "every paper"

[[definitions]]
id = "causal_circuits"
title = "Causal work on circuits"
leaves = ["circuits"]
method = ["causal"]

[[definitions]]
id = "mechanistic"
title = "Mechanistic"
groups = ["mechanistic"]

[[definitions]]
id = "with_concepts"
title = "With concepts"
groups = ["mechanistic"]
leaves = ["concepts"]
"""
WORDS = {
    "circuits": "circuit feature head neuron ablation patching",
    "probing": "probe linear classifier representation layer",
    "saliency": "saliency gradient heatmap attribution",
    "concepts": "concept activation human prototype",
    "vision": "segmentation camera detection pose",
}
COMMON = "model network we show results method paper study analysis data".split()


def invent_papers(years: dict[str, int], seed: int) -> list[dict[str, str]]:
    """Papers whose words follow their true leaf, which is kept beside them."""
    draw = random.Random(seed)
    papers = []
    for year, count in years.items():
        for number in range(count):
            leaf = draw.choices(list(WORDS), (3, 2, 4, 2, 5))[0]
            about = leaf if draw.random() < 0.6 else draw.choice(list(WORDS))  # words tell the leaf now and then
            words = draw.choices(WORDS[about].split(), k=4) + draw.choices(COMMON, k=14)
            draw.shuffle(words)
            papers.append(
                {
                    "paper_id": f"inv:{year}-{number:03d}",
                    "title": f"{words[0]} {words[1]} {words[2]} {year} {number}",
                    "abstract": " ".join(words),
                    "date": f"{year}-0{draw.randint(1, 9)}-1{draw.randint(0, 9)}",
                    "authors": "Ann Author; Bob Writer",
                    "leaf": leaf,
                    "method": draw.choice(["causal", "correlational"]),
                    "scale": draw.choice(["toy", "real"]),
                }
            )
    return papers


def write_papers(path: Path, papers: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["paper_id", "title", "abstract", "date", "authors"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(papers)


def command(warm: Warm, config: Path, *words: str) -> str:
    done = warm.run(["--config", str(config), *words], {**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return done.stderr


def read_round(handcheck: Path, papers: dict[str, dict[str, str]], name: str) -> int:
    """One person reads what a round has drawn, as the codebook's columns, and says no confidence: it is not asked."""
    drawn = pd.read_csv(handcheck / "rounds" / name / "sample.csv")["doc_id"]
    path = handcheck / "sheets" / "ann.csv"
    lines = [] if path.exists() else ["doc_id,leaf,leaf2,method,scale,note,coder_kind"]
    lines += [f"{i},{papers[i]['leaf']},,{papers[i]['method']},{papers[i]['scale']},,person" for i in drawn]
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    return len(drawn)


def share_by_hand(
    papers: dict[str, dict[str, str]], handcheck: Path, year: str, is_counted: object, is_inside: object
) -> tuple[float, int]:
    """Stratified ratio from the sheet and the file alone, each year weighing by its size; no line of the program."""
    with (handcheck / "sheets" / "ann.csv").open(encoding="utf-8") as file:
        read = [row["doc_id"] for row in csv.DictReader(file)]
    years = [year] if year else sorted({paper["date"][:4] for paper in papers.values()})
    over = under = 0.0
    count = 0
    for each in years:
        size = sum(paper["date"].startswith(each) for paper in papers.values())
        mine = [papers[doc_id] for doc_id in read if papers[doc_id]["date"].startswith(each)]
        over += size * sum(bool(is_counted(p) and is_inside(p)) for p in mine) / len(mine)  # type: ignore[operator]
        under += size * sum(bool(is_inside(p)) for p in mine) / len(mine)  # type: ignore[operator]
        count += len(mine)
    return over / under, count


DEFINITIONS = {
    "causal_circuits": lambda p: p["leaf"] == "circuits" and p["method"] == "causal",
    "mechanistic": lambda p: p["leaf"] in ("circuits", "probing"),
    "with_concepts": lambda p: p["leaf"] in ("circuits", "probing", "concepts"),
}
DENOMINATORS = {"subject": lambda p: p["leaf"] != "vision", "everything": lambda p: True}


@pytest.fixture(scope="module")
def study(root: Path, warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, str]]]:
    """The study after two rounds, with a frame that has grown between them."""
    checkout = tmp_path_factory.mktemp("checkout")
    (checkout / "census.toml").write_text((root / "census.toml").read_text(encoding="utf-8"), encoding="utf-8")
    papers = invent_papers({"2023": 100, "2024": 100, "2025": 100}, 1)
    write_papers(checkout / "papers.csv", papers)
    command(warm, checkout / "census.toml", "new", "--study", "insides", "--file", str(checkout / "papers.csv"))
    folder = checkout / "studies" / "insides"
    config, handcheck = folder / "census.toml", folder / "data/raw/handcheck"
    (handcheck / "codebook/codebook.toml").write_text(CODEBOOK, encoding="utf-8")
    text = config.read_text(encoding="utf-8")
    text = text.replace('["narrow", "wide"]', '["mechanistic", "with_concepts"]')
    config.write_text(text.replace('denominator = "all"', 'denominator = "subject"'), encoding="utf-8")
    known = {paper["paper_id"]: paper for paper in papers}
    for name, count in (("first", "90"), ("second", "60")):
        if name == "second":
            papers += invent_papers({"2026": 60}, 2)
            write_papers(folder / "data/raw/files/papers.csv", papers)
            known = {paper["paper_id"]: paper for paper in papers}
        command(warm, config, "make", "corpus")
        command(warm, config, "draw", "--round", name, "--n", count)
        read_round(handcheck, known, name)
    command(warm, config, "make", "report")
    command(warm, config, "make", "dataset")
    return folder, known


@pytest.mark.slow
def test_every_share_is_what_a_few_lines_of_another_kind_compute(
    study: tuple[Path, dict[str, dict[str, str]]],
) -> None:
    folder, papers = study
    handcheck = folder / "data/raw/handcheck"
    shares = pd.read_csv(folder / "reports/1/tables/shares.csv", dtype={"year": str}).fillna({"year": ""})
    shares = shares[shares["weight"] == "documents"].set_index(["year", "denominator", "definition"])
    covered = []
    assert set(shares.index.get_level_values("year")) == {"", "2023", "2024", "2025", "2026"}
    for (year, denominator, definition), row in shares.iterrows():
        expected, count = share_by_hand(papers, handcheck, year, DEFINITIONS[definition], DENOMINATORS[denominator])
        assert row["n_read"] == row["n_person"] == count
        assert row["n_population"] == sum(paper["date"].startswith(year) for paper in papers.values())
        assert row["low"] <= row["share"] <= row["high"]
        # The program sharpens with predictions: it may differ by less than the sampling error of a plain share.
        n_inside = count if denominator == "everything" else count * 0.6
        assert abs(row["share"] - expected) <= 2 * (max(expected * (1 - expected), 0.05) / n_inside) ** 0.5
        inside = [p for p in papers.values() if p["date"].startswith(year) and DENOMINATORS[denominator](p)]
        true = sum(DEFINITIONS[definition](p) for p in inside) / len(inside)
        covered.append(row["low"] <= true <= row["high"])
    assert len(shares) == 5 * 2 * 3 and sum(covered) >= 25  # of 95% intervals, many of which share their documents


@pytest.mark.slow
def test_what_is_out_of_scope_is_what_the_codebook_marks(study: tuple[Path, dict[str, dict[str, str]]]) -> None:
    folder, papers = study
    agendas = pd.read_csv(folder / "reports/1/tables/agendas.csv", dtype={"year": str}).fillna({"year": ""})
    row = agendas[(agendas["code"] == "elsewhere") & (agendas["year"] == "")].iloc[0]
    expected, _ = share_by_hand(
        papers, folder / "data/raw/handcheck", "", lambda p: p["leaf"] == "vision", lambda p: True
    )
    assert row["denominator"] == "everything" and abs(row["share"] - expected) < 0.08
    true = sum(paper["leaf"] == "vision" for paper in papers.values()) / len(papers)
    assert row["low"] <= true <= row["high"]
    inside = agendas[(agendas["code"] == "mechanistic") & (agendas["year"] == "")].iloc[0]
    assert inside["denominator"] == "subject"


@pytest.mark.slow
def test_page_and_card_speak_of_the_study_and_of_no_other(study: tuple[Path, dict[str, dict[str, str]]]) -> None:
    folder, _ = study
    page = (folder / "reports/1/index.html").read_text(encoding="utf-8")
    report = (folder / "reports/1/report.md").read_text(encoding="utf-8")
    card = (folder / "dist/census-1/README.md").read_text(encoding="utf-8")
    assert "What share of interpretability work is mechanistic?" in page and "by one reader" in page
    assert "by one reader" in report and "an invented literature" in card
    codes = pd.read_csv(folder / "reports/1/tables/codes.csv")
    assert {"method", "scale"} <= set(codes.columns) and "target" not in codes.columns
    for text in (page, report, card):
        for word in ("safety", "lignment Forum", "superintelligen", "Shallow Review", "two readers", "EA Forum from"):
            assert word not in text, word
    assert "curve-title" not in page and "published-title" not in page


@pytest.mark.slow
def test_the_release_opens_with_its_axes(study: tuple[Path, dict[str, dict[str, str]]]) -> None:
    folder, papers = study
    census = load_census(folder / "dist/census-1")
    assert set(census.documents["doc_id"]) == set(papers) and len(census.vectors) == len(papers)
    codes = pd.read_parquet(folder / "dist/census-1/codes.parquet")
    assert all(papers[row["doc_id"]]["leaf"] == row["leaf"] for row in codes.to_dict("records"))
    assert all(papers[row["doc_id"]]["scale"] == row["scale"] for row in codes.to_dict("records"))


def test_a_name_a_file_or_a_column_that_cannot_be_used_is_one_line(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "papers.jsonl"
    path.write_text(json.dumps({"doi": "10.1/a", "title": "A", "abstract": "B"}) + "\n", encoding="utf-8")
    columns, count = read_columns(path)
    assert map_columns(columns, path) == {"doc_id": "doi", "title": "title", "text": "abstract"} and count == 1
    assert map_columns(["doi", "title"], path) == {"doc_id": "doi", "title": "title", "text": ""}
    with pytest.raises(ConfigError, match="has no column for title; its columns are doi, text"):
        map_columns(["doi", "text"], path)


def test_a_new_study_is_whole_and_is_never_written_over(root: Path, warm: Warm, tmp_path: Path) -> None:
    (tmp_path / "census.toml").write_text((root / "census.toml").read_text(encoding="utf-8"), encoding="utf-8")
    write_papers(tmp_path / "papers.csv", invent_papers({"2024": 3}, 3))
    config = tmp_path / "census.toml"
    command(warm, config, "new", "--study", "one", "--file", str(tmp_path / "papers.csv"))
    made = load_config(tmp_path / "studies/one/census.toml")
    assert made.frames["one"].windows == "year" and made.root == tmp_path / "studies/one"
    before = store.sha256_of_file(tmp_path / "studies/one/census.toml")
    for words in (("--study", "one"), ("--study", "../evil"), ("--study", "two", "--file", "nothing.csv")):
        with pytest.raises(AssertionError, match="error: "):
            command(warm, config, "new", "--file", str(tmp_path / "papers.csv"), *words)
    assert store.sha256_of_file(tmp_path / "studies/one/census.toml") == before
    assert [path.name for path in (tmp_path / "studies").iterdir()] == ["one"]


def test_the_example_says_what_its_sheet_says(root: Path) -> None:
    folder = root / "studies/steering"
    sheet = pd.read_csv(folder / "data/raw/handcheck/sheets/author.csv").set_index("doc_id")
    design = pd.read_csv(folder / "data/raw/handcheck/rounds/first/design.csv").set_index("stratum")
    sample = pd.read_csv(folder / "data/raw/handcheck/rounds/first/sample.csv").set_index("doc_id")
    sizes = sample["stratum"].map(design["n_population"] / sample.groupby("stratum").size())
    leaf = sheet["leaf"].reindex(sample.index)
    assert leaf.notna().all() and set(sheet["coder_kind"]) == {"language model"}
    is_inside = leaf != "other"
    shares = pd.read_csv(folder / "reports/1/tables/shares.csv", dtype={"year": str})
    shares = shares[shares["year"].isna() & (shares["weight"] == "documents") & (shares["denominator"] == "steering")]
    for definition, counts in (("against_harm", ["harm"]), ("safety", ["harm", "misalignment"])):
        by_hand = sizes[leaf.isin(counts)].sum() / sizes[is_inside].sum()
        row = shares.set_index("definition").loc[definition]
        assert abs(row["share"] - by_hand) < (row["high"] - row["low"]) / 2 and row["low"] < by_hand < row["high"]


def test_a_study_without_dates_without_clusters_with_one_reader_gives_a_right_report(
    root: Path, warm: Warm, tmp_path: Path
) -> None:
    (tmp_path / "census.toml").write_text((root / "census.toml").read_text(encoding="utf-8"), encoding="utf-8")
    papers = invent_papers({"2024": 60}, 3)
    with (tmp_path / "papers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["paper_id", "title"], extrasaction="ignore", delimiter=";")
        writer.writeheader()
        writer.writerows(papers)
    command(warm, tmp_path / "census.toml", "new", "--study", "bare", "--file", str(tmp_path / "papers.csv"))
    folder = tmp_path / "studies" / "bare"
    config, handcheck = folder / "census.toml", folder / "data/raw/handcheck"
    own = CODEBOOK.replace('[denominators.everything]\ntitle = "every paper"\n', "")
    own = own.replace("elsewhere = {", '"außerhalb" = {').replace('group = "elsewhere"', 'group = "außerhalb"')
    (handcheck / "codebook/codebook.toml").write_text(own, encoding="utf-8")
    text = config.read_text(encoding="utf-8").replace('["narrow", "wide"]', '["mechanistic"]')
    lines = ["layers = []" if line.startswith("layers =") else line for line in text.splitlines()]
    config.write_text("\n".join(lines).replace('denominator = "all"', 'denominator = "subject"'), encoding="utf-8")
    command(warm, config, "make", "corpus")
    too_early = (("export", "--coder", "ann", "--file", "x.csv"), ("freeze-groups",), ("adjudicate", "--coder", "ann"))
    for words in too_early:
        with pytest.raises(AssertionError, match="no round is drawn yet; draw one"):
            command(warm, config, *words)
    command(warm, config, "draw", "--round", "first", "--n", "60")
    read_round(handcheck, {paper["paper_id"]: paper for paper in papers}, "first")
    command(warm, config, "make", "report")
    row = pd.read_csv(folder / "reports/1/tables/shares.csv")
    row = row[(row["definition"] == "mechanistic") & (row["denominator"] == "subject") & (row["weight"] == "documents")]
    inside = [paper for paper in papers if DENOMINATORS["subject"](paper)]
    share = sum(DEFINITIONS["mechanistic"](paper) for paper in inside) / len(inside)
    assert row["share"].tolist() == pytest.approx([share], abs=1e-6)  # everything was read
    parts = pd.read_csv(folder / "reports/1/tables/agendas.csv").set_index("code")
    assert parts.at["außerhalb", "denominator"] == "every-document"  # the codebook names none that holds every leaf
    assert parts.at["außerhalb", "share"] == pytest.approx(1 - len(inside) / len(papers), abs=1e-6)
    report = (folder / "reports/1/report.md").read_text(encoding="utf-8")
    assert "Read by people." in report and "Clusters" not in report and "by year" not in report
