"""Our extraction and trafilatura's on the same invented documents: python -m tests.bench.extraction."""

import logging
from pathlib import Path

import pandas as pd
import trafilatura

from pipeline.store import write_csv
from pipeline.text.extract import clean_text, extract_text
from tests.corpus_scores import read_cases, word_f1

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    rows = []
    for case in read_cases():
        if case.format != "html":
            continue
        page = case.source if case.source.startswith("<!") else f"<html><body>{case.source}</body></html>"
        theirs = trafilatura.extract(page, include_comments=False, include_tables=True, favor_recall=True) or ""
        rows.append(
            {
                "document": case.name,
                "ours_word_f1": word_f1(extract_text(case.source, "html"), case.text),
                "trafilatura_word_f1": word_f1(clean_text(theirs), case.text),
            }
        )
    table = pd.DataFrame(rows)
    write_csv(ROOT / "reports/bench/extraction.csv", table)
    print(table.describe().loc[["count", "mean", "min"]])


if __name__ == "__main__":
    main()
