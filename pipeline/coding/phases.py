"""The second phase of the rounds: of which documents a ruling was drawn, by which chance, and what was ruled."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.coding.design import Draw
from pipeline.coding.facts import Facts, describe_agreement
from pipeline.coding.overlay import lay_over
from pipeline.coding.precedence import CodedSheet

log = logging.getLogger(__name__)
SCREENED = "screened"  # the phase-2 stratum of documents known by a screener's mark, of which a random part is read


def without_marked(sheet: CodedSheet, marked: Mapping[str, object]) -> CodedSheet:
    """Returns a reader's sheet without the documents that a screener's mark stands for: there, readers correct it."""
    return replace(sheet, codes=sheet.codes[~_is_marked(sheet.codes.index, marked)]) if marked else sheet


def _is_marked(doc_ids: pd.Index, marked: Mapping[str, object]) -> np.ndarray:
    """Returns which documents a screener's mark stands for: bool (n,). Few are asked for, many may be marked."""
    return np.array([doc_id in marked for doc_id in doc_ids.tolist()], dtype=bool)


def find_phase2(
    draws: Sequence[Draw],
    slots: Sequence[pd.DataFrame],
    who: pd.DataFrame,
    marked: Mapping[str, object],
    facts: Facts,
) -> pd.DataFrame:
    """Returns the phase-2 stratum of each unit, its probability, and whether it was drawn: by the last draw that names
    it, else by what its readers said, with nothing drawn."""
    found = pd.DataFrame(
        {
            "phase2_stratum": describe_agreement(slots, who["n_readers"], facts.doubt),
            "phase2_probability": 0.0,
            "is_adjudicated": False,
        }
    )
    ruled = {doc_id for sheet in (*facts.adjudicators, *facts.people) for doc_id in sheet.codes.index}
    for draw in draws:
        rows = draw.phase2.loc[draw.phase2.index.intersection(found.index)]
        is_done = rows["is_drawn"] & rows.index.isin(ruled)
        chance = rows["phase2_probability"]
        if (rows["is_drawn"] & ~is_done).any():  # what is ruled on so far is a random part of what was drawn
            chance = is_done.groupby(rows["phase2_stratum"]).transform("mean")
            log.warning(
                "round %s: %d documents drawn for adjudication are not ruled on yet (make adjudicate)",
                draw.name,
                int((rows["is_drawn"] & ~is_done).sum()),
            )
        found.loc[rows.index, "phase2_stratum"] = rows["phase2_stratum"]
        found.loc[rows.index, "phase2_probability"] = chance
        found.loc[rows.index, "is_adjudicated"] = is_done
    screened = found.index[_is_marked(found.index, marked)]
    if len(screened):
        read = facts.read_ids()
        is_read = np.array([doc_id in read for doc_id in screened.tolist()], dtype=bool)
        found.loc[screened, "phase2_stratum"] = SCREENED
        found.loc[screened, "phase2_probability"] = is_read.mean()
        found.loc[screened, "is_adjudicated"] = is_read
    return found


def settle_rounds(
    draws: Sequence[Draw], units: pd.DataFrame, facts: Facts, marked: Mapping[str, object]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lays adjudicators and people over the units, round by round, since each has its own order of reading."""
    left, parts, ruled = units.index, [], []
    checks = [
        CodedSheet(sheet.coder, sheet.kind, "adjudicator", sheet.codes[_is_marked(sheet.codes.index, marked)])
        for sheet in facts.readers
        if marked
    ]
    for draw in draws:
        mine = left.intersection(draw.sample.index)
        left = left.difference(mine)
        if len(mine):
            order = draw.sample.index.tolist()
            laid = lay_over(units.loc[mine], [*facts.adjudicators, *checks], facts.people, draw.about.seed, order)
            parts.append(laid.units)
            ruled.append(laid.settled)
    found = [part for part in ruled if len(part)]
    settled = pd.concat(found).sort_index() if found else ruled[0]
    return pd.concat(parts).sort_index(), settled
