"""Opens a release in the tools that people already have, and records what came of it: `reports/bench/openings.md`.

    python -m tests.bench.openings dist/census-2026.07 [--python /path/to/another/python]

Heavy tools live in environments of their own: each `--python` is asked for what it has. What nobody has is recorded as
not opened.
"""

import argparse
import datetime
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

# By tool: its distribution, and lines that open the folder they run in and print what they found.
LINES = {
    "pandas": (
        "pandas",
        "import pandas as pd; d = pd.read_parquet('documents.parquet'); w = pd.read_parquet('weights.parquet');"
        "print(len(d), 'documents,', len(w), 'weights of', len(w['replicate_weights'][0]), 'replicates')",
    ),
    "Polars": (
        "polars",
        "import polars as pl; j = pl.read_parquet('documents.parquet').join(pl.read_parquet('embeddings.parquet'),"
        " on='doc_id'); print(j.height, 'documents with vectors', j['vector'].dtype)",
    ),
    "DuckDB": (
        "duckdb",
        'import duckdb; r = duckdb.sql("select count(*), max(array_cosine_similarity(a.vector::float[384],'
        " b.vector::float[384])) from 'embeddings.parquet' a,"
        " (select doc_id, vector from 'embeddings.parquet' limit 1) b"
        " where a.doc_id <> b.doc_id\").fetchall()[0]; print(r[0], 'cosines, the highest', round(r[1], 3))",
    ),
    "datasets": (
        "datasets",
        "import os, datasets; d = datasets.load_dataset(os.getcwd(), split='train', cache_dir=os.environ['CACHE']);"
        "e = datasets.load_dataset(os.getcwd(), 'embeddings', split='train', cache_dir=os.environ['CACHE']);"
        "print(d.num_rows, 'documents unasked;', e.features['vector'])",
    ),
    "mlcroissant": (
        "mlcroissant",
        "import mlcroissant; d = mlcroissant.Dataset(jsonld='croissant.json'); i = d.metadata.ctx.issues;"
        "r = next(iter(d.records('shares')));"
        "print(len(i.errors), 'errors,', len(i.warnings), 'warnings,', len(r), 'fields')",
    ),
    "datamapplot": (
        "datamapplot",
        "import os, numpy as np, pandas as pd, datamapplot; l = pd.read_parquet('layout.parquet');"
        "c = pd.read_parquet('clusters.parquet'); m = pd.read_parquet('cluster_members.parquet');"
        "layer = sorted(m['layer'].unique())[0];"
        "m = m[m['layer'] == layer].merge(c[c['layer'] == layer][['cluster_id', 'name']], on='cluster_id');"
        "l = l.merge(m[['doc_id', 'name']], on='doc_id', how='left');"
        "f, _ = datamapplot.create_plot(l[['x', 'y']].to_numpy(), l['name'].fillna('Unlabelled').to_numpy());"
        "p = os.path.join(os.environ['CACHE'], 'map.png'); f.savefig(p);"
        "print(len(l), 'points,', l['name'].nunique(), 'labels, a picture of', os.path.getsize(p), 'bytes')",
    ),
}
R_LINES = (
    "d <- arrow::read_parquet('documents.parquet');"
    "cat(nrow(d), 'documents, arrow', as.character(packageVersion('arrow')))"
)
NOT_HERE = "not opened: it is not installed here"


def main() -> None:
    """Opens the release in each tool and writes the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", action="append", default=[], help="further environments to look in")
    options = parser.parse_args()
    folder, pythons = options.folder.resolve(), [sys.executable, *options.python]
    rows = [open_with(name, pythons, folder) for name in LINES]
    rows += [open_atlas(pythons, folder), open_r(folder)]
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    head = "| tool | version | what came of it | seconds |\n|---|---|---|---|\n"
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    text = (
        f"# A release in other people's tools\n\n`{folder.name}`, opened on {today} by"
        " `python -m tests.bench.openings`. Seconds include the start of the tool, on a machine that was busy with"
        f" other work.\n\n{head}{lines}"
    )
    Path("reports/bench/openings.md").write_text(text, encoding="utf-8")
    print(text)


def open_with(name: str, pythons: list[str], folder: Path) -> tuple[str, str, str, str]:
    """Returns the row of a tool of Python, in the first environment that has it."""
    distribution, code = LINES[name]
    python, version = find_version(distribution, pythons)
    if not python:
        return name, "-", NOT_HERE, "-"
    with tempfile.TemporaryDirectory() as cache:
        start = time.perf_counter()
        done = run([python, "-W", "ignore", "-c", code], folder, cache)
        seconds = time.perf_counter() - start
    lines = (done.stdout if done.returncode == 0 else "failed: " + done.stderr).strip().splitlines()
    return name, version, lines[-1] if lines else "nothing", f"{seconds:.1f}"


def find_version(distribution: str, pythons: list[str]) -> tuple[str, str]:
    """Returns the first Python that has a distribution, and which version; nothing where none has."""
    code = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    for python in pythons:
        done = run([python, "-c", code], Path.cwd(), "")
        if done.returncode == 0:
            return python, done.stdout.strip()
    return "", ""


def open_atlas(pythons: list[str], folder: Path) -> tuple[str, str, str, str]:
    """Returns the row of embedding-atlas, which serves the map that the card tells how to make."""
    python, version = find_version("embedding-atlas", pythons)
    if not python:
        return "embedding-atlas", "-", NOT_HERE, "-"
    with tempfile.TemporaryDirectory() as cache:
        code = (
            f"import duckdb; duckdb.sql(\"copy (from 'documents.parquet' join 'layout.parquet' using (doc_id))"
            f" to '{cache}/map.parquet'\")"
        )
        run([sys.executable, "-c", code], folder, cache)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(Path(python).with_name("embedding-atlas")), f"{cache}/map.parquet", "--text", "title"]
        command += ["--x", "x", "--y", "y", "--host", "127.0.0.1", "--port", str(port)]
        start = time.perf_counter()
        told = Path(cache, "log")
        with told.open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            served = fetch(f"http://127.0.0.1:{port}/data/dataset.parquet", server)
            found = "failed" if served is None else f"its page serves the map: {len(served):,} bytes of data"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()
        seconds = time.perf_counter() - start
        if served is None:
            found = "failed: " + (told.read_text(encoding="utf-8").strip().splitlines() or [""])[-1]
    return "embedding-atlas", version, found, f"{seconds:.1f}"


def open_r(folder: Path) -> tuple[str, str, str, str]:
    """Returns the row of the package arrow of R."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return "R arrow", "-", NOT_HERE, "-"
    start = time.perf_counter()
    done = run([rscript, "-e", R_LINES], folder, "")
    if done.returncode:
        return "R arrow", "-", NOT_HERE if "no package called" in done.stderr else "failed", "-"
    return "R arrow", done.stdout.split()[-1], done.stdout.rpartition(",")[0], f"{time.perf_counter() - start:.1f}"


def fetch(url: str, server: subprocess.Popen[bytes]) -> bytes | None:
    """Returns what an address serves, as soon as it does; None if the server ends or two minutes pass."""
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return bytes(answer.read())
        except OSError:
            if server.poll() is not None:
                return None
            time.sleep(0.5)
    return None


def run(command: list[str], folder: Path, cache: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in the folder of the release."""
    environment = {**os.environ, "CACHE": cache, "MPLBACKEND": "Agg"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
