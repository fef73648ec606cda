"""What was read of the named agendas, laid over the documents of today."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook

# More of a sample than this has to be read for its chances to be put right by it; the rest counts as its chances say.
LEAST_READ = 0.95


@dataclass(frozen=True)
class Reading:
    """The documents that count as read against the list.

    Attributes:
        rows: int (n_read,), their rows, rising.
        is_member: bool (n_read, n_agendas), what was said of them.
        kinds: who read, each kind once.
    """

    rows: np.ndarray
    is_member: np.ndarray
    kinds: tuple[str, ...]


def lay_reading(
    doc_ids: pd.Series, sheets: pd.DataFrame, codes: pd.DataFrame, ids: Sequence[str], codebook: Codebook
) -> Reading:
    """Returns the reading. Of a stratum that was read, what is settled out of scope is of no agenda.

    A stratum was read if nearly all of its sample was, but for what is settled out of scope: a later ruling may put a
    document into scope that nobody has read against the list yet.

    Args:
        doc_ids: of all documents.
        sheets: index doc_id; columns agendas, coder_kind (`agenda_list.read_agenda_sheets`).
        codes: columns doc_id, leaf, stratum: the settled codes of the read sample.
        ids: of the agendas, in order.
        codebook: which says what is outside: of its last group that is so, nothing is of an agenda.
    """
    scope = [group for group in codebook.groups if codebook.is_outside(group)][-1:]
    is_out = codes["leaf"].map(codebook.group_of).isin(scope)
    is_said = codes["doc_id"].isin(sheets.index)
    is_whole = (is_out | is_said).groupby(codes["stratum"]).transform("mean") > LEAST_READ
    is_whole &= is_said.groupby(codes["stratum"]).transform("any")
    is_out &= is_whole
    said = dict(sheets["agendas"])
    known = {**dict.fromkeys(codes.loc[is_out, "doc_id"], ()), **said}
    order = {name: place for place, name in enumerate(ids)}
    index = pd.Index(doc_ids)
    found = sorted((int(index.get_loc(doc_id)), agendas) for doc_id, agendas in known.items() if doc_id in index)
    is_member = np.zeros((len(found), len(ids)), dtype=bool)
    for place, (_, agendas) in enumerate(found):
        is_member[place, [order[name] for name in agendas]] = True
    rows = np.array([row for row, _ in found], dtype=np.int64)
    return Reading(rows, is_member, tuple(sorted(set(sheets["coder_kind"]))))
