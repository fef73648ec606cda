"""The named agendas of a study, as data, and what readers said of documents against that list."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.record_view import KINDS
from pipeline.coding.spreadsheet import read_rows
from pipeline.errors import DataError, SheetError

FILE = "agendas.toml"
SHEETS = ("sheets", "agendas")
COLUMNS = ("doc_id", "agendas", "agendas_version", "coder_kind")
NONE = "none"  # what a reader writes of a document of no agenda
DO = "mend the entry"
TEXTS = ("id", "name", "says")
LISTS = ("leaves", "phrases", "seeds")


@dataclass(frozen=True)
class Agenda:
    """One agenda.

    Attributes:
        id: its name in tables and commands: small letters, digits and hyphens.
        name: its name for people.
        says: what it is, in one sentence.
        leaves: of the codebook, that it refines.
        phrases: that name it, as `pipeline.text.phrases` looks for them.
        seeds: doc_ids of documents that are plainly of it.
    """

    id: str
    name: str
    says: str
    leaves: tuple[str, ...]
    phrases: tuple[str, ...]
    seeds: tuple[str, ...]


@dataclass(frozen=True)
class AgendaList:
    """The agendas in their order, and the version that readers name."""

    version: int
    agendas: tuple[Agenda, ...]

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids in order."""
        return tuple(agenda.id for agenda in self.agendas)


def load_agendas(path: Path, codebook: Codebook) -> AgendaList:
    """Returns the agendas of `agendas.toml`; none without the file.

    Raises:
        DataError: it is not TOML, an entry lacks a key or has an unknown one, names a leaf that the codebook lacks, or
            an id, or a seed of one agenda, stands twice.
    """
    if not path.is_file():
        return AgendaList(0, ())
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"is not valid TOML: {error}", where=str(path), do=DO) from None
    version, rows = content.get("version"), content.get("agendas", [])
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DataError("version must be a whole number from 1 on", where=str(path), do="write version = 1")
    if set(content) - {"version", "agendas"}:
        unknown = sorted(set(content) - {"version", "agendas"})[0]
        raise DataError(f"has an unknown key {unknown!r}", where=str(path), do="remove it")
    if not isinstance(rows, list):
        raise DataError("agendas must be written as [[agendas]]", where=str(path), do=DO)
    agendas = tuple(_read_agenda(row, number, path, codebook) for number, row in enumerate(rows, start=1))
    seen: set[str] = set()
    for agenda in agendas:
        if agenda.id in seen:
            raise DataError(f"names the agenda {agenda.id!r} twice", where=str(path), do=DO)
        seen.add(agenda.id)
    return AgendaList(version, agendas)


def read_agenda_sheets(handcheck: Path, listed: AgendaList) -> pd.DataFrame:
    """Returns what readers said of documents under the version of the list: a person's word before a language model's.

    Returns:
        index doc_id; columns agendas (tuples of ids, empty for none), coder, coder_kind. Of two readers of one kind the
        one whose sheet comes first in the alphabet counts.

    Raises:
        SheetError: a line lacks a column, names an unknown agenda or kind, or a document stands twice in a sheet.
    """
    parts = [_read_sheet(path, listed) for path in sorted(handcheck.joinpath(*SHEETS).glob("*.csv"))]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(
            {"agendas": [], "coder": [], "coder_kind": []}, index=pd.Index([], name="doc_id", dtype=str)
        )
    rows = pd.concat(parts)
    rows["rank"] = rows["coder_kind"].map({kind: place for place, kind in enumerate(("person", "language model"))})
    rows = rows.sort_values(["doc_id", "rank", "coder"], kind="stable").drop_duplicates("doc_id")
    return rows.set_index("doc_id")[["agendas", "coder", "coder_kind"]]


def _read_sheet(path: Path, listed: AgendaList) -> pd.DataFrame:
    rows: dict[str, tuple[tuple[str, ...], str]] = {}
    for line, row in read_rows(path, COLUMNS):
        where = f"{path}:{line}"
        if row["doc_id"] in rows:
            raise SheetError(f"{row['doc_id']} stands twice", where=where, do="keep one line of it")
        if row["coder_kind"] not in KINDS:
            raise SheetError(
                f"coder_kind {row['coder_kind']!r} is unknown", where=where, do=f"write {' or '.join(KINDS)}"
            )
        if row["agendas_version"] != str(listed.version):
            continue
        said = row["agendas"].split()
        if not said:
            raise SheetError(f"{row['doc_id']} has no agenda", where=where, do=f"write its agendas, or {NONE}")
        unknown = [name for name in said if name not in listed.ids and said != [NONE]]
        if unknown:
            raise SheetError(f"there is no agenda {unknown[0]!r}", where=where, do=f"write ids of {FILE}, or {NONE}")
        rows[row["doc_id"]] = (() if said == [NONE] else tuple(dict.fromkeys(said)), row["coder_kind"])
    columns = {"agendas": [each for each, _ in rows.values()], "coder_kind": [kind for _, kind in rows.values()]}
    return pd.DataFrame({"doc_id": list(rows), **columns, "coder": path.stem})


def _read_agenda(row: Mapping[str, Any], number: int, path: Path, codebook: Codebook) -> Agenda:
    def fail(what: str) -> DataError:
        name = row.get("id") if isinstance(row, dict) else None
        return DataError(f"agenda {number}{f' ({name})' if name else ''}: {what}", where=str(path), do=DO)

    if not isinstance(row, dict):
        raise fail("must be a table, written as [[agendas]]")
    for key in (*TEXTS, *LISTS):
        if not row.get(key):
            raise fail(f"lacks {key!r}")
    for key, value in row.items():
        if key not in TEXTS + LISTS:
            raise fail(f"has an unknown key {key!r}")
        is_list = isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)
        if not (is_list if key in LISTS else isinstance(value, str)):
            raise fail(f"{key!r} must be {'a list of texts' if key in LISTS else 'a text'}")
        if is_list and len(set(value)) < len(value):
            raise fail(f"{key!r} names one thing twice")
    if row["id"] == NONE or not all(sign.isdigit() or "a" <= sign <= "z" or sign == "-" for sign in row["id"]):
        raise fail(f"{row['id']!r} cannot be an id: small letters, digits and hyphens, and not {NONE!r}")
    for leaf in row["leaves"]:
        if leaf not in codebook.leaves:
            raise fail(f"there is no leaf {leaf!r}")
    for phrase in row["phrases"]:
        if not phrase.strip("* "):
            raise fail(f"{phrase!r} would match every text")
    values: dict[str, Any] = {key: tuple(row[key]) if key in LISTS else row[key] for key in (*TEXTS, *LISTS)}
    return Agenda(**values)
