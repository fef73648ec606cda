"""Text cleaning: what a source sends becomes text that hashes the same wherever it was fetched."""

import re
import unicodedata
from collections.abc import Callable

import ftfy

from pipeline.store import sha256_of_text
from pipeline.text.formats import TextFormat
from pipeline.text.latex import text_from_latex
from pipeline.text.markup import text_from_html, text_from_markdown

_READERS: dict[TextFormat, Callable[[str], str]] = {
    "plain": str,
    "html": text_from_html,
    "markdown": text_from_markdown,
    "latex": text_from_latex,
}
_FIX = ftfy.TextFixerConfig(
    unescape_html=False, uncurl_quotes=False, remove_terminal_escapes=True, normalization="NFC", explain=False
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ue000-\uf8ff\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all of Unicode's, but for line ends and tabs
_PLAIN = re.compile("[\t\n\x20-\x7e]*")  # most English text is nothing else
_LINE_END = re.compile(r"\r\n?|[\u0085\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r"\n{3,}")
MAX_PASSES = 20  # each pass that changes anything shortens or normalises; real texts need one or two
_TRAILING_DOTS = re.compile(r"(?:\s*\.\.\.|\s*\u2026)$")


def extract_text(text: str, text_format: TextFormat) -> str:
    """Returns the clean text of what a source sends, whatever its markup; plain text is only cleaned."""
    return clean_text(_READERS[text_format](text))


def clean_text(text: str) -> str:
    """Returns text in NFC with repaired encoding, no control or invisible characters, and single blanks.

    Cleaning twice changes nothing: mending one fault may bring another to light, so it goes on until nothing changes.
    """
    for _ in range(MAX_PASSES):
        cleaned = _clean_once(text)
        if cleaned == text:
            break
        text = cleaned
    return text


def _clean_once(text: str) -> str:
    text = _LINE_END.sub("\n", text)
    is_plain = _PLAIN.fullmatch(text) is not None
    if not is_plain:
        text = _mend_characters(text)
    text = _BLANKS.sub(" ", text)
    text = "\n".join(line.strip(" ") for line in text.split("\n"))
    text = _EMPTY_LINES.sub("\n\n", text).strip()
    return text if is_plain else unicodedata.normalize("NFC", text)


def _mend_characters(text: str) -> str:
    """Repairs encoding and removes control and invisible characters: plain text has nothing of the kind."""
    text = ftfy.fix_text(text, _FIX)
    text = _LINE_END.sub("\n", text)
    text = _INVISIBLE.sub("", text)
    return _CONTROL.sub("", text)


def clean_title(title: str) -> str:
    """Returns a cleaned title on one line."""
    return " ".join(clean_text(title).split())


def strip_ellipsis(text: str) -> str:
    """Removes the dots that a source puts after the beginning of a longer text."""
    return _TRAILING_DOTS.sub("", text).rstrip()


def compose_text(title: str, text: str) -> str:
    """Returns what is hashed and encoded: cleaned title, an empty line, cleaned text."""
    return f"{title}\n\n{text}"


def text_sha256(title: str, text: str) -> str:
    """Returns the hash that ties a vector to a text: SHA-256 of `compose_text`."""
    return sha256_of_text(compose_text(title, text))
