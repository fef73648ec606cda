"""Author strings as sources write them, each with the names that a reader would take from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scrape.cells import read_author_names
from pipeline.text.author_lists import list_authors
from pipeline.text.authors import Author, read_authors, split_authors

STRINGS = [
    ("Ada Anders, Bo Berg, Cy Cole and Di Dahl", ("Ada Anders", "Bo Berg", "Cy Cole", "Di Dahl")),
    ("Ada Anders, Bo Berg, and Cy Cole", ("Ada Anders", "Bo Berg", "Cy Cole")),
    ("Ada Anders & Bo Berg", ("Ada Anders", "Bo Berg")),
    ("Ada &amp; Bo", ("Ada", "Bo")),
    ("Ada Anders; Bo Berg", ("Ada Anders", "Bo Berg")),
    ("Anders, Ada; Berg, Bo", ("Ada Anders", "Bo Berg")),
    ("Anders, Ada and Berg, Bo", ("Ada Anders", "Bo Berg")),
    ("Anders, A., Berg, B. C.", ("A. Anders", "B. C. Berg")),
    ("Ada Anders\nBo Berg", ("Ada Anders", "Bo Berg")),
    ("Ada Anders \u2022 Bo Berg | Cy Cole", ("Ada Anders", "Bo Berg", "Cy Cole")),
    ("李明、王芳", ("李明", "王芳")),
    ("Ada Anders，Bo Berg", ("Ada Anders", "Bo Berg")),
    ("Ada Anders + Bo Berg", ("Ada Anders", "Bo Berg")),
    ("Posted by Ada Anders on March 3", ("Ada Anders",)),
    ("Team: Ada Anders, Bo Berg", ("Ada Anders", "Bo Berg")),
    ("Ada Anders (she/her), Bo Berg (they/them)", ("Ada Anders", "Bo Berg")),
    ("$^1$Ada Anders, $^{2}$Bo Berg", ("Ada Anders", "Bo Berg")),
    ("Anders, A.B., Berg, B., & Cole, C.", ("A.B. Anders", "B. Berg", "C. Cole")),
    ("Ada Anders, Jr., Bo Berg III", ("Ada Anders Jr.", "Bo Berg III")),
    ("Ada van der Berg, Bo de la Cruz", ("Ada van der Berg", "Bo de la Cruz")),
    ("Ada Anders (@ada), Bo Berg", ("Ada Anders", "Bo Berg")),
    ("Ada Anders and 12 others", ("Ada Anders",)),
    ("The X Collaboration: Ada Anders, Bo Berg", ("The X Collaboration", "Ada Anders", "Bo Berg")),
    ("Author list TBD", ()),
    ("TBA", ()),
    ("Anonymous", ()),
    ("admin", ()),
    ("", ()),
    ("  ,, and ", ()),
    ("Ada Anders and Bo Berg, in collaboration with the Oversight team", ("Ada Anders", "Bo Berg")),
    ("Ada Anders, on behalf of the whole team", ("Ada Anders",)),
    ("Ada,* Bo, Cy, Di, 2026", ("Ada", "Bo", "Cy", "Di")),
    ("Ada Anders\u00b9, Bo Berg\u00b9,\u00b2, Cy Cole\u2020", ("Ada Anders", "Bo Berg", "Cy Cole")),
    ("Ada Anders1,2, Bo Berg3", ("Ada Anders", "Bo Berg")),
    ("Ada Anders$^1$, Bo Berg$^{2,*}$", ("Ada Anders", "Bo Berg")),
    ("Ada Anders^1, Bo Berg", ("Ada Anders", "Bo Berg")),
    ("Ada Anders*, Bo Berg* (*equal contribution)", ("Ada Anders", "Bo Berg")),
    ("Anders et al., 2025", ("Anders",)),
    ("Ada Anders et al", ("Ada Anders",)),
    ("Ada Anders, Bo Berg, and 12 others", ("Ada Anders", "Bo Berg")),
    ("Ada Anders, Jr., Bo Berg", ("Ada Anders Jr.", "Bo Berg")),
    ("Ada Anders Jr. and Bo Berg III", ("Ada Anders Jr.", "Bo Berg III")),
    ("ada@x.example (Ada Anders)", ("Ada Anders",)),
    ("Ada Anders <ada@x.example>", ("Ada Anders",)),
    ("noreply@x.example (Ada Anders and Bo Berg)", ("Ada Anders", "Bo Berg")),
    ("ada@x.example", ()),
    ("By Ada Anders", ("Ada Anders",)),
    ("Written by: Ada Anders and Bo Berg", ("Ada Anders", "Bo Berg")),
    ("Dr. Ada Anders, PhD", ("Ada Anders",)),
    ("Ada Anders, Research Scientist", ("Ada Anders",)),
    ("Ludwig van der Berg, Bo de la Cruz", ("Ludwig van der Berg", "Bo de la Cruz")),
    ("J. R. R. Anders, C.S. Berg", ("J. R. R. Anders", "C.S. Berg")),
    ("Adri\\`a Anders, B{\\l}a\\.zej Berg", ("Adri\u00e0 Anders", "B\u0142a\u017cej Berg")),
    ("\u674e \u660e, \u738b \u4f1f", ("\u674e \u660e", "\u738b \u4f1f")),
    ("Ada O'Anders-Berg", ("Ada O'Anders-Berg",)),
    ("adaanders", ("adaanders",)),
    ("The Alignment Team at Invented Lab", ("The Alignment Team at Invented Lab",)),
    ("Ada Anders, Ada Anders", ("Ada Anders",)),
    ("<a href='/u/ada'>Ada Anders</a>, Bo", ("Ada Anders", "Bo")),
]


@pytest.mark.parametrize(("text", "names"), STRINGS)
def test_an_author_string_gives_the_names_a_reader_would_take(text, names):
    assert split_authors(text) == names


def test_what_stands_in_brackets_is_an_affiliation():
    found = read_authors("Ada Anders (Univ. of Invention, Dept. of X), Bo Berg, Cy Cole (Some Lab)")
    assert [author.name for author in found] == ["Ada Anders", "Bo Berg", "Cy Cole"]
    assert [author.affiliation for author in found] == ["Univ. of Invention, Dept. of X", "", "Some Lab"]


def test_numbers_in_brackets_stand_for_the_places_that_the_last_bracket_lists():
    found = read_authors("Ada Anders (1), Bo Berg (1 and 2), Cy Cole (2) ((1) First Place (2) Second Place)")
    assert [author.affiliation for author in found] == ["First Place", "First Place; Second Place", "Second Place"]


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        (["Ada Anders, Bo Berg and Cy Cole"], ["Ada Anders", "Bo Berg", "Cy Cole"]),
        (["OpenAI, :, Ada Anders, Bo Berg"], ["OpenAI", "Ada Anders", "Bo Berg"]),
        (["Jos\\'e Anders, Bo Berg"], ["José Anders", "Bo Berg"]),
        (["Anders, Ada", "Berg, Bo"], ["Anders, Ada", "Berg, Bo"]),
        (["Anders, Ada"], ["Anders, Ada"]),
        (["ada, bo, cy"], ["ada", "bo", "cy"]),
        (["jylin04", "jylin04"], ["jylin04"]),
        (["Cy Cole (formerly: colette)"], ["Cy Cole (formerly: colette)"]),
        (["Unknown"], []),
        (["[deleted]"], []),
        ([":", "Ada Anders"], ["Ada Anders"]),
        (["['Ada Anders'", "'Bo Berg']"], ["Ada Anders", "Bo Berg"]),
        (["80000_Hours"], ["80000_Hours"]),
        ([], []),
    ],
)
def test_an_author_list_names_each_once_and_an_entry_may_name_several(entries, names):
    assert [author.name for author in list_authors(entries)] == names


def test_what_stands_beside_an_entry_stays_with_its_author():
    assert list_authors(["Ada Anders", "Bo Berg"], ["Inst", ""], ["0-1", "0-2"]) == (
        Author("Ada Anders", "Inst", "0-1"),
        Author("Bo Berg", "", "0-2"),
    )
    assert list_authors(["Ada Anders (Inst, Town), Bo Berg"]) == (Author("Ada Anders", "Inst, Town"), Author("Bo Berg"))
    assert list_authors(["Ada Anders"], ["Inst", "another"]) == (Author("Ada Anders"),)


@pytest.mark.parametrize(
    ("text", "authors"),
    [
        ("Ada Anders (Kev), Jia (Kev), Liu, Bo Berg", {"Ada Anders": "", "Jia Liu": "", "Bo Berg": ""}),
        ("Xiu (Max), Ma (Zac), Wenhe (Zac), Zhao", {"Xiu Ma": "", "Wenhe Zhao": ""}),
        ("Ada Anders (DK), Dong Ku (DK), Xu", {"Ada Anders": "", "Dong Ku Xu": ""}),
        ("Ada Anders (Han), Andries (Han), van Berg", {"Ada Anders": "", "Andries van Berg": ""}),
        ("Xiaojun (Tony) Wang, Bo Berg", {"Xiaojun Wang": "", "Bo Berg": ""}),
        # Places stay: of whole names, in capitals, known, or of several words.
        (
            "Ada Anders (Vienna), Jia Berg (Vienna), Liu Cole",
            {"Ada Anders": "Vienna", "Jia Berg": "Vienna", "Liu Cole": ""},
        ),
        ("Ada (LITIS), Bo", {"Ada": "LITIS", "Bo": ""}),
        ("Ada (OpenAI), Bo", {"Ada": "OpenAI", "Bo": ""}),
        ("Ada (Some Town), Bo (MIT), Cy (b)", {"Ada": "Some Town", "Bo": "MIT", "Cy": ""}),
    ],
)
def test_a_nickname_in_brackets_is_no_place_and_parts_nobody(text: str, authors: dict[str, str]) -> None:
    assert {author.name: author.affiliation for author in read_authors(text)} == authors


@given(st.text(max_size=200))
def test_no_string_breaks_the_parser_and_no_name_is_a_list(text):
    for author in read_authors(text):
        assert author.name == author.name.strip()
        assert ";" not in author.name and "\n" not in author.name and len(author.name) <= 100


@pytest.mark.slow
def test_the_authors_of_the_announced_papers_are_those_that_commas_part(shared, record_score):
    """Where an author string has no brackets, no marks and no LaTeX, a comma parts its names: nothing may differ."""
    import pandas as pd

    texts = pd.read_parquet(shared / "corpus/arxiv/announced.parquet", columns=["authors"])["authors"][:40_000]
    plain = [text for text in texts if not set("()[]\\*$^{}0123456789&;") & set(text)]
    same = sum(split_authors(text) == tuple(dict.fromkeys(text.split(", "))) for text in plain)
    record_score(f"author strings without marks: {same} of {len(plain)} as commas part them")
    assert same / len(plain) > 0.998


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("Ada Anders, Bo Berg and Cy Cole", ("Ada Anders", "Bo Berg", "Cy Cole")),
        ("Ada Anders (Institute of Invention, Town)", ("Ada Anders",)),
        ("Ada Anders (Lab, Town), Bo Berg", ("Ada Anders", "Bo Berg")),
        ("Anders, Ada", ("Anders, Ada",)),
        ("Anders, Ada; Berg, Bo", ("Anders, Ada", "Berg, Bo")),
        (["Ada Anders, Bo Berg"], ("Ada Anders, Bo Berg",)),
        ("", ()),
    ],
)
def test_a_cell_that_names_several_people_is_a_list_of_them(cell: object, names: tuple[str, ...]) -> None:
    assert read_author_names(cell) == names
