"""Made-up samples for the estimator, of three codes: counts, in the denominator only, outside."""

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.queries import Definition, Denominator
from pipeline.coding.rounds import Round
from pipeline.coding.sample import Sample
from pipeline.estimate.classify import Predictions
from pipeline.estimate.domains import Population
from pipeline.estimate.shares import Shares, estimate_shares
from pipeline.estimate.survey import Survey, open_survey

LEAVES = ("A1", "E1", "N0")  # counts; in the denominator only; outside
CODEBOOK = Codebook(
    version=1,
    groups={"A": "counts", "E": "in the denominator", "N": "outside"},
    leaves=dict(zip(LEAVES, ("counts", "in the denominator", "outside"), strict=True)),
    group_of={"A1": "A", "E1": "E", "N0": "N"},
    axes={"target": {"x": ""}, "confidence": {"3": "", "2": "", "1": ""}},
    outside=("N",),
    denominators={
        "safety": Denominator(title="safety", groups=("A", "E")),
        "everything": Denominator(title="everything", groups=("A", "E", "N")),
    },
    definitions=(
        Definition(id="strict", title="", groups=("A",)),
        Definition(id="broad", title="", groups=("A", "E")),
    ),
)
ROUND = Round(title="made up", seed=1, codebook="1", design="", shown="", coders=())


def codes_of(leaf: np.ndarray, index: pd.Index) -> pd.DataFrame:
    """Returns a reader's codes: leaves as numbers of `LEAVES`."""
    columns = {"leaf": np.array(LEAVES)[leaf], "leaf2": "", "target": "x", "confidence": 3, "note": ""}
    table = pd.DataFrame(columns, index=index)
    return table.assign(group=table["leaf"].str[0], group2="")


def sample_of(
    truth: np.ndarray,
    stratum: np.ndarray,
    drawn: np.ndarray,
    *,
    readers: tuple[np.ndarray, ...] | None = None,
    is_settled: np.ndarray | None = None,
    phase2_probability: np.ndarray | float = 1.0,
    inclusion: np.ndarray | None = None,
    prediction: np.ndarray | None = None,
) -> tuple[Sample, Population]:
    """Returns a sample of a population and the population.

    Args:
        truth: int (n,), the leaf of every document as a number of `LEAVES`; what adjudication says.
        stratum: int (n,).
        drawn: int (n_read,), rows that are read.
        readers: int (n_read,) leaves each; None: the truth.
        is_settled: bool (n_read,); None: everything is adjudicated.
        phase2_probability: float (n_read,), chance of being adjudicated.
        inclusion: float (n,), inclusion probabilities; None: equal in each stratum.
        prediction: float (n, 3), the classifier's chances; None: no classifier.
    """
    rows = np.sort(drawn)
    order = np.argsort(drawn, kind="stable")
    sizes, counts = np.bincount(stratum), np.bincount(stratum[rows], minlength=int(stratum.max()) + 1)
    doc_ids = np.array([f"d{number:06d}" for number in range(len(truth))])
    names = np.array([f"f/s{number}" for number in range(len(sizes))])
    index = pd.Index(doc_ids[rows], name="doc_id")
    probability = (counts / sizes)[stratum[rows]] if inclusion is None else inclusion[rows]
    settled = np.ones(len(rows), dtype=bool) if is_settled is None else is_settled[order]
    second = np.broadcast_to(np.asarray(phase2_probability, dtype=float), (len(rows),))[order]
    units = pd.DataFrame(
        {
            "stratum": names[stratum[rows]],
            "frame": "f",
            "year": "",
            "inclusion_probability": probability,
            "phase2_stratum": np.where(second < 1, "agree", "disagree"),
            "phase2_probability": second,
            "is_adjudicated": settled,
            "n_person": 0,
        },
        index=index,
    )
    strata = pd.DataFrame(
        {"frame": "f", "year": "", "n_population": sizes, "n_sample": counts}, index=pd.Index(names, name="stratum")
    )
    own = codes_of(truth[rows], index)
    said = (own, own) if readers is None else tuple(codes_of(leaf[order], index) for leaf in readers)
    members = {name: frozenset(doc_ids[stratum == number]) for number, name in enumerate(names)}
    sample = Sample(ROUND, strata, units, said, own[settled], (), members)
    documents = pd.DataFrame({"doc_id": doc_ids, "frame": "f", "published_year": -1, "authors": [[]] * len(truth)})
    documents = documents.assign(names=documents["authors"], persons=documents["authors"])
    documents = documents.assign(text_kind="opening", word_count=0, karma=np.nan)
    predictions = None
    if prediction is not None:
        predictions = Predictions(doc_ids, np.zeros(len(truth), dtype=int), LEAVES, ("A", "E", "N"), prediction, {})
    return sample, Population(documents, rows, predictions)


def survey_of(sample: Sample, population: Population, level: float = 0.95, seed: int = 1) -> Survey:
    """Returns the survey of a made-up sample."""
    return open_survey(sample, population, CODEBOOK, level, seed)


def share_of(survey: Survey, denominator: str = "safety") -> Shares:
    """Returns the shares of `CODEBOOK`'s definitions in the whole frame."""
    part = survey.part(survey.domains[0])
    assert part is not None
    return estimate_shares(
        part,
        survey.definitions(survey.codebook.definitions),
        survey.inside(survey.codebook.denominators[denominator]),
        survey.level,
    )


def plain_share(hits: int, n_read: int, size: int, seed: int = 1) -> Shares:
    """Returns the share of a simple random sample with so many hits: everything is in the denominator."""
    truth = np.ones(size, dtype=int)
    truth[:hits] = 0
    drawn = np.arange(n_read)
    return share_of(survey_of(*sample_of(truth, np.zeros(size, dtype=int), drawn), seed=seed))
