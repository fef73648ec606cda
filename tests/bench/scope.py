"""The scope score on documents it was not made for: python -m tests.bench.scope.

Outside check: the bibliography's TechSafety and MetaSafety against NotSafety. Negative control: abstracts of general
machine learning, without those of the background; what a sample of those that reach the threshold is stands in
reports/bench/scope_general_read.csv, read one by one. Nested check: recall where threshold and model are both chosen
without the documents it is measured on. Vectors are kept under data/processed/bench-vectors.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import beta
from sklearn.model_selection import StratifiedKFold

from pipeline import store
from pipeline.config import Config, load_config
from pipeline.embed.encoder import load_encoder
from pipeline.schemas import CODES, SCOPE_QUALITY, embeddings_table
from pipeline.scope.stage import Sides, fit_scope, read_background, recall_and_precision, score_documents
from pipeline.store import write_csv
from pipeline.text.extract import clean_text, clean_title, compose_text

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ALIGNMENT_SHARED", ROOT.parent / "shared")) / "corpus"
BIBLIOGRAPHY = "taisafety-bib:type"
IN_SCOPE = frozenset("ABCDE")
SAFETY = ("TechSafety", "MetaSafety")
OUTER_FOLDS = 10
READ = ROOT / "reports/bench/scope_general_read.csv"


def vectors_of(name: str, rows: pd.DataFrame, config: Config) -> np.ndarray:
    """Encodes title and text of each row, once: float32 (n, n_dims)."""
    path = config.processed("bench-vectors").with_suffix("") / f"{name}.npz"
    if path.exists():
        kept = np.load(path)
        place_of = {doc_id: place for place, doc_id in enumerate(kept["ids"].tolist())}
        return kept["vectors"][[place_of[doc_id] for doc_id in rows["id"]]].astype(np.float32)
    pairs = zip(rows["title"], rows["text"], strict=True)
    texts = [compose_text(clean_title(title or ""), clean_text(text or "")) for title, text in pairs]
    found = load_encoder(config.embed)(texts)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, ids=rows["id"].to_numpy(dtype=str), vectors=found)
    return found.astype(np.float32)


def measure_nested(known: np.ndarray, is_in: np.ndarray, weights: np.ndarray, config: Config) -> pd.DataFrame:
    """Returns recall and precision of documents that neither the model nor the threshold saw, with intervals."""
    background, kept = read_background(config), np.zeros(len(known), dtype=bool)
    folds = StratifiedKFold(OUTER_FOLDS, shuffle=True, random_state=config.seed)
    settings = replace(config.scope, repeat_count=1)
    for seen, held in folds.split(known, is_in):
        scores, threshold = score_documents(known, seen, is_in[seen], weights[seen], background, settings, config.seed)
        kept[held] = scores[held] >= threshold
    parts = [(weights[side].sum(), (weights * is_in)[side].sum(), (weights[side] ** 2).sum()) for side in (kept, ~kept)]
    totals, found, squares = (np.array(values) for values in zip(*parts, strict=True))
    shares, sizes = found / totals, totals**2 / squares
    sides = Sides(round(totals[0]), round(totals[1]), *map(float, (*shares, *sizes)))
    quality = recall_and_precision(sides, config.estimate.level, np.random.default_rng(config.seed))
    return pd.DataFrame(
        [(name, *values, len(known)) for name, values in quality.items()],
        columns=["measure", "value", "low", "high", "n_read"],
    )


def print_read(general: pd.DataFrame) -> None:
    """Prints what the abstracts that were read are, and whether they still reach the threshold."""
    read = pd.read_csv(READ, keep_default_na=False).merge(
        general.rename(columns={"id": "doc_id"})[["doc_id", "is_kept"]], on="doc_id", how="left"
    )
    print(f"{len(read)} abstracts read, {int(read['is_kept'].eq(True).sum())} of them reach the threshold now")
    print(read.groupby("verdict")["kind"].value_counts())


def main() -> None:
    config = load_config(ROOT / "census.toml")
    codes = store.read_table(CODES, config.processed("codes"))
    table = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    place_of = pd.Series(range(table.num_rows), index=table.column("doc_id").to_pylist())
    known = store.matrix_from_column(table.column("vector"))[place_of[codes["doc_id"]]].astype(np.float32)
    model = fit_scope(known, codes["group"].isin(IN_SCOPE).to_numpy(), read_background(config), config.scope)
    threshold = store.read_table(SCOPE_QUALITY, config.processed("scope_quality"))["threshold"].iloc[0]
    labelled = pd.read_parquet(SHARED / "external_labels.parquet").sort_values("id")
    distinct = labelled.drop_duplicates("id")
    scores = dict(zip(distinct["id"], model.predict_proba(vectors_of("external", distinct, config))[:, 1], strict=True))
    mine = labelled[(labelled["label_scheme"] == BIBLIOGRAPHY) & ~labelled["id"].isin(set(codes["doc_id"]))]
    mine = mine.assign(is_kept=mine["id"].map(scores) >= threshold)
    external = _external(mine)
    write_csv(ROOT / "reports/bench/scope_external.csv", external)
    bulk = pd.read_parquet(SHARED / "bulk/abstracts.parquet").rename(columns={"text_or_abstract": "text"})
    used = store.read_table(embeddings_table(config.embed.dimension_count), config.path(config.scope.background))
    general = bulk[(bulk["role"] == "general") & ~bulk["id"].isin(set(used["doc_id"]))].sort_values("id")
    score = model.predict_proba(vectors_of("general", general, config))[:, 1]
    general = general.assign(score=score, is_kept=score >= threshold)
    counted = pd.concat(
        [_shares(general, "source"), _shares(general.assign(all="all"), "all").rename(columns={"all": "source"})]
    )
    write_csv(ROOT / "reports/bench/scope_general.csv", counted)
    print(external, counted, sep="\n")
    print_read(general)
    weights = 1 / codes["inclusion_probability"].to_numpy()
    nested = measure_nested(known, codes["group"].isin(IN_SCOPE).to_numpy(), weights, config)
    write_csv(ROOT / "reports/bench/scope_nested.csv", nested)
    print(nested)


def _shares(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Counts what is kept of each kind, with Jeffreys intervals at 95%."""
    found = rows.groupby(by)["is_kept"].agg(document_count="size", kept_count="sum", kept_share="mean").reset_index()
    ends = beta.ppf(
        np.array([[0.025], [0.975]]), found["kept_count"] + 0.5, found["document_count"] - found["kept_count"] + 0.5
    )
    return found.assign(low=ends[0], high=ends[1])


def _external(mine: pd.DataFrame) -> pd.DataFrame:
    """The shares kept by label; then recall of what is labelled safety, and precision beside NotSafety."""
    is_safety = mine["label"].isin(SAFETY)
    recall = mine[is_safety].assign(label="recall: TechSafety or MetaSafety")
    kept = mine[mine["is_kept"] & (is_safety | (mine["label"] == "NotSafety"))]
    precision = kept.assign(label="precision: of these and NotSafety", is_kept=kept["label"].isin(SAFETY))
    return pd.concat([_shares(part, "label") for part in (mine, recall, precision)], ignore_index=True)


if __name__ == "__main__":
    main()
