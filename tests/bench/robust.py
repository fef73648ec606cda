"""Robustness: every case of the permanent lists of odd input, counted by group; writes `reports/bench/robust.md`."""

import os
import platform
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline import store
from tests.fuzz import answer_cases, archive_cases, config_cases, file_cases, release_cases, sheet_cases

ROOT = Path(__file__).resolve().parents[2]
GROUPS: Mapping[str, tuple[str, Callable[[], Mapping[str, Callable[[Path], str]]]]] = {
    "files": ("CSV, JSON lines, Parquet and dumps with dirt", file_cases.all_cases),
    "configurations": ("values that cannot be meant, odd files", config_cases.all_cases),
    "sheets": ("coders' sheets", sheet_cases.all_cases),
    "archives": ("archives of finished snapshots, cut, flipped and put in another order", archive_cases.all_cases),
    "releases": ("releases and vector caches, flipped, foreign and reordered", release_cases.all_cases),
    "session answers": ("answers of a local server, redirects, robots.txt, addresses, XML", answer_cases.all_cases),
}
HEAD = """\
# What odd input does

Every case of the permanent lists (`tests/fuzz/`) on {machine}. A case fails where the program ends with a traceback,
changes a value without a word, gives a document another's vector, or takes longer than its deadline; what is right is
written in the case and not taken from the program. `python -m tests.bench.robust` writes this page.

| group | what is tried | attempts | tracebacks | wrong or silent | failures |
|---|---|---|---|---|---|
"""


def measure() -> tuple[str, list[str]]:
    """Runs every case. Returns the rows of the table and a line for each failure."""
    rows, failures = [], []
    for group, (what, make) in GROUPS.items():
        cases, found = make(), Counter()
        for name, case in cases.items():
            with tempfile.TemporaryDirectory() as folder:
                try:
                    wrong = case(Path(folder))
                    kind = "wrong"
                except Exception:
                    wrong, kind = traceback.format_exc().splitlines()[-1], "traceback"
            if wrong:
                found[kind] += 1
                failures.append(f"- {group}, {name}: {wrong[:200]}")
        counts = f"{len(cases)} | {found['traceback']} | {found['wrong']} | {sum(found.values())}"
        rows.append(f"| {group} | {what} | {counts} |\n")
        print(rows[-1], end="", flush=True)
    return "".join(rows), failures


def main() -> int:
    """Writes the page. Returns 1 if a case failed."""
    rows, failures = measure()
    text = HEAD.format(machine=f"Python {platform.python_version()}, {os.cpu_count()} processors") + rows
    if failures:
        text += "\n## Failures\n\n" + "\n".join(failures) + "\n"
    store.write_text(ROOT / "reports/bench/robust.md", text)
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
