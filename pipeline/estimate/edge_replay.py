"""What reading doubtful documents would have taught the classifier, replayed on what is read already.

Half of the classifier's folds are set aside, to be judged on. The classifier learns from what was read in the others,
but of one frame from a half of it only; then from as many more of the other half, once of its doubtful documents and
once of all of them, drawn by their weights as a draw from the population would. What each way changes in the calls of
the documents set aside is its gain. Everything is repeated over halves of folds, so that near-duplicates never stand on
both sides.

It is the classifier of `classify` (kernel, ridge, power, and the logistic regression of `scope_calls`), asked for the
scope alone. `FoldModels` leave documents out of a system whose inverse is known, so that a repetition costs one
inversion for all frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.estimate.classify import POWERS, to_probabilities
from pipeline.estimate.fold_models import RIDGE, FoldModels
from pipeline.estimate.scope_calls import LIKELY, fit_frames, lay_features

REPEATS = 12
LEAST_READ = 80  # documents of a frame: of fewer, half of a half teaches nothing that could be told from chance
LEAST_DOUBTFUL = 5  # documents that a repetition must have to add
MOST_ADDED = 50
DOUBT = (0.25, 0.75)  # chances between which a document is doubtful: of these a third and more are called wrong
COLUMNS = ("wrong", "brier")


@dataclass(frozen=True)
class Readings:
    """What is read, in the order of the kernel's rows.

    Attributes:
        likeness: float64 (n_read, n_read), of the classifier.
        frame: text (n_read,).
        fold: int (n_read,), of the classifier.
        is_inside: bool (n_read,), in scope by its code.
        weight: float (n_read,), documents that each stands for.
        can_teach: bool (n_read,), read, not only marked by a screener.
    """

    likeness: np.ndarray
    frame: np.ndarray
    fold: np.ndarray
    is_inside: np.ndarray
    weight: np.ndarray
    can_teach: np.ndarray


def replay_readings(readings: Readings, seed: int) -> pd.DataFrame:
    """Returns what reading taught, a row for each frame of which enough was read, by its name.

    Columns: n_repeats; n_taught (documents added, on average); wrong_share_doubtful (of them, called wrong before);
    and for `wrong` (calls at a half) and `brier` (squared error), of a thousand documents that nobody read: `_now`,
    `_doubtful` and `_random` (how many fewer), each with `_error`, the standard error over repetitions, and
    `_apart_error`, that of the difference.
    """
    rng = np.random.default_rng(seed)
    folds, names = np.unique(readings.fold), np.unique(readings.frame)
    wanted = [name for name in names if (readings.frame == name).sum() >= LEAST_READ]
    rows: dict[str, list[dict[str, float]]] = {str(name): [] for name in wanted}
    for _ in range(REPEATS if len(folds) > 1 else 0):
        held = np.isin(readings.fold, rng.permutation(folds)[: len(folds) // 2])
        taught = _Taught.of(readings, np.flatnonzero(~held & readings.can_teach))
        for name in wanted:
            row = _replay(readings, taught, np.flatnonzero(held & (readings.frame == name)), str(name), rng)
            rows[str(name)] += [row] if row else []
    found = {name: _sum_up(pd.DataFrame(each)) for name, each in rows.items() if len(each) > 1}
    return pd.DataFrame.from_dict(found, orient="index")


@dataclass(frozen=True)
class _Taught:
    """All that a repetition may learn from, with the inverse of its system.

    Attributes:
        rows: int (n,), of the readings. inverse: float64 (n, n).
    """

    rows: np.ndarray
    inverse: np.ndarray

    @classmethod
    def of(cls, readings: Readings, rows: np.ndarray) -> "_Taught":
        return cls(rows, np.linalg.inv(readings.likeness[np.ix_(rows, rows)] + RIDGE * np.eye(len(rows))))

    def ask(self, readings: Readings, without: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Returns the chances of some documents, calibrated by frame, float (n_asked,), learnt without some others."""
        out, inside = np.isin(self.rows, without), readings.is_inside[self.rows].astype(float)
        models = FoldModels(out.astype(int), inside[:, None], self.inverse)
        model = models.leave_out(1)
        assert model is not None  # `_replay` leaves some to learn from
        learn, truth = self.rows[model.learn], readings.is_inside[self.rows[model.learn]]
        held_out = models.hold_out(model)
        raw = readings.likeness[np.ix_(asked, learn)] @ model.coefficients + model.centre
        errors = [float(((to_probabilities(held_out, power)[:, 0] - truth) ** 2).sum()) for power in POWERS]
        power = POWERS[int(np.argmin(errors))]
        known, unknown = (to_probabilities(scores, power)[:, 0] for scores in (held_out, raw))
        return _calibrate(readings.frame, (learn, known), (asked, unknown), truth)


def _calibrate(
    frame: np.ndarray, known: tuple[np.ndarray, np.ndarray], asked: tuple[np.ndarray, np.ndarray], truth: np.ndarray
) -> np.ndarray:
    """Returns the chances asked for, made to fit each frame as those of `scope_calls` are: float (n_asked,)."""
    if truth.all() or not truth.any():
        return asked[1]
    names = np.unique(frame)
    learn, ask = (lay_features(chance, frame[rows], names) for rows, chance in (known, asked))
    return fit_frames(learn, truth, ask)


def _replay(
    readings: Readings, taught: _Taught, test: np.ndarray, name: str, rng: np.random.Generator
) -> dict[str, float]:
    """Returns one repetition for one frame; nothing where it has too few doubtful documents to add."""
    pool = rng.permutation(taught.rows[readings.frame[taught.rows] == name])
    spare = pool[len(pool) // 2 :]
    if not len(test) or not len(spare) or len(spare) == len(taught.rows):
        return {}
    chance = taught.ask(readings, spare, np.concatenate([test, spare]))
    before, doubt = chance[: len(test)], chance[len(test) :]
    is_doubtful = (doubt >= DOUBT[0]) & (doubt < DOUBT[1])
    count = min(int(is_doubtful.sum()), MOST_ADDED)
    if count < LEAST_DOUBTFUL:
        return {}
    row = {"n_taught": float(count), **{f"{key}_now": value for key, value in _judge(readings, test, before).items()}}
    for way, able in (("doubtful", is_doubtful), ("random", np.ones(len(spare), dtype=bool))):
        weight = readings.weight[spare] * able
        added = rng.choice(len(spare), count, replace=False, p=weight / weight.sum())
        after = taught.ask(readings, np.delete(spare, added), test)
        row.update({f"{key}_{way}": row[f"{key}_now"] - value for key, value in _judge(readings, test, after).items()})
        row[f"wrong_share_{way}"] = float(((doubt[added] >= LIKELY) != readings.is_inside[spare[added]]).mean())
    return row


def _judge(readings: Readings, rows: np.ndarray, chance: np.ndarray) -> dict[str, float]:
    """Returns wrong calls and squared error, of a thousand documents of the population."""
    truth, weight = readings.is_inside[rows], readings.weight[rows]
    errors = ((chance >= LIKELY) != truth, (chance - truth) ** 2)
    return {key: 1000 * float(weight @ error / weight.sum()) for key, error in zip(COLUMNS, errors, strict=True)}


def _sum_up(rows: pd.DataFrame) -> dict[str, float]:
    """Returns the means of the repetitions, with standard errors of what changed."""
    found = {"n_repeats": float(len(rows))} | {str(name): float(mean) for name, mean in rows.mean().items()}
    for key, values in _changes(rows):
        found[f"{key}_error"] = float(values.std(ddof=1) / np.sqrt(len(rows)))
    return found


def _changes(rows: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    for key in COLUMNS:
        for way in ("doubtful", "random"):
            yield f"{key}_{way}", rows[f"{key}_{way}"]
        yield f"{key}_apart", rows[f"{key}_doubtful"] - rows[f"{key}_random"]
