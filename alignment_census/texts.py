"""Text as the census has it: extracted from markup, cleaned, and found again under one id."""

import re

from alignment_census.needs import needing
from pipeline.text import identifiers
from pipeline.text.formats import TextFormat

__all__ = ["canonical_id", "extract_text"]

_BARE_ARXIV = re.compile(r"\d{4}\.\d{4,5}(?:v\d+)?|[a-z-]+(?:\.[A-Za-z]{2})?/\d{7}(?:v\d+)?")


def extract_text(text: str, text_format: TextFormat = "plain") -> str:
    """Returns the clean text of HTML, Markdown, LaTeX or plain text. Needs the extra `pipeline`.

    Cleaning twice changes nothing. The same text hashes the same wherever it was fetched: `text_sha256` of the
    documents is the hash of title, an empty line, and this.

    Args:
        text: as a source sends it.
        text_format: "plain", "html", "markdown" or "latex".

    Returns:
        text in Unicode NFC, with repaired encoding, no control or invisible characters, and single blanks.

    Raises:
        CensusError: the extra is missing, or the format is another word.

    Source: `pipeline/text/extract.py`; how well it extracts is measured in `reports/bench/extraction.md`.

    Example:
        >>> extract_text("<p>Two&nbsp;words</p><script>0</script>", "html")
        'Two words'
    """
    from pipeline.errors import DataError  # noqa: PLC0415

    if text_format not in ("plain", "html", "markdown", "latex"):
        raise DataError(
            f"there is no format {text_format!r}", where="extract_text", do="use plain, html, markdown, latex"
        )
    with needing("pipeline", "extract_text"):
        from pipeline.text.extract import extract_text as extract  # noqa: PLC0415

    return extract(text, text_format)


def canonical_id(name: str) -> str:
    """Returns the one spelling of an id under which the census has a document.

    Args:
        name: an id or an address: "arXiv:2502.17424v3", "2502.17424", "https://arxiv.org/pdf/2502.17424",
            "https://doi.org/10.48550/arXiv.2502.17424", an address of a forum's post.

    Returns:
        "<site>:<id there>", without a version; a name of no known kind as it is, without blanks around it.

    Raises:
        Nothing: whether the census has it, `find_documents` says.

    Source: `pipeline/text/identifiers.py`.

    Example:
        >>> canonical_id("https://arxiv.org/pdf/2502.17424v3"), canonical_id("2502.17424")
        ('arxiv:2502.17424', 'arxiv:2502.17424')
    """
    name = name.strip()
    if "://" in name:
        return identifiers.id_from_url(name) or name
    return identifiers.canonical_id(f"arxiv:{name}" if _BARE_ARXIV.fullmatch(name) else name)
