"""The read documents as values with their strata: what every estimate starts from, checked against its design."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pipeline.errors import PipelineError
from pipeline.estimate.phases import Phase2, impute_codes

WHERE = "estimate_share"


class EstimateError(PipelineError):
    """The sample does not fit the design it is said to come from."""


@dataclass(frozen=True)
class Reads:
    """The read documents as values, with their strata.

    Attributes:
        y, denominator: float (n,), 0 to 1.
        stratum: int (n,), position of each document's stratum in `sizes` and `counts`.
        sizes, counts: float (n_strata,), documents of the population and documents read.
        prediction: float (n, 2), predicted y and predicted denominator; or None.
        prediction_means: float (n_strata, 2), their means over the population, times size where sizes are given.
        size: float (n,), what each document counts for: 1, or its words, or its share of a person.
        phase2: the adjudication, where not every document is settled.
    """

    y: np.ndarray
    denominator: np.ndarray
    stratum: np.ndarray
    sizes: np.ndarray
    counts: np.ndarray
    prediction: np.ndarray | None = None
    prediction_means: np.ndarray | None = None
    size: np.ndarray | None = None
    phase2: Phase2 | None = None

    @property
    def stratum_share(self) -> np.ndarray:
        """W_h, float (n_strata,)."""
        return self.sizes / self.sizes.sum()

    @property
    def unread(self) -> np.ndarray:
        """1 - n_h / N_h, float (n_strata,)."""
        return 1 - self.counts / self.sizes

    @property
    def weight(self) -> np.ndarray:
        """Share of the population that each read document stands for, float (n,); sums to one."""
        return (self.stratum_share / self.counts)[self.stratum]

    def values(self) -> np.ndarray:
        """Returns y and denominator, imputed where unsettled and multiplied by size: float (n, 2)."""
        pair = (self.y, self.denominator)
        columns = np.stack(pair if self.phase2 is None else impute_codes(*pair, self.phase2), axis=1)
        return columns if self.size is None else columns * self.size[:, None]

    def predicted(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the predictions of the read documents, times size, and their means: (n, 2) and (n_strata, 2)."""
        if self.prediction is None or self.prediction_means is None:
            return np.zeros((len(self.y), 2)), np.zeros((len(self.sizes), 2))
        read = self.prediction if self.size is None else self.prediction * self.size[:, None]
        return read, self.prediction_means


def check_sample(
    y: np.ndarray,
    stratum: np.ndarray,
    stratum_sizes: Mapping[str, int],
    denominator: np.ndarray | None,
    phase2: Phase2 | None,
) -> Reads:
    """Returns the sample of `shares.estimate_share`, or says what does not fit.

    Raises:
        EstimateError: see there.
    """
    values = np.asarray(y, dtype=np.float64)
    base = np.ones_like(values) if denominator is None else np.asarray(denominator, dtype=np.float64)
    names, indices, counts = np.unique(np.asarray(stratum), return_inverse=True, return_counts=True)
    if not len(values) == len(base) == len(indices):
        raise EstimateError(
            f"y, denominator and stratum have {len(values)}, {len(base)} and {len(indices)} rows", where=WHERE
        )
    if not len(values):
        raise EstimateError("there is no read document", where=WHERE, do="read some, or leave this share out")
    for label, array in (("y", values), ("denominator", base)):
        if not np.all((array >= 0) & (array <= 1)):
            raise EstimateError(f"{label} has values outside 0 to 1, or missing ones", where=WHERE)
    if np.any(values > base):
        raise EstimateError(
            "a document has the property but is not in the denominator", where=WHERE, do="intersect the two"
        )
    unread = sorted(name for name, size in stratum_sizes.items() if size and name not in set(names.tolist()))
    unknown = sorted(set(names.tolist()) - set(stratum_sizes))
    if unread or unknown:
        raise EstimateError(
            f"stratum {(unread or unknown)[0]!r} {'has no read document' if unread else 'is not in the design'}",
            where=WHERE,
            do="read a document of it, or join it with another",
        )
    sizes = np.array([stratum_sizes[name] for name in names.tolist()], dtype=np.float64)
    if np.any(counts > sizes):
        raise EstimateError(
            f"more documents read than there are in stratum {names[int(np.argmax(counts > sizes))]!r}", where=WHERE
        )
    if phase2 is not None:
        _check_phase2(phase2, len(values))
    return Reads(values, base, indices, sizes, counts.astype(np.float64), phase2=phase2)


def _check_phase2(phase2: Phase2, count: int) -> None:
    """Checks that an adjudication is about the read documents and its pool of one length."""
    for name in ("cell", "is_settled", "reader_y", "reader_denominator"):
        if getattr(phase2, name).shape != (count,):
            raise EstimateError(f"phase2.{name} has {len(getattr(phase2, name))} rows, not {count}", where=WHERE)
    pooled = len(phase2.pool_cell)
    for name in ("pool_y", "pool_denominator", "pool_weight", "pool_prediction"):
        values = getattr(phase2, name)
        wanted = (pooled, 2) if name == "pool_prediction" else (pooled,)
        if values is not None and values.shape != wanted:
            raise EstimateError(f"phase2.{name} has the shape {values.shape}, not {wanted}", where=WHERE)
        if values is not None and not np.isfinite(values).all():
            raise EstimateError(f"phase2.{name} has missing or infinite values", where=WHERE)


def add_predictions(
    reads: Reads,
    prediction: np.ndarray,
    prediction_means: Mapping[str, float | tuple[float, float]],
    names: list[str],
) -> Reads:
    """Checks predictions and adds them to the sample; a single column predicts y, with the denominator's constant."""
    read = np.asarray(prediction, dtype=np.float64)
    missing = [name for name in names if name not in prediction_means]
    if missing:
        raise EstimateError(f"stratum {missing[0]!r} has no prediction_means", where=WHERE)
    means = np.array([np.atleast_1d(np.asarray(prediction_means[name], dtype=np.float64)) for name in names])
    if read.ndim == 1:
        read = read[:, None]
    if len(read) != len(reads.y) or read.shape[1:] != means.shape[1:] or read.shape[1] not in {1, 2}:
        raise EstimateError(
            f"prediction has the shape {read.shape} and prediction_means {means.shape} for {len(reads.y)} documents",
            where=WHERE,
            do="give one column, or two (y and denominator), in both",
        )
    if not (np.isfinite(read).all() and np.isfinite(means).all()):
        raise EstimateError("prediction or prediction_means has missing or infinite values", where=WHERE)
    if read.shape[1] == 1:
        read, means = (np.hstack([part, np.zeros_like(part)]) for part in (read, means))
    return replace(reads, prediction=read, prediction_means=means)
