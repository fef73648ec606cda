"""Works among the real documents, snapshot and bulk and labelled ones together: python -m tests.bench.pairs.

Scores the judged pairs with the whole stage, candidates and joining in chains included, and writes how many pairs
each reason joins.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from pipeline.corpus.dedupe import merge_same_id
from pipeline.corpus.links import find_links, group_works
from pipeline.corpus.records import records_from_items
from pipeline.scrape.files import join_split_names
from pipeline.scrape.item import Item
from pipeline.store import write_csv
from tests.corpus_scores import read_pairs, score_pairs

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ALIGNMENT_SHARED", ROOT.parent / "shared")) / "corpus"
NAMES = ("snapshot", "bulk/abstracts", "bulk/forum_posts", "external_labels")
ABSTRACTS = frozenset(["abstract", "abstract_note", "newsletter_summary"])
SNAPSHOT_LIMIT = 6_000  # characters; longer texts were cut by whoever made the file


def read_records(names: Sequence[str] = NAMES) -> pd.DataFrame:
    parts = []
    for name in names:
        rows = (
            pd.read_parquet(SHARED / f"{name}.parquet")
            .drop_duplicates("id")
            .rename(columns={"text_or_abstract": "text"})
        )
        records, _ = records_from_items(name, _items(name, rows))
        kind = (
            rows.set_index("id")
            .get("text_kind", pd.Series(dtype=str))
            .reindex(records["record_id"].str.split("/", n=name.count("/") + 1).str[-1])
        )
        records.loc[kind.isin(ABSTRACTS).to_numpy() & (records["text_kind"] == "full"), "text_kind"] = "abstract"
        parts.append(records)
    return pd.concat(parts, ignore_index=True)


def _items(name: str, rows: pd.DataFrame) -> Iterator[Item]:
    for row in rows.to_dict("records"):
        given = row.get("authors")
        names = (
            given.split(";")
            if isinstance(given, str)
            else []
            if given is None or isinstance(given, float)
            else [*given]
        )
        if name == "snapshot" and row["id"].startswith("arxiv:"):
            names = list(join_split_names(names))
        text, date = row["text"] or "", row["date"]
        is_cut = text.rstrip().endswith(("...", "\u2026")) or (name == "snapshot" and len(text) >= SNAPSHOT_LIMIT)
        yield Item(
            place=row["id"],
            doc_id=row["id"],
            source=row["source"],
            frame=row.get("frame", name),
            title=row["title"] if isinstance(row["title"], str) else "",
            text=text,
            url=row["url"] if isinstance(row["url"], str) else "",
            authors=tuple(part.strip() for part in names if part.strip()),
            published_date=date if isinstance(date, str) else "",
            is_opening=is_cut or row.get("text_kind") == "excerpt",
        )


def main() -> None:
    records = read_records()
    documents, same_id = merge_same_id(records, ["snapshot"])
    links = find_links(documents)
    group_of = dict(zip(documents["doc_id"], group_works(len(documents), links), strict=True))
    pairs, _ = read_pairs()
    known = pairs[pairs["left_id"].isin(group_of) & pairs["right_id"].isin(group_of)]
    joined = [
        group_of[left] == group_of[right] for left, right in zip(known["left_id"], known["right_id"], strict=True)
    ]
    score = score_pairs(known, joined)
    table = links["reason"].value_counts().rename_axis("reason").reset_index(name="pair_count")
    write_csv(ROOT / "reports/bench/works.csv", table)
    print(f"{len(records)} records, {len(documents)} ids, {len(same_id)} same id, {len(links)} links")
    print(f"{len(known)} pairs: precision {score.precision:.4f}, recall {score.recall:.4f}")
    links.assign(
        left_id=documents["doc_id"].to_numpy()[links["left"]], right_id=documents["doc_id"].to_numpy()[links["right"]]
    )[["left_id", "right_id", "reason"]].to_csv(ROOT / "data/processed/bench_links.csv", index=False)


if __name__ == "__main__":
    main()
