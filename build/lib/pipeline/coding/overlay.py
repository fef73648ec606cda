"""People's sheets laid over a round that language models read: whose code counts, and for which documents it speaks.

A person's code replaces every language model's code of the same document, and settles the document: nothing is imputed
for it. What it says of other documents of its agreement cell depends on how the person came to read it:

- **in the page's order** (the documents task, or a sheet written by `blank`): the order is a hash under the round's
  seed, so the run of documents from its beginning is a random part of the sample. It joins the adjudicated part that
  each cell's mean is learnt from: both are random parts of the cell, drawn independently of each other.
- **in the adjudication task**: the documents were drawn for adjudication before, by chance; they stay in that part.
- **picked**, that is anything else, such as documents after the first gap in the order: the person may have chosen them
  for a reason. They are a certainty stratum of their own within their cell: they count with their own code, speak for
  no other document, and leave the adjudicated part, which then is a random part of what nobody picked (Sarndal,
  Swensson and Wretman 1992, chapter 3.7). This holds whatever was picked, as long as it was picked without knowing
  which agreements had been drawn for adjudication; the page does not show that.

Language-model sheets made by the page count in `agreement`, never here.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.coding.order import order_for
from pipeline.coding.precedence import CodedSheet, settle_by_precedence

log = logging.getLogger(__name__)
PICKED = "picked by a person"  # the phase-2 stratum of the third kind
AGREE = "agree"  # the phase-2 stratum of which a random part is adjudicated


@dataclass(frozen=True)
class Overlay:
    """A round's documents after people's sheets.

    Attributes:
        units: as in `Sample`, with the columns n_person (people who read it), coder and coder_kind (of the settled
            code; None where no adjudicator and no person settled it).
        settled: codes of every document that an adjudicator or a person settled, indexed by doc_id.
    """

    units: pd.DataFrame
    settled: pd.DataFrame


def lay_over(
    units: pd.DataFrame,
    adjudicators: CodedSheet | Sequence[CodedSheet],
    people: Sequence[CodedSheet],
    seed: int,
    doc_ids: Sequence[str] | None = None,
) -> Overlay:
    """Returns the round after people's sheets; without any, as it was.

    A language model that adjudicated documents which no draw of phase 2 had named picked them: they are treated as what
    a person picked.

    Args:
        units: index doc_id, columns as in `Sample`.
        adjudicators: language models who adjudicated, in the order of precedence.
        people: sheets of people, complete or not.
        seed: of the page's order.
        doc_ids: every document of the round, also those that are not among `units` now; the units by default.
    """
    ruled = [adjudicators] if isinstance(adjudicators, CodedSheet) else list(adjudicators)
    found = settle_by_precedence([*people, *ruled], list(units.index))
    if not len(found):
        blank = units.assign(n_person=0, coder=None, coder_kind=None)
        return Overlay(blank.assign(is_adjudicated=False), pd.DataFrame(columns=["coder", "coder_kind"]))
    warn_of_disputes(found)
    order = list(units.index if doc_ids is None else doc_ids)
    n_person = found["n_person"].reindex(units.index, fill_value=0).astype(int)
    stratum = units["stratum"] if "stratum" in units else pd.Series("", units.index)
    strata = {str(doc_id): str(name) for doc_id, name in stratum.items()}
    in_order = pd.Index([doc_id for sheet in people for doc_id in leading_run(sheet, order, seed, strata)])
    was_drawn = units["is_adjudicated"]
    is_ruled = units.index.isin([doc_id for sheet in ruled for doc_id in sheet.codes.index])
    read = pd.Index([doc_id for sheet in people if sheet.role == "reader" for doc_id in sheet.codes.index])
    is_picked = (n_person > 0) & ~units.index.isin(in_order) & (units.index.isin(read) | ~was_drawn)
    is_picked |= (n_person == 0) & is_ruled & ~was_drawn
    is_agreed = units["phase2_stratum"] == AGREE
    part = pd.Series(units.index.isin(in_order), units.index).groupby(stratum).transform("mean")
    chance = np.where(is_agreed, 1 - (1 - units["phase2_probability"]) * (1 - part), units["phase2_probability"])
    laid = units.assign(
        phase2_stratum=units["phase2_stratum"].mask(is_agreed & is_picked, PICKED),
        phase2_probability=np.where(is_agreed & is_picked, 1.0, chance)
        if len(people) or is_picked.any()
        else units["phase2_probability"],
        is_adjudicated=(was_drawn & is_ruled) | (n_person > 0) | is_picked,
        n_person=n_person,
        coder=found["coder"].reindex(units.index),
        coder_kind=found["coder_kind"].reindex(units.index),
    )
    columns = [name for name in found.columns if name not in {"coder_role", "n_person", "needs_adjudication"}]
    return Overlay(laid, found.loc[found.index.intersection(units.index), columns].sort_index())


def warn_of_disputes(found: pd.DataFrame) -> None:
    """Says on how many documents of `settle_by_precedence` people disagree."""
    is_open = found["needs_adjudication"].astype(bool)
    if is_open.any():
        log.warning(
            "estimate: people disagree on %d documents, %s first; the first one's code stands until a person "
            "adjudicates (make check TASK=adjudication)",
            int(is_open.sum()),
            found.index[is_open][0],
        )


def leading_run(
    sheet: CodedSheet, doc_ids: Sequence[str], seed: int, stratum_of: Mapping[str, str] | None = None
) -> list[str]:
    """Returns what a reader read of each stratum from the beginning of the page's order to the first gap in it.

    The page may be restricted to a frame or a stratum; within a stratum its order is the same.
    """
    if sheet.role != "reader":
        return []
    run: list[str] = []
    closed: set[str] = set()
    for doc_id in order_for(sheet.coder, doc_ids, seed):
        stratum = "" if stratum_of is None else stratum_of.get(doc_id)
        if stratum is None or stratum in closed:  # not in the sample any more, or beyond a gap
            continue
        if doc_id in sheet.codes.index:
            run.append(doc_id)
        else:
            closed.add(stratum)
    return run
