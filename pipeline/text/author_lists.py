"""The author list of a document: who it names, one entry each, as the source spells them.

A list may hold one entry for all authors ("Ada Anders, Bo Berg"), an entry that says that nobody is known, or a name
twice. Nothing is guessed: an entry of which no rule says that it names several people is one person.
"""

import re
from collections.abc import Sequence

from pipeline.text.authors import Author, is_nobody, read_authors

_PARTS = re.compile(
    r"[,;|&\u3001\uff0c\uff1b]|\s(?:and|with)\s|\\"
)  # what may part people, and what LaTeX writes signs with

_QUOTED = re.compile(r"\[?'.*'\]?")  # one entry of a list that was written as text


def list_authors(
    names: Sequence[str], affiliations: Sequence[str] | None = None, orcids: Sequence[str] | None = None
) -> tuple[Author, ...]:
    """Returns the authors that a document names, each once; none where it names nobody.

    Args:
        names: the entries of its list.
        affiliations, orcids: one text for each entry, if the source says them; else none or empty.

    >>> [author.name for author in list_authors(["Ada Anders, Bo Berg and Cy Cole"])]
    ['Ada Anders', 'Bo Berg', 'Cy Cole']
    >>> [author.name for author in list_authors(["Anders, Ada", "jylin04", "Unknown"])]
    ['Anders, Ada', 'jylin04']
    """
    found: dict[str, Author] = {}
    for entry, affiliation, orcid in zip(
        names, _beside(affiliations, len(names)), _beside(orcids, len(names)), strict=True
    ):
        for author in _read_entry(str(entry).strip(), affiliation, orcid):
            found.setdefault(author.name, author)
    return tuple(found.values())


def _read_entry(entry: str, affiliation: str, orcid: str) -> Sequence[Author]:
    if _QUOTED.fullmatch(entry):
        entry = entry.strip("[]'")
    if is_nobody(entry):
        return ()
    parts = read_authors(entry) if _PARTS.search(entry) else ()
    if not parts or (len(parts) == 2 and not any(" " in author.name for author in parts)):  # "Berg, Bo"
        return (Author(entry, affiliation, orcid),)
    if len(parts) == 1:
        return (Author(parts[0].name, affiliation or parts[0].affiliation, orcid),)
    return parts


def _beside(values: Sequence[str] | None, count: int) -> Sequence[str]:
    """Returns what stands beside each entry, where the source says something of each."""
    return [str(value) for value in values] if values is not None and len(values) == count else [""] * count
