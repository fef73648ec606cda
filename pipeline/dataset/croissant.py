"""Croissant metadata: the release described for machines (MLCommons Croissant 1.0)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.coding.codebook import Study
from pipeline.config import Config
from pipeline.dataset.bibtex import render_bibtex
from pipeline.release.citation import LICENCE_URL, list_creators
from pipeline.schemas import Table

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def describe_release(
    config: Config, study: Study, tables: Sequence[Table], hashes: Mapping[str, str], released: str
) -> dict[str, Any]:
    """Returns the Croissant description of a release as JSON-LD.

    Args:
        config: title, version and address.
        study: its words.
        tables: the tables of the release; each is one file.
        hashes: SHA-256 of each file, by name.
        released: day of the newest document, YYYY-MM-DD: the same for the same data, unlike today's date.
    """
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"census-{config.version}",
        "description": f"{config.dataset.title} {config.version}: facts, vectors, counts of {study.corpus}",
        "license": LICENCE_URL,
        **({"url": config.dataset.url} if config.dataset.url else {}),
        "creator": [{"@type": "sc:Organization", "name": name} for name in list_creators(config.dataset)],
        **({"keywords": list(config.dataset.keywords)} if config.dataset.keywords else {}),
        "version": semantic_version(config.version),
        "datePublished": released,
        "citeAs": render_bibtex(config.dataset, config.version),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": f"{table.name}.parquet",
                "name": f"{table.name}.parquet",
                "contentUrl": f"{table.name}.parquet",
                "encodingFormat": "application/x-parquet",
                "sha256": hashes[f"{table.name}.parquet"],
            }
            for table in tables
        ],
        "recordSet": [_record_set(table) for table in tables],
    }


def semantic_version(version: str) -> str:
    """Returns `2026.07` as `2026.7.0`: Croissant wants three numbers."""
    numbers = [str(int(part)) for part in version.split(".") if part.isdigit()]
    return ".".join([*numbers, "0", "0", "0"][:3])


def _record_set(table: Table) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.meaning,
        "key": [{"@id": f"{table.name}/{name}"} for name in table.key],
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{table.name}/{column.name}",
                "name": column.name,
                "description": column.meaning,
                "dataType": data_type(column.type),
                **({"repeated": True} if _is_list(column.type) else {}),
                "source": {"fileObject": {"@id": f"{table.name}.parquet"}, "extract": {"column": column.name}},
            }
            for column in table.columns
        ],
    }


def data_type(kind: pa.DataType) -> str:
    """Returns the schema.org type of an Arrow type."""
    if _is_list(kind):
        return data_type(kind.value_type)
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind))
