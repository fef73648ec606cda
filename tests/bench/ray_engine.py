"""Measures the ray engine with two workers beside two plain processes, in turns; writes reports/bench/ray.md.

`python -m tests.bench.ray_engine`: the same documents, the same shards, the same encoder with one thread a process.
"""

import argparse
import dataclasses
import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.config import Config, load_config
from pipeline.corpus import spread
from pipeline.corpus import stage as corpus
from pipeline.corpus.records import records_from_items
from pipeline.dataset import load_census
from pipeline.embed import shards as embed_shards
from pipeline.embed import vectors
from pipeline.embed.encoder import choose_backend, load_encoder, name_backend
from pipeline.schemas import DOCUMENTS
from pipeline.scrape import registry
from tests.small_project import write_project

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ALIGNMENT_SHARED", ROOT.parent / "shared"))
WORKERS = 2
SPREAD_FROM = spread.SPREAD_FROM
ROUNDS = 2
TITLES_A_TEXT = 16


def read_documents(count: int) -> tuple[str, list[dict[str, object]]]:
    """Returns what the documents are, and the documents: abstracts where they are at hand, else titles in a row."""
    path = SHARED / "corpus" / "bulk" / "abstracts.parquet"
    if path.is_file():
        rows = pd.read_parquet(path, columns=["id", "title", "text_or_abstract"]).drop_duplicates("id").head(count)
        columns = {"id": "doc_id", "text_or_abstract": "text"}
        return "arXiv abstracts", rows.rename(columns=columns).to_dict("records")
    titles = load_census(memory_map=False).documents["title"].tolist()
    draw = np.random.default_rng(1).integers(len(titles), size=(count, TITLES_A_TEXT))
    texts = [". ".join(titles[place] for place in row) for row in draw]
    names = [{"doc_id": f"arxiv:01.{n:05d}", "title": f"Title {n}", "text": text} for n, text in enumerate(texts)]
    return "strings of titles", names


def encode_plain(config: Config, path: Path, shards: list[embed_shards.Shard], pipe: Connection) -> None:
    """One plain process: says that its encoder is loaded, waits for the word, and encodes its shards."""
    encoder = load_encoder(config.embed, config.path(config.paths.processed, embed_shards.CACHE_NAME), 1)
    pipe.send("loaded")
    pipe.recv()
    for shard in shards:
        embed_shards.encode_shard(config, encoder, shard, embed_shards.read_group(path, shard.row_group))
    pipe.send("done")


def run_plain(config: Config, shards: list[embed_shards.Shard]) -> None:
    """Encodes the shards in two processes, every other shard each."""
    context = multiprocessing.get_context("spawn")
    running = []
    for number in range(WORKERS):
        ours, theirs = context.Pipe()
        part = shards[number::WORKERS]
        process = context.Process(target=encode_plain, args=(config, config.processed("documents"), part, theirs))
        process.start()
        running.append((process, ours))
    for _, pipe in running:
        pipe.recv()
    for _, pipe in running:
        pipe.send("go")
    for process, pipe in running:
        pipe.recv()
        process.join()


def run_ray(config: Config, shards: list[embed_shards.Shard]) -> None:
    """Encodes the shards with the ray engine."""
    from pipeline.embed.ray_engine import encode_shards

    for _ in encode_shards(config, config.processed("documents"), shards):
        pass


def measure(config: Config, shards: list[embed_shards.Shard], way: str) -> dict[str, float]:
    """Encodes everything one way into an empty store. Returns seconds: of all, and from first shard to last."""
    for path in vectors.list_shards(config):
        path.unlink()
    start = time.perf_counter()
    {"plain": run_plain, "ray": run_ray}[way](config, shards)
    whole = time.perf_counter() - start
    ends = sorted((path.stat().st_mtime, path.name) for path in vectors.list_shards(config))
    assert len(ends) == len(shards)
    return {"whole": whole, "loaded": ends[-1][0] - ends[0][0]}


def measure_extraction(config: Config, way: str) -> tuple[float, str]:
    """Extracts the one source. Returns the seconds, and the records as text to compare."""
    start = time.perf_counter()
    items = registry.read_items(config, "mine")
    if way == "ray":
        records = pd.concat(
            [part for part, _ in spread.extract_spread(config, "mine", items, records_from_items)], ignore_index=True
        )
    else:
        records, _ = records_from_items("mine", items)
    seconds = time.perf_counter() - start
    spread.forget_shards(config)
    return seconds, str(records.to_json())


def main() -> None:
    """Measures and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--report", type=Path, default=ROOT / "reports" / "bench" / "ray.md")
    options = parser.parse_args()
    kind, documents = read_documents(options.count)
    spread.SPREAD_FROM = 1  # also where one process would be as quick
    with tempfile.TemporaryDirectory() as name:
        settings = f'engine = "ray"\nworker_count = {WORKERS}'
        config = load_config(write_project(Path(name), documents, embed=settings))
        local = dataclasses.replace(config, embed=dataclasses.replace(config.embed, engine="local"))
        corpus.run(local)
        load_encoder(
            config.embed, config.path(config.paths.processed, embed_shards.CACHE_NAME)
        )  # converted once, for all
        count = len(store.read_arrow(DOCUMENTS, config.processed("documents"), ("doc_id",)))
        unknown, first = np.zeros(count, dtype=bool), np.ones(count, dtype=bool)
        shards = list(embed_shards.plan_shards(config.processed("documents"), unknown, first))
        extracted = {way: measure_extraction(config, way) for way in ("plain", "ray")}
        assert extracted["plain"][1] == extracted["ray"][1], "the records differ"
        found: dict[str, list[dict[str, float]]] = {"plain": [], "ray": []}
        stores: list[list[str]] = []
        for _ in range(ROUNDS):
            for way, rows in found.items():
                rows.append(measure(config, shards, way))
                stores.append([path.name for path in vectors.list_shards(config)])
        assert all(names == stores[0] for names in stores), "the vectors differ"
        backend = name_backend(choose_backend(config.embed))
    report = render(kind, count, len(shards), backend, found, {way: extracted[way][0] for way in extracted})
    store.write_text(options.report, report)


def render(
    kind: str,
    count: int,
    n_shards: int,
    backend: str,
    found: dict[str, list[dict[str, float]]],
    extraction: dict[str, float],
) -> str:
    """Returns the report as Markdown."""
    after_first = count * (n_shards - 1) / n_shards
    best = {way: {key: min(row[key] for row in rows) for key in ("whole", "loaded")} for way, rows in found.items()}
    rows, spread_from = "", SPREAD_FROM
    for way, title in (("plain", "two plain processes"), ("ray", "Ray, two workers")):
        whole, loaded = (", ".join(f"{row[key]:.1f}" for row in found[way]) for key in ("whole", "loaded"))
        rows += f"| {title} | {whole} | {loaded} | {after_first / best[way]['loaded']:.1f} |\n"
    ratios = {key: best["plain"][key] / best["ray"][key] for key in ("whole", "loaded")}
    sums = {way: {key: sum(row[key] for row in rows) for key in ("whole", "loaded")} for way, rows in found.items()}
    means = {key: sums["plain"][key] / sums["ray"][key] for key in ("whole", "loaded")}
    return f"""# The ray engine, measured

`python -m tests.bench.ray_engine`: {count:,} documents ({kind}) in {n_shards} shards, `{backend}` with one
thread a process and pinning off; two plain processes and two Ray workers in turns, {ROUNDS} rounds. Every store was the
same, byte for byte. "Loaded" is from the first shard saved to the last, when both models are loaded in both ways.

| way | whole run, s | loaded, s | documents/s, loaded (best) |
|---|---|---|---|
{rows}
Efficiency of Ray against two plain processes: {ratios["loaded"]:.2f} loaded, {ratios["whole"]:.2f} with starting,
loading and stopping on both sides, by the best of each; {means["loaded"]:.2f} and {means["whole"]:.2f} by the means.

Extraction of the same {count:,} items: {extraction["plain"]:.1f} s in one process, {extraction["ray"]:.1f} s with two
Ray workers, Ray's start included; the records are the same. A source is spread from {spread_from:,} items on.
"""


if __name__ == "__main__":
    main()
