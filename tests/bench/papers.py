"""A project of real papers, for measurements of growth: the arXiv announcements beside the checkout, in nested parts.

`python -m tests.bench.papers COUNT FOLDER` writes a configuration and its one source file. A smaller part is always
within a larger one, so that the vectors of the largest serve all.
"""

import argparse
import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ALIGNMENT_SHARED", ROOT.parent / "shared"))
ANNOUNCED = "corpus/arxiv/announced.parquet"
TOTAL = 205_973
SEED = 16
SOURCE = """\
[sources.papers]
kind = "files"
path = "papers.parquet"
source = "arxiv"
frame = "papers"
columns = { doc_id = "id", published_date = "date" }

"""
SETTINGS = ("corpus", "terms", "embed", "cluster")  # sections of the shipped configuration that a project takes over
FRAME = """
[scope]
background = ""

[estimate]
rounds = "all"
level = 0.95

[report]
title = "Announced papers"
headline_definitions = []
denominator = "everything"
headline_frame = "papers"

[dataset]
title = "Announced papers"
url = ""
reading_note = ""

[frames.papers]
title = "Announced"
kind = "list"
description = "papers that arXiv announced"
use = "a measurement of growth"
is_quotable = false
"""


def choose_papers(count: int, first: int = 0) -> pa.Table:
    """Returns `count` papers from place `first` of a fixed random order on: id, title, text, authors, date."""
    rows = pq.read_table(SHARED / ANNOUNCED, columns=["id", "title", "text", "authors", "date"])
    order = np.random.default_rng(SEED).permutation(len(rows))[first : first + count]
    rows = rows.take(pa.array(np.sort(order)))
    names = pa.array([name.split(", ") for name in rows.column("authors").to_pylist()], pa.list_(pa.string()))
    return rows.set_column(3, "authors", names).replace_schema_metadata(None)  # which says that authors are text


def write_papers(folder: Path, papers: pa.Table, settings: str = "") -> Path:
    """Writes a project of these papers and returns the path of its configuration.

    Args:
        folder: of the project.
        papers: rows of `choose_papers`.
        settings: more lines of `[embed]`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(papers, folder / "papers.parquet", row_group_size=16_384)
    shipped = (ROOT / "census.toml").read_text(encoding="utf-8")
    parts = [shipped[shipped.index(f"\n[{name}]") + 1 :] for name in SETTINGS]
    parts = [part[: part.index("\n[") + 1] for part in parts]
    text = 'version = "1"\nseed = 20261123\n\n' + SOURCE + "".join(parts) + FRAME
    # Nobody has read these papers, so they have no codes to be cut by.
    text = re.sub(r'^space = "subject".*$', 'space = "vectors"', text, flags=re.MULTILINE)
    path = folder / "census.toml"
    path.write_text(text.replace("[embed]\n", f"[embed]\n{settings}", 1), encoding="utf-8")
    return path


def main() -> None:
    """Writes a project."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    print(write_papers(options.folder, choose_papers(options.count)))


if __name__ == "__main__":
    main()
