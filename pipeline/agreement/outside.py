"""Settled codes against every outside scheme: how far they agree, by question and source, and every disagreement."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from pipeline.agreement.coefficients import kappa
from pipeline.coding.certify import exact_interval
from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import bare_codes, is_set_of_leaves, match_query
from pipeline.coding.outside import UNDECIDED, Allowed, allow_leaves, decide
from pipeline.coding.queries import Query

EVERY_SCHEME, EVERY_SOURCE = "every scheme", "every source"


@dataclass(frozen=True)
class Question:
    """A yes-or-no question that leaves alone can answer: whether a definition counts, a denominator or group holds."""

    name: str
    is_in: np.ndarray  # bool (n_leaves,)


def list_questions(codebook: Codebook) -> list[Question]:
    """Returns the questions that sets of leaves can decide: definitions, denominators and groups."""
    leaves = bare_codes(codebook)
    queries: dict[str, Query] = {f"definition {definition.id}": definition for definition in codebook.definitions}
    queries |= {f"denominator {name}": denominator for name, denominator in codebook.denominators.items()}
    asked = [Question(name, match_query(query, leaves)) for name, query in queries.items() if is_set_of_leaves(query)]
    asked += [Question(f"group {group}", (leaves["group"] == group).to_numpy()) for group in codebook.groups]
    return [question for question in asked if not question.is_in.all()]


def tabulate_outside(
    labels: pd.DataFrame, codes: pd.DataFrame, source: pd.Series, codebook: Codebook, level: float
) -> pd.DataFrame:
    """Returns the rows of the table `outside_labels`: every scheme, and all together, by source and question.

    Args:
        labels: rows of `read_labels`.
        codes: rows of the table `codes`, by doc_id.
        source: group of sources, by doc_id.
        codebook: its leaves and queries.
        level: of the intervals.
    """
    rows: list[dict[str, object]] = []
    for scheme, allowed in _by_scheme(labels, codes, codebook):
        ids = allowed.labels.index
        place = pd.Index(list(codebook.leaves)).get_indexer(pd.Index(codes.loc[ids, "leaf"]))
        own = source.reindex(ids).to_numpy(dtype=str)
        parts = {EVERY_SOURCE: np.ones(len(ids), dtype=bool), **{name: own == name for name in sorted(set(own))}}
        for question in list_questions(codebook):
            said, settled = decide(allowed.leaves, question.is_in), question.is_in[place]
            for name, here in parts.items():
                facts = {"scheme": scheme, "source": name, "asked": question.name, "n_labelled": int(here.sum())}
                rows.append({**facts, "level": level, **_compare(said[here], settled[here], level)})
    return pd.DataFrame(rows)


def list_disagreements(
    labels: pd.DataFrame, codes: pd.DataFrame, documents: pd.DataFrame, source: pd.Series, codebook: Codebook
) -> pd.DataFrame:
    """Returns the rows of the table `truth`: each read document whose settled leaf an outside scheme does not allow.

    Args:
        labels: rows of `read_labels`.
        codes: rows of the table `codes`, by doc_id.
        documents: columns frame, title and url, by doc_id.
        source: group of sources, by doc_id.
        codebook: its leaves and queries.
    """
    rows: list[dict[str, object]] = []
    leaves = np.array(list(codebook.leaves))
    questions = [question for question in list_questions(codebook) if not question.name.startswith("group ")]
    for scheme, allowed in _by_scheme(labels, codes, codebook):
        if scheme == EVERY_SCHEME:
            continue
        answers = {question.name: decide(allowed.leaves, question.is_in) for question in questions}
        for row, doc_id in enumerate(allowed.labels.index):
            code = codes.loc[doc_id]
            here = int(np.flatnonzero(leaves == code["leaf"])[0])
            if allowed.leaves[row, here]:
                continue
            settled = {question.name: bool(question.is_in[here]) for question in questions}
            rows.append(
                {
                    "doc_id": doc_id,
                    "scheme": scheme,
                    "source": source[doc_id],
                    **documents.loc[doc_id, ["frame", "title", "url"]].to_dict(),
                    "settled_leaf": code["leaf"],
                    "confidence": int(code["confidence"]),
                    "coder": code["coder"],
                    "coder_kind": code["coder_kind"],
                    "label": allowed.labels.at[doc_id, "label"],
                    "allowed_leaves": leaves[allowed.leaves[row]].tolist(),
                    "only_settled": [
                        name.replace(" ", ":") for name, yes in settled.items() if yes and answers[name][row] == 0
                    ],
                    "only_label": [
                        name.replace(" ", ":") for name, yes in settled.items() if not yes and answers[name][row] == 1
                    ],
                }
            )
    return pd.DataFrame(rows)


def _by_scheme(labels: pd.DataFrame, codes: pd.DataFrame, codebook: Codebook) -> Iterator[tuple[str, Allowed]]:
    """Yields what each scheme allows of the read documents, and then all schemes together."""
    read = labels[labels["doc_id"].isin(codes.index)]
    if read.empty:
        return
    schemes = sorted(set(read["label_scheme"]))
    for scheme in schemes:
        yield scheme, allow_leaves(read[read["label_scheme"] == scheme], codebook)
    yield EVERY_SCHEME, allow_leaves(read, codebook)


def _compare(said: np.ndarray, settled: np.ndarray, level: float) -> Mapping[str, object]:
    """Returns the two-way table of labels that decide and settled codes, and its measures."""
    is_decided = said != UNDECIDED
    yes, code = said[is_decided] == 1, settled[is_decided]
    both, only_settled, only_label = (int(part.sum()) for part in (yes & code, ~yes & code, yes & ~code))
    n = len(yes)
    neither = n - both - only_settled - only_label
    counts = {
        "n_decided": n,
        "n_both": both,
        "n_only_settled": only_settled,
        "n_only_label": only_label,
        "n_neither": neither,
    }
    if not n:
        return {**counts, "agreed_share": None, "low": None, "high": None, "kappa": None, "mcnemar_p": None}
    low, high = exact_interval(both + neither, n, level)
    beyond = float(kappa(np.array([[both, only_settled], [only_label, neither]]) / n))
    flips = only_settled + only_label
    return {
        **counts,
        "agreed_share": (both + neither) / n,
        "low": low,
        "high": high,
        "kappa": beyond if np.isfinite(beyond) else None,
        "mcnemar_p": float(stats.binomtest(only_settled, flips).pvalue) if flips else None,
    }
