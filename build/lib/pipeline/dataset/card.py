"""The dataset card: what each frame and column is, and what it may be used for."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from pipeline.config import Config
from pipeline.dataset.licences import licence_of_texts
from pipeline.dataset.summary import Summary
from pipeline.release.columns import describe_table
from pipeline.schemas import Table

HEAD = """\
---
license: cc-by-4.0
pretty_name: {title} {version}
language: en
task_categories: [text-classification, feature-extraction]
size_categories: [{size}]
configs:
{configs}
---

# {title} {version}

{count} documents of public AI-safety output: facts (ids, titles, authors, dates, links, counts), one sentence
embedding each, and counts over a pruned vocabulary. Forum posts belong to their authors: follow the links to read them.

## Open it

{loaders}

`sha256sum -c SHA256SUMS` checks every file. `croissant.json` describes the tables for machines (MLCommons Croissant).

## Frames, and what a share of each may be used for

| frame | documents | with text | kind | what it is | use |
|---|---|---|---|---|---|
{frames}

"With text" counts the documents of which at least the beginning was read when the vectors were made.

## How it was made

Vectors: {encoder} (weights SHA-256 `{weights}`), title, an empty line and text, cut at {max_tokens} tokens, unit
length, stored as float16. The shipped vectors are the facts: encoding again, on another processor or in another
precision, gives slightly different ones. `text_sha256` is the hash of the cleaned text that was encoded.

{backends}

## Who coded

{reading_note}{coders}

## Changes

{changes}

## Known limits

- The Alignment Forum frame names the first author of a post only; for about two thirds of it only the first 500
  characters were at hand (`text_kind` is `opening`), so `word_count` is not the length of the post there.
- Karma was read at different dates; `karma_read_date` is empty where the date is not known.
- Author lists of two arXiv frames were joined again from lists split at every comma; group authors may be wrong.
- Some dates give a month or a year only; {undated} documents have none.

## Licence

Ids, vectors, counts and tables: CC BY 4.0. Titles, names and links are facts about works that belong to their authors.
arXiv metadata are CC0: thank you to arXiv for use of its open access interoperability.

| source | documents | texts that may be passed on | licence of those |
|---|---|---|---|
{licences}

{texts}

## Cite

```bibtex
@misc{{alignment-census,
  title = {{{title} {version}}},
  howpublished = {{\\url{{{url}}}}},
  note = {{Version {version}}}
}}
```
"""
LOADERS = """\
```python
from pipeline.dataset import load_census          # in a checkout of the program: aligned tables, float32 vectors
census = load_census("{folder}")
census.vectors[census.documents["frame"] == "alignmentforum-census"]
```

```python
import pandas as pd
documents = pd.read_parquet("documents.parquet")
vectors = pd.read_parquet("embeddings.parquet")["vector"]
```

```python
import polars as pl
pl.read_parquet("documents.parquet").join(pl.read_parquet("embeddings.parquet"), on="doc_id")
```

```python
import duckdb
duckdb.sql("select source, count(*) from 'documents.parquet' group by source")
```

```python
from datasets import load_dataset
load_dataset("parquet", data_files="embeddings.parquet", split="train")
```"""
ATLAS = """

```python
duckdb.sql("copy (from 'documents.parquet' join 'layout.parquet' using (doc_id)) to 'map.parquet'")
```

```sh
embedding-atlas map.parquet --text title --x x --y y   # Apple's viewer (pip install embedding-atlas), on our map
```"""


def render_card(config: Config, tables: Sequence[Table], summary: Summary) -> str:
    """Returns the card as Markdown with a Hugging Face head, and the dictionary of every column.

    Args:
        config: title, frames and encoder.
        tables: the tables of the release.
        summary: the counts of the release.
    """
    documents, count = summary.documents, summary.document_count
    folder = f"dist/census-{config.version}"
    head = HEAD.format(
        title=config.dataset.title,
        version=config.version,
        url=config.dataset.url,
        count=f"{count:,}",
        frames=_describe_frames(config, documents),
        size=size_category(count),
        configs=_list_configs(tables, summary),
        loaders=LOADERS.format(folder=folder) + (ATLAS if "layout" in summary.row_counts else ""),
        encoder=config.embed.model,
        weights=config.embed.weights_sha256,
        max_tokens=config.embed.max_tokens,
        backends=_describe_counts("Computed by", summary.values["embeddings"]),
        reading_note=config.dataset.reading_note,
        coders=_describe_counts(" Codes settled by", summary.values.get("codes")),
        changes=_describe_changes(summary.values.get("changes")),
        licences=_describe_licences(documents),
        texts=_describe_texts(summary.row_counts.get("texts")),
        undated=f"{documents.loc[documents['published_date'].isna(), 'document_count'].sum():,}",
    )
    return head + "\n## Columns\n" + "".join(describe_table(table) for table in tables)


def _list_configs(tables: Sequence[Table], summary: Summary) -> str:
    """Returns the tables that `datasets` offers by name; it cannot open one without rows."""
    names = [table.name for table in tables if summary.row_counts[table.name]]
    return "\n".join(f"- config_name: {name}\n  data_files: {name}.parquet" for name in names)


def _describe_frames(config: Config, documents: pd.DataFrame) -> str:
    return "\n".join(
        f"| `{name}` | {part['document_count'].sum():,} "
        f"| {part.loc[part['text_kind'] != 'none', 'document_count'].sum():,} | {config.frames[str(name)].kind} "
        f"| {config.frames[str(name)].description} | {config.frames[str(name)].use} |"
        for name, part in documents.groupby("frame")
    )


def _describe_counts(label: str, counts: Counter[str | None] | None) -> str:
    if counts is None:
        return ""
    named = sorted((name or "not recorded", count) for name, count in counts.items())
    return f"{label}: " + ", ".join(f"{name} ({count:,})" for name, count in named) + "."


def _describe_changes(counts: Counter[str | None] | None) -> str:
    if counts is None:
        return "The first version."
    parts = [f"{counts[name]:,} {name}" for name in ("added", "changed", "gone")]
    return f"Against the last version: {', '.join(parts)}. Each is a row of `changes.parquet`."


def _describe_licences(documents: pd.DataFrame) -> str:
    licences = licence_of_texts(documents)
    return "\n".join(
        f"| {source} | {part['document_count'].sum():,} "
        f"| {part.loc[licences[part.index].notna(), 'document_count'].sum():,} "
        f"| {', '.join(sorted(licences[part.index].dropna().unique())) or '-'} |"
        for source, part in documents.groupby("source")
    )


def _describe_texts(count: int | None) -> str:
    if count is None:
        return "This release holds no text."
    return f"`texts.parquet` holds {count:,} texts under these licences, each named in its row."


def size_category(count: int) -> str:
    """Returns the size class of a dataset card."""
    for limit, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")):
        if count < limit:
            return name
    return "n>1M"
