"""Texts of the census's source file that hold HTML residue, and whether reading them as markdown removes it.

python -m tests.bench.residue writes reports/bench/html_residue.csv: ids and counts.
"""

import re
from pathlib import Path

import pandas as pd

from pipeline.store import write_csv
from pipeline.text.extract import extract_text
from pipeline.text.formats import TextFormat
from tests.bench.pairs import SHARED

ROOT = Path(__file__).resolve().parents[2]
MARK = re.compile(
    r"</?(?:p|div|span|a|em|strong|b|i|ul|ol|li|br|img|h[1-6]|figure|figcaption|blockquote|table|tr|td|style|script"
    r"|section|sup|sub|iframe|code|pre|hr)\b[^<>]*>|&(?:nbsp|amp|lt|gt|quot|#\d+);",
    re.IGNORECASE,
)
FORMATS: tuple[TextFormat, ...] = ("plain", "markdown")


def main() -> None:
    rows = pd.read_parquet(SHARED / "snapshot.parquet")
    rows = rows[rows["source"] != "arxiv"]
    rows = rows.assign(tag_count=[len(MARK.findall(text or "")) for text in rows["text"]])
    rows = rows[rows["tag_count"] > 0].sort_values("id")
    for name in FORMATS:
        rows[f"tag_count_as_{name}"] = [len(MARK.findall(extract_text(text, name))) for text in rows["text"]]
    columns = ["doc_id", "frame", "tag_count", *(f"tag_count_as_{name}" for name in FORMATS)]
    found = rows.rename(columns={"id": "doc_id"})[columns]
    write_csv(ROOT / "reports/bench/html_residue.csv", found)
    print(found.groupby("frame").agg("sum", numeric_only=True), (found["tag_count_as_markdown"] > 0).sum())


if __name__ == "__main__":
    main()
