"""XML from strangers: no entities, no DTD, no network; a damaged record does not take its page with it."""

import re
from collections.abc import Iterator

from lxml import etree

from pipeline.errors import FetchError
from pipeline.web.response import TryAgain, refuse_dense

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CONTROL_REFERENCE = re.compile(rb"&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01])|x0*(?:[0-8bcBCeEfF]|1[0-9a-fA-F]));")
_PROLOGUE_BYTES = 4_096
MAX_XML_TAGS = 500_000  # 2,500 OAI records, the largest page there may be, have 150,000
MAX_XML_BYTES = 24 * 2**20


def parse_xml(body: bytes, where: str) -> etree._Element:
    """Returns the root of a document; control characters, which XML forbids, are taken out first.

    Raises:
        FetchError: it has a document type declaration, which none of our services sends, or far too many tags.
        TryAgain: it is not XML, or ends early.
    """
    start = body[:_PROLOGUE_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"<") or re.match(rb"<(?:!doctype\s+)?html", start, re.I):
        raise TryAgain("not XML")
    refuse_dense(body, (b"<",), MAX_XML_TAGS, MAX_XML_BYTES, where)
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise FetchError(
            "the XML declares a document type or entities; it was refused",
            where=where,
            do="report it if the service really sends this",
        )
    # Entities stay unread and nothing is loaded; `huge_tree` only lifts the limit on one text, which the cap on
    # bodies already bounds.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    cleaned = _CONTROL_REFERENCE.sub(b"", _CONTROL.sub(b"", body))
    try:
        return etree.fromstring(cleaned, parser)
    except etree.XMLSyntaxError as error:
        raise TryAgain(f"damaged XML ({str(error).splitlines()[0][:100]})") from None


def parse_each(body: bytes, element: str, opening: bytes, where: str) -> Iterator[etree._Element | bytes]:
    """Yields each `element` of a document that does not parse as a whole; one that is itself damaged, as bytes.

    Args:
        opening: the start tag of the root, with its namespaces.
    """
    name = element.encode()
    closing = b"</" + opening[1:].split(b" ")[0].split(b">")[0] + b">"
    for piece in re.findall(rb"<" + name + rb"[ >].*?</" + name + rb">", body, re.DOTALL):
        try:
            yield parse_xml(opening + piece + closing, where)[0]
        except (TryAgain, FetchError):
            yield piece


def text_of(element: etree._Element, path: str, namespaces: dict[str, str]) -> str:
    """Returns the text of the first match, stripped, or nothing."""
    found = element.find(path, namespaces)
    return "" if found is None else "".join(found.itertext()).strip()
