"""What each stage costs by the number of documents, on real papers: python -m tests.bench.scale.

Writes scale.csv and the table of scale.md. `--count` papers of tests/bench/papers.py go through the stages, each in a
process of its own; processor seconds hold those of the processes it starts, and so does its memory, looked at once a
second. Encoding 205,973 papers takes an hour where nothing else runs, so `--vectors` names the `vectors` folder of an
earlier run, and with `--titles` papers that have no vector there get that of their title alone: a real vector, of a
shorter text, and the table says how many. `--update` publishes the tables so far as a census and adds as many other
papers, whose texts are encoded, and a changed text for each ten of them. `load` is the mean number of programs that ran
or waited meanwhile: beyond the processors, seconds on the wall say little, and those of the processors are dearer than
on a free machine.
"""

import argparse
import csv
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import store
from pipeline.config import Config, load_config
from pipeline.embed import gather, vectors
from pipeline.embed.encoder import load_encoder
from pipeline.groups import write_groups
from pipeline.release.manifest import write_manifest
from pipeline.schemas import CENSUS_DOCUMENTS, embeddings_table
from tests.bench.papers import TOTAL, choose_papers, write_papers

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "reports/bench/scale.csv"
RECORD = ROOT / "reports/bench/scale.md"
GOALS = {9_193: 10, 49_993: 90, 205_895: 480}  # seconds on the wall that `cluster` was asked to take, by papers
BUSY = 3.0  # programs that ran or waited, above which others had part of the two processors: a stage keeps both busy
STAGES = ("corpus", "embed", "cluster")
RELEASED = (
    "documents",
    "embeddings",
    "terms",
    "clusters",
    "cluster_members",
    "cluster_changes",
    "layout",
    "second_members",
)


def run_stage(path: Path, stage: str) -> dict[str, object]:
    """Runs a stage in a process of its own. Returns its seconds, memory and last line."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "pipeline", "--config", str(path), stage]
    with tempfile.TemporaryFile("w+") as log:
        child = subprocess.Popen(command, cwd=ROOT, stderr=log)
        peaks, runnable = [0], list[int]()
        watcher = threading.Thread(target=watch, args=(child.pid, peaks, runnable), daemon=True)
        watcher.start()
        _, status, usage = os.wait4(child.pid, 0)
        log.seek(0)
        lines = log.read().strip().splitlines()
    if status:
        sys.exit("\n".join(lines))
    print(lines[-1], flush=True)
    return {
        "wall_seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": max(peaks),
        "load": round(sum(runnable) / max(len(runnable), 1), 1),
    }


def watch(pid: int, peaks: list[int], runnable: list[int]) -> None:
    """Notes until a process ends how much memory it and those it starts hold, and how many programs run or wait.

    Args:
        pid: of the process.
        peaks: takes the memory of all together, in MiB, shared pages once.
        runnable: takes the programs on the machine that run or wait for a processor, but for this one.
    """
    while True:
        try:
            tree, held = [pid], 0
            for process in tree:
                tasks = Path(f"/proc/{process}/task").glob("*/children")
                tree.extend(int(other) for task in tasks for other in task.read_text().split())
            for process in tree:
                lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
                held += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, IndexError):
            if not Path(f"/proc/{pid}/smaps_rollup").exists():
                return
            continue
        if not held:
            return
        peaks.append(held // 1024)
        runnable.append(int(Path("/proc/loadavg").read_text().split()[3].split("/")[0]) - 1)
        time.sleep(1)


def encode_titles(config: Config) -> None:
    """Writes `embeddings`, with the vector of the title alone where the text has none."""
    width = config.embed.dimension_count
    schema = embeddings_table(width).arrow_schema
    encoder = load_encoder(config.embed, config.path(config.paths.processed, "encoders"))
    cache = config.path(config.paths.processed, "titles")
    cache.mkdir(exist_ok=True)
    with gather.open_places(config.processed("documents"), width) as places:
        gather.fill(places, vectors.read_made(config, vectors.list_shards(config)))
        os.ftruncate(places.file, len(places.is_filled) * 2 * width)  # whole, though the last ones have no vector
        documents = pq.ParquetFile(config.processed("documents"))

        def parts() -> Iterator[pa.Table]:
            first = 0
            for group in range(documents.num_row_groups):
                rows = documents.read_row_group(group, columns=["doc_id", "text_sha256", "title"])
                found, backends = gather.read_rows(places, first, len(rows))
                found, is_known = found.copy(), places.is_filled[first : first + len(rows)]
                lacking = np.flatnonzero(~is_known)
                made = cache / f"{group}.npy"  # a run that is cut off goes on from here
                if not made.exists():
                    np.save(made, encoder(rows.column("title").take(pa.array(lacking)).to_pylist()))
                found[lacking] = np.load(made)
                columns = {
                    "doc_id": rows.column("doc_id"),
                    "text_sha256": rows.column("text_sha256"),
                    "encoder": pa.repeat(pa.scalar(config.embed.model), len(rows)),
                    "encoder_revision": pa.repeat(pa.scalar(config.embed.weights_sha256), len(rows)),
                    "vector": store.column_from_matrix(found),
                    "encoder_backend": pc.if_else(pa.array(is_known), backends, None),
                }
                yield pa.table([columns[name] for name in schema.names], schema=schema)
                first += len(rows)

        write_groups(embeddings_table(width), parts(), config.processed("embeddings"))


def publish(config: Config, folder: Path, left_out: pa.Array) -> None:
    """Makes a census of the tables of a run, without some papers: what the stages after a release read of it."""
    folder.mkdir(parents=True)
    for name in RELEASED:
        with pq.ParquetFile(config.processed(name)) as table:
            width = CENSUS_DOCUMENTS.arrow_schema if name == "documents" else table.schema_arrow
            with pq.ParquetWriter(folder / f"{name}.parquet", width, compression="zstd") as target:
                for group in range(table.num_row_groups):
                    rows = table.read_row_group(group, columns=width.names).select(width.names)
                    if "doc_id" in width.names:
                        rows = rows.filter(pc.invert(pc.is_in(rows.column("doc_id"), value_set=left_out)))
                    target.write_table(rows.cast(width))
    files = {
        path.name: {"sha256": store.sha256_of_file(path), "byte_count": path.stat().st_size}
        for path in folder.iterdir()
    }
    write_manifest(folder, {"version": "1", "files": files})


def write_update(folder: Path, release: Path, new: pa.Table) -> Path:
    """Writes a project of a published census, new papers, and a new text for each tenth as many of it."""
    changed = choose_papers(len(new) // 10)
    texts = pa.array([f"{text} A later version says more." for text in changed.column("text").to_pylist()])
    changed = changed.set_column(
        changed.schema.get_field_index("text"), "text", texts.cast(changed.schema.field("text").type)
    )
    path = write_papers(folder, pa.concat_tables([new, changed]))
    entry = f'[sources.census]\nkind = "census"\npath = "{release}"\n\n[sources.papers]'
    path.write_text(path.read_text(encoding="utf-8").replace("[sources.papers]", entry), encoding="utf-8")
    return path


def add_row(row: dict[str, object]) -> None:
    """Puts a row into the table in the place of the last one of the same run, size and stage."""
    rows: list[dict[str, object]] = []
    if TABLE.exists():
        with TABLE.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    same = {name: str(row[name]) for name in ("run", "document_count", "stage")}
    rows = [old for old in rows if any(str(old[name]) != value for name, value in same.items())]
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted([*rows, row], key=lambda old: (str(old["run"]), int(str(old["document_count"])))))


def measure(path: Path, run: str, options: argparse.Namespace) -> None:
    """Takes a project through the stages asked for."""
    config = load_config(path)
    for stage in options.stages.split(","):
        if stage == "embed" and options.titles and run == "all":
            encode_titles(config)
            continue
        facts = run_stage(path, stage)
        count = pq.read_metadata(config.processed("documents")).num_rows
        # An update encodes texts only; of the census it does not know what was encoded.
        titles = 0 if stage == "corpus" or run == "update" else count_titles(config)
        add_row({"run": run, "document_count": count, "stage": stage, "title_vectors": titles, **facts})


def count_titles(config: Config) -> int:
    """Returns how many vectors `encode_titles` has made: those of which no backend is on record."""
    names = pq.read_table(config.processed("embeddings"), columns=["encoder_backend"]).column(0)
    return int(names.null_count)


def render_rows(rows: list[dict[str, str]]) -> str:
    """Returns the table of the record: cost by stage and size, and the power it grows with from the size before."""
    lines = [
        "| run | stage | papers | processor seconds | seconds on the wall | memory, GiB | load | grows with power |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for run in ("all", "update"):
        for stage in STAGES:
            last: dict[str, str] = {}
            for row in (row for row in rows if row["run"] == run and row["stage"] == stage):
                power = "" if run == "update" or stage == "embed" else grow_power(last, row)
                wall = f"{float(row['wall_seconds']):,.0f}" if float(row["load"]) < BUSY else "busy"
                cells = (
                    {"all": "anew", "update": "update"}[run],
                    f"`{stage}`",
                    f"{int(row['document_count']):,}",
                    f"{float(row['processor_seconds']):,.0f}",
                    wall,
                    f"{int(row['peak_mib']) / 1024:.1f}",
                    row["load"],
                    power,
                )
                lines.append(f"| {' | '.join(cells)} |")
                last = row
    return "\n".join(lines) + "\n"


def grow_power(first: dict[str, str], second: dict[str, str]) -> str:
    """Returns the exponent of the processor seconds between two sizes."""
    if not first:
        return ""
    more = int(second["document_count"]) / int(first["document_count"])
    return f"{math.log(float(second['processor_seconds']) / float(first['processor_seconds'])) / math.log(more):.2f}"


def judge_goals(rows: list[dict[str, str]]) -> str:
    """Returns a line for each time that `cluster` was asked to take, and what it took."""
    lines = []
    for row in rows:
        goal = GOALS.get(int(row["document_count"]))
        if goal and row["run"] == "all" and row["stage"] == "cluster":
            is_free = float(row["load"]) < BUSY
            took = f"took {float(row['wall_seconds']):,.0f} s" if is_free else "not measured on a free machine"
            lines.append(f"* `cluster` of {int(row['document_count']):,} papers, asked to take {goal} s: {took}.")
    return "\n".join(lines) + "\n"


def write_record() -> None:
    """Puts the table and what became of the goals into the record."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    put_between(TABLE.name, render_rows(rows) + "\n" + judge_goals(rows))


def put_between(name: str, lines: str) -> None:
    """Puts lines into the record, in the place that is kept for those of a table."""
    text = RECORD.read_text(encoding="utf-8")
    before, after = text.split(f"<!-- from {name} -->\n", 1)
    end = f"<!-- end of {name} -->\n"
    RECORD.write_text(f"{before}<!-- from {name} -->\n{lines}{end}{after.split(end, 1)[1]}", encoding="utf-8")


def main() -> None:
    """Measures and adds to the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=TOTAL, help="papers")
    parser.add_argument("--folder", type=Path, help="where the project lies; a temporary one by default")
    parser.add_argument("--vectors", type=Path, help="folder `vectors` of an earlier run")
    parser.add_argument("--titles", action="store_true", help="encode titles where a vector is not there")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--update", type=int, default=0, help="papers to add afterwards")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name) / "papers"
        path = folder / "census.toml"
        if not path.exists():
            write_papers(folder, choose_papers(options.count))
        config = load_config(path)
        if options.vectors:
            link_vectors(config, options.vectors)
        if options.stages:
            measure(path, "all", options)
        if options.update:
            # Of all papers there are no others to add: the last ones are left out of the census, and come back.
            new = choose_papers(options.update, min(options.count, TOTAL - options.update))
            release = folder / "release"
            if not release.exists():
                publish(config, release, new.column("id").combine_chunks())
            options.stages = ",".join(STAGES)
            measure(write_update(folder / "update", release.resolve(), new), "update", options)
        write_record()


def link_vectors(config: Config, folder: Path) -> None:
    """Lets a project use the vectors that another run has made."""
    place = config.path(config.paths.processed, "vectors")
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.symlink_to(folder.resolve())


if __name__ == "__main__":
    main()
