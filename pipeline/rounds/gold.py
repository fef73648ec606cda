"""`make gold`: draws settled documents for people to read, by source and by how surprising the settled code is.

What people say of them is the third phase of the sample: the chance that a settled code would be changed is learnt from
it. Documents are drawn at random within strata, more from where codes are changed more often, and never by choice; what
the classifier and the readers find easy is drawn as well, since an error that they share shows nowhere else.
"""

import hashlib
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.coding.gold import COLUMNS, NAME, read_gold
from pipeline.coding.numbers import permanent_numbers
from pipeline.coding.rounds import load_round, shown_round
from pipeline.coding.sample import Sample
from pipeline.coding.sheets import read_csv_rows
from pipeline.config import Config
from pipeline.errors import SheetError
from pipeline.estimate.evidence import name_sources
from pipeline.estimate.flips import is_surprising
from pipeline.estimate.inputs import load_inputs
from pipeline.generations import hold_lock
from pipeline.hints import name_study

log = logging.getLogger(__name__)
# How often outside labels had no room for a settled code (19, 27 and 82 documents of round 1): numbers are shared out
# by it.
SURPRISING, UNSURE, PLAIN = "surprising", "unsure", "plain"
GUESSES = {SURPRISING: 0.32, UNSURE: 0.48, PLAIN: 0.16}
LEAST = 5  # of each stratum, so that a wrong guess shows


def run(config: Config, total: int = 0, name: str = "") -> None:
    """Draws `total` settled documents of a round, and writes `rounds/<name>/gold.csv`.

    Args:
        config: paths and rounds.
        total: documents to draw.
        name: of the round; by default the one that the hand-check page shows, or the last.

    Raises:
        SheetError: no number is given, the round has its draw, or there is nothing to draw from.
    """
    if total < 1:
        raise SheetError("how many documents?", where="N", do="make gold N=125")
    handcheck = config.path(config.paths.handcheck)
    with hold_lock(handcheck / ".draw.lock"):
        chosen = name or shown_round(handcheck, config.estimate)
        folder = handcheck / "rounds" / chosen
        seed = load_round(folder).seed
        if (folder / NAME).exists():
            raise SheetError(
                "gold is drawn already, and a draw is never changed",
                where=str(folder / NAME),
                do="read it: make check CODER=name TASK=gold",
            )
        codebook, sample, population = load_inputs(config)
        source = name_sources(population, config.estimate.reader_sources)
        chance = None if population.predictions is None else population.predictions.leaf_probability[population.units]
        drawn_before = set(read_gold(handcheck)["doc_id"])
        strata = cut_gold(sample, source, chance, list(codebook.leaves))
        strata = strata[strata.index.isin(_ids_of(folder)) & ~strata.index.isin(drawn_before)]
        if strata.empty:
            raise SheetError("no settled document is left to draw", where=str(folder), do="name another ROUND")
        drawn = draw_gold(strata, total, seed)
        store.write_text(folder / NAME, drawn.to_csv(index=False, lineterminator="\n"))
    counts = drawn.groupby("gold_stratum", as_index=False).agg(n_stratum=("n_stratum", "first"), n=("doc_id", "size"))
    for row in counts.to_dict("records"):
        print(f"{row['gold_stratum']:30} {row['n_stratum']:7,} settled {row['n']:6,} drawn")
    print(name_study("Next: make check CODER=name TASK=gold", config.file))
    log.info("gold: %d of %d settled documents drawn -> %s", len(drawn), len(strata), folder / NAME)


def cut_gold(sample: Sample, source: np.ndarray, chance: np.ndarray | None, leaves: list[str]) -> pd.Series:
    """Returns the stratum of each read document that no person has read: text, by doc_id.

    Args:
        sample: the read documents.
        source: group of sources of each: text (n_read,).
        chance: float (n_read, n_leaves), the classifier's, which never saw their codes; None without one.
        leaves: its columns.
    """
    settled = sample.readers[0]["leaf"].copy()
    settled.loc[sample.adjudicator.index] = sample.adjudicator["leaf"]
    kind = np.where(sample.units["phase2_stratum"] == "agree", PLAIN, UNSURE)
    if chance is not None:
        own = chance[np.arange(len(settled)), pd.Index(leaves).get_indexer(pd.Index(settled))]
        kind = np.where(is_surprising(own), SURPRISING, kind)
    strata = pd.Series([f"{one}/{other}" for one, other in zip(source, kind, strict=True)], sample.units.index)
    return strata[(sample.units["n_person"] == 0).to_numpy()]


def draw_gold(strata: pd.Series, total: int, seed: int) -> pd.DataFrame:
    """Returns the draw: rows of `COLUMNS`, in the order of doc_id.

    Args:
        strata: stratum by doc_id.
        total: documents to draw.
        seed: of the round.
    """
    sizes = strata.value_counts().sort_index()
    wanted = share_out(sizes, total)
    # Another seed than those of the sample and of phase 2: who was drawn first there must not be drawn first here.
    own = int.from_bytes(hashlib.sha256(f"{seed}/gold".encode()).digest()[:6], "big")
    parts = []
    for name, size in sizes.items():
        ids = np.array(sorted(strata.index[strata == name]))
        taken = ids[np.argsort(permanent_numbers(ids, own), kind="stable")[: wanted[str(name)]]]
        parts.append(
            pd.DataFrame(
                {
                    "doc_id": taken,
                    "gold_stratum": name,
                    "n_stratum": int(size),
                    "gold_probability": wanted[str(name)] / int(size),
                }
            )
        )
    return pd.concat(parts).sort_values("doc_id", ignore_index=True)[list(COLUMNS)]


def share_out(sizes: pd.Series, total: int) -> dict[str, int]:
    """Returns how many to draw of each stratum: by size times the spread of the guessed chance (Neyman 1934)."""
    spread = {str(name): GUESSES[str(name).rpartition("/")[2]] for name in sizes.index}
    part = {name: float(sizes[name]) * (rate * (1 - rate)) ** 0.5 for name, rate in spread.items()}
    whole = sum(part.values())
    return {name: int(min(sizes[name], max(LEAST, round(total * share / whole)))) for name, share in part.items()}


def _ids_of(folder: Path) -> list[str]:
    return [row["doc_id"] for _, row in read_csv_rows(folder / "sample.csv", ("doc_id",))]
