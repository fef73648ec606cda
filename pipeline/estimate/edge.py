"""Stage `edge`: what reading the documents whose scope is most doubtful would put right, in every frame.

Two things. Of a document that is read nobody needs a call any more: what was called wrong is put right, and how many
that will be follows from the chances. And the classifier learns from it: how much is replayed on what is read already.
"""

import logging
import time
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.coding.codebook import Codebook
from pipeline.coding.sample import SCREENED, Sample, settle_codes
from pipeline.config import Config
from pipeline.estimate.domains import Population
from pipeline.estimate.draw_edge import BATCH, DOUBTFUL, PREFIX, doubt_of
from pipeline.estimate.edge_replay import COLUMNS, Readings, replay_readings
from pipeline.estimate.features import NEIGHBOUR_COUNT, compute_kernel
from pipeline.estimate.inputs import load_inputs
from pipeline.estimate.kept_neighbours import PLACE, keep_neighbours
from pipeline.estimate.scope_calls import LIKELY
from pipeline.generations import open_generation
from pipeline.groups import read_groups
from pipeline.schemas import CALLS, EDGE_PRICES, TERMS, embeddings_table
from pipeline.text.word_counts import code_terms

log = logging.getLogger(__name__)
DECIMALS = 6  # beyond these, sums differ between processors
WAYS = ("doubtful", "random")


def run(config: Config) -> None:
    """Reads the calls, the vectors and what was read, and writes `edge_prices`; no rows where nothing is called."""
    start = time.perf_counter()
    calls = store.read_table(CALLS, config.processed("calls"))
    rows = EDGE_PRICES.arrow_schema.empty_table().to_pandas()
    if len(calls):
        codebook, sample, population = load_inputs(config)
        readings = lay_readings(config, codebook, sample, population)
        rows = price_edge(calls, replay_readings(readings, config.seed), config.estimate.minutes.read)
    with open_generation(config.path(config.paths.processed), "edge") as draft:
        store.write_table(EDGE_PRICES, rows, draft / "edge_prices.parquet")
    log.info("edge: doubtful documents of %d frames priced in %.1f s", len(rows), time.perf_counter() - start)


def lay_readings(config: Config, codebook: Codebook, sample: Sample, population: Population) -> Readings:
    """Returns what is read, with the likeness of its documents."""
    documents, codes = population.documents, settle_codes(sample)
    assert population.predictions is not None
    stored = store.read_arrow(embeddings_table(config.embed.dimension_count), config.processed("embeddings"))
    vectors = store.matrix_from_column(stored.column("vector"))
    read = pd.Index(documents["doc_id"]).get_indexer(codes["doc_id"])
    neighbours, _ = keep_neighbours(config.path(config.paths.processed, *PLACE), vectors, NEIGHBOUR_COUNT)
    words = code_terms(read_groups(TERMS, config.processed("terms")), pd.Index(documents["doc_id"]))
    return Readings(
        likeness=compute_kernel(vectors, neighbours, words, documents, read).own(),
        frame=documents["frame"].to_numpy(dtype=str)[read],
        fold=population.predictions.fold[read],
        is_inside=~codes["group"].isin(codebook.outside).to_numpy(),
        weight=1 / codes["inclusion_probability"].to_numpy(dtype=float),
        can_teach=((codes["phase2_stratum"] != SCREENED) | codes["is_adjudicated"]).to_numpy(dtype=bool),
    )


def price_edge(calls: pd.DataFrame, replayed: pd.DataFrame, minutes: float) -> pd.DataFrame:
    """Returns the rows of `edge_prices`: of every frame with unread documents at hand of which some are doubtful.

    Args:
        calls: rows of the table `calls`.
        replayed: from `replay_readings`.
        minutes: that a document takes.
    """
    rows = []
    for frame, part in calls.groupby("frame", sort=True):
        unread = part[~part["is_read"].astype(bool)]
        chance = unread["chance"].to_numpy()
        is_doubtful = doubt_of(chance) == DOUBTFUL
        if not is_doubtful.any():
            continue
        read = part[part["is_read"].astype(bool)]
        n_asked = min(BATCH, int(is_doubtful.sum()))
        wrong = np.minimum(chance, 1 - chance)
        row: dict[str, object] = {
            "frame": str(frame),
            "n_unread": len(unread),
            "n_doubtful": int(is_doubtful.sum()),
            "n_asked": n_asked,
            "minutes": n_asked * minutes,
            "wrong_now": float(wrong.sum()),
            "settled_doubtful": float(n_asked * wrong[is_doubtful].mean()),
            "settled_random": float(n_asked * wrong.mean()),
        }
        known = float(read["chance"].sum())  # calibrated, so that they add up to those in scope
        part_read = n_asked / int(is_doubtful.sum()) * is_doubtful
        for when, settled in (("now", np.zeros(len(chance))), ("then", part_read)):
            found = known + float((chance * np.where(chance >= LIKELY, 1.0, settled)).sum())
            row[f"recall_{when}"] = found / max(known + float(chance.sum()), 1e-9)
            called = known + float((settled * chance + (1 - settled) * (chance >= LIKELY)).sum())
            row[f"precision_{when}"] = found / max(called, 1e-9)
        rows.append({**row, **_name_replay(replayed, str(frame))})
    return pd.DataFrame(rows, columns=[column.name for column in EDGE_PRICES.columns]).round(DECIMALS)


def _name_replay(replayed: pd.DataFrame, frame: str) -> dict[str, object]:
    """Returns the columns that a replay fills, empty where the frame has none."""
    names = ["n_repeats", "n_taught", *(f"wrong_share_{way}" for way in WAYS)]
    for key in COLUMNS:
        names += [
            f"{key}_replayed",
            *(f"{key}_{way}{end}" for way in WAYS for end in ("", "_error")),
            f"{key}_apart_error",
        ]
    if frame not in replayed.index:
        return dict.fromkeys(names)
    found = replayed.rename(columns={f"{key}_now": f"{key}_replayed" for key in COLUMNS})
    return {name: float(found[name][frame]) for name in names}


def tell_edge(rows: pd.DataFrame) -> list[str]:
    """Returns what an hour of reading puts right at the edge of scope, and how to draw; nothing without calls.

    Args:
        rows: of the table `edge_prices`.
    """
    if rows.empty:
        return []
    lines = [
        "",
        "What an hour of reading does for calls of scope, where doubtful documents are read, or any at random (table",
        "edge_prices). Put right: wrong calls of those read. Taught: how much less the squared error of the others is,",
        "in per cent, as replayed with half of what is read (± over repetitions). Then: once so many are read.",
        "",
        f"{'put right by reading':>21} {'taught by it, %':>21} {'recall':>12} {'precision':>12} {'doubtful':>16}",
        f"{'doubtful':>12} {'random':>8} {'doubtful':>11} {'random':>9} {'now':>6} {'then':>5} {'now':>6} {'then':>5} "
        f"{'read':>9} {'left':>6}  frame",
    ]
    for row in rows.to_dict("records"):
        hours = row["minutes"] / 60
        settled = [row[f"settled_{way}"] / hours for way in WAYS]
        shares = " ".join(
            f"{100 * row[f'{name}_now']:6.1f} {100 * row[f'{name}_then']:5.1f}" for name in ("recall", "precision")
        )
        lines.append(
            f"{settled[0]:12.1f} {settled[1]:8.1f} {_tell_taught(row)} {shares} {row['n_asked']:9,} "
            f"{row['n_doubtful']:6,}  {row['frame']}"
        )
    return [*lines, "", f'Draw them: make plan DRAW="{PREFIX}FRAME" N={BATCH}.']


def _tell_taught(row: Mapping[Hashable, Any]) -> str:
    """Returns what reading teaches in an hour, both ways, with standard errors; dashes where nothing was replayed."""
    if pd.isna(row["n_taught"]):
        return f"{'-':>11} {'-':>9}"
    hours = row["n_taught"] * row["minutes"] / row["n_asked"] / 60
    factor = 100 / row["brier_replayed"] / hours
    parts = [f"{factor * row[f'brier_{way}']:.1f} ± {factor * row[f'brier_{way}_error']:.1f}" for way in WAYS]
    return f"{parts[0]:>11} {parts[1]:>9}"
