"""Calls: which documents are called in scope, from chances that are calibrated per frame, at a stated recall.

A chance of a half is a poor place to part documents at: where little is in scope, much of what is there lies below it.
So each frame has its own threshold, the highest that keeps the asked share of its documents in scope: of the read ones
by their code, of the others by their chance. A document is `in` from a half on, `out` below the threshold, and at the
`edge` between them, where reading decides. Chances are those of `classify`, which never saw a document's own code, made
to fit each frame by a logistic regression (Platt 1999) whose frames share a slope and have intercepts that a penalty
holds together. It is cross-fitted by the classifier's folds, and so are the recall and precision that are stated.

Shares do not rest on calls: they take the chances of `classify` as they are.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.sample import Sample, settle_codes
from pipeline.estimate.classify import Predictions
from pipeline.estimate.domains import Population
from pipeline.estimate.reliability import Seen, measure_calibration, share_of, tabulate_reliability
from pipeline.schemas import CALLS, RELIABILITY, SCOPE_CALLS

LIKELY = 0.5  # chance from which a document is in scope rather than not
PENALTY = 1.0  # of the logistic regression; 0.3 and 3 change no calibration error by 0.01
FLOOR = 0.002  # a chance is kept as far from 0 and 1 before its log-odds are taken
DECIMALS = 3  # far above what processors differ by


@dataclass(frozen=True)
class Known:
    """What is known of every document's scope before it is called.

    Attributes:
        frame: text (n,), the frame that each document came with.
        fold: int (n,), the fold whose model predicted it.
        raw: float (n,), the classifier's chance of being in scope.
        read: int (n_read,), rows of the read documents.
        is_inside: bool (n_read,), by their code.
        weight: float (n_read,), documents of the population that each stands for.
        mass: float (n,), what each counts for where a threshold is looked for: itself, or, where the census has only
            part of a stratum, what a read one stands for.
    """

    frame: np.ndarray
    fold: np.ndarray
    raw: np.ndarray
    read: np.ndarray
    is_inside: np.ndarray
    weight: np.ndarray
    mass: np.ndarray


def tabulate_calls(
    population: Population, sample: Sample, codebook: Codebook, recall: float, level: float
) -> dict[str, pd.DataFrame]:
    """Returns the tables `calls`, `scope_calls` and `reliability`; without rows where no recall is asked for.

    Args:
        population: all documents, with predictions.
        sample: the read sample, whose strata the census has whole or in part.
        codebook: which says what is outside.
        recall: share of the documents in scope that a threshold keeps; 0: nothing is called.
        level: of the intervals.
    """
    if not recall or population.predictions is None:
        empty = (CALLS, SCOPE_CALLS, RELIABILITY)
        return {table.name: table.arrow_schema.empty_table().to_pandas() for table in empty}
    known = lay_known(population, sample, codebook)
    chance = calibrate_by_frame(known)
    threshold, is_called = np.empty(len(chance)), np.zeros(len(known.read), dtype=bool)
    for frame in np.unique(known.frame):
        here = known.frame == frame
        threshold[here] = choose_threshold(known, chance, here, recall, fold=None)
        for fold in np.unique(known.fold):
            mine = here[known.read] & (known.fold[known.read] == fold)
            is_called[mine] = chance[known.read[mine]] >= choose_threshold(known, chance, here, recall, fold)
    calls = call_documents(population.predictions, known, chance, threshold, codebook)
    scores, curves = score_calls(known, calls, threshold, is_called, level)
    scores = scores.assign(asked_recall=recall, level=level)
    return {CALLS.name: calls, SCOPE_CALLS.name: scores, RELIABILITY.name: curves}


def lay_known(population: Population, sample: Sample, codebook: Codebook) -> Known:
    """Returns what is known of every document's scope.

    A screener's mark counts as read here, unlike where codes are learnt: of what is screened it says enough (the share
    of marks that were wrong is in the table `agreement`), and without it a frame would seem to be what was left of it.
    """
    predictions, documents = population.predictions, population.documents
    codes = settle_codes(sample)
    assert predictions is not None
    is_inside = ~np.isin(predictions.groups, list(codebook.outside))
    read = pd.Index(documents["doc_id"]).get_indexer(codes["doc_id"])
    weight = 1 / codes["inclusion_probability"].to_numpy(dtype=float)
    is_whole = {
        str(name): population.knows(each, str(name))
        for each in (sample, *sample.for_frames)
        for name in each.strata.index
    }
    mass = np.ones(len(documents))
    mass[read] = np.where(codes["stratum"].map(is_whole).fillna(True).to_numpy(dtype=bool), 1.0, weight)
    return Known(
        frame=documents["frame"].to_numpy(dtype=str),
        fold=predictions.fold,
        raw=predictions.of_leaves(is_inside),
        read=read,
        is_inside=~codes["group"].isin(codebook.outside).to_numpy(),
        weight=weight,
        mass=mass,
    )


def calibrate_by_frame(known: Known) -> np.ndarray:
    """Returns the chance of every document of being in scope, to fit its frame: float (n,), three decimals.

    What was read of a document, or of its near-duplicates, has no part in its own chance.
    """
    features = lay_features(known.raw, known.frame, np.unique(known.frame))
    chance = known.raw.copy()
    for fold in np.unique(known.fold):
        learn, rows = known.fold[known.read] != fold, known.fold == fold
        truth = known.is_inside[learn]
        if truth.any() and not truth.all():
            chance[rows] = fit_frames(features[known.read[learn]], truth, features[rows])
    return chance.round(DECIMALS)


def lay_features(chance: np.ndarray, frame: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Returns what chances are made to fit frames by: log-odds, and the frame among `names`, (n, 1 + n_frames)."""
    kept = np.clip(chance, FLOOR, 1 - FLOOR)
    return np.column_stack([np.log(kept / (1 - kept)), frame[:, None] == names])


def fit_frames(known: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Returns the chances of the documents asked for: float (n_asked,), from features and scope of known ones."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  half a second to load, which a run with kept predictions saves

    model = LogisticRegression(C=PENALTY, solver="newton-cholesky", tol=1e-8, max_iter=200)
    return model.fit(known, truth).predict_proba(asked)[:, 1]


def choose_threshold(known: Known, chance: np.ndarray, here: np.ndarray, recall: float, fold: int | None) -> float:
    """Returns the highest chance, up to a half, from which documents of a frame hold the asked share of its scope.

    Args:
        known: what is known.
        chance: float (n,).
        here: bool (n,), the documents of the frame.
        recall: the asked share.
        fold: what was read of its documents is left out; None: nothing is.
    """
    expected = chance.copy()
    told = np.ones(len(known.read), dtype=bool) if fold is None else known.fold[known.read] != fold
    expected[known.read[told]] = known.is_inside[told]
    order = np.argsort(-chance[here], kind="stable")
    found = np.cumsum((known.mass * expected)[here][order])
    if not found[-1]:
        return LIKELY
    place = int(np.searchsorted(found, recall * found[-1] * (1 - 1e-9)))
    return min(float(chance[here][order][place]), LIKELY)


def call_documents(
    predictions: Predictions, known: Known, chance: np.ndarray, threshold: np.ndarray, codebook: Codebook
) -> pd.DataFrame:
    """Returns the rows of the table `calls`.

    Args:
        predictions: of every document.
        known: what is known.
        chance: float (n,), to fit each frame.
        threshold: float (n,), of each document's frame.
        codebook: its groups.
    """
    groups = np.array(list(codebook.groups))
    is_outside = np.isin(groups, list(codebook.outside))
    by_group = np.column_stack([predictions.of_leaves(np.array(predictions.groups) == group) for group in groups])
    likeliest = [groups[able][by_group[:, able].argmax(axis=1)] for able in (~is_outside, is_outside)]
    scope = np.where(chance >= LIKELY, "in", np.where(chance >= threshold, "edge", "out"))
    is_read = np.zeros(len(chance), dtype=bool)
    is_read[known.read] = True
    return pd.DataFrame(
        {
            "doc_id": predictions.doc_ids,
            "frame": known.frame,
            "chance": chance,
            "scope": scope,
            "group": np.where(scope == "out", likeliest[1], likeliest[0]),
            "is_read": is_read,
        }
    )


def score_calls(
    known: Known, calls: pd.DataFrame, threshold: np.ndarray, is_called: np.ndarray, level: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the rows of `scope_calls` and `reliability`: of every frame, and of all together (frame empty).

    Args:
        known: what is known.
        calls: rows of the table `calls`.
        threshold: float (n,), of each document's frame.
        is_called: bool (n_read,), whether thresholds that did not see a read document's code call it in scope.
        level: of the intervals.
    """
    chance, scope = calls["chance"].to_numpy(), calls["scope"].to_numpy()
    rows, curves = [], []
    for frame in ["", *np.unique(known.frame)]:
        here = (known.frame == frame) | (not frame)
        mine = here[known.read]
        seen = Seen(chance[known.read], known.is_inside, known.weight).of(mine)
        error, noise = measure_calibration(seen)
        row: dict[str, object] = {
            "frame": str(frame),
            "threshold": float(threshold[here][0]) if frame else None,
            "n_documents": int(here.sum()),
            "n_read": len(seen.chance),
            "n_inside": int(seen.is_so.sum()),
            "share_called": float((scope[here] != "out").mean()),
            "share_likely": float((scope[here] == "in").mean()),
            "calibration_error": error,
            "calibration_noise": noise,
        }
        for name, found in (("", is_called[mine]), ("likely_", seen.chance >= LIKELY)):
            for measure, part, whole in (("recall", found, seen.is_so), ("precision", seen.is_so, found)):
                ends = share_of(part, whole, seen.weight, level)
                row.update(zip((f"{name}{measure}{end}" for end in ("", "_low", "_high")), ends, strict=True))
        rows.append(row)
        curves.append(tabulate_reliability(seen, level).assign(frame=str(frame), level=level))
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True)
