"""Definitions are queries; the codebook, the sheets and the design are checked cell by cell."""

import dataclasses
import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.coding.definitions import check_nesting, match_definition, match_denominator
from pipeline.coding.sample import load_sample, settle_codes
from pipeline.coding.sheets import read_sheet
from pipeline.errors import CodebookError, SheetError
from pipeline.schemas import CENSUS_DOCUMENTS
from pipeline.store import read_table

HANDCHECK = Path("data/raw/handcheck")


@pytest.fixture(scope="module")
def codebook(root: Path) -> Codebook:
    return load_codebook(root / HANDCHECK / "codebook/codebook.toml")


@pytest.fixture(scope="module")
def documents(root: Path) -> pd.DataFrame:
    return read_table(
        CENSUS_DOCUMENTS, root / "data/raw/census/2026.07/documents.parquet", ("doc_id", "frame", "published_year")
    )


@pytest.fixture
def handcheck(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root / HANDCHECK, tmp_path / "handcheck"))


def codes(*rows: str) -> pd.DataFrame:
    """Rows such as "A1 T3 M1 S0 2"."""
    table = pd.DataFrame(
        [row.split() for row in rows], columns=["leaf", "target", "mechanism", "scaling", "confidence"]
    )
    return table.assign(group=table["leaf"].str[0], evidence="E", confidence=table["confidence"].astype(int))


def test_each_definition_takes_what_it_says(codebook: Codebook) -> None:
    rows = codes(
        "A1 T3 M1 S0 2",
        "A1 T3 M1 S0 1",
        "B1 T1 M2 S0 3",
        "B2 T1 M2 S0 3",
        "C7 T1 M1 S0 3",
        "D1 T0 M3 S0 3",
        "D3 T0 M3 S0 3",
        "E1 T2 M5 S2 3",
        "C1 T2 M1 S1 3",
        "N0 T0 M0 S0 3",
    )
    found = {
        definition.id: "".join("x" if match else "." for match in match_definition(definition, rows))
        for definition in codebook.definitions
    }
    assert found == {
        "unarguable": "x.........",
        "theory": "xx........",
        "strict": "xxx.......",
        "superalignment": "xxxx......",
        "broad": "xxxx....x.",
        "broad_production": "xxxxx...x.",
        "interpretability": "xxxxxx..x.",
        "broadest": "xxxxxxx.x.",
        "all_misalignment": "xxxxxxx.x.",
        "by_mechanism": "xx......x.",
        "meta_alignment": ".....xx...",
    }


def test_denominators_leave_out_what_they_say(codebook: Codebook) -> None:
    rows = codes("A1 T0 M1 S0 3", "E8 T0 M7 S0 3", "M1 T0 M0 S0 3", "N0 T0 M0 S0 3")
    assert match_denominator(codebook.denominators["safety"], rows).tolist() == [True, True, False, False]
    assert match_denominator(codebook.denominators["technical"], rows).tolist() == [True, False, False, False]
    assert match_denominator(codebook.denominators["everything"], rows).all()


def test_the_ladder_is_nested_and_a_broken_one_is_named(codebook: Codebook) -> None:
    check_nesting(codebook)
    definitions = list(codebook.definitions)
    definitions[1], definitions[4] = definitions[4], definitions[1]
    with pytest.raises(CodebookError, match="definition 'strict' does not contain 'broad': it leaves out B2"):
        check_nesting(dataclasses.replace(codebook, definitions=tuple(definitions)))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('groups = ["A"]', 'groups = ["Z"]', "there is no code 'Z'"),
        ('leaves = ["B1"]\n', 'leaves = ["B9"]\n', "definition 'strict', leaves: there is no code 'B9'"),
        ('id = "theory"', 'id = "strict"', "is there twice"),
        ('id = "theory"', 'ident = "theory"', "ident] unknown key"),
        ('id = "theory"\n', "", "id] missing key"),
        ("version = 1", "version = [", "not valid TOML"),
    ],
)
def test_a_broken_codebook_is_named(handcheck: Path, old: str, new: str, problem: str) -> None:
    path = handcheck / "codebook/codebook.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CodebookError, match=problem) as error:
        load_codebook(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_the_shipped_round_fits_the_census(handcheck: Path, codebook: Codebook, documents: pd.DataFrame) -> None:
    sample = load_sample(handcheck, "2026-11", codebook, documents)
    assert len(sample.units) == 1090 and len(sample.adjudicator) == 385
    settled = settle_codes(sample)
    assert settled["is_adjudicated"].sum() == 385 and set(settled["coder_kind"]) == {"language model"}
    one = sample.adjudicator.index[0]
    assert settled.set_index("doc_id").at[one, "leaf"] == sample.adjudicator.at[one, "leaf"]


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (
            "sheets/reader-1.csv",
            "arxiv:1602.04938,N0",
            "arxiv:0000.00000,N0",
            r"reader-1\.csv:2: there is no document 'arxiv:0000\.00000' in the census",
        ),
        (
            "sheets/reader-1.csv",
            "arxiv:1602.04938,N0",
            "arxiv:1602.04938,N7",
            r"reader-1\.csv:2: leaf 'N7' is not in the codebook",
        ),
        (
            "sheets/reader-2.csv",
            ",T0,M0,S0,E,3,",
            ",T9,M0,S0,E,3,",
            r"reader-2\.csv:\d+: target 'T9' is not in the codebook",
        ),
        ("sheets/reader-2.csv", "doc_id,leaf,", "doc_id,blatt,", r"reader-2\.csv:1: lacks the column 'leaf'"),
        (
            "sheets/reader-2.csv",
            "arxiv:1602.04938,N0,,T0",
            "arxiv:1602.04938,N0,T0",
            r"reader-2\.csv:2: has more or fewer cells",
        ),
        (
            "rounds/2026-11/sample.csv",
            "lw:5bd75cc58225bf0670374f79",
            "lw:nothing",
            r"sample\.csv: document 'lw:nothing' is drawn from alignmentforum-census/2017, and is no member of it",
        ),
        (
            "rounds/2026-11/sample.csv",
            "2017,0.3592814371257485",
            "2017,0.5",
            r"the sample of alignmentforum-census/2017 is not the design's",
        ),
        (
            "rounds/2026-11/design.csv",
            "alignmentforum-census/2017,167",
            "alignmentforum-census/2017,168",
            "the sample of alignmentforum-census/2017 is not the design's",
        ),
        ("rounds/2026-11/design.csv", "arxiv-query-2025,368", "arxiv-query-2025,x", "whole numbers"),
        ("rounds/2026-11/round.toml", 'role = "adjudicator"', 'role = "judge"', r"round\.toml: \[coders\.2\.role\]"),
    ],
)
def test_a_label_that_does_not_fit_is_one_line_with_its_place(
    handcheck: Path, codebook: Codebook, documents: pd.DataFrame, file: str, old: str, new: str, problem: str
) -> None:
    text = (handcheck / file).read_text()
    assert old in text
    (handcheck / file).write_text(text.replace(old, new, 1))
    with pytest.raises(SheetError, match=problem) as error:
        load_sample(handcheck, "2026-11", codebook, documents)
    assert "\n" not in str(error.value)


def test_a_document_coded_twice_is_refused_and_a_byte_order_mark_is_not(
    handcheck: Path, codebook: Codebook, documents: pd.DataFrame
) -> None:
    path = handcheck / "sheets/reader-1.csv"
    known = set(documents["doc_id"])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_sheet(path, codebook, known)) == 1090
    path.write_text(path.read_text() + "arxiv:1602.04938,N0,,T0,M0,S0,E,3,\n")
    with pytest.raises(SheetError, match=r"reader-1\.csv:1092: document 'arxiv:1602.04938' is coded twice"):
        read_sheet(path, codebook, known)
