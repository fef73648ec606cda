"""What the types of a configuration cannot say: names are names, patterns compile, addresses parse, sizes have bounds.

A value is checked by the name of its key, so that a new key of the same kind is checked too.
"""

import math
import re
import re._constants as _constants  # type: ignore[import-not-found]
import re._parser as _parser  # type: ignore[import-not-found]
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pipeline.errors import ConfigError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # of a folder, a file or a table: never a path
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
_MAX_TEXT_CHARACTERS = 10_000
_MAX_PATTERN_CHARACTERS = 1_000
_FIRST_YEAR, _LAST_YEAR = 1900, 2199  # of a date that can be meant
_MODEL = re.compile(r"[A-Za-z0-9][\w.-]{0,100}(?:/[A-Za-z0-9][\w.-]{0,100})?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*(?::\d{1,5})?", re.ASCII)
_CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)?(?:\.[A-Za-z]{2,}(?:-[A-Za-z]+)?)?", re.ASCII)
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
_OPEN_KINDS = (*_REPEATS, _constants.SUBPATTERN, _constants.BRANCH)
PATHS = ("path", "members", "background", "only", "root", "raw", "processed", "handcheck", "reports", "dist", "cache")
# Texts of a form, by key: the form, and what to say of one that has another.
FORMS = {
    "contact": (re.compile(r"(?=[!-~]+$)[^@\s<>();:,]+@[^@\s<>();:,]+\.[^@\s<>();:,]+"), "is no e-mail address"),
    "weights_sha256": (re.compile(r"[0-9a-f]{64}"), "is no SHA-256 in hexadecimal"),
    "model": (_MODEL, "is no name of a model"),
    "moved_from": (_HOST, "is no name of a host"),
    "categories": (_CATEGORY, "is no arXiv class, such as cs.AI"),
    **dict.fromkeys(
        ("headline_definitions", "denominator", "definition", "headline_frame", "renamed_from", "tag_id", "left_out"),
        (NAME, "is no plain name"),
    ),
}
_MAX_SEED = 2**32 - 1  # what numpy takes
ORDERED = (
    ("submitted_from", "submitted_before"),
    ("announced_from", "announced_before"),
    ("after", "before"),
    ("complete_from", "complete_before"),
)
DATES = tuple(name for pair in ORDERED for name in pair)
# Least and largest value, by key or by its ending; a share of 0 or a resolution of 0 would select nothing.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "seed": (0, _MAX_SEED),
    "level": (0.01, 0.9999),
    "resolution": (1e-6, 1e6),
    "inverse_penalty": (1e-9, 1e9),
    "max_document_share": (1e-9, 1.0),
    "min_recall": (0.0, 1.0),
    "scope_recall": (0.0, 1.0),
    "fold_count": (2, 1_000),
    "repeat_count": (1, 1_000),
    "dimension_count": (1, 65_536),
    "max_tokens": (1, 1_000_000),
    "neighbour_count": (1, 10_000),
    "sample_count": (0, 1_000),
    "worker_count": (1, 1_024),
    "batch_size": (1, 65_536),
    "page_size": (1, 10_000),
    "min_size": (1, 10**9),
    "window_days": (1, 36_600),
    "recheck_days": (0, 36_600),
    "seconds_between": (0.0, 86_400.0),
    "min_read_shares": (0.0, 1.0),
    "min_filled": (0.0, 1.0),
    "min_items": (0, 10**9),
    "max_age_days": (0, 36_600),
    "karma_threshold": (-(10**9), 10**9),
    "read": (1e-3, 1e5),
    "adjudicate": (1e-3, 1e5),
    "check": (1e-3, 1e5),
    "max_window_count": (1, 10_000),
    "_share": (0.0, 1.0),
    "_count": (1, 10**9),
    "_limit": (0, 10**9),
    "_per_document": (1, 10**9),
}


def check_values(value: Any, where: str) -> None:
    """Checks every value of a dataclass by the name of its key.

    Raises:
        ConfigError: for the first that cannot be meant, naming its place.
    """
    for place, key, found in _walk(value, ""):
        problem = _find_problem(key, found)
        if problem:
            shown = repr(found)[:80]
            raise ConfigError(f"[{place}] {problem} (it is {shown})", where=where, do="see census.toml for every key")


def check_name(name: str, place: str, where: str) -> None:
    """Checks that a name can be that of a folder or a file.

    Raises:
        ConfigError: it is a path, or has signs that no name should have.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"[{place}] {name[:80]!r} is no plain name",
            where=where,
            do="use letters, digits, points, lines and underscores; at most 64, the first a letter or a digit",
        )


def _walk(value: Any, place: str, key: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yields place, key and value of every leaf and list, and of every dataclass, which may have dates in an order."""
    inner = f"{place}." if place else ""
    if is_dataclass(value) and not isinstance(value, type):
        yield place, key, value
        for item in fields(value):
            yield from _walk(getattr(value, item.name), inner + item.name, item.name)
    elif isinstance(value, Mapping):
        for name, found in value.items():
            yield from _walk(found, f"{inner}{name}", key)
    elif isinstance(value, list | tuple):
        yield place, key, value
        for number, found in enumerate(value):
            yield from _walk(found, f"{inner}{number}", key)
    else:
        yield place, key, value


def _find_problem(key: str, value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return _find_number_problem(key, value)
    if isinstance(value, str):
        return _find_text_problem(key, value)
    if isinstance(value, list | tuple):
        return _find_list_problem(value)
    for first, last in ORDERED:
        start, end = getattr(value, first, ""), getattr(value, last, "")
        if isinstance(start, str) and start and end and start >= end:
            return f"{first} {start} does not lie before {last} {end}"
    return ""


def _find_list_problem(value: Sequence[Any]) -> str:
    texts = [item for item in value if isinstance(item, str)]
    if any(not text.strip() for text in texts):
        return "holds an empty text"
    doubled = next((text for text in texts if texts.count(text) > 1), None)
    return f"says {doubled[:80]!r} twice" if doubled is not None else ""


def _find_number_problem(key: str, value: float) -> str:
    if not math.isfinite(value):
        return "must be a number that is not infinite"
    endings = (found for end, found in BOUNDS.items() if end.startswith("_") and key.endswith(end))
    bounds = BOUNDS.get(key) or next(endings, None)
    if bounds and not bounds[0] <= value <= bounds[1]:
        return f"must lie between {bounds[0]:g} and {bounds[1]:g}"
    return ""


def _find_text_problem(key: str, value: str) -> str:
    if any(not (sign.isprintable() or sign in "\n\t") for sign in value):
        return "holds control characters or half a character"
    if len(value) > _MAX_TEXT_CHARACTERS:
        return f"is longer than {_MAX_TEXT_CHARACTERS:,} characters"
    if key.endswith("_pattern"):
        return _find_pattern_problem(value)
    if not value:
        return ""
    if key in ("url", "homepage") or key.endswith(("_url", "_urls")):
        return _find_url_problem(value)
    if key in DATES or key.endswith("_date"):
        return _find_date_problem(value)
    if key in PATHS and not value.isprintable():
        return "is a path with a line end or a tab in it"
    form, words = FORMS.get(key, (_VARIABLE, "is no name of a variable"))
    is_checked = key in FORMS or key.endswith("_variable")
    if is_checked and (not form.fullmatch(value) or (key == "model" and ".." in value)):
        return words
    return ""


def _find_pattern_problem(value: str) -> str:
    if len(value) > _MAX_PATTERN_CHARACTERS:
        return f"is longer than {_MAX_PATTERN_CHARACTERS:,} characters"
    try:
        re.compile(value)
        tree = _parser.parse(value)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no regular expression: {error}"
    return "repeats a repetition, which may never end: write (a+)+ as a+" if _nests_repeats(tree) else ""


def _nests_repeats(tree: Any, *, is_inside: bool = False) -> bool:
    """Says whether what is repeated without end may be nothing but such repetitions: (a+)+, (a+b*)+, (a|a)*."""
    is_bare = is_inside and all(kind in _OPEN_KINDS for kind, _ in tree)
    for kind, found in tree:
        if kind in _REPEATS:
            is_endless = found[1] == _constants.MAXREPEAT
            if (is_endless and is_bare) or _nests_repeats(found[2], is_inside=is_endless or is_bare):
                return True
        elif kind == _constants.SUBPATTERN:
            if _nests_repeats(found[-1], is_inside=is_bare):
                return True
        elif kind == _constants.BRANCH:
            branches = [str(branch) for branch in found[1]]
            is_doubled = is_inside and len(set(branches)) < len(branches)
            if is_doubled or any(_nests_repeats(branch, is_inside=is_bare) for branch in found[1]):
                return True
    return False


def _find_url_problem(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        return f"is no address: {error}"
    if not is_whole or any(sign.isspace() for sign in value):
        return "is no address that begins with http:// or https:// and names a host"
    return "carries a user name or password; take them out" if "@" in parts.netloc else ""


def _find_date_problem(value: str) -> str:
    if not _DATE.fullmatch(value):
        return "is no date: write YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SSZ"
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError as error:
        return f"is no date: {error}"
    is_meant = _FIRST_YEAR <= moment.year <= _LAST_YEAR
    return "" if is_meant else f"is no date between {_FIRST_YEAR} and {_LAST_YEAR}"
