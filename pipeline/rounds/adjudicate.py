"""`make adjudicate`: draws phase 2 and freezes it beside the round, one file at a time, whole or not at all."""

import logging
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from pipeline import store
from pipeline.coding.codebook import load_codebook
from pipeline.coding.current import read_survey
from pipeline.coding.rounds_today import Survey
from pipeline.config import Config
from pipeline.errors import SheetError
from pipeline.estimate.inputs import load_inputs
from pipeline.generations import hold_lock
from pipeline.hints import name_study
from pipeline.rounds.phase2 import draw_phase2

log = logging.getLogger(__name__)


def run(config: Config, coder: str = "", total: int = 0, name: str = "", only: str = "") -> None:
    """Draws which readings `coder` will settle, and writes `adjudication.csv` (or a further one) of their rounds.

    Args:
        config: paths and rounds.
        coder: who will adjudicate.
        total: agreements to draw at random; 0 for 15% and at least 15.
        name: of the round; by default every round with readings that no draw has named.
        only: readings of one kind, which are drawn in full; the others wait for another draw.

    Raises:
        SheetError: there is nothing to draw, the round does not exist, or the coder has read one of the documents.
    """
    if not coder:
        raise SheetError("who will adjudicate?", where="CODER", do="make adjudicate CODER=name")
    handcheck = config.path(config.paths.handcheck)
    with hold_lock(handcheck / ".draw.lock"):
        found = read_survey(config, load_codebook(handcheck / "codebook" / "codebook.toml"))
        rounds = {draw.name: draw.about.seed for draw in found.draws if name in ("", draw.name)}
        if not rounds:
            known = ", ".join(draw.name for draw in found.draws)
            what = f"there is no round {name!r}" if name else "no round is drawn yet"
            raise SheetError(
                what, where="ROUND", do=f"use one of {known}" if known else "draw one: make draw ROUND=name N=number"
            )
        chances = _read_chances(config)
        drawn = draw_phase2(found, chances, total, rounds)
        drawn = drawn[drawn["phase2_stratum"] == only] if only else drawn
        if drawn.empty:
            raise SheetError(
                "every reading has had its draw", where="CODER", do=f"make check CODER={coder} TASK=adjudication"
            )
        _check_coder(found, coder, drawn)
        for each, rows in drawn.groupby("round"):
            _write(handcheck / "rounds" / str(each), rows.drop(columns="round"))
    print(name_study(_describe(drawn, coder, chances is not None), config.file))
    log.info("adjudicate: %d of %d readings drawn", int(drawn["adjudicated"].sum()), len(drawn))


def _read_chances(config: Config) -> pd.Series | None:
    """Returns the chance of each leaf by (doc_id, leaf), from models that did not see the document's codes; None where
    there are no vectors to learn from."""
    if not all(config.processed(name).exists() for name in ("embeddings", "terms")):
        return None
    if _ids(config, "embeddings") != _ids(config, "documents"):  # vectors of an earlier corpus
        return None
    predictions = load_inputs(config)[2].predictions
    if predictions is None:
        return None
    table = pd.DataFrame(predictions.leaf_probability, index=predictions.doc_ids, columns=list(predictions.leaves))
    return pd.Series(table.stack())


def _ids(config: Config, name: str) -> list[str]:
    return list(pq.read_table(config.processed(name), columns=["doc_id"]).column("doc_id").to_pylist())


def _write(folder: Path, rows: pd.DataFrame) -> None:
    """Writes a draw beside the earlier ones, which stay as they are."""
    number = len(list(folder.glob("adjudication*.csv"))) + 1
    path = folder / ("adjudication.csv" if number == 1 else f"adjudication-{number}.csv")
    store.write_text(path, rows.to_csv(index=False, lineterminator="\n"))


def _check_coder(found: Survey, coder: str, drawn: pd.DataFrame) -> None:
    wanted = set(drawn.loc[drawn["adjudicated"], "doc_id"])
    for sheet in (*found.facts.readers, *found.facts.people):
        own = sorted(wanted & set(sheet.codes.index)) if sheet.coder == coder and sheet.role == "reader" else []
        if own:
            raise SheetError(
                f"{coder} has read {len(own)} of these documents, {own[0]} first",
                where="CODER",
                do="let somebody else adjudicate",
            )


def _describe(drawn: pd.DataFrame, coder: str, has_chances: bool) -> str:
    counts = drawn.groupby(["round", "phase2_stratum"], as_index=False)["adjudicated"].agg(["size", "sum"])
    lines = [f"{'round':20} {'readings':12} {'documents':>10} {'drawn':>7}"]
    lines += [
        f"{row['round']:20} {row['phase2_stratum']:12} {row['size']:10,} {row['sum']:7,}"
        for row in counts.to_dict("records")
    ]
    if not has_chances:
        lines.append("Surprising agreements are not told apart yet: run make estimate first, if you want them.")
    return "\n".join([*lines, f"Next: make check CODER={coder} TASK=adjudication"])
