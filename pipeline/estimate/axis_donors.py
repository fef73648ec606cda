"""What an open agreement's axes may become: what adjudication did to drawn agreements whose readers said the same.

A hot deck (Andridge and Little 2010): every open document takes the outcome of a donor that is like it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from pipeline.coding.code_columns import CodeColumns
from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_definition
from pipeline.coding.queries import Query

AXES_WORTH = 0.1  # agreements with the same axes that the readers' own axes count for, all together
ALIKE_WORTH = 0.3  # of an agreement whose readers' axes say the same of scope, and as unusual things within it
OTHERS_WORTH = 1.0  # agreements that those with as unusual words, but another scope, count for, all together
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class AxisDonors:
    """What adjudication did to what the readers' axes say, and which drawn agreements speak for which open document.

    Attributes:
        donors: int (n_drawn,), the drawn agreements whose leaf was kept; the donors after them are none: one for each
            reader whose own word was kept.
        codes: int (n_open, n_donors, n_axes), the axes of each open document after each donor's ruling: its own
            readers' where the donor's were upheld, else the donor's ruling.
        likeness: float (n_open, n_donors), 1 where the readers' axes say the same under every query, less where they
            are only as unusual in their scope as the document's, and as much at one.
        order: int (n_open,), place of each document among those whose readers said the same.
    """

    donors: np.ndarray
    codes: np.ndarray
    likeness: np.ndarray
    order: np.ndarray

    @cached_property
    def kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """The different rows of `likeness`, float (n_kinds, n_donors), and each document's: int (n_open,)."""
        rows, kind = np.unique(self.likeness, axis=0, return_inverse=True)
        return rows, kind.reshape(-1)

    @classmethod
    def of(
        cls,
        said: np.ndarray,
        ruled: np.ndarray,
        is_open: np.ndarray,
        is_drawn: np.ndarray,
        meant: np.ndarray,
        scope: np.ndarray,
        version: np.ndarray,
    ) -> "AxisDonors":
        """Finds the donors.

        Args:
            said: int (n_readers, n, 1 + n_axes). ruled: int (n, 1 + n_axes).
            is_open: rows that are not settled. is_drawn: bool (n,), drawn for adjudication by chance.
            meant: int (n_readers + 1, n), what each reader's axes, and last the ruling's, say under the definitions
                and the denominators; scope: int, the same, under the denominators alone.
            version: int (n,), of the codebook: donors speak for documents read under the same one.
        """
        donors = np.flatnonzero(is_drawn & (said[:, :, 0] == ruled[None, :, 0]).any(axis=0))
        axes, meant, scope, is_odd = _sort_readers(said[:, :, 1:], meant, scope)
        count, own = len(donors), len(axes)
        codes = np.repeat(said[0][is_open][:, None, 1:], count + own, axis=1)
        is_upheld = meant[:-1, donors] == meant[-1, donors]  # (n_readers, n_drawn)
        kept = np.where(is_upheld.any(axis=0), is_upheld.argmax(axis=0), -1)
        for number, reader in enumerate(axes):
            codes[:, :count] = np.where((kept == number)[None, :, None], reader[is_open][:, None], codes[:, :count])
            codes[:, count + number] = reader[is_open]
        codes[:, :count] = np.where((kept < 0)[None, :, None], ruled[donors, 1:][None], codes[:, :count])
        likeness = np.full((len(is_open), count + own), AXES_WORTH / own)  # where readers differ, as much for each
        is_known = version[is_open, None] == version[donors]
        is_same = is_known & _say_alike(meant[:-1], is_open, donors)
        is_alike = is_known & ~is_same & _say_alike(np.concatenate([is_odd, _differ(meant)]), is_open, donors)
        is_about = is_alike & _say_alike(scope[:-1], is_open, donors)
        # What is ruled on another scope says little, however often it is.
        is_other = is_alike & ~is_about
        others = OTHERS_WORTH / np.maximum(is_other.sum(axis=1, keepdims=True), OTHERS_WORTH)
        likeness[:, :count] = is_same + ALIKE_WORTH * is_about + others * is_other
        alike = np.unique(meant[:-1][:, is_open], axis=1, return_inverse=True)[1].reshape(-1)
        order = pd.Series(alike).groupby(alike).cumcount().to_numpy() if len(alike) else alike
        return cls(donors, codes, likeness, order)


def _say_alike(words: np.ndarray, rows: np.ndarray, donors: np.ndarray) -> np.ndarray:
    """Returns which donors' readers all say what a document's do: bool (n_rows, n_donors)."""
    return np.asarray((words[:, rows, None] == words[:, None, donors]).all(axis=0))


def _differ(meant: np.ndarray) -> np.ndarray:
    """Returns which readers in order say something else than the one before: bool (n_readers - 1, n)."""
    return meant[1:-1] != meant[:-2]


def _sort_readers(
    axes: np.ndarray, meant: np.ndarray, scope: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Puts the readers of each document into an order that does not hang on who they are.

    First come those whose axes say something else than is usual in their scope: which of two readers said it teaches
    nothing. (What is usual among all documents may be that they are out of scope: every other word is unusual then.)

    Args:
        axes: int (n_readers, n, n_axes). meant, scope: int (n_readers + 1, n).

    Returns:
        axes, meant and scope in that order, and who says something unusual: bool (n_readers, n).
    """
    is_odd = np.zeros(meant[:-1].shape, dtype=bool)
    for each in np.unique(scope[:-1]):
        here = scope[:-1] == each
        values, counts = np.unique(meant[:-1][here], return_counts=True)
        is_odd |= here & (meant[:-1] != values[counts.argmax()])
    order = np.lexsort((meant[:-1], ~is_odd), axis=0)
    axes = np.take_along_axis(axes, order[:, :, None], axis=0)
    meant, scope = (np.vstack([np.take_along_axis(each[:-1], order, axis=0), each[-1:]]) for each in (meant, scope))
    return axes, meant, scope, np.take_along_axis(is_odd, order, axis=0)


def _without_leaves(query: Query) -> Query:
    parts = tuple(_without_leaves(part) for part in query.any_of)
    return replace(query, groups=(), leaves=(), without_leaves=(), any_of=parts)


def read_axes(codebook: Codebook, tables: Sequence[pd.DataFrame]) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the axes alone say under definitions and denominators, and under denominators alone.

    Both are int (n_tables, n), one number for one meaning.
    """
    queries = [_without_leaves(query) for query in (*codebook.definitions, *codebook.denominators.values())]
    number = np.zeros((len(tables), len(tables[0])), dtype=np.int64)
    columns = [CodeColumns(table) for table in tables]
    for query in queries:
        number = 2 * number + np.array([match_definition(query, table) for table in columns])
    return number, number % 2 ** len(codebook.denominators)


def draw_kept(patterns: AxisDonors, times: np.ndarray, places: np.ndarray, start: float) -> np.ndarray:
    """Draws a donor for each open document, as often as it is drawn in the replicate: the code it leads to.

    What a donor stands for is uncertain, not which document takes after it: documents alike in what their readers
    said take evenly spread places among the donors (a golden-ratio sequence), so that no chance is added.
    """
    kinds, kind = patterns.kinds
    weight = kinds.copy()
    weight[:, : len(patterns.donors)] *= times[patterns.donors]
    cumulated = np.cumsum(weight, axis=1)
    cumulated /= cumulated[:, -1:]
    cumulated = np.round(cumulated, 12)
    place = (start + patterns.order * GOLDEN) % 1.0
    column = np.empty(len(place), dtype=np.int64)
    for number, row in enumerate(cumulated):
        column[kind == number] = np.searchsorted(row, place[kind == number])
    return places[np.arange(len(places)), np.minimum(column, places.shape[1] - 1)]
