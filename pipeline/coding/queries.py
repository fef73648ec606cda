"""Queries over codes: what a document must be coded as to count, and what a share is a share of."""

from collections.abc import Mapping
from dataclasses import field

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Query:
    """Which codes a document must have to count.

    Its leaf must be in `groups` or `leaves` (none of both: any leaf), leaves of `without_leaves` not coming in by
    their group; every axis named must have one of the codes given; the confidence must be at least `min_confidence`;
    one of `any_of` must hold where there are any. With `count_second` the second leaf may stand in for the first.
    """

    groups: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    without_leaves: tuple[str, ...] = ()
    axes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    min_confidence: int = 1
    any_of: tuple["Query", ...] = ()
    count_second: bool = False


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Definition(Query):
    """A query that says what counts; nested ones each contain the nested one before."""

    id: str
    title: str
    reading: str = ""
    nested: bool = True


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Denominator(Query):
    """The set of documents that a share is a share of; `scope` names the scope it is cut from, where it has several."""

    title: str
    scope: str = ""


@dataclass(frozen=True, config=STRICT)
class Toggles:
    """Leaves that the discussion fights over, and codes of axes whose works some would not count."""

    leaves: tuple[str, ...] = ()
    axes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def codes(self) -> tuple[tuple[str, str], ...]:
        """The codes of axes: axis and code of each."""
        return tuple((axis, code) for axis, codes in self.axes.items() for code in codes)


def holds_all(query: Query, group_of: Mapping[str, str]) -> bool:
    """Whether every document counts, whatever its codes."""
    if query.without_leaves or query.axes or query.any_of or query.min_confidence > 1:
        return False
    named = query.groups or query.leaves
    return not named or all(leaf in query.leaves or group in query.groups for leaf, group in group_of.items())
