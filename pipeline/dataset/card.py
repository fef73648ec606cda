"""The dataset card: what each frame and column is, and what it may be used for."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from pipeline.coding.codebook import Study
from pipeline.config import Config
from pipeline.dataset.bibtex import render_bibtex
from pipeline.dataset.features import list_features
from pipeline.dataset.licences import licence_of_texts
from pipeline.dataset.summary import Summary
from pipeline.release.columns import describe_table
from pipeline.schemas import Table
from pipeline.settings import Dataset, Licence
from pipeline.text.escape import escape_markdown, quote_yaml

HEAD = """\
---
license: cc-by-4.0
pretty_name: {pretty_name}
language: en
task_categories: [text-classification, feature-extraction]
size_categories: [{size}]
tags: [{tags}]
configs:
{configs}
dataset_info:
{features}
---

# {title} {version}

{count} documents of {corpus}: facts (ids, titles, authors, dates, links, counts), one sentence embedding each,
and counts over a pruned vocabulary. The works belong to their authors: follow the links to read them.

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

{data_limits}- Some dates give a month or a year only; {undated} documents have none.

## Licence

Ids, vectors, counts and tables: CC BY 4.0. Titles, names and links are facts about works that belong to their authors.
{acknowledgement}
| source | documents | texts that may be passed on | licence of those |
|---|---|---|---|
{licences}

{texts}

## Cite

{published}

```bibtex
{bibtex}
```

`CITATION.cff` says the same to programs. {contact}
"""
LOADERS = '''\
```python
from alignment_census import load_census   # pip install alignment-census: aligned tables, float32 vectors
census = load_census(".")                  # this folder
census.vectors[census.documents["frame"] == "{frame}"]
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
duckdb.sql("""
    select d.title, array_cosine_similarity(e.vector::float[{width}], q.vector::float[{width}]) as cosine_score
    from 'embeddings.parquet' e join 'documents.parquet' d using (doc_id),
         (select vector from 'embeddings.parquet' limit 1) q
    order by cosine_score desc limit 10
""")
```

```python
import os
from datasets import load_dataset
load_dataset(os.getcwd(), split="train")                 # the documents; this folder, or its address on a hub
load_dataset(os.getcwd(), "embeddings", split="train")   # any other table, by its name
```

```r
# With the package arrow of R. These two lines are the card's only ones that its tests do not run.
documents <- arrow::read_parquet("documents.parquet")
vectors <- arrow::read_parquet("embeddings.parquet", col_select = c("doc_id", "vector"))
```
{estimate}'''
ESTIMATE = """
Any share again, with its interval, under a definition of your own (`codebook.toml` has those of the study):

```python
from alignment_census import estimate_share, load_census   # pip install 'alignment-census[pipeline]'
estimate_share({{"groups": ["{group}"]}}, frame="{frame}", census=load_census("."))
```"""
ATLAS = """

```python
duckdb.sql("copy (from 'documents.parquet' join 'layout.parquet' using (doc_id)) to 'map.parquet'")
```

```sh
embedding-atlas map.parquet --text title --x x --y y   # Apple's viewer (pip install embedding-atlas), on our map
```"""


def render_card(config: Config, study: Study, tables: Sequence[Table], summary: Summary, group: str = "") -> str:
    """Returns the card as Markdown with a Hugging Face head, and the dictionary of every column.

    Args:
        config: title, frames and encoder.
        study: its words.
        tables: the tables of the release.
        summary: the counts of the release.
        group: a group of the codebook, for an example; none where there is no codebook.
    """
    documents, count = summary.documents, summary.document_count
    frame = min(documents["frame"], default="")
    estimate = ESTIMATE.format(frame=frame, group=group) if group and "weights" in summary.row_counts else ""
    loaders = LOADERS.format(frame=frame, width=config.embed.dimension_count, estimate=estimate)
    head = HEAD.format(
        title=escape_markdown(config.dataset.title),
        pretty_name=quote_yaml(f"{config.dataset.title} {config.version}"),
        version=config.version,
        count=f"{count:,}",
        corpus=study.corpus,
        data_limits="".join(f"- {limit}\n" for limit in study.data_limits),
        tags=", ".join(quote_yaml(word) for word in config.dataset.keywords),
        acknowledgement=escape_markdown(config.dataset.acknowledgement),
        published=_describe_place(config.dataset),
        bibtex=render_bibtex(config.dataset, config.version),
        contact=_describe_contact(config.dataset),
        frames=_describe_frames(config, documents),
        size=size_category(count),
        configs=_list_configs(tables, summary),
        features=list_features(tables, summary.row_counts),
        loaders=loaders + (ATLAS if "layout" in summary.row_counts else ""),
        encoder=escape_markdown(config.embed.model),
        weights=config.embed.weights_sha256,
        max_tokens=config.embed.max_tokens,
        backends=_describe_counts("Computed by", summary.values["embeddings"]),
        reading_note=escape_markdown(config.dataset.reading_note),
        coders=_describe_counts(" Codes settled by", summary.values.get("codes")),
        changes=_describe_changes(summary.values.get("changes")),
        licences=_describe_licences(documents, config.dataset.licences),
        texts=_describe_texts(summary.row_counts.get("texts")),
        undated=f"{documents.loc[documents['published_date'].isna(), 'document_count'].sum():,}",
    )
    return head + "\n## Columns\n" + "".join(describe_table(table) for table in tables)


def _list_configs(tables: Sequence[Table], summary: Summary) -> str:
    """Returns the tables that `datasets` offers by name, the documents unasked; it cannot open one without rows."""
    names = [table.name for table in tables if summary.row_counts[table.name]]
    return "\n".join(
        f"- config_name: {name}\n  data_files: {name}.parquet" + ("\n  default: true" if name == "documents" else "")
        for name in names
    )


def _describe_place(dataset: Dataset) -> str:
    if dataset.url:
        return f"Published at {escape_markdown(dataset.url)}."
    return "It has no public address yet: cite the version, and the digest that `sha256sum SHA256SUMS` prints."


def _describe_contact(dataset: Dataset) -> str:
    return f"Questions, corrections, removals: {escape_markdown(dataset.contact)}." if dataset.contact else ""


def _describe_frames(config: Config, documents: pd.DataFrame) -> str:
    lines = []
    for name, part in documents.groupby("frame"):
        frame = config.frames[str(name)]
        with_text = part.loc[part["text_kind"] != "none", "document_count"].sum()
        words = " | ".join(escape_markdown(text) for text in (frame.kind, frame.description, frame.use))
        lines.append(f"| `{name}` | {part['document_count'].sum():,} | {with_text:,} | {words} |")
    return "\n".join(lines)


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


def _describe_licences(documents: pd.DataFrame, rules: Sequence[Licence]) -> str:
    licences = licence_of_texts(documents, rules)
    return "\n".join(
        f"| {escape_markdown(str(source))} | {part['document_count'].sum():,} "
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
