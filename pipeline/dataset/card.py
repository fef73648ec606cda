"""The dataset card: what each frame and column is, and what it may be used for."""

from collections.abc import Sequence

import pandas as pd

from pipeline.config import Config
from pipeline.schemas import Table

HEAD = """\
---
license: cc-by-4.0
pretty_name: {title} {version}
language: en
task_categories: [text-classification, feature-extraction]
size_categories: [{size}]
configs:
- config_name: documents
  data_files: documents.parquet
- config_name: embeddings
  data_files: embeddings.parquet
- config_name: terms
  data_files: terms.parquet
---

# {title} {version}

{count} documents of public AI-safety output: facts (ids, titles, authors, dates, links, counts), one sentence
embedding each, and counts over a pruned vocabulary. **No text**: forum posts belong to their authors. Follow the links.

```python
import pandas as pd
documents = pd.read_parquet("documents.parquet")
embeddings = pd.read_parquet("embeddings.parquet")
```

## Frames, and what a share of each may be used for

| frame | documents | with text | kind | what it is | use |
|---|---|---|---|---|---|
{frames}

"With text" counts the documents of which at least the beginning was read when the vectors were made.

## How it was made

Vectors: {encoder} (weights SHA-256 `{weights}`), title, an empty line and text, cut at {max_tokens} tokens, unit
length, stored as float16. The shipped vectors are the facts: encoding again, on another processor or in another
precision, gives slightly different ones. `text_sha256` is the hash of the cleaned text that was encoded.

{reading_note}

## Known limits

- The Alignment Forum frame names the first author of a post only; for about two thirds of it only the first 500
  characters were at hand (`text_kind` is `opening`), so `word_count` is not the length of the post there.
- Karma was read at different dates; `karma_read_date` is empty where the date is not known.
- Author lists of two arXiv frames were joined again from lists split at every comma; group authors may be wrong.
- Some dates give a month or a year only; {undated} documents have none.

## Licence

Ids, vectors, counts and tables: CC BY 4.0. Titles, names and links are facts about works that belong to their authors.
arXiv metadata are CC0: thank you to arXiv for use of its open access interoperability.
"""


def render_card(config: Config, documents: pd.DataFrame, tables: Sequence[Table]) -> str:
    """Returns the card as Markdown with a Hugging Face head, and the dictionary of every column."""
    frames = "\n".join(
        f"| `{name}` | {len(part):,} | {int((part['text_kind'] != 'none').sum()):,} | {config.frames[str(name)].kind} "
        f"| {config.frames[str(name)].description} | {config.frames[str(name)].use} |"
        for name, part in documents.groupby("frame")
    )
    head = HEAD.format(
        title=config.dataset.title,
        version=config.version,
        count=f"{len(documents):,}",
        frames=frames,
        size=size_category(len(documents)),
        encoder=config.embed.model,
        weights=config.embed.weights_sha256,
        max_tokens=config.embed.max_tokens,
        reading_note=config.dataset.reading_note,
        undated=int(documents["published_date"].isna().sum()),
    )
    return head + "\n## Columns\n" + "".join(_dictionary(table) for table in tables)


def size_category(count: int) -> str:
    """Returns the size class of a dataset card."""
    for limit, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")):
        if count < limit:
            return name
    return "n>1M"


def _dictionary(table: Table) -> str:
    rows = "".join(
        f"| `{column.name}` | {column.type} | {'yes' if column.is_nullable else ''} | {column.meaning} |\n"
        for column in table.columns
    )
    head = "| column | type | may be empty | meaning |\n|---|---|---|---|\n"
    keys = ", ".join(f"`{key}`" for key in table.key)
    return f"\n### {table.name}: {table.meaning}\n\nUnique by {keys}.\n\n{head}{rows}"
