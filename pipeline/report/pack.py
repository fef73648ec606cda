"""The data of the page as texts: JSON and numbers, compressed, in letters of base64."""

import base64
import hashlib
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.report.atlas import list_documents, map_payload, read_payload
from pipeline.report.content import Content
from pipeline.report.payload import explorer_payload, merge_weights, replicates_payload

GZIP = 31  # to zlib: with the header of gzip, in which Python's own function has another byte from 3.13 on
KEY_LETTERS = 16  # of the hash of the map's data, by which the page knows its own


@dataclass(frozen=True)
class PageData:
    """What the page's script reads: all but `places` stands in the page itself.

    Attributes:
        map_key: names `places`, so that the page knows its own.
        places: the map, and the documents that nobody read.
        read: the documents that were read.
        explorer: design, codes and queries.
        replicates: what differs from replicate to replicate.
    """

    map_key: str
    places: Markup
    read: Markup
    explorer: Markup
    replicates: Markup


def pack_page(content: Content) -> PageData:
    """Returns the data of the page, compressed while the rest is gathered: compression holds no lock of Python's."""
    documents = list_documents(content)
    with ThreadPoolExecutor() as pool:
        places = pool.submit(pack_json, map_payload(content, documents))
        weights = merge_weights(content)
        replicates = pool.submit(pack_bytes, replicates_payload(weights))
        read = pool.submit(pack_json, read_payload(content, documents))
        explorer = explorer_payload(content, weights)
        map_key = hashlib.sha256(places.result().encode()).hexdigest()[:KEY_LETTERS]
        packed = pack_json({**explorer, "map_key": map_key})
        return PageData(map_key, places.result(), read.result(), packed, replicates.result())


def pack_json(value: object) -> Markup:
    """Returns JSON, compressed, in letters of base64: no text in it can close the element that it stands in."""
    return pack_bytes(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=list).encode())


def pack_bytes(data: bytes) -> Markup:
    """Returns bytes, compressed, in letters of base64."""
    return Markup(base64.b64encode(zlib.compress(data, level=7, wbits=GZIP)).decode())
