"""Scores of the corpus stage that may not fall: extraction against hand-written text, and judged pairs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.corpus.facts import facts_of
from pipeline.corpus.same_work import same_work_reason

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


PAIRS = Path(__file__).parent / "fixtures" / "pairs"


@dataclass(frozen=True)
class Score:
    """How well pairs were told apart: counts of same pairs found, wrongly joined, and missed."""

    found: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.wrong)

    @property
    def recall(self) -> float:
        return self.found / (self.found + self.missed)


def read_pairs() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The judged pairs, and the facts of their documents in the shape of `documents` without text."""
    pairs = pd.read_csv(PAIRS / "pairs.csv")
    documents = pd.read_csv(PAIRS / "documents.csv", keep_default_na=False).set_index("doc_id", drop=False)
    documents["authors"] = [[name for name in names.split("; ") if name] for names in documents["authors"]]
    return pairs, documents


def judge_pairs(pairs: pd.DataFrame, documents: pd.DataFrame) -> list[str | None]:
    """What the rules say of each pair; how alike the texts are was computed once, from texts that stay outside."""
    facts = {row.doc_id: facts_of(row) for row in documents.itertuples(index=False)}
    return [
        same_work_reason(
            facts[pair.left_id],
            facts[pair.right_id],
            None if pd.isna(pair.resemblance_score) else pair.resemblance_score,
            bool(pair.has_long_texts),
        )
        for pair in pairs.itertuples(index=False)
    ]


def score_pairs(pairs: pd.DataFrame, is_joined: Sequence[bool]) -> Score:
    is_same, joined = (pairs["verdict"] == "same").to_numpy(), np.asarray(is_joined, dtype=bool)
    return Score(int((is_same & joined).sum()), int((~is_same & joined).sum()), int((is_same & ~joined).sum()))
