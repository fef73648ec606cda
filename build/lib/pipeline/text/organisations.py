"""Organisations: one name for each, whatever it is called, and what kind it is, from a table with sources."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("organisations.toml")
KINDS = ("lab", "academia", "independent", "government", "think tank")
# What an affiliation that the table does not have says of itself.
_WORDS: Mapping[str, str] = {
    "academia": (
        r"universit|college|institute of technology|\becole\b|hochschule|polytechni|academy of sciences|school of"
    ),
    "government": r"\bministry\b|\bgovernment\b|\bnational (?:institute|laborator|security)|department of energy",
    "independent": r"\bindependent\b|\bunaffiliated\b",
}
_SHORT_NAME = 5  # characters: shorter names, such as META or ARC, are words too, and count only alone


@dataclass(frozen=True)
class Organisation:
    """One organisation. `source_url` is where it says what it is; empty where only its name says so."""

    name: str
    kind: str
    source_url: str


def find_organisation(text: str) -> Organisation | None:
    """Returns the organisation that an affiliation or a publisher's name means, or nothing where that is not known.

    The table decides; a name it lacks is told by its words, if they are clear, and keeps its own name.
    """
    text = " ".join(text.split())
    folded = _fold(text)
    for key, found in _known().items():
        if folded == key or (len(key) > _SHORT_NAME and re.search(rf"(?<!\w){re.escape(key)}(?!\w)", folded)):
            return found
    kinds = [kind for kind, words in _WORDS.items() if re.search(words, folded)]
    return Organisation(text, kinds[0], "") if len(kinds) == 1 else None


@cache
def _known() -> dict[str, Organisation]:
    """Returns every name and alias in folded spelling, longest first, so that the more exact one is found."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    names = {
        _fold(spelling): Organisation(name, facts["kind"], facts["source_url"])
        for name, facts in table.items()
        for spelling in (name, *facts.get("aliases", ()))
    }
    return dict(sorted(names.items(), key=lambda pair: (-len(pair[0]), pair[0])))


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return " ".join(re.findall(r"[\w.&]+", plain))
