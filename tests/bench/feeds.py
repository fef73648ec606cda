"""Entries that our reader finds in feedparser's own test files, beside what feedparser finds: none may be fewer.

pip download --no-binary :all: --no-deps feedparser; tar xzf feedparser-*.tar.gz
python -m tests.bench.feeds feedparser-*/tests
"""

import io
import sys
from collections import Counter
from pathlib import Path

import feedparser

from pipeline.errors import PipelineError
from pipeline.scrape.feeds import read_entries
from pipeline.web.response import TryAgain


def main(folder: str) -> int:
    counts: Counter[str] = Counter()
    for path in sorted(Path(folder).rglob("*.xml")):
        body = path.read_bytes()
        expected = len(feedparser.parse(io.BytesIO(body)).entries)
        try:
            found = len(list(read_entries(body, "https://b.example/feed")))
        except (TryAgain, PipelineError):
            counts["refused, with entries" if expected else "refused, without entries"] += 1
            continue
        counts["same" if found == expected else "fewer" if found < expected else "more"] += 1
        if found < expected:
            print(f"fewer: {path}: {found} of {expected}")
    print(f"{counts.total()} files: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    return int(bool(counts["fewer"] or counts["refused, with entries"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
