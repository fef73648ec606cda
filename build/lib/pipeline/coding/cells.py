"""Cells of a sheet, cleaned and checked by one set of rules: from the page, a spreadsheet, a model or a file."""

import re
import unicodedata
from collections.abc import Mapping

from pipeline.coding.codebook import Codebook

NOTE_LIMIT = 4_000  # characters; a quotation and a reason fit, a pasted paper does not
FORMULA_STARTS = ("=", "+", "-", "@")
FREE_COLUMNS = ("note", "name")  # typed by people: shortened by nobody, so their length is checked
_INVISIBLE = re.compile(r"[\u200b\u200c\u200d\u2060\ufeff\u00ad]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean_text(text: str) -> str:
    """Returns a text on one line that can be written as UTF-8: half a character becomes U+FFFD, controls go."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return " ".join(_CONTROL.sub(" ", whole).split())


def clean_code(text: str, allowed: Mapping[str, str]) -> str:
    """Returns the code that a cell means: full-width letters, lower case, invisible marks and 3.0 are forgiven."""
    plain = clean_text(_INVISIBLE.sub("", unicodedata.normalize("NFKC", clean_text(text)))).strip("'\"` ")
    by_fold = {code.casefold(): code for code in allowed}
    return by_fold.get(plain.casefold(), by_fold.get(plain.removesuffix(".0").casefold(), plain))


def axes_of(codebook: Codebook) -> tuple[str, ...]:
    """Returns the axes of a codebook in its order, confidence last as in every sheet."""
    return (*(axis for axis in codebook.axes if axis != "confidence"), "confidence")


def code_columns(codebook: Codebook) -> tuple[str, ...]:
    """Returns the columns of a sheet that hold codes."""
    return ("leaf", "leaf2", *axes_of(codebook))


def allowed_codes(codebook: Codebook, column: str) -> Mapping[str, str]:
    """Returns the codes that a column may hold, with their meanings."""
    return codebook.leaves if column.startswith("leaf") else codebook.axes[column]


def find_cell_problem(codebook: Codebook, column: str, value: str) -> str:
    """Returns what is wrong with one cell, or an empty text; an empty cell is never wrong by itself."""
    if column in code_columns(codebook):
        allowed = allowed_codes(codebook, column)
        if value.startswith(FORMULA_STARTS):
            return f"{column} holds a formula ({value[:20]}); type the code itself"
        if value and value not in allowed:
            return f"{column} {value[:40]!r} is not in the codebook; use one of {', '.join(allowed)}"
    elif column in FREE_COLUMNS and len(value) > NOTE_LIMIT:
        return f"{column} has {len(value):,} characters; {NOTE_LIMIT:,} are allowed"
    elif column == "unsure" and value not in {"", "yes"}:
        return f"unsure {value[:40]!r} is neither yes nor empty"
    return ""


def clean_cells(codebook: Codebook, cells: Mapping[str, str]) -> dict[str, str]:
    """Returns cells with codes spelt as the codebook spells them and texts that can be written."""
    codes = code_columns(codebook)
    return {
        column: clean_code(value, allowed_codes(codebook, column)) if column in codes else clean_text(value)
        for column, value in cells.items()
    }
