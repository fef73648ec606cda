"""An invented census of six years with all that the estimator knows of: axes, open agreements, karma, people.

Readers differ in what they say of axes, adjudication overturned some agreements and some axes, the classifier knows
something, and the last two years were read in full and hardly at all. All numbers come from one seed.
"""

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.queries import Definition, Denominator, Query
from pipeline.coding.sample import Sample
from pipeline.estimate.classify import Predictions
from pipeline.estimate.domains import Population
from pipeline.estimate.survey import Survey, open_survey
from tests.survey_of import ROUND

LEAVES = ("A1", "A2", "B1", "E1", "N0")
GROUPS = ("A", "A", "B", "E", "N")
YEARS = np.repeat(np.arange(2018, 2024), 100)
READ = (18, 20, 22, 20, 100, 2)  # documents of each year
CODEBOOK = Codebook(
    version=1,
    groups={"A": "theory", "B": "oversight", "E": "other", "N": "outside"},
    leaves={leaf: leaf for leaf in LEAVES},
    group_of=dict(zip(LEAVES, GROUPS, strict=True)),
    axes={"target": {"x": "", "y": ""}, "confidence": {"3": "", "2": "", "1": ""}},
    outside=("N",),
    denominators={
        "safety": Denominator(title="safety", groups=("A", "B", "E")),
        "everything": Denominator(title="everything", groups=("A", "B", "E", "N")),
    },
    definitions=(
        Definition(id="strict", title="", groups=("A",)),
        Definition(id="broad", title="", groups=("A", "B")),
        Definition(id="by_target", title="", nested=False, any_of=(Query(axes={"target": ("y",)}),)),
        Definition(id="sure", title="", nested=False, groups=("A",), min_confidence=2),
    ),
)


def invent_survey(seed: int = 11) -> Survey:
    """Returns the survey of the invented census."""
    sample, population = invent_sample(seed)
    return open_survey(sample, population, CODEBOOK, 0.95, 3)


def invent_sample(seed: int = 11) -> tuple[Sample, Population]:
    """Returns the read sample and all documents."""
    rng = np.random.default_rng(seed)
    documents, truth, chance = _invent_documents(rng)
    rows = np.concatenate([100 * year + np.arange(count) for year, count in enumerate(READ)])
    index = pd.Index(documents["doc_id"].to_numpy()[rows], name="doc_id")
    first, second, ruled = _invent_codes(rng, truth[rows], index)
    is_agreed = (first["leaf"] == second["leaf"]).to_numpy()
    is_settled = ~is_agreed | (rng.random(len(rows)) < 0.35)
    names = np.array([f"f/{year}" for year in range(2018, 2024)])
    year = np.repeat(np.arange(6), READ)
    units = pd.DataFrame(
        {
            "stratum": names[year],
            "frame": "f",
            "year": (2018 + year).astype(str),
            "inclusion_probability": np.array(READ)[year] / 100,
            "phase2_stratum": np.where(is_agreed, "agree", "disagree"),
            "phase2_probability": np.where(is_agreed, 0.35, 1.0),
            "is_adjudicated": is_settled,
            "coder": "one",
            "coder_kind": "model",
            "reader": "one",
            "reader_kind": "model",
            "n_readers": 2,
            "is_stale": False,
            "n_person": (np.arange(len(rows)) % 9 == 0).astype(int),
        },
        index=index,
    )
    strata = pd.DataFrame(
        {"frame": "f", "year": np.arange(2018, 2024).astype(str), "n_population": 100, "n_sample": READ},
        index=pd.Index(names, name="stratum"),
    )
    members = {
        name: frozenset(documents["doc_id"][100 * place : 100 * place + 100]) for place, name in enumerate(names)
    }
    sample = Sample(ROUND, strata, units, (first, second), ruled[is_settled], (), members)
    predictions = Predictions(
        documents["doc_id"].to_numpy(), np.arange(600) % 10, LEAVES, GROUPS, chance, _guess_queries(chance)
    )
    return sample, Population(documents, rows, predictions)


def _invent_documents(rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Returns the documents, their leaves, and what the classifier gives each leaf."""
    leaning = np.stack([np.linspace(0.35, 0.15, 600), np.full(600, 0.15), np.linspace(0.1, 0.25, 600)], axis=1)
    odds = np.hstack([leaning, np.full((600, 1), 0.3), np.full((600, 1), 0.1)])
    odds = odds / odds.sum(axis=1, keepdims=True)
    truth = (rng.random(600)[:, None] > np.cumsum(odds, axis=1)[:, :-1]).sum(axis=1)
    raw = 0.15 * rng.random((600, 5)) + np.eye(5)[truth] * rng.random((600, 1))
    authors = [[f"P{number % 7}", f"Q{number % 90}"] if number % 3 else [f"P{number % 7}"] for number in range(600)]
    documents = pd.DataFrame(
        {
            "doc_id": [f"d{number:04d}" for number in range(600)],
            "source": "forum",
            "frame": "f",
            "published_year": YEARS,
            "authors": authors,
            "names": authors,
            "persons": authors,
            "karma": np.round(np.exp(rng.normal(2, 1.3, 600)), 1),
            "word_count": rng.integers(100, 4_000, 600),
            "text_kind": "full",
        }
    )
    return documents, truth, (raw / raw.sum(axis=1, keepdims=True)).round(4)


def _invent_codes(
    rng: np.random.Generator, truth: np.ndarray, index: pd.Index
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Returns what two readers say, and what adjudication would make of it."""
    shared = np.where(rng.random(len(truth)) < 0.15, rng.integers(0, 5, len(truth)), truth)
    other = np.where(rng.random(len(truth)) < 0.12, rng.integers(0, 5, len(truth)), shared)
    target, told = rng.random(len(truth)) < 0.3, rng.random(len(truth)) < 0.12
    upheld = target & (rng.random(len(truth)) < 0.7)
    confidence = rng.integers(1, 4, len(truth))
    parts = ((shared, target, confidence), (other, target ^ told, confidence), (truth, upheld, confidence))
    first, second, ruled = (_tabulate(*part, index) for part in parts)
    return first, second, ruled


def _tabulate(leaf: np.ndarray, target: np.ndarray, confidence: np.ndarray, index: pd.Index) -> pd.DataFrame:
    columns = {
        "leaf": np.array(LEAVES)[leaf],
        "leaf2": "",
        "target": np.where(target, "y", "x"),
        "confidence": confidence,
        "note": "",
    }
    table = pd.DataFrame(columns, index=index)
    return table.assign(group=table["leaf"].map(CODEBOOK.group_of), group2="")


def _guess_queries(chance: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    counted = {"by_target": 0.3 * chance[:, :4].sum(axis=1), "sure": 0.66 * chance[:, :2].sum(axis=1)}
    return {
        (name, denominator): values.round(4)
        for name, values in counted.items()
        for denominator in CODEBOOK.denominators
    }
