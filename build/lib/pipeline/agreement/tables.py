"""The table `agreement`: every two coders of the round, and each against published experts."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.agreement.coefficients import compare_coders
from pipeline.coding.codebook import Codebook
from pipeline.coding.current import read_sample
from pipeline.coding.definitions import match_definition
from pipeline.coding.precedence import CodedSheet
from pipeline.coding.sheets import read_csv_rows
from pipeline.config import Config

EXPERTS = "published experts"


FEW = 10  # documents below which two coders are not compared


def tabulate_agreement(config: Config, handcheck: Path, codebook: Codebook) -> pd.DataFrame:
    """Returns the rows of `agreement`: every two coders, and each against the published experts."""
    sample = read_sample(config, codebook)
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
    for experts in read_experts(handcheck / "external"):
        for sheet in sheets:
            both = weights.index.intersection(sheet.codes.index).intersection(experts.codes.index)
            first, second = sheet.codes.loc[both].assign(leaf=sheet.codes.loc[both, "group"]), experts.codes.loc[both]
            compared = _compare(config, sheet, experts, first, second, {}, weights, strata, EXPERTS)
            rows.append(compared[compared["subject"] != "leaf"] if len(compared) else compared)
    return pd.concat([part for part in rows if len(part)], ignore_index=True)


def read_experts(folder: Path) -> list[CodedSheet]:
    """Returns the published labels as groups of the codebook, through the crosswalk; one sheet a scheme."""
    if not (folder / "labels.csv").exists():
        return []
    group_of = {
        (row["label_scheme"], row["label"]): row["group"]
        for _, row in read_csv_rows(folder / "crosswalk.csv", ("label_scheme", "label", "group"))
    }
    by_scheme: dict[str, dict[str, str]] = {}
    for _, row in read_csv_rows(folder / "labels.csv", ("doc_id", "label_scheme", "label")):
        group = group_of.get((row["label_scheme"], row["label"]))
        if group:
            by_scheme.setdefault(row["label_scheme"], {})[row["doc_id"]] = group
    return [
        CodedSheet(scheme, "person", "reader", pd.DataFrame({"group": groups, "leaf": groups}))
        for scheme, groups in by_scheme.items()
    ]


def _compare(
    config: Config,
    one: CodedSheet,
    other: CodedSheet,
    first: pd.DataFrame,
    second: pd.DataFrame,
    classes: Mapping[str, tuple[np.ndarray, np.ndarray]],
    weights: pd.Series,
    strata: pd.Series,
    kind: str = "",
) -> pd.DataFrame:
    if len(first) < FEW:
        return pd.DataFrame()
    names = {"coder_a": one.coder, "coder_b": other.coder, "kind_a": one.kind, "kind_b": kind or other.kind}
    compared = compare_coders(first, second, classes, weights, strata, config.estimate.level, config.seed)
    return compared.assign(**names)
