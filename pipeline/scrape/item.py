"""What every source yields: one item as the source gives it, or a reject with its reason."""

from dataclasses import dataclass
from typing import Literal

TextFormat = Literal["plain", "html", "markdown", "latex"]


@dataclass(frozen=True)
class Item:
    """One item of a source, uncleaned. Dates are ISO 8601, or YYYY-MM, or YYYY, or empty."""

    place: str
    doc_id: str
    source: str
    frame: str
    title: str
    text: str
    url: str = ""
    authors: tuple[str, ...] = ()
    published_date: str = ""
    tags: tuple[str, ...] = ()
    karma: float | None = None
    karma_read_date: str = ""
    text_format: TextFormat = "plain"
    is_opening: bool = False


@dataclass(frozen=True)
class Reject:
    """An item that could not be used. `place` is unique within the source."""

    place: str
    reason: str
    excerpt: str = ""
