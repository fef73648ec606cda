"""Negative controls: documents from elsewhere, read against the same codebook, of which none should count."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.coding.certify import exact_interval
from pipeline.coding.codebook import ASSUMED, Codebook
from pipeline.coding.definitions import axes_asked, match_definition, match_denominator
from pipeline.coding.sheets import read_csv_rows, read_sheet

FACTS = ("control", "coder_kind", "doc_id", "title")


def judge_controls(paths: Sequence[Path], codebook: Codebook, level: float) -> pd.DataFrame:
    """Returns the table `controls`: how many documents of each control count as direct under each definition.

    Of a sheet whose reader was asked for what a scope asks, it says too how many are in each scope, by its name.
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
            for name, is_counted in _ask(own, codebook).items():
                counted = int(is_counted.sum())
                low, high = exact_interval(counted, len(own), level)
                rows.append(
                    {
                        "control": control,
                        "coder": path.stem,
                        "coder_kind": kind,
                        "definition": name,
                        "n_read": len(own),
                        "n_counted": counted,
                        "share": counted / len(own),
                        "low": low,
                        "high": high,
                    }
                )
    return pd.DataFrame(rows)


def _ask(codes: pd.DataFrame, codebook: Codebook) -> dict[str, np.ndarray]:
    """Returns which documents count: bool (n,), under every definition, and in every scope that the codes can tell."""
    found = {definition.id: match_definition(definition, codes) for definition in codebook.definitions}
    assumed = set(" ".join(codes[ASSUMED]).split()) if ASSUMED in codes else set()
    for name, denominator in codebook.denominators.items():
        asked = axes_asked(denominator)
        if asked and not asked & assumed and (codes[sorted(asked)] != "").all(axis=None):
            found[name] = match_denominator(denominator, codes)
    return found
