"""How a release is cited and found: CITATION.cff, the metadata of Zenodo, and schema.org for search engines.

Nothing is made up: where the study names no address, no contact or no creator, none is written.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.settings import Dataset

CITATION_NAME = "CITATION.cff"
ZENODO_NAME = ".zenodo.json"
LICENCE_NAME = "CC-BY-4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"


def list_creators(dataset: Dataset) -> tuple[str, ...]:
    """Returns who a citation names: the creators, or whoever is behind the title."""
    return dataset.creators or (f"The authors of {dataset.title}",)


def render_citation(dataset: Dataset, version: str) -> str:
    """Returns the release's CITATION.cff (Citation File Format 1.2.0)."""
    lines = [
        "cff-version: 1.2.0",
        'message: "If you use this census, please cite it with its version."',
        "type: dataset",
        f"title: {_quote(dataset.title)}",
        f"version: {_quote(version)}",
        f"license: {LICENCE_NAME}",
        "authors:",
        *(f"  - name: {_quote(name)}" for name in list_creators(dataset)),
    ]
    if dataset.contact:
        lines += ["contact:", f"  - name: {_quote(list_creators(dataset)[0])}"]
        lines += [f"    email: {_quote(dataset.contact)}"]
    if dataset.url:
        lines += [f"url: {_quote(dataset.url)}"]
    if dataset.keywords:
        lines += ["keywords:", *(f"  - {_quote(word)}" for word in dataset.keywords)]
    return "\n".join(lines) + "\n"


def render_zenodo(dataset: Dataset, version: str, description: str) -> str:
    """Returns the metadata that Zenodo reads from a repository."""
    found: dict[str, Any] = {
        "title": f"{dataset.title} {version}",
        "version": version,
        "upload_type": "dataset",
        "description": description,
        "license": LICENCE_NAME.lower(),
        "creators": [{"name": name} for name in list_creators(dataset)],
        "keywords": list(dataset.keywords),
        "access_right": "open",
    }
    if dataset.url:
        found["related_identifiers"] = [
            {"identifier": dataset.url, "relation": "isIdenticalTo", "resource_type": "dataset"}
        ]
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def describe_dataset(
    dataset: Dataset, version: str, description: str, tables: Mapping[str, str], files: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns the dataset as schema.org JSON-LD, for the head of a page.

    Args:
        dataset: `[dataset]` of the configuration.
        version: of the census.
        description: one sentence on what it is, with its size.
        tables: what each table holds, by name: the variables that are measured.
        files: addresses of files to download, as the page reaches them.
    """
    found: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": f"{dataset.title} {version}",
        "description": description,
        "version": version,
        "license": LICENCE_URL,
        "isAccessibleForFree": True,
        "creator": [{"@type": "Organization", "name": name} for name in list_creators(dataset)],
        "variableMeasured": [
            {"@type": "PropertyValue", "name": name, "description": meaning} for name, meaning in tables.items()
        ],
    }
    if dataset.keywords:
        found["keywords"] = list(dataset.keywords)
    if dataset.url:
        found["url"] = dataset.url
    if files:
        found["distribution"] = [{"@type": "DataDownload", "contentUrl": name} for name in files]
    return found


def _quote(text: str) -> str:
    """Returns a text on one line as a quoted scalar of YAML, which every string of JSON is."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
