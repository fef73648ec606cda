"""The table `agreement`: every two coders of the round, and each, with the settled codes, against outside labels."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.agreement.coefficients import compare_coders, measure_agreement, resample
from pipeline.agreement.outside import list_questions
from pipeline.coding.codebook import Codebook
from pipeline.coding.definitions import match_definition
from pipeline.coding.outside import UNDECIDED, Allowed, allow_leaves, decide, read_labels
from pipeline.coding.precedence import CodedSheet
from pipeline.coding.sample import Sample, settle_codes
from pipeline.config import Config
from pipeline.schemas import AGREEMENT

EXPERTS = "published experts"
SETTLED = "settled codes"

FEW = 10  # documents below which two coders are not compared


def tabulate_agreement(config: Config, handcheck: Path, codebook: Codebook, sample: Sample) -> pd.DataFrame:
    """Returns the rows of `agreement`: every two coders, and each, and what is settled, against outside labels."""
    weights, strata = 1 / sample.units["inclusion_probability"], sample.units["stratum"]
    sheets = list(sample.coded)
    rows = []
    for one, other in itertools.combinations(sheets, 2):
        both = weights.index.intersection(one.codes.index).intersection(other.codes.index)
        first, second = one.codes.loc[both], other.codes.loc[both]
        classes = {
            definition.id: (match_definition(definition, first), match_definition(definition, second))
            for definition in codebook.definitions
        }
        rows.append(_compare(config, one, other, first, second, classes, weights, strata))
    labels = read_labels(handcheck / "external", codebook)
    settled = CodedSheet(SETTLED, "language model", "adjudicator", settle_codes(sample).set_index("doc_id"))
    for scheme, own in labels.groupby("label_scheme", sort=True):
        allowed = allow_leaves(own[own["doc_id"].isin(weights.index)], codebook)
        for sheet in (settled, *sheets):
            rows.append(_compare_outside(config, codebook, sheet, str(scheme), allowed, weights, strata))
    found = [part for part in rows if len(part)]
    return pd.concat(found, ignore_index=True) if found else AGREEMENT.arrow_schema.empty_table().to_pandas()


def _compare_outside(
    config: Config,
    codebook: Codebook,
    sheet: CodedSheet,
    scheme: str,
    allowed: Allowed,
    weights: pd.Series,
    strata: pd.Series,
) -> pd.DataFrame:
    """Returns a coder, or the settled codes, against an outside scheme: each question on the labels that decide it."""
    level, rows = config.estimate.level, []
    place = pd.Index(allowed.labels.index)
    is_read = place.isin(sheet.codes.index)
    names = {"coder_a": sheet.coder, "coder_b": scheme, "kind_a": sheet.kind, "kind_b": EXPERTS}
    if sheet.coder == SETTLED:
        names["kind_a"] = "every coder"
    for question in list_questions(codebook):
        said = decide(allowed.leaves, question.is_in)
        ids = place[is_read & (said != UNDECIDED)]
        if len(ids) < FEW:
            continue
        leaf = pd.Index(list(codebook.leaves)).get_indexer(pd.Index(sheet.codes.loc[ids, "leaf"]))
        other = said[is_read & (said != UNDECIDED)] == 1
        resamples = resample(strata[ids].to_numpy(dtype=str), config.seed)
        for weighting, factor in (("design", weights[ids].to_numpy(dtype=float)), ("none", np.ones(len(ids)))):
            measured = measure_agreement(question.is_in[leaf], other, factor, resamples, level)
            rows += [
                {**names, "subject": question.name, "weighting": weighting, "level": level, **row} for row in measured
            ]
    return pd.DataFrame(rows)


def _compare(
    config: Config,
    one: CodedSheet,
    other: CodedSheet,
    first: pd.DataFrame,
    second: pd.DataFrame,
    classes: Mapping[str, tuple[np.ndarray, np.ndarray]],
    weights: pd.Series,
    strata: pd.Series,
) -> pd.DataFrame:
    if len(first) < FEW:
        return pd.DataFrame()
    names = {"coder_a": one.coder, "coder_b": other.coder, "kind_a": one.kind, "kind_b": other.kind}
    compared = compare_coders(first, second, classes, weights, strata, config.estimate.level, config.seed)
    return compared.assign(**names)
