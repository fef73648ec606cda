"""Seconds and peak memory of `corpus` on the bulk documents, from 1,000 to all: python -m tests.bench.corpus_scale."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from pipeline.store import write_csv

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ALIGNMENT_SHARED", ROOT.parent / "shared"))
SIZES = (1_000, 4_000, 16_000, 0)  # 0 for all
COLUMNS = '{ doc_id = "id", text = "text_or_abstract", published_date = "date", karma = "score" }'
FRAME = '\n[frames.bulk]\ntitle = "Bulk"\nkind = "list"\ndescription = "a list"\nuse = "speed"\nis_quotable = false\n'


def measure(folder: Path, size: int) -> dict[str, float]:
    """Runs the stage once on `size` documents of each file's share, in a process of its own."""
    parts = {name: pd.read_parquet(SHARED / f"corpus/bulk/{name}.parquet") for name in ("abstracts", "forum_posts")}
    total = sum(len(part) for part in parts.values())
    text = (ROOT / "census.toml").read_text()
    sources = ""
    for name, part in parts.items():
        kept = part.sample(round(len(part) * size / total), random_state=1) if size else part
        kept.to_parquet(folder / f"{name}.parquet")
        sources += f'[sources.{name}]\nkind = "files"\npath = "{name}.parquet"\nframe = "bulk"\ncolumns = {COLUMNS}\n\n'
    start, end = text.index("[sources.census]"), text.index("[corpus]")
    (folder / "census.toml").write_text(text[:start] + sources + text[end:] + FRAME)
    began = time.perf_counter()
    command = [sys.executable, "-m", "pipeline", "--config", str(folder / "census.toml"), "corpus"]
    done = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    log = done.stderr.read() if done.stderr else ""
    _, status, usage = os.wait4(done.pid, 0)
    if status:
        raise SystemExit(log)
    counts = re.findall(r"[\d]+", log[log.index("corpus:") :])
    names = ("items", "documents", "duplicates", "rejects", "works")
    return {
        **dict(zip(names, map(int, counts[:5]), strict=True)),
        "seconds": round(time.perf_counter() - began, 1),
        "peak_mib": round(usage.ru_maxrss / 1024),
    }


def main() -> None:
    rows = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(Path(folder), size))
            print(rows[-1], flush=True)
    write_csv(ROOT / "reports/bench/corpus_scale.csv", pd.DataFrame(rows))


if __name__ == "__main__":
    main()
