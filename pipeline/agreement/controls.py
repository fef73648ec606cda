"""Negative controls: documents from elsewhere, read against the same codebook, of which none should count."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.coding.certify import exact_interval
from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_definition
from pipeline.coding.sheets import read_csv_rows, read_sheet

FACTS = ("control", "coder_kind", "doc_id", "title")


def judge_controls(paths: Sequence[Path], codebook: Codebook, level: float) -> pd.DataFrame:
    """Returns the table `controls`: how many documents of each control count as direct under each definition.

    Each control is a simple random sample of a population too large for its size to matter, so the interval is the
    exact one of Clopper and Pearson (1934).

    Args:
        paths: one sheet a coder, with the columns `FACTS` before those of any sheet.
        codebook: its codes and definitions.
        level: of the intervals.

    Raises:
        SheetError: a sheet has a column missing, a code that is not in the codebook, or a document twice.
    """
    rows: list[dict[str, object]] = []
    for path in paths:
        facts = pd.DataFrame([row for _, row in read_csv_rows(path, FACTS)]).set_index("doc_id")
        codes = read_sheet(path, codebook, set(facts.index))
        for (control, kind), members in facts.groupby(["control", "coder_kind"], sort=True):
            own = codes.loc[members.index]
            for definition in codebook.definitions:
                counted = int(match_definition(definition, own).sum())
                low, high = exact_interval(counted, len(own), level)
                rows.append(
                    {
                        "control": control,
                        "coder": path.stem,
                        "coder_kind": kind,
                        "definition": definition.id,
                        "n_read": len(own),
                        "n_counted": counted,
                        "share": counted / len(own),
                        "low": low,
                        "high": high,
                    }
                )
    return pd.DataFrame(rows)
