"""Scoring of extracted text against hand-written text: which words came out, in which order."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

FOLDER = Path(__file__).parent / "fixtures" / "extraction"


@dataclass(frozen=True)
class Case:
    """One invented document: its markup, and the text a person would copy from it."""

    name: str
    format: str
    source: str
    text: str


def read_cases() -> list[Case]:
    cases = []
    for path in sorted(FOLDER.glob("*.txt")):
        for block in path.read_text(encoding="utf-8").split("=== ")[1:]:
            name, _, rest = block.partition("\n")
            source, _, text = rest.partition("--- text\n")
            cases.append(Case(name.strip(), path.stem, source.removesuffix("\n"), text.strip()))
    return cases


def word_f1(found: str, expected: str) -> float:
    """F1 of the words of the longest matching blocks, in order; 1.0 where both are the same words."""
    left, right = (re.findall(r"\w+|[^\w\s]", text) for text in (found, expected))
    if not left or not right:
        return float(left == right)
    blocks = SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
    return 2 * sum(block.size for block in blocks) / (len(left) + len(right))
