"""Stage `scope`: how likely each document is in scope, learned from the read documents.

A document is in scope if its settled leaf is in none of the codebook's groups that are `outside`. The score is the
probability that a logistic regression on the stored vectors gives; a read document is scored by a model that did not
see it. The threshold is the largest that keeps the recall asked for, estimated with the weights of the sample design: a
relevance filter that misses work biases every share, one that lets some through costs a reader's minute. No document is
removed by it.

The read sample holds little general machine learning, and a model of it alone takes half of that field in. So a
background of general machine-learning abstracts (ids and vectors, no text), nobody's sample, joins the fit as
presumed out of scope. It takes no part in the threshold, the recall or the precision.

Precision and recall come from the read documents on both sides of the threshold (those below are the elusion sample),
with Jeffreys Monte-Carlo intervals: the shares in scope above and below are drawn from Beta(x + 1/2, n - x + 1/2),
with n the effective size under the design's weights (Kish 1965), and recall = A p1 / (A p1 + R p0) is computed for
each draw (the delta method's interval covers 36% where no miss was found; this one 92 to 98%).
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold
from threadpoolctl import threadpool_limits

from pipeline import store
from pipeline.coding.codebook import load_codebook
from pipeline.coding.current import read_sample
from pipeline.coding.sample import settle_codes
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.generations import open_generation
from pipeline.schemas import DOCUMENTS, SCOPE, SCOPE_QUALITY, embeddings_table
from pipeline.settings import Scope

log = logging.getLogger(__name__)
DRAWS = 20_000
SCORE_DECIMALS = 6  # above any difference between processors, below any that matters


@dataclass(frozen=True)
class Sides:
    """What is known on each side of the threshold: population counts, weighted shares in scope, effective sizes."""

    accepted_count: int
    rejected_count: int
    accepted_share: float
    rejected_share: float
    accepted_size: float
    rejected_size: float


def run(config: Config) -> None:
    """Reads documents, embeddings and the hand check; writes `scope` and `scope_quality`."""
    start = time.perf_counter()
    documents = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "frame", "published_year"))
    table = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    vectors = store.matrix_from_column(table.column("vector")).astype(np.float32)
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    codes = settle_codes(read_sample(config, codebook, is_coverage_wanted=False)).set_index("doc_id")
    codes = codes[codes.index.isin(documents["doc_id"])]
    place_of = pd.Series(np.arange(len(documents)), index=table.column("doc_id").to_pandas())
    read = place_of[codes.index].to_numpy()
    is_in = ~codes["group"].isin(codebook.outside).to_numpy()
    weights = 1 / codes["inclusion_probability"].to_numpy()
    background = read_background(config)
    scores, threshold = score_documents(vectors, read, is_in, weights, background, config.scope, config.seed)
    quality = measure_quality(scores, threshold, read, is_in, weights, documents["frame"].to_numpy(), config)
    by_person = codes["n_person"].to_numpy() > 0
    frames_read = documents["frame"].to_numpy()[read]
    counts = [int((by_person & ((frames_read == frame) | (frame == ""))).sum()) for frame in quality["frame"]]
    quality = quality.assign(n_person=counts)
    rows = pd.DataFrame(
        {
            "doc_id": place_of.index,
            "scope_score": scores,
            "is_in_scope": scores >= threshold,
            "is_read": np.isin(np.arange(len(scores)), read),
        }
    )
    with open_generation(config.path(config.paths.processed), "scope") as draft:
        store.write_table(SCOPE, rows, draft / "scope.parquet")
        store.write_table(SCOPE_QUALITY, quality, draft / "scope_quality.parquet")
    whole = quality[quality["frame"] == ""].set_index("measure")
    log.info(
        "scope: %d of %d documents reach %.3f; recall %.3f (%.3f to %.3f), precision %.3f (%.3f to %.3f) in %.1f s",
        rows["is_in_scope"].sum(),
        len(rows),
        threshold,
        *(whole.at[name, column] for name in ("recall", "precision") for column in ("value", "low", "high")),
        time.perf_counter() - start,
    )


def read_background(config: Config) -> np.ndarray:
    """Returns the vectors of the background made by the configured encoder: float32 (n, n_dims); n is 0 if none are."""
    width = config.embed.dimension_count
    if not config.scope.background:
        return np.empty((0, width), dtype=np.float32)
    table = store.read_arrow(embeddings_table(width), config.path(config.scope.background))
    is_ours = (table.column("encoder_revision").to_pandas() == config.embed.weights_sha256).to_numpy()
    if not is_ours.any():
        log.warning("scope: the background was made by another encoder and is left out")
    return store.matrix_from_column(table.column("vector"))[is_ours].astype(np.float32)


def fit_scope(vectors: np.ndarray, is_in: np.ndarray, background: np.ndarray, settings: Scope) -> LogisticRegression:
    """Fits the model.

    Args:
        vectors: float32 (n, n_dims), unit rows of the read documents.
        is_in: bool (n,), whether each is in scope.
        background: float32 (n_background, n_dims), presumed out of scope.
        settings: strength of the penalty.
    """
    targets = np.concatenate([is_in, np.zeros(len(background), dtype=bool)])
    model = LogisticRegression(C=settings.inverse_penalty, max_iter=2000)
    return model.fit(np.concatenate([vectors, background]), targets)


def score_documents(
    vectors: np.ndarray,
    read: np.ndarray,
    is_in: np.ndarray,
    weights: np.ndarray,
    background: np.ndarray,
    settings: Scope,
    seed: int,
) -> tuple[np.ndarray, float]:
    """Scores every document and chooses the threshold.

    Args:
        vectors: float32 (n_documents, n_dims), unit rows.
        read: positions of the read documents.
        is_in: whether each read document is in scope.
        weights: one over its inclusion probability.
        background: vectors presumed out of scope.
        settings: model and recall asked for.
        seed: of the folds.

    Returns:
        scores, float64 (n_documents,), the read ones by cross-fitting; and the threshold.

    Raises:
        DataError: the read documents are all in scope or all out.
    """
    if is_in.all() or not is_in.any():
        do = "read more documents, or mark the groups of the codebook that are out of scope with outside = true"
        raise DataError("the read documents are all on one side of the scope", where="scope", do=do)
    folds = RepeatedStratifiedKFold(n_splits=settings.fold_count, n_repeats=settings.repeat_count, random_state=seed)
    crossed = np.zeros(len(read))
    with threadpool_limits(1):  # the products are small: threads would wait for one another most of the time
        scores = fit_scope(vectors[read], is_in, background, settings).predict_proba(vectors)[:, 1]
        for known, held in folds.split(vectors[read], is_in):
            model = fit_scope(vectors[read[known]], is_in[known], background, settings)
            crossed[held] += model.predict_proba(vectors[read[held]])[:, 1] / settings.repeat_count
    scores[read] = crossed
    scores = np.round(scores, SCORE_DECIMALS)
    return scores, choose_threshold(scores[read], is_in, weights, settings.min_recall)


def choose_threshold(scores: np.ndarray, is_in: np.ndarray, weights: np.ndarray, min_recall: float) -> float:
    """Returns the largest score at which the weighted share of in-scope documents kept is at least `min_recall`."""
    ordered = np.argsort(-scores[is_in], kind="stable")
    kept = np.cumsum(weights[is_in][ordered]) / weights[is_in].sum()
    # The last rounding error of a sum must not ask for one document more than all of them.
    return float(scores[is_in][ordered][min(np.searchsorted(kept, min_recall - 1e-12), len(ordered) - 1)])


def measure_quality(
    scores: np.ndarray,
    threshold: float,
    read: np.ndarray,
    is_in: np.ndarray,
    weights: np.ndarray,
    frames: np.ndarray,
    config: Config,
) -> pd.DataFrame:
    """Returns recall and precision with intervals, of all documents and of each frame: rows of `scope_quality`."""
    rng = np.random.default_rng(config.seed)
    rows = []
    for frame in ["", *sorted(set(frames))]:
        is_here = np.ones(len(scores), dtype=bool) if frame == "" else frames == frame
        mine = is_here[read]
        sides = count_sides(scores[is_here], scores[read][mine], is_in[mine], weights[mine], threshold)
        for measure, (value, low, high) in recall_and_precision(sides, config.estimate.level, rng).items():
            rows.append(
                {
                    "frame": frame,
                    "measure": measure,
                    "value": value,
                    "low": low,
                    "high": high,
                    "level": config.estimate.level,
                    "n_population": int(is_here.sum()),
                    "n_read": int(mine.sum()),
                    "n_read_below": int((scores[read][mine] < threshold).sum()),
                    "threshold": threshold,
                }
            )
    return pd.DataFrame(rows)


def count_sides(
    scores: np.ndarray, read_scores: np.ndarray, is_in: np.ndarray, weights: np.ndarray, threshold: float
) -> Sides:
    """Counts a population at and below the threshold, and estimates the share in scope of each side."""
    shares, sizes = [], []
    for is_side in (read_scores >= threshold, read_scores < threshold):
        total = weights[is_side].sum()
        shares.append(float((weights[is_side] * is_in[is_side]).sum() / total) if total else 0.0)
        sizes.append(float(total**2 / (weights[is_side] ** 2).sum()) if total else 0.0)
    accepted = int((scores >= threshold).sum())
    return Sides(accepted, len(scores) - accepted, shares[0], shares[1], sizes[0], sizes[1])


def recall_and_precision(sides: Sides, level: float, rng: np.random.Generator) -> dict[str, tuple[float, float, float]]:
    """Returns recall and precision, each with the ends of its interval at `level`."""
    found = sides.accepted_count * sides.accepted_share
    missed = sides.rejected_count * sides.rejected_share
    above = _jeffreys(sides.accepted_share, sides.accepted_size, rng)
    below = _jeffreys(sides.rejected_share, sides.rejected_size, rng)
    kept = sides.accepted_count * above
    drawn = kept / np.maximum(kept + sides.rejected_count * below, 1e-12)
    tails = [(1 - level) / 2, (1 + level) / 2]
    return {
        "recall": (found / (found + missed) if found + missed else 0.0, *_ends(drawn, tails)),
        "precision": (sides.accepted_share, *_ends(above, tails)),
    }


def _jeffreys(share: float, size: float, rng: np.random.Generator) -> np.ndarray:
    return rng.beta(share * size + 0.5, (1 - share) * size + 0.5, size=DRAWS)


def _ends(values: np.ndarray, tails: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(values, tails)
    return float(low), float(high)
