"""The codebook as data: groups, leaves, axes, and the definitions that are queries over them."""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.coding.queries import Definition, Denominator, Query, Toggles, holds_all
from pipeline.config import build
from pipeline.errors import CodebookError, ConfigError
from pipeline.settings import STRICT

CONFIDENCE = "confidence"
ASSUMED = "assumed"  # column of codes: axes that the codebook had not then, whose code follows from the leaf
# Names that an axis may not have: columns of sheets and tables, and keys of queries.
RESERVED = frozenset(
    "doc_id leaf leaf2 group group2 note title id reading nested groups leaves axes without_leaves min_confidence "
    "any_of count_second scope assumed text_sha256 shown_sha256 shown model state stratum frame screen unsure".split()
)
QUERY_KEYS = ("definitions", "denominators")
EVERYTHING = "every-document"  # the denominator that a codebook gets which has none that holds every leaf


@dataclass(frozen=True, config=STRICT)
class Study:
    """The words of one study, as its report and its card write them.

    Attributes:
        question: what the page asks.
        output: what a share is a share of, as in "% of papers".
        direct: the adjective of what counts, as in "12% are mechanistic".
        corpus: what the documents are, as in "300 documents of this study".
        subject: what documents out of scope are not about.
        core: what always counts, however the contested lines are drawn.
        limits: what the numbers do not hold, besides what follows from the data.
        data_limits: known limits of the data, for the card of the release.
    """

    question: str = "What share of the documents counts?"
    output: str = "documents"
    direct: str = "counted"
    corpus: str = "this study"
    subject: str = "its subject"
    core: str = "The narrowest definition"
    limits: tuple[str, ...] = ()
    data_limits: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Codebook:
    """The whole codebook. The order of the definitions runs from narrow to wide.

    Attributes:
        groups, leaves: titles by code.
        group_of: the group of each leaf.
        outside: groups that are no part of what is studied, such as what is out of scope.
        colours: for some groups, which colour of the page they have (1 to 6); others are grey.
        axes: further codes of a document, with their meanings; `confidence` is one of them where it is asked.
        axis_titles: for some axes, what they are about.
        assumed: for an axis that earlier versions did not have, what a code of theirs stands for, by the group of its
            leaf; wherever a number rests on it, the tables say so.
        denominators: what shares are shares of; the first is the headline's, and one of them holds every leaf.
    """

    version: int | str
    groups: dict[str, str]
    leaves: dict[str, str]
    group_of: dict[str, str]
    denominators: dict[str, Denominator]
    definitions: tuple[Definition, ...]
    axes: dict[str, dict[str, str]] = field(default_factory=dict)
    outside: tuple[str, ...] = ()
    colours: dict[str, int] = field(default_factory=dict)
    axis_titles: dict[str, str] = field(default_factory=dict)
    assumed: dict[str, dict[str, str]] = field(default_factory=dict)
    toggles: Toggles = field(default_factory=Toggles)
    study: Study = field(default_factory=Study)

    @property
    def code_axes(self) -> tuple[str, ...]:
        """The axes in their order, confidence left out."""
        return tuple(axis for axis in self.axes if axis != CONFIDENCE)

    @property
    def axis_meanings(self) -> dict[str, str]:
        """What a column of codes holds, for each axis in its order and confidence, where it is asked, last."""
        told = {axis: f"axis: {self.axis_title(axis)}" for axis in self.code_axes}
        degrees = ", ".join(f"{code} {meaning}".strip() for code, meaning in self.axes.get(CONFIDENCE, {}).items())
        late = {ASSUMED: "axes that the codebook had not when it was read: what they hold follows from the leaf"}
        return {**told, **(late if self.assumed else {}), CONFIDENCE: degrees or "not asked: 1"}

    @property
    def everything(self) -> str:
        """The denominator that holds every leaf, of which what is outside is a share."""
        return next(name for name, query in self.denominators.items() if holds_all(query, self.group_of))

    @property
    def confidences(self) -> tuple[int, ...]:
        """The degrees of confidence, rising; a single 1 where the codebook does not ask for it."""
        return tuple(sorted(int(code) for code in self.axes.get(CONFIDENCE, {"1": ""})))

    @property
    def doubt(self) -> int:
        """The confidence at and below which a reader is in doubt; 0, which nobody has, where it is not asked."""
        return self.confidences[0] if len(self.confidences) > 1 else 0

    def axis_title(self, axis: str) -> str:
        """Returns what an axis is about."""
        return self.axis_titles.get(axis, axis.replace("_", " "))

    def name_toggle(self, toggle: str) -> str:
        """Returns what a contested line is: a leaf, or an axis and its code; nothing for several leaves together."""
        axis, _, code = toggle.partition(" ")
        return self.leaves.get(toggle) or self.axes.get(axis, {}).get(code, "")

    def leaves_of(self, group: str) -> list[str]:
        """Returns the leaves of a group."""
        return [leaf for leaf, owner in self.group_of.items() if owner == group]

    def is_outside(self, code: str) -> bool:
        """Whether a leaf or a group is no part of what is studied."""
        return self.group_of.get(code, code) in self.outside


def load_codebook(path: Path) -> Codebook:
    """Reads and checks `codebook.toml`.

    Raises:
        CodebookError: it is missing, malformed, or names a code that it does not declare.
    """
    where = str(path)
    try:
        return parse_codebook(tomllib.loads(path.read_text(encoding="utf-8-sig")), where)
    except FileNotFoundError:
        raise CodebookError("the codebook is missing", where=where, do="restore it from git") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CodebookError(f"is not valid TOML: {error}", where=where, do="mend the line it names") from None


def parse_codebook(table: Mapping[str, Any], where: str) -> Codebook:
    """Returns the codebook that a file's tables describe.

    A group is a title, or a table of title, outside and colour; a leaf is a title, or a table of title and group. A
    leaf that names no group belongs to the one with the longest name that its code starts with. In a query the name of
    an axis is a key of its own.

    Raises:
        CodebookError: it is malformed, or names a code that it does not declare.
    """
    groups = {
        code: _entry(value, ("title", "outside", "colour"), f"groups.{code}", where)
        for code, value in _table(table, "groups", where).items()
    }
    leaves = {
        code: _entry(value, ("title", "group"), f"leaves.{code}", where)
        for code, value in _table(table, "leaves", where).items()
    }
    axes = list(_table(table, "axes", where))
    plain = {
        **{key: value for key, value in table.items() if key not in ("groups", "leaves", *QUERY_KEYS)},
        "groups": {code: entry["title"] for code, entry in groups.items()},
        "leaves": {code: entry["title"] for code, entry in leaves.items()},
        "group_of": {code: entry.get("group") or _guess_group(code, groups) for code, entry in leaves.items()},
        "outside": [code for code, entry in groups.items() if entry.get("outside", False)],
        "colours": {code: entry["colour"] for code, entry in groups.items() if "colour" in entry},
        "denominators": {name: _lift_axes(query, axes) for name, query in _table(table, "denominators", where).items()},
        "definitions": [_lift_axes(query, axes) for query in table.get("definitions", [])],
    }
    try:
        codebook = build(Codebook, plain, where)
    except ConfigError as error:
        raise CodebookError(error.what, where=where, do="mend the codebook") from None
    if codebook.denominators and not any(
        holds_all(query, codebook.group_of) for query in codebook.denominators.values()
    ):
        if EVERYTHING in codebook.denominators:
            do = "let it hold every group, or give it another name"
            raise CodebookError(f"denominators.{EVERYTHING} does not hold every leaf", where=where, do=do)
        widest = {**codebook.denominators, EVERYTHING: Denominator(title="every document")}
        codebook = replace(codebook, denominators=widest)
    check_codebook(codebook, where)
    return codebook


def parse_query(query: Mapping[str, Any], codebook: Codebook, where: str) -> Query:
    """Returns a query of one's own, in the form of the codebook's: the name of an axis is a key of its own.

    Raises:
        CodebookError: it has an unknown key, or names a code that the codebook does not declare.
    """
    try:
        found = build(Query, _lift_axes(dict(query), list(codebook.axes)), where)
    except ConfigError as error:
        do = f"use {', '.join(Query.__dataclass_fields__)} or {', '.join(codebook.code_axes)}"
        raise CodebookError(error.what, where=where, do=do) from None
    _check_query(found, codebook, where, where)
    return found


def check_codebook(codebook: Codebook, where: str) -> None:
    """Checks that every code named is declared, and that names can be told apart.

    Raises:
        CodebookError: one is not.
    """
    for kind, codes in (("group", codebook.groups), ("leaf", codebook.leaves)):
        for code in codes:
            if not re.fullmatch(r"[^\W_][\w.-]*", code):
                do = "use letters, digits, _, - and . only"
                raise CodebookError(f"{kind} {code!r}: the code cannot be used", where=where, do=do)
    for leaf, group in codebook.group_of.items():
        if group not in codebook.groups:
            do = f"add the group, or name one of {', '.join(codebook.groups)} in the leaf's table"
            raise CodebookError(f"leaf {leaf!r} has no group {group!r}", where=where, do=do)
        if leaf in codebook.groups:
            raise CodebookError(f"{leaf!r} is a leaf and a group", where=where, do="rename one")
    _check_axes(codebook, where)
    _check_known(codebook.axis_titles, codebook.axes, "axis_titles", where)
    for axis, codes in codebook.assumed.items():
        _check_known([axis], codebook.code_axes, "assumed", where)
        _check_known(codes, codebook.groups, f"assumed.{axis}", where)
        _check_known(codes.values(), codebook.axes[axis], f"assumed.{axis}", where)
    seen: set[str] = set()
    for definition in codebook.definitions:
        place = f"definition {definition.id!r}"
        if definition.id in seen:
            raise CodebookError(f"{place} is there twice", where=where, do="rename one")
        seen.add(definition.id)
        _check_query(definition, codebook, place, where)
    for what, found in (("definition", codebook.definitions), ("denominator", codebook.denominators)):
        if not found:
            raise CodebookError(f"there is no {what}", where=where, do=f"add one under [{what}s]")
    for name, denominator in codebook.denominators.items():
        _check_query(denominator, codebook, f"denominator {name!r}", where)
    _check_known(codebook.toggles.leaves, codebook.leaves, "toggles", where)
    _check_known(codebook.toggles.axes, codebook.code_axes, "toggles, axes", where)
    for axis, contested in codebook.toggles.axes.items():
        _check_known(contested, codebook.axes[axis], f"toggles, {axis}", where)


def _check_axes(codebook: Codebook, where: str) -> None:
    for axis, codes in codebook.axes.items():
        if axis in RESERVED or axis.startswith("coder") or not re.fullmatch(r"[a-z][a-z0-9_]*", axis):
            raise CodebookError(
                f"axis {axis!r}: the name cannot be used", where=where, do="use another, of small letters, digits and _"
            )
        if not codes:
            raise CodebookError(f"axis {axis!r} has no code", where=where, do="give it codes, or remove it")
    for code in codebook.axes.get(CONFIDENCE, {}):
        if not re.fullmatch(r"[1-9][0-9]?", code):
            raise CodebookError(f"confidence {code!r} is not a whole number from 1", where=where, do="count from 1 up")


def _check_query(query: Query, codebook: Codebook, place: str, where: str) -> None:
    _check_known(query.groups, codebook.groups, f"{place}, groups", where)
    _check_known((*query.leaves, *query.without_leaves), codebook.leaves, f"{place}, leaves", where)
    for leaf in set(query.leaves) & set(query.without_leaves):
        raise CodebookError(f"{place}: {leaf!r} is taken in and left out", where=where, do="remove one of the two")
    for axis, wanted in query.axes.items():
        _check_known([axis], codebook.axes, f"{place}, axes", where)
        _check_known(wanted, codebook.axes[axis], f"{place}, {axis}", where)
    for number, part in enumerate(query.any_of, start=1):
        _check_query(part, codebook, f"{place}, any_of {number}", where)


def _check_known(codes: Any, known: Collection[str], place: str, where: str) -> None:
    for code in codes:
        if code not in known:
            raise CodebookError(f"{place}: there is no code {code!r}", where=where, do=f"use one of {', '.join(known)}")


def _table(table: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise CodebookError(f"[{name}] is not a table", where=where, do="mend the codebook")
    return found


def _entry(value: object, keys: tuple[str, ...], place: str, where: str) -> dict[str, Any]:
    entry = value if isinstance(value, dict) else {"title": value}
    for key in entry:
        if key not in keys:
            raise CodebookError(f"[{place}] has an unknown key {key!r}", where=where, do=f"use {', '.join(keys)}")
    if not isinstance(entry.get("title"), str):
        raise CodebookError(f"[{place}] has no title", where=where, do='add title = "…"')
    return entry


def _guess_group(leaf: str, groups: Mapping[str, Any]) -> str:
    return max((group for group in groups if leaf.startswith(group)), key=len, default=leaf[:1])


def _lift_axes(query: object, axes: list[str]) -> object:
    """Returns a query whose keys that name an axis are gathered under `axes`."""
    if not isinstance(query, dict):
        return query
    plain = {key: value for key, value in query.items() if key not in axes}
    named = {key: value for key, value in query.items() if key in axes and value != []}
    if named:
        plain["axes"] = {**plain.get("axes", {}), **named}
    if isinstance(plain.get("any_of"), list):
        plain["any_of"] = [_lift_axes(part, axes) for part in plain["any_of"]]
    return plain
