"""The codebook as data: groups, leaves, axes, and the definitions that are queries over them."""

import tomllib
from dataclasses import field
from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.config import STRICT, build
from pipeline.errors import CodebookError, ConfigError

AXES = ("target", "mechanism", "scaling", "evidence")


@dataclass(frozen=True, config=STRICT)
class AxisQuery:
    """Codes of the axes, of which a document must have one in each axis named."""

    target: tuple[str, ...] = ()
    mechanism: tuple[str, ...] = ()
    scaling: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Definition:
    """A query over codes that says what counts as direct alignment work.

    A document counts if its leaf is in `groups` or `leaves` and not in `without_leaves` (no groups and no leaves:
    every leaf), if every axis named has one of the codes given, if one of `any_of` holds where there are any, and
    if its confidence is at least `min_confidence`.
    """

    id: str
    title: str
    reading: str
    nested: bool = True
    groups: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    without_leaves: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    mechanism: tuple[str, ...] = ()
    scaling: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    min_confidence: int = 1
    any_of: tuple[AxisQuery, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Denominator:
    """The set of documents that a share is a share of."""

    title: str
    groups: tuple[str, ...]
    without_leaves: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Toggles:
    """Leaves that the discussion fights over."""

    leaves: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Codebook:
    """The whole codebook. The order of the definitions runs from narrow to wide."""

    version: int
    groups: dict[str, str]
    leaves: dict[str, str]
    axes: dict[str, dict[str, str]]
    denominators: dict[str, Denominator]
    definitions: tuple[Definition, ...]
    toggles: Toggles = field(default_factory=Toggles)


def load_codebook(path: Path) -> Codebook:
    """Reads and checks `codebook.toml`.

    Raises:
        CodebookError: it is missing, malformed, or names a code that it does not declare.
    """
    try:
        codebook = build(Codebook, tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except FileNotFoundError:
        raise CodebookError("the codebook is missing", where=str(path), do="restore it from git") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CodebookError(f"is not valid TOML: {error}", where=str(path), do="mend the line it names") from None
    except ConfigError as error:
        raise CodebookError(error.what, where=str(path), do="mend the codebook") from None
    _check_codes(codebook, str(path))
    return codebook


def _check_codes(codebook: Codebook, where: str) -> None:
    for leaf in codebook.leaves:
        if leaf[0] not in codebook.groups:
            raise CodebookError(f"leaf {leaf!r} has no group {leaf[0]!r}", where=where, do="add the group")
    for axis in (*AXES, "confidence"):
        if axis not in codebook.axes:
            raise CodebookError(f"[axes] lacks {axis!r}", where=where, do="add the axis")
    seen: set[str] = set()
    for definition in codebook.definitions:
        place = f"definition {definition.id!r}"
        if definition.id in seen:
            raise CodebookError(f"{place} is there twice", where=where, do="rename one")
        seen.add(definition.id)
        _check_known(definition.groups, codebook.groups, f"{place}, groups", where)
        _check_known((*definition.leaves, *definition.without_leaves), codebook.leaves, f"{place}, leaves", where)
        for query in (definition, *definition.any_of):
            for axis in AXES:
                _check_known(getattr(query, axis), codebook.axes[axis], f"{place}, {axis}", where)
    for name, denominator in codebook.denominators.items():
        _check_known(denominator.groups, codebook.groups, f"denominator {name!r}, groups", where)
        _check_known(denominator.without_leaves, codebook.leaves, f"denominator {name!r}, leaves", where)
    _check_known(codebook.toggles.leaves, codebook.leaves, "toggles", where)


def _check_known(codes: tuple[str, ...], known: dict[str, str], place: str, where: str) -> None:
    for code in codes:
        if code not in known:
            raise CodebookError(f"{place}: there is no code {code!r}", where=where, do=f"use one of {', '.join(known)}")
