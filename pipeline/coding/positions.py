"""Positions that people hold, by name: a definition of the codebook with some leaves moved, and where it was said."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_definition
from pipeline.errors import DataError

FILE = "positions.toml"
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
COMMENT = re.compile(r"[A-Za-z0-9]{1,40}")
DO = "mend the line, or remove the file"


@dataclass(frozen=True)
class Position:
    """One position: what its holder counts, as a query, and the link to where they said so.

    Attributes:
        id: its name in links and tables.
        title: its name for people.
        who: who holds it, in our words.
        says: what they count, in our words.
        url: where it was said; empty where it is nobody's in particular.
        comment: the forum's id of the comment that said it; the address then leads to it, else to the whole post.
        definition: of the codebook, that it starts from; empty: it starts from nothing.
        include, exclude: leaves that count, or do not, whatever the definition says.
    """

    id: str
    title: str
    who: str
    says: str
    url: str = ""
    comment: str = ""
    definition: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def load_positions(path: Path, codebook: Codebook) -> tuple[Position, ...]:
    """Returns the positions of `positions.toml`, in its order; none without the file.

    Raises:
        DataError: it is not TOML, or a position lacks a key, has an unknown one, or names what the codebook lacks.
    """
    if not path.is_file():
        return ()
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("positions", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"is not valid TOML: {error}", where=str(path), do=DO) from None
    if not isinstance(rows, list):
        raise DataError("positions must be written as [[positions]]", where=str(path), do=DO)
    positions = tuple(_read_position(row, number, path, codebook) for number, row in enumerate(rows, start=1))
    names = [position.id for position in positions]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"names the position {name!r} twice", where=str(path), do=DO)
    return positions


def match_position(position: Position, codebook: Codebook, codes: pd.DataFrame) -> np.ndarray:
    """Returns which documents count for a position: bool (n,).

    Args:
        position: its leaves count, or do not, by the first leaf alone.
        codebook: which has its definition.
        codes: as `match_query` takes them.
    """
    start = np.zeros(len(codes), dtype=bool)
    if position.definition:
        start = match_definition(_definitions(codebook)[position.definition], codes)
    is_out, is_in = (codes["leaf"].isin(list(leaves)).to_numpy() for leaves in (position.exclude, position.include))
    return (start & ~is_out) | is_in


def _definitions(codebook: Codebook) -> dict[str, Any]:
    return {definition.id: definition for definition in codebook.definitions}


def _read_position(row: Mapping[str, Any], number: int, path: Path, codebook: Codebook) -> Position:
    def fail(what: str) -> DataError:
        return DataError(f"position {number}: {what}", where=str(path), do=DO)

    if not isinstance(row, dict):
        raise fail("must be a table, written as [[positions]]")
    lists, texts = ("include", "exclude"), ("id", "title", "who", "says", "url", "comment", "definition")
    for key in texts[:4]:
        if not row.get(key):
            raise fail(f"lacks {key!r}")
    for key, value in row.items():
        if key not in lists + texts:
            raise fail(f"has an unknown key {key!r}")
        is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if not (is_list if key in lists else isinstance(value, str)):
            raise fail(f"{key!r} must be {'a list of texts' if key in lists else 'a text'}")
    if not ID.fullmatch(row["id"]):
        raise fail(f"the id {row['id']!r} must be small letters, digits and hyphens: it names a file")
    for code in (code for key in lists for code in row.get(key, [])):
        if code not in codebook.leaves:
            raise fail(f"there is no leaf {code!r}")
    if row.get("definition", "") not in {"", *_definitions(codebook)}:
        raise fail(f"there is no definition {row['definition']!r}")
    if row.get("url", "") and not row["url"].startswith(("https://", "http://")):
        raise fail(f"{row['url']!r} is no web address")
    if row.get("comment", "") and not (COMMENT.fullmatch(row["comment"]) and row.get("url", "")):
        raise fail(
            f"the comment {row['comment']!r} must be the letters and digits of its id, beside the url of its post"
        )
    values: dict[str, Any] = {key: tuple(value) if key in lists else value for key, value in row.items()}
    return Position(**{**values, "url": _link_comment(row.get("url", ""), row.get("comment", ""))})


def _link_comment(url: str, comment: str) -> str:
    """Returns the address of a comment under a post of a forum; of the post where its id is not known."""
    if not comment:
        return url
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "commentId"] + [("commentId", comment)]
    return urlunsplit(parts._replace(query=urlencode(query)))
