"""The engine holds no letter, leaf, definition, denominator or frame of the study that it ships with."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.coding.codebook import Codebook, load_codebook
from pipeline.config import load_config

SUFFIXES = (".py", ".js", ".html", ".md", ".toml")
# Rooms that know sources by name: their addresses, interfaces and phrase lists, none of which is a code.
STUDY_WORDS = r"AI[- ]safety|safety output|Shallow Review|superintelligen\w*|[Aa]lignment Forum"
# A number on the command line, and a key of the interface of language models.
OTHER_MEANINGS = (("rounds", '"N"'), ("check", '"strict"'))
SITES = r"arxiv|lesswrong|(?:ea|alignment)[ -]?forum"
SOURCES = ("scrape", "hydrate", "web", "text", "corpus")


@pytest.fixture(scope="module")
def codebook(root: Path) -> Codebook:
    return load_codebook(root / "data/raw/handcheck/codebook/codebook.toml")


def engine(root: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted((root / "pipeline").rglob("*")):
        if path.suffix in SUFFIXES and not {"__pycache__", "estimate"} & set(path.parts):  # estimate: to come
            yield path.relative_to(root), path.read_text(encoding="utf-8")


def find_words(root: Path, words: list[str], pattern: str) -> list[str]:
    wanted = re.compile(pattern % "|".join(map(re.escape, sorted(words, key=len, reverse=True))))
    return [
        f"{path}:{number}: {found.group(0)}"
        for path, text in engine(root)
        for number, line in enumerate(text.splitlines(), start=1)
        for found in wanted.finditer(line)
        if (path.parts[1], found.group(0)) not in OTHER_MEANINGS
    ]


def test_no_module_names_a_group_or_a_leaf(root: Path, codebook: Codebook) -> None:
    quoted = r"""(?<![\w\\])["'`](?:%s)["'`]"""
    assert find_words(root, [*codebook.groups, *codebook.leaves], quoted) == []
    assert find_words(root, list(codebook.leaves), r"\b(?:%s)\b(?=[^\n]*\b(?:leaf|leaves)\b)") == []


def test_no_module_names_a_definition_a_denominator_an_axis_or_a_frame(root: Path, codebook: Codebook) -> None:
    names = [definition.id for definition in codebook.definitions]
    names += list(codebook.denominators) + [axis for axis in codebook.code_axes if axis != "target"]
    assert find_words(root, names, r"""["'`](?:%s)["'`]""") == []
    frames = [name for name in load_config(root / "census.toml").frames if "-" in name]
    assert find_words(root, frames, r"(?<![\w-])(?:%s)(?![\w-])") == []


def test_no_word_of_the_study_is_in_what_the_engine_writes(root: Path) -> None:
    found = [
        f"{path}: {match.group(0)}"
        for path, text in engine(root)
        if path.parts[1] not in SOURCES
        for match in re.finditer(STUDY_WORDS, text)
    ]
    assert found == []


def test_no_code_takes_a_leaf_apart(root: Path) -> None:
    found = [
        f"{path}: {match.group(0)}"
        for path, text in engine(root)
        for match in re.finditer(r"""\b(?:leaf|code|item)\[0\]|\[["']leaf2?["']\]\.str\[0\]|leaf\[\w+\]\[0\]""", text)
    ]
    assert found == []


def test_the_release_names_no_site(root: Path) -> None:
    """What a site's texts may be used for is the study's knowledge: `[[dataset.licences]]` of its configuration."""
    places = [root / "pipeline/schemas.py", *(root / "pipeline/dataset").rglob("*.py")]
    places += list((root / "pipeline/release").rglob("*.py"))
    found = [
        f"{path.relative_to(root)}: {match.group(0)}"
        for path in places
        for match in re.finditer(SITES, path.read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert found == []
