"""What is known of the readers' error: outside labels, and gold where people have read some."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.coding.codebook import ASSUMED, Codebook
from pipeline.coding.gold import weigh_gold
from pipeline.coding.outside import group_sources, read_labels
from pipeline.coding.precedence import settle_by_precedence
from pipeline.coding.sample import Sample
from pipeline.coding.sheets import code_columns_of
from pipeline.estimate.code_numbers import tidy_records
from pipeline.estimate.domains import Population
from pipeline.estimate.reader_error import GOLD, Evidence, gather_outside


def name_sources(population: Population, groups: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Returns the group of sources of each read document: its source's own name, where no group names it; text (n,)."""
    return group_sources(population.documents["source"].iloc[population.units], groups).to_numpy(dtype=str)


def gather_evidence(handcheck: Path, sample: Sample, source: np.ndarray, codebook: Codebook) -> list[Evidence]:
    """Returns the evidence on every basis: outside labels of documents no person has read, then gold.

    Args:
        handcheck: the folder of codebook, rounds, sheets and outside labels.
        sample: the read documents.
        source: group of sources of each: text (n_read,).
        codebook: its leaves.
    """
    groups = pd.Series(source, sample.units.index)
    columns = code_columns_of(codebook)
    settled = sample.readers[0][columns].copy()
    settled.loc[sample.adjudicator.index] = sample.adjudicator[columns]
    settled = tidy_records(settled, codebook)
    follows = _find_assumed(sample)
    is_left = (sample.units["n_person"] == 0).reindex(settled.index)
    labels = read_labels(handcheck / "external", codebook)
    found = [gather_outside(labels, settled[is_left], groups, codebook, follows)]
    gold = weigh_gold(handcheck, sample.people)
    gold = gold[gold.index.isin(sample.units.index)]
    if len(gold):
        found.append(_gather_gold(sample, gold, groups, codebook))
    return [each for each in found if len(each.doc_ids)]


def pool_evidence(of_samples: Sequence[Sequence[Evidence]]) -> list[Evidence]:
    """Returns the evidence of several samples by basis, each document once: how readers err hangs on no frame."""
    pooled: dict[str, Evidence] = {}
    for each in itertools.chain.from_iterable(of_samples):
        before = pooled.get(each.basis)
        if before is None:
            pooled[each.basis] = each
            continue
        new = ~np.isin(each.doc_ids, before.doc_ids)
        pooled[each.basis] = Evidence(
            each.basis,
            np.concatenate([before.source, each.source[new]]),
            pd.concat([before.settled, each.settled[new]]),
            None if before.people is None or each.people is None else pd.concat([before.people, each.people[new]]),
            _add(before.allowed, each.allowed, new),
            np.concatenate([before.weight, each.weight[new]]),
            np.concatenate([before.doc_ids, each.doc_ids[new]]),
            _add(before.follows, each.follows, new),
        )
    return list(pooled.values())


def _add(before: np.ndarray | None, more: np.ndarray | None, new: np.ndarray) -> np.ndarray | None:
    return None if before is None or more is None else np.concatenate([before, more[new]])


def _find_assumed(sample: Sample) -> pd.Series:
    """Returns whose settled code has axes that follow from its leaf: bool, by doc_id."""
    told = sample.readers[0].get(ASSUMED, pd.Series("", sample.readers[0].index)).copy()
    if ASSUMED in sample.adjudicator:
        told.loc[sample.adjudicator.index] = sample.adjudicator[ASSUMED]
    return told.fillna("") != ""


def _gather_gold(sample: Sample, gold: pd.Series, groups: pd.Series, codebook: Codebook) -> Evidence:
    """Returns what people say of documents drawn at random, beside what is settled without them."""
    readers = [sheet for sheet in sample.coded if sheet.kind != "person"]
    settled = settle_by_precedence(readers, list(gold.index))
    gold = gold[gold.index.isin(settled.index)]
    people = settle_by_precedence(sample.people, list(gold.index))
    return Evidence(
        GOLD,
        groups.reindex(gold.index).to_numpy(dtype=str),
        tidy_records(settled.loc[gold.index], codebook),
        tidy_records(people.loc[gold.index], codebook),
        None,
        gold.to_numpy(dtype=float),
        gold.index.to_numpy(dtype=str),
    )
