"""The table `agreement`: every two coders of the round, and each, with the settled codes, against outside labels."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.agreement.coefficients import compare_coders, label_rows, measure_together, resample
from pipeline.agreement.outside import Question, list_questions
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
    rows = list(_compare_pairs(config, codebook, sheets, weights, strata))
    labels, questions = read_labels(handcheck / "external", codebook), list_questions(codebook)
    settled = CodedSheet(SETTLED, "language model", "adjudicator", settle_codes(sample).set_index("doc_id"))
    for scheme, own in labels.groupby("label_scheme", sort=True):
        allowed = allow_leaves(own[own["doc_id"].isin(weights.index)], codebook)
        for sheet in (settled, *sheets):
            rows.append(_compare_outside(config, codebook, questions, sheet, str(scheme), allowed, weights, strata))
    found = [part for part in rows if len(part)]
    return pd.concat(found, ignore_index=True) if found else AGREEMENT.arrow_schema.empty_table().to_pandas()


def _compare_outside(
    config: Config,
    codebook: Codebook,
    questions: Sequence[Question],
    sheet: CodedSheet,
    scheme: str,
    allowed: Allowed,
    weights: pd.Series,
    strata: pd.Series,
) -> pd.DataFrame:
    """Returns a coder, or the settled codes, against an outside scheme: each question on the labels that decide it."""
    level = config.estimate.level
    place = sheet.codes.index.get_indexer(allowed.labels.index)
    leaf = pd.Index(list(codebook.leaves)).get_indexer(pd.Index(sheet.codes["leaf"]))[place]
    weight = weights.reindex(allowed.labels.index).to_numpy(dtype=float)
    stratum = strata.reindex(allowed.labels.index).to_numpy(dtype=str)
    names = {"coder_a": sheet.coder, "coder_b": scheme, "kind_a": sheet.kind, "kind_b": EXPERTS}
    if sheet.coder == SETTLED:
        names["kind_a"] = "every coder"
    alike: dict[bytes, list[tuple[str, np.ndarray, np.ndarray]]] = {}  # questions that the same labels decide
    for question in questions:
        said = decide(allowed.leaves, question.is_in)
        is_asked = (place >= 0) & (said != UNDECIDED)
        alike.setdefault(is_asked.tobytes(), []).append((question.name, question.is_in[leaf], said == 1))
    found: dict[str, list[dict[str, object]]] = {}
    for key, asked in alike.items():
        here = np.flatnonzero(np.frombuffer(key, dtype=bool))
        if len(here) < FEW:
            continue
        resamples = resample(stratum[here], config.seed)
        pairs = [(settled[here], said[here]) for _, settled, said in asked]
        measured = [measure_together(pairs, factor, resamples, level) for factor in (weight[here], np.ones(len(here)))]
        for row in label_rows([name for name, *_ in asked], measured, level):
            found.setdefault(str(row["subject"]), []).append({**names, **row})
    return pd.DataFrame([row for question in questions for row in found.get(question.name, [])])


def _compare_pairs(
    config: Config, codebook: Codebook, sheets: Sequence[CodedSheet], weights: pd.Series, strata: pd.Series
) -> Iterator[pd.DataFrame]:
    """Yields every two coders who have documents enough in common."""
    counted = [[match_definition(definition, sheet.codes) for definition in codebook.definitions] for sheet in sheets]
    for (one, of_one), (other, of_other) in itertools.combinations(zip(sheets, counted, strict=True), 2):
        both = weights.index.intersection(one.codes.index).intersection(other.codes.index)
        if len(both) < FEW:
            continue
        first, second = (sheet.codes.index.get_indexer(both) for sheet in (one, other))
        classes = {
            definition.id: (of_one[place][first], of_other[place][second])
            for place, definition in enumerate(codebook.definitions)
        }
        names = {"coder_a": one.coder, "coder_b": other.coder, "kind_a": one.kind, "kind_b": other.kind}
        codes = (one.codes.iloc[first], other.codes.iloc[second])
        yield compare_coders(*codes, classes, weights, strata, config.estimate.level, config.seed).assign(**names)
