"""The markups that a source may send."""

from typing import Literal

TextFormat = Literal["plain", "html", "markdown", "latex"]
