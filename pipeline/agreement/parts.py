"""The table `agreement_parts`: where readers agree, by frame, leaf and kind of reader, and each with itself."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.coding.certify import exact_interval
from pipeline.coding.codebook import Codebook
from pipeline.coding.kinds import find_kind
from pipeline.coding.precedence import CodedSheet
from pipeline.coding.sample import Sample
from pipeline.coding.sheets import read_sheet
from pipeline.config import Config

FEW = 5  # documents below which a part is left out: a share of four says nothing
AGAIN = "again"  # what the second reading of one's own documents is called


def tabulate_parts(config: Config, handcheck: Path, codebook: Codebook, sample: Sample) -> pd.DataFrame:
    """Returns the rows of `agreement_parts`.

    Every two coders, and every coder with what the same coder said when reading again: over all documents that both
    have read, by frame, and by leaf (documents that either put into the leaf). Last, every two kinds of coder together.
    """
    frame_of, level = sample.units["frame"], config.estimate.level
    pairs = list(itertools.combinations(sample.coded, 2))
    pairs += _read_again(handcheck, codebook, sample.coded)
    rows: list[dict[str, object]] = []
    pooled: dict[tuple[str, str], list[np.ndarray]] = {}
    for one, other in pairs:
        both = one.codes.index.intersection(other.codes.index).intersection(frame_of.index)
        leaves = np.stack([sheet.codes["leaf"].reindex(both).to_numpy(dtype=str) for sheet in (one, other)])
        names = {"coder_a": one.coder, "coder_b": other.coder, "kind_a": one.kind, "kind_b": other.kind}
        rows += [{**names, **row} for row in _split(leaves, frame_of.reindex(both).to_numpy(dtype=str), level)]
        if other.coder != f"{one.coder} {AGAIN}":
            first, second = sorted((str(one.kind), str(other.kind)))
            pooled.setdefault((first, second), []).append(leaves)
    for (kind_a, kind_b), parts in sorted(pooled.items()):
        names = {"coder_a": f"every {kind_a}", "coder_b": f"every {kind_b}", "kind_a": kind_a, "kind_b": kind_b}
        together = np.hstack(parts)
        if together.shape[1] >= FEW:
            rows.append({**names, **_row("kinds", "", together, level)})
    return pd.DataFrame(rows)


def _split(leaves: np.ndarray, frame: np.ndarray, level: float) -> Iterator[dict[str, object]]:
    """Yields the rows of two coders: their leaves, str (2, n), of documents in frames, str (n,)."""
    if len(frame) < FEW:
        return
    yield _row("all", "", leaves, level)
    parts = [("frame", name, frame == name) for name in np.unique(frame).tolist()]
    parts += [("leaf", name, (leaves == name).any(axis=0)) for name in np.unique(leaves).tolist()]
    for part, name, is_in in parts:
        if is_in.sum() >= FEW:
            yield _row(part, name, leaves[:, is_in], level)


def _row(part: str, name: str, leaves: np.ndarray, level: float) -> dict[str, object]:
    n_both, n_same = leaves.shape[1], int((leaves[0] == leaves[1]).sum())
    low, high = exact_interval(n_same, n_both, level)
    return {
        "part": part,
        "name": name,
        "n_both": n_both,
        "n_same": n_same,
        "share": round(n_same / n_both, 6),
        "low": round(low, 6),
        "high": round(high, 6),
        "level": level,
    }


def _read_again(
    handcheck: Path, codebook: Codebook, sheets: Sequence[CodedSheet]
) -> list[tuple[CodedSheet, CodedSheet]]:
    """Returns each coder with what the coder said of the same documents in the task `retest`."""
    found = []
    for path in sorted((handcheck / "sheets" / "retest").glob("*.csv")):
        for sheet in sheets:
            if sheet.coder == path.stem and find_kind(handcheck, path.stem) == sheet.kind:
                codes = read_sheet(path, codebook, set(sheet.codes.index))
                found.append((sheet, replace(sheet, coder=f"{sheet.coder} {AGAIN}", codes=codes)))
    return found
