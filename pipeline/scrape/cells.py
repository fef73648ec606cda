"""Cells: one value of a file, read as the type that its field declares, or refused with the reason. Nothing is guessed.

Files are read strings first: a number of JSON is the text it was written as, so that 2501.00010 keeps its zero.
"""

import json
import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from pipeline.text.author_lists import list_authors
from pipeline.text.dates import read_date

MAX_ID_CHARACTERS = 500
RUN_BY_BROWSERS = ("javascript", "data", "vbscript")  # schemes of texts that are code where an address stands
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_MAX_EXACT = 2**53  # from here on a 64-bit float does not hold every whole number
_LIST_STARTS = ('["', "['")


class Unreadable(Exception):  # noqa: N818  not an error of the run: the reason why a cell is refused
    """A cell does not hold what its field declares. The argument is the reason."""


class Literal(str):
    """A number as it was written."""


@dataclass(frozen=True)
class Foreign:
    """A value that has no form here, such as bytes; `name` says what it is."""

    name: str


def read_text(value: Any) -> str:
    """Returns a cell as text, empty where there is none.

    Raises:
        Unreadable: it is no text.
    """
    if is_empty(value):
        return ""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    raise Unreadable(f"is {_name_of(value)}")


def read_plain(value: Any) -> str:
    """Returns a cell as text of one line that any file can hold. Raises as `read_text`, and for halves of characters
    or control characters."""
    text = read_text(value).strip()
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise Unreadable("holds control characters or half a character")
    return text


def read_id(value: Any) -> str:
    """Returns an id. Raises as `read_plain`, and for what was a number too long: its digits may be lost already."""
    if isinstance(value, float) and not math.isnan(value):
        raise Unreadable("is a floating-point number, which loses zeros and digits: write ids as text")
    text = read_plain(value)
    if any(unicodedata.category(character) == "Cf" for character in text):
        raise Unreadable("holds a character that cannot be seen")
    if len(text) > MAX_ID_CHARACTERS:
        raise Unreadable(f"is longer than {MAX_ID_CHARACTERS} characters")
    return text


def read_url(value: Any) -> str:
    """Returns an address. Raises as `read_plain`, for what cannot be taken apart, and for what a browser would run."""
    text = read_plain(value)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise Unreadable("is no address") from None
    if parts.scheme.lower() in RUN_BY_BROWSERS:
        raise Unreadable("is no address but something to run")
    return text


def read_number(value: Any) -> float | None:
    """Returns a number, or None for an empty cell.

    Raises:
        Unreadable: it is none, not finite, or too large to be held exactly.
    """
    if is_empty(value):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise Unreadable(f"is {_name_of(value)}")
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        raise Unreadable("is no number")
    number = float(value)
    if not math.isfinite(number) or abs(number) >= _MAX_EXACT:
        raise Unreadable("is too large")
    return number


def read_names(value: Any, separator: str = ";") -> tuple[str, ...]:
    """Returns a list of texts; a plain text is parted at the separator, or read as JSON if it is a list in JSON.

    Raises:
        Unreadable: it is neither, or holds something else than texts.
    """
    if is_empty(value):
        return ()
    if isinstance(value, str) and not isinstance(value, Literal):
        if not value.strip().startswith(_LIST_STARTS):
            return _clean(value.split(separator))
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Unreadable("is a list written as text, and not in JSON") from None
    if not isinstance(value, list | tuple):
        raise Unreadable(f"is {_name_of(value)}")
    strange = [part for part in value if not (part is None or (isinstance(part, str) and type(part) is not Literal))]
    if strange:
        raise Unreadable(f"holds {_name_of(strange[0])}")
    return _clean(value)


def read_author_names(value: Any) -> tuple[str, ...]:
    """Returns the names of a list, or of one text that may name several people: "Ada Anders, Bo Berg".

    What is said of a person in brackets goes; what is no list of whole names, such as "Berg, Bo", stays as it is.
    Raises as `read_names`.
    """
    names = read_names(value)
    if not isinstance(value, str) or len(names) != 1:
        return names
    found = tuple(author.name for author in list_authors(names))
    return found if len(found) > 1 or (found and "(" in names[0]) else names


def read_day(value: Any) -> str:
    """Returns a date as YYYY-MM-DD, YYYY-MM or YYYY, or nothing for an empty cell. Forms: see `text/dates.py`.

    Raises:
        Unreadable: it is no date of a stated form.
    """
    if is_empty(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a year column with an empty cell, as pandas writes it
    if isinstance(value, date | datetime):
        value = value.isoformat()
    day = read_date(read_text(value))
    if day is None:
        raise Unreadable("is no date of a known form")
    return day


def is_empty(value: Any) -> bool:
    """Says whether a cell is empty: nothing, blanks, or the NaN that stands for nothing in tables of numbers."""
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and not value.strip())
    )


def excerpt(value: Any) -> str:
    """Returns the start of a cell as a reject shows it."""
    text = value.name if isinstance(value, Foreign) else value if isinstance(value, str) else repr(value)
    return " ".join(text[:300].split())[:120]


def _clean(parts: Any) -> tuple[str, ...]:
    return tuple(text for text in (str(part or "").strip() for part in parts) if text)


def _name_of(value: Any) -> str:
    if isinstance(value, Foreign):
        return value.name
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, Literal | int | float | Decimal):
        return "a number"
    names = {"list": "a list", "tuple": "a list", "dict": "an object", "bytes": "bytes", "str": "a text"}
    return names.get(type(value).__name__, f"a {type(value).__name__}")
