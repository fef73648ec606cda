"""Measures the store, the release, loading and search with a million vectors; writes reports/bench/million.md.

The vectors are those of the shipped census, repeated under new hashes and ids: real values, invented documents.
Every step runs in a process of its own, for its time and its peak memory.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline import store
from pipeline.config import load_config
from pipeline.dataset import Census, load_census
from pipeline.dataset import stage as release
from pipeline.dataset.verify import verify_release
from pipeline.embed import stage as embed
from pipeline.embed import vectors
from pipeline.groups import write_groups
from pipeline.release.nearest import find_nearest
from pipeline.schemas import DOCUMENTS, TERMS

SHARD_ROWS = 16_384
ROOT = Path(__file__).resolve().parents[2]


def fill(folder: Path, count: int) -> str:
    """Writes `documents`, `terms` and the shards of the store, as the stages before would have."""
    config = load_config(folder / "census.toml")
    census = load_census(memory_map=False)
    rows = np.resize(np.arange(len(census.documents)), count)
    made = vectors.Provenance(config.embed.weights_sha256, "repeated", config.embed.max_tokens, "repeated")
    start = time.perf_counter()
    for first in range(0, count, SHARD_ROWS):
        part = range(first, min(first + SHARD_ROWS, count))
        hashes = [store.sha256_of_text(doc_id_of(number)) for number in part]
        vectors.save_shard(config, made, hashes, census.vectors[rows[part]].astype(np.float16))
    seconds = time.perf_counter() - start
    write_groups(DOCUMENTS, repeat_documents(census.documents, rows), config.processed("documents"))
    n_terms = write_groups(TERMS, repeat_terms(census, rows), config.processed("terms"))
    return f"the shards alone {seconds:.1f} s; {n_terms:,} term counts"


def doc_id_of(number: int) -> str:
    """Returns the invented id of a document."""
    return f"lw:{number:09d}"


def repeat_documents(documents: pd.DataFrame, rows: np.ndarray) -> Iterator[pa.Table]:
    """Yields the facts of the documents at `rows`, under new ids, with the empty text."""
    for first in range(0, len(rows), SHARD_ROWS):
        part = documents.iloc[rows[first : first + SHARD_ROWS]].assign(text="")
        part["doc_id"] = [doc_id_of(first + number) for number in range(len(part))]
        part["text_sha256"] = part["doc_id"].map(store.sha256_of_text)
        yield store.arrow_from_rows(DOCUMENTS, part, Path("documents"))


def repeat_terms(census: Census, rows: np.ndarray) -> Iterator[pa.Table]:
    """Yields the term counts of the documents at `rows`, under new ids."""
    terms = store.read_arrow(TERMS, census.folder / "terms.parquet").combine_chunks()
    doc_ids = terms.column("doc_id").to_pandas()
    starts = doc_ids.searchsorted(census.documents["doc_id"], side="left")
    counts = doc_ids.searchsorted(census.documents["doc_id"], side="right") - starts
    for first in range(0, len(rows), SHARD_ROWS):
        part = rows[first : first + SHARD_ROWS]
        sizes = counts[part]
        steps = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        chosen = terms.take(pa.array(np.repeat(starts[part], sizes) + steps))
        ids = pa.array([doc_id_of(first + number) for number in range(len(part))], pa.string())
        named = ids.take(pa.array(np.repeat(np.arange(len(part)), sizes)))
        yield chosen.set_column(0, TERMS.arrow_schema.field("doc_id"), named)


def collect(folder: Path, count: int) -> str:
    """Reads and checks every shard."""
    config = load_config(folder / "census.toml")
    found = sum(len(part.hashes) for part in vectors.read_made(config, vectors.list_shards(config)))
    return f"{found:,} vectors"


def align(folder: Path, count: int) -> str:
    """Runs the stage `embed`, which finds every vector and writes `embeddings`."""
    embed.run(load_config(folder / "census.toml"))
    return ""


def make_release(folder: Path, count: int) -> str:
    """Writes and verifies the release."""
    release.run(load_config(folder / "census.toml"))
    size = sum(path.stat().st_size for path in (folder / "dist").rglob("*") if path.is_file())
    return f"{size / 1e6:,.0f} MB"


def verify(folder: Path, count: int) -> str:
    """Verifies the release once more."""
    verify_release(folder / "dist" / "census-1")
    return ""


def search(folder: Path, count: int) -> str:
    """Loads the release and answers ten queries."""
    start = time.perf_counter()
    census = load_census(folder / "dist" / "census-1")
    loaded = time.perf_counter() - start
    seconds = []
    for row in range(10):
        start = time.perf_counter()
        find_nearest(census, census.vectors[row * 7], 10)
        seconds.append(time.perf_counter() - start)
    return f"loaded in {loaded:.1f} s, first answer {seconds[0]:.2f} s, median answer {np.median(seconds):.2f} s"


STEPS: tuple[tuple[str, Callable[[Path, int], str]], ...] = (
    ("make the input", fill),
    ("read and check the store", collect),
    ("`embed` with nothing new", align),
    ("`dataset`, verified", make_release),
    ("`verify`", verify),
    ("load and search, first time", search),
    ("load and search, mapped", search),
)


def run_step(step: Callable[[Path, int], str], folder: Path, count: int, pipe: Connection) -> None:
    """Runs one step in its process and sends its time, its peak memory and what it says."""
    start, cpu = time.perf_counter(), time.process_time()
    said = step(folder, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send((time.perf_counter() - start, time.process_time() - cpu, peak, said))


def main() -> None:
    """Measures and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--report", type=Path, default=ROOT / "reports" / "bench" / "million.md")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        text = (ROOT / "census.toml").read_text(encoding="utf-8").replace('version = "2026.07"', 'version = "1"')
        start, end = text.index("[sources.census]"), text.index("[terms]")
        text = text[:start] + '[sources.none]\nkind = "files"\npath = "none.jsonl"\n\n' + text[end:]
        (Path(name) / "census.toml").write_text(text, encoding="utf-8")
        for title, step in STEPS:
            ours, theirs = context.Pipe()
            process = context.Process(target=run_step, args=(step, Path(name), options.count, theirs))
            process.start()
            theirs.close()
            rows.append((title, *ours.recv()))
            process.join()
    table = pd.DataFrame(rows, columns=["step", "wall, s", "processor, s", "peak memory, MiB", "note"])
    lines = "\n".join(
        f"| {row[0]} | {row[1]:.1f} | {row[2]:.1f} | {row[3]:,.0f} | {row[4]} |"
        for row in table.itertuples(index=False)
    )
    store.write_text(
        options.report,
        f"""# {options.count:,} documents: store, release, load, search

`python -m tests.bench.million`: the vectors of the shipped census repeated under new ids, 384 dimensions,
float16, with their facts and term counts. Each step in a process of its own, imports included; one run, so
differences of a tenth mean nothing. Peak memory counts files that are mapped.

| step | wall, s | processor, s | peak memory, MiB | note |
|---|---|---|---|---|
{lines}
""",
    )


if __name__ == "__main__":
    main()
