"""Author strings: one text that names several people, as names. What no rule understands is left out, never invented.

Sources write authors in every way: "A, B and C", "Last, First; Last, First", footnote marks, affiliations in brackets,
e-mail addresses, "et al.", "Author list TBD". One parser reads them all, so that a name counts the same everywhere.
"""

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.text.latex import text_from_latex
from pipeline.text.organisations import find_organisation

_GROUP = re.compile(
    r"\b(collaboration|consortium|team|group|initiative|network)\s*:\s*(?=\S)", re.I
)  # then its members
_EMAIL = re.compile(r"[\w.+-]+(?:@|\s*\[at\]\s*|\(at\))[\w-]+(?:\.[\w-]+)+")
_TAG = re.compile(r"</?[a-z][^<>]*>", re.I)
# Superscript digits, letters and signs that tie a name to a footnote.
_MARKS = re.compile(
    r"[*\u2020\u2021\u00a7\u00b6\u2016\u00b9\u00b2\u00b3\u2070-\u208e\u2217\u22c6\u2605\u2709\u271d\u02b0-\u02b8]+"
    r"|\$\^?\{?[^$]*\}?\$|\^(?:\{[^}]*\}|[\d*\u2020\u2021]+(?:,[\d*\u2020\u2021]+)*)|(?<=[^\W\d_])\d{1,2}(?:\s*,\s*\d{1,2})*(?=\s*(?:[,;&]|$|and\b))"
)
_YEAR_END = re.compile(r"[,\s(]+(?:19|20)\d\d\)?\s*$")
_ET_AL = re.compile(r"[,\s]*\b(?:et\s+al\b\.?|and\s+(?:\d+\s+)?(?:others|more|colleagues|co-?authors)\b\.?)", re.I)
_LEAD = re.compile(
    r"^\s*(?:(?:written|posted|authored|published|edited|guest\s+post|post|words|text)\s+by\s*:?|(?:authors?|team)\s*:|by\s*:?)\s+",
    re.I,
)
_TAIL = re.compile(
    r"[\s,;]*\b(?:in\s+collaboration\s+with|with\s+(?:help|support|contributions|thanks|input|assistance)\s+from"
    r"|on\s+behalf\s+of|for\s+the\s+\w+\s+(?:team|collaboration)|as\s+part\s+of|with\s+the\s+\w+\s+team"
    r"|on\s+(?:\d|jan|feb|mar|apr|may\s+\d|jun|jul|aug|sep|oct|nov|dec)\w*)\b.*$",
    re.I | re.S,
)
_ROLES = re.compile(
    r"^(?:(?:dr|prof|professor|mr|mrs|ms|mx|sir|dame|rev|phd)\.?\s+)+"
    r"|[\s,]+(?:ph\.?\s?d|m\.?\s?d|m\.?sc|b\.?sc|mba|esq|cfa)\.?(?=$|[\s,])",
    re.I,
)
_SUFFIX = re.compile(r"^(?:jr|sr|ii|iii|iv|v)\.?$", re.I)
_NOBODY = re.compile(
    r"^(?:authors?(?:\s+list)?(?:\s+(?:tbd|tba|to\s+be\s+\w+|pending|forthcoming))?|tbd|tba|n/a|none|null|undefined|unknown"
    r"(?:\s+author)?|anonymous(?:\s+authors?)?|anon|admin(?:istrator)?|editor(?:s|ial)?|webmaster|user|staff|root|guest"
    r"|no\s+authors?|ph\.?d\.?|m\.?d\.?|m\.?sc\.?|mba|esq\.?|and|by|with|various(?:\s+authors)?|others?|et\s+al\.?|\[?anonymous\]?|\[deleted(?:\s+(?:user|account))?\]|equal\s+contribution|-+|\?+)$",
    re.I,
)
_ROLE_NAME = re.compile(
    r"^(?:(?:senior|junior|staff|principal|lead|chief|associate|assistant|visiting)\s+)*(?:research(?:er|\s+(?:scientist"
    r"|engineer|fellow|lead|manager|director|analyst|assistant))|engineer|director|ceo|cto|co-?founder|founder"
    r"|policy\s+\w+|ph\.?d\.?\s+(?:student|candidate)|professor(?:\s+of\s+.*)?|member\s+of\s+technical\s+staff)$",
    re.I,
)
_WORD = re.compile(r"[^\W\d_]")
_ALPHANUMERIC = re.compile(r"[^\W_]")
_SPLIT = re.compile(
    r"\s*(?:,\s*(?:and|&)\s+|\s+(?:and|&)\s+|\s+with\s+|\s*[;|\u2022\u00b7\u3001\uff0c\uff1b]\s*|\s+[/+]\s+|\n+|,\s*)\s*"
)
_HARD = re.compile(r"\s*(?:;|\||\u2022|\u00b7|\n)+\s*")
_INITIALS = re.compile(r"(?:[A-Z\u00c0-\u00de]\.?[\s-]*){1,4}")
_NICKNAME = re.compile(r"[\"'\u201c]?[^\W\d_][\w'-]*\.?[\"'\u201d]?")
_GIVEN = re.compile(r"[^\W\d_][^\s,;:()]*\.?(?: [^\W\d_][^\s,;:()]*\.?)?")  # "Jia", "Ji Woong"
_SURNAME = re.compile(r"(?:(?:van|von|de|den|der|di|da|la|le|el|bin|dos|du) )*[^\W\d_][^\s,;:()]*\.?", re.I)
SEPARATOR = "; "  # of the places of one author
MAX_INITIALS = 3  # letters that a nickname such as "DK" has; longer ones in capitals are institutions
MAX_NAME_WORDS = 8  # longer is a sentence
MAX_NAME_CHARACTERS = 100


@dataclass(frozen=True)
class Author:
    """One author as a source gives them."""

    name: str
    affiliation: str = ""
    orcid: str = ""


def split_authors(text: str) -> tuple[str, ...]:
    """Returns the names in an author string, in order, each once; none where it names nobody.

    >>> split_authors("Ada Anders, Bo Berg* and Cy Cole Jr. (Inst, Town) et al.")
    ('Ada Anders', 'Bo Berg', 'Cy Cole Jr.')
    """
    return tuple(author.name for author in read_authors(text))


def read_authors(text: str) -> tuple[Author, ...]:
    """Returns the authors in an author string, with what stands in brackets behind a name as the affiliation."""
    text = _TAG.sub(" ", html.unescape(html.unescape(text)))
    text = (
        unicodedata.normalize("NFC", text_from_latex(text) if "\\" in text else text).replace("{", "").replace("}", "")
    )
    bare = _TAIL.sub("", _LEAD.sub("", " \n".join(" ".join(line.split()) for line in text.splitlines())))
    bare = _mail_names(_GROUP.sub(r"\1, ", bare))
    bare, notes = _take_brackets(bare)
    bare = _YEAR_END.sub("", _ET_AL.sub("", bare))
    told = [Author(*_restore(part, notes)) for part in _join_suffixes(_names(_MARKS.sub("", bare)))]
    found: dict[str, Author] = {}
    for author in join_nicknames(told):
        if is_name(author.name) and author.name not in found:
            found[author.name] = replace(author, affiliation=_places_only(author.affiliation))
    return tuple(found.values())


def _places_only(told: str) -> str:
    """Returns what says where somebody works: not signs of a footnote and initials, but "MIT"."""
    marks = told.split(SEPARATOR)
    return SEPARATOR.join(mark for mark in marks if len(mark) > MAX_INITIALS or find_organisation(mark))


def join_nicknames(authors: Sequence[Author]) -> list[Author]:
    """Puts people together whom arXiv parts at a nickname in brackets, and takes the nickname from everybody else.

    arXiv reads "Ada Anders, Jia (Kevin) Liu" as "Ada Anders (Kevin), Jia (Kevin), Liu": first name and surname are two
    authors, and the nickname stands, as if it were where they work, behind each author since the last bracket.

    >>> told = [Author("Ada Anders", "Kevin"), Author("Jia", "Kevin"), Author("Liu")]
    >>> [(author.name, author.affiliation) for author in join_nicknames(told)]
    [('Ada Anders', ''), ('Jia Liu', '')]
    """
    joined: list[Author] = []
    for author in authors:
        before = joined[-1] if joined else None
        if before is None or not _is_parted(before, author):
            joined.append(author)
            continue
        joined[-1] = replace(author, name=f"{before.name} {author.name}")
        for place in range(len(joined) - 2, -1, -1):
            if joined[place].affiliation != before.affiliation:
                break
            joined[place] = replace(joined[place], affiliation="")
    return joined


def _is_parted(first: Author, second: Author) -> bool:
    """Says whether two authors are the halves of one name: a word with a nickname behind it, and another word."""
    nickname = first.affiliation
    if not _NICKNAME.fullmatch(nickname) or nickname == second.affiliation or find_organisation(nickname):
        return False
    is_acronym = nickname.isupper() and len(nickname) > MAX_INITIALS
    return not is_acronym and bool(_GIVEN.fullmatch(first.name) and _SURNAME.fullmatch(second.name))


def clean_names(names: "list[str] | tuple[str, ...]") -> tuple[str, ...]:
    """Returns names that a source gives one by one, without marks and titles; one entry may still name several.

    A comma inside an entry of a longer list parts surname and first name ("Berg, Bo"), unless it parts two whole names.
    """
    return tuple(dict.fromkeys(name for text in names for name in split_authors(text)))


def is_name(text: str) -> bool:
    """Says whether a text can be the name of a person or a group: has letters, is short, is no placeholder."""
    return (
        bool(_WORD.search(text))
        and not _NOBODY.match(text)
        and not _ROLE_NAME.match(text)
        and len(text) <= MAX_NAME_CHARACTERS
        and len(text.split()) <= MAX_NAME_WORDS
        and not text.lower().startswith(("http:", "https:", "www."))
    )


def is_nobody(text: str) -> bool:
    """Says whether a text says that nobody is known, or nothing at all: `Unknown`, `[deleted]`, `-`."""
    return not _ALPHANUMERIC.search(text) or bool(_NOBODY.match(text.strip()))


def _mail_names(text: str) -> str:
    """Takes addresses out: `ada@x.org (Ada Anders)` and `Ada Anders <ada@x.org>` both name Ada Anders."""
    text = re.sub(rf"(?:mailto:)?{_EMAIL.pattern}\s*\(([^()@]+)\)", r"\1", text)
    text = re.sub(rf"[<(\[]\s*(?:mailto:)?{_EMAIL.pattern}\s*[>)\]]", "", text)
    return _EMAIL.sub("", text)


def _take_brackets(text: str) -> tuple[str, list[str]]:
    """Replaces each outermost bracket by a mark, so that commas inside part nothing. Returns text and contents."""
    kept: list[str] = []
    notes: list[str] = []
    inside: list[str] = []
    depth = 0
    for char in text:
        if char in "([":
            depth += 1
            if depth == 1:
                inside = []
                continue
        if char in ")]" and depth:
            depth -= 1
            if depth == 0:
                kept.append(f"\x02{len(notes)}\x03")
                notes.append("".join(inside).strip())
                continue
        (inside if depth else kept).append(char)
    return "".join(kept), notes


def _restore(part: str, notes: list[str]) -> tuple[str, str]:
    """Returns name and what stands in brackets behind it; a bracket inside a name, such as a nickname, is dropped."""
    behind = re.search(r"(?:\s*\x02\d+\x03)*[^\w\x02\x03]*$", part)
    marks = [notes[int(number)] for number in re.findall(r"\x02(\d+)\x03", behind.group() if behind else "")]
    key = dict(re.findall(r"\(?(\d+)\)\s*([^()]+)", notes[-1])) if notes and re.match(r"\(\d+\)", notes[-1]) else {}
    if key:  # "(1), (1 and 2) ((1) One Place (2) Another)": the last bracket says what the numbers stand for
        numbers = [number for mark in marks if mark != notes[-1] for number in re.findall(r"\d+", mark)]
        marks = [key[number].strip(" ,;") for number in numbers if number in key]
    name = " ".join(re.sub(r"\s*\x02\d+\x03", " ", part).split())
    name = " ".join(_ROLES.sub("", name).split()).strip(" ,;:*-\u2013\u2014\"\u201c\u201d'")
    if re.search(r"\w\s*\.$", name) and not re.search(r"(?:\b\w|\bJr|\bSr)\.$", name):
        name = name.rstrip(".")
    return _turn(name), SEPARATOR.join(mark for mark in marks if not re.fullmatch(r"[\d,\s*]+", mark))


def _names(text: str) -> list[str]:
    """Splits at what parts people. Where ";" or "|" does, a comma parts surname and first name."""
    hard = [part for part in _HARD.split(text) if part.strip()]
    if len(hard) > 1:
        found: list[str] = []
        for part in hard:
            pieces = [piece for piece in _SPLIT.split(part) if piece and piece.strip()]
            is_turned = len(pieces) == 2 and "," in part and " and " not in part and " & " not in part
            found += [f"{pieces[0]}, {pieces[1]}"] if is_turned else pieces
        return found
    ands = re.split(r"\s+and\s+", text)
    if len(ands) > 1 and all(re.fullmatch(r"[^,]+,[^,]+", part) for part in ands):  # as BibTeX has it
        return ands
    pieces = [part.strip() for part in _SPLIT.split(text) if part and part.strip()]
    return _pair_initials(pieces) or pieces


def _pair_initials(pieces: list[str]) -> list[str]:
    """Joins "Berg, B., Cole, C. D." to one piece a person; nothing if the list is not of that kind."""
    firsts = pieces[1::2]
    if len(pieces) < 2 or len(pieces) % 2 or not all(_INITIALS.fullmatch(part) for part in firsts):
        return []
    if not all(len(part) > 2 for part in pieces[0::2]):
        return []
    return [f"{last}, {first}" for last, first in zip(pieces[0::2], firsts, strict=True)]


def _join_suffixes(parts: list[str]) -> list[str]:
    """Puts "Jr." and the like back to the name before them."""
    joined: list[str] = []
    for part in parts:
        if joined and _SUFFIX.match(part.strip()):
            joined[-1] = f"{joined[-1]} {part.strip()}"
        else:
            joined.append(part)
    return joined


def _turn(name: str) -> str:
    """Writes "Last, First" as "First Last"."""
    last, comma, first = name.partition(",")
    return f"{first.strip()} {last.strip()}" if comma and first.strip() else name.rstrip(",")
