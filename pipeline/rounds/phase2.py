"""Phase 2: which readings an adjudicator settles. All that readers disagree on, doubt, or surprisingly agree on; of the
rest a random part, which says how often agreeing readers err."""

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.coding.facts import describe_agreement, fill_slots
from pipeline.coding.numbers import permanent_numbers
from pipeline.coding.rounds_today import Survey

FULL = ("disagree", "doubtful", "surprising")  # strata of phase 2 that are drawn in full
SURPRISING = 0.08  # chance that the classifier gives the readers' leaf, below which their agreement is a surprise
PART = 0.15  # of the other agreements, at least LEAST of them
LEAST = 15


def classify_readings(found: Survey, chances: pd.Series | None) -> pd.DataFrame:
    """Returns every document that a language model has read, by what its readers said together.

    Args:
        found: the rounds over the census of today.
        chances: the chance of a leaf, by (doc_id, leaf); or None.

    Returns:
        index doc_id; columns round, phase2_stratum (disagree, doubtful, surprising, agree, or single).
    """
    round_of: dict[str, str] = {}
    for draw in found.draws:
        for doc_id in draw.sample.index:
            round_of.setdefault(str(doc_id), draw.name)
    marked = {doc_id for sheet in found.screens for doc_id in sheet.codes.index}
    read = {doc_id for sheet in found.facts.readers for doc_id in sheet.codes.index}
    wanted = sorted((read & set(round_of)) - marked)
    if not wanted:
        return pd.DataFrame(columns=["round", "phase2_stratum"])
    slots, who = fill_slots(wanted, found.facts.readers)
    said = describe_agreement(slots, who["n_readers"])
    if chances is not None:
        leaves = slots[0]["leaf"]
        given = chances.reindex(pd.MultiIndex.from_arrays([leaves.index, leaves])).to_numpy()
        said = said.mask((said == "agree") & (given < SURPRISING), "surprising")
    return pd.DataFrame(
        {"round": [round_of[doc_id] for doc_id in wanted], "phase2_stratum": said.to_numpy()}, said.index
    )


def list_undecided(found: Survey) -> pd.DataFrame:
    """Returns the readings that wait: those with no draw of phase 2 yet, and those drawn and not ruled on.

    Returns:
        index doc_id; columns round, phase2_stratum, is_drawn.
    """
    rows = classify_readings(found, None)
    ruled = {doc_id for sheet in (*found.facts.adjudicators, *found.facts.people) for doc_id in sheet.codes.index}
    drawn = {doc_id: bool(flag) for draw in found.draws for doc_id, flag in draw.phase2["is_drawn"].items()}
    rows["is_drawn"] = [drawn.get(doc_id, False) for doc_id in rows.index]
    has_draw = rows.index.isin(list(drawn))
    is_ruled = rows.index.isin(list(ruled))
    return rows[~is_ruled & (~has_draw | rows["is_drawn"])]


def draw_phase2(found: Survey, chances: pd.Series | None, total: int, rounds: Mapping[str, int]) -> pd.DataFrame:
    """Draws phase 2 of the readings that have had no draw, and of agreements that have come to look surprising.

    Args:
        found: the rounds over the census of today.
        chances: the chance of a leaf, by (doc_id, leaf); or None.
        total: agreements to draw at random, over all rounds; 0 for a share of `PART`.
        rounds: the seed of each round to draw in.

    Returns:
        rows round, doc_id, phase2_stratum, phase2_probability, adjudicated; only documents whose part in phase 2 is
        new or has changed.
    """
    rows = classify_readings(found, chances)
    rows = rows[rows["round"].isin(list(rounds))]
    old = pd.concat([draw.phase2 for draw in found.draws]) if found.draws else pd.DataFrame()
    old = old[~old.index.duplicated(keep="last")]
    had = rows.index.isin(old.index)
    was = old["phase2_stratum"].reindex(rows.index) if len(old) else pd.Series(None, rows.index, dtype=object)
    moved = had & (was == "agree").to_numpy() & rows["phase2_stratum"].isin(FULL).to_numpy()
    fresh = rows[~had | moved].copy()
    is_full = fresh["phase2_stratum"].isin(FULL)
    rest = fresh[~is_full]
    wanted = _share_out(rest, total)
    parts = [fresh[is_full].assign(phase2_probability=1.0, adjudicated=True)]
    for (name, stratum), group in rest.groupby(["round", "phase2_stratum"]):
        count = wanted[str(name), str(stratum)]
        # Another seed than the sample's: who was drawn first must not be ruled on first.
        seed = int.from_bytes(hashlib.sha256(f"{rounds[str(name)]}/phase 2".encode()).digest()[:6], "big")
        order = np.argsort(permanent_numbers([str(doc_id) for doc_id in group.index], seed), kind="stable")
        is_drawn = np.zeros(len(group), dtype=bool)
        is_drawn[order[:count]] = True
        parts.append(group.assign(phase2_probability=count / len(group), adjudicated=is_drawn))
    drawn = pd.concat(parts).rename_axis("doc_id").reset_index()
    columns = ["round", "doc_id", "phase2_stratum", "phase2_probability", "adjudicated"]
    return drawn[columns].sort_values(["round", "doc_id"], ignore_index=True)


def _share_out(rest: pd.DataFrame, total: int) -> dict[tuple[str, str], int]:
    """Returns how many of the other agreements to draw, by round and stratum: in proportion, at least a few of each."""
    sizes = {
        (str(name), str(stratum)): len(group) for (name, stratum), group in rest.groupby(["round", "phase2_stratum"])
    }
    whole = sum(sizes.values())
    if not total:
        return {key: min(size, max(LEAST, round(PART * size))) for key, size in sizes.items()}
    return {key: min(size, max(1, round(total * size / whole))) for key, size in sizes.items()}
