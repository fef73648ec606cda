"""Stage `readings`: what readers found. How far they agree, and what they say of the clusters."""

import itertools
import logging
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import store
from pipeline.check.agreement import compare_coders
from pipeline.check.codebook import Codebook, load_codebook
from pipeline.check.precedence import CodedSheet, find_page_sheets
from pipeline.check.records import CLUSTER_COLUMNS, DONE, INTRUSION_COLUMNS
from pipeline.check.sheets import read_csv_rows, read_sheet
from pipeline.check.verdicts import compose_clusters, explain_codes, judge_clusters, judge_intrusion
from pipeline.config import Config
from pipeline.estimate.controls import judge_controls
from pipeline.estimate.definitions import match_definition
from pipeline.estimate.design import Round, list_coders, load_sample
from pipeline.estimate.verify import compare_tables, read_published
from pipeline.schemas import (
    AGREEMENT,
    CLUSTER_CHECKS,
    CLUSTER_CODES,
    CLUSTER_MEMBERS,
    CODES,
    CONTROLS,
    DOCUMENTS,
    INTRUSION,
    LAYER_CODES,
    Table,
)

log = logging.getLogger(__name__)
EXPERTS = "published experts"
FEW = 10  # documents below which two coders are not compared


def run(config: Config) -> None:
    """Reads the hand check, `codes` and `cluster_members`; writes `agreement`, `cluster_codes` and their like."""
    start = time.perf_counter()
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    codes = store.read_table(CODES, config.processed("codes"))
    members = store.read_table(CLUSTER_MEMBERS, config.processed("cluster_members"))
    folder = handcheck / "rounds" / config.estimate.round
    level = config.estimate.level
    tables: list[tuple[Table, pd.DataFrame]] = [
        (AGREEMENT, tabulate_agreement(config, handcheck, codebook)),
        (CLUSTER_CODES, compose_clusters(members, codes, level)),
        (LAYER_CODES, explain_codes(members, codes)),
        (CONTROLS, judge_controls(sorted((handcheck / "controls").glob("*.csv")), codebook, level)),
        (
            CLUSTER_CHECKS,
            judge_clusters(
                _read_draws(folder / "cluster-members.csv"),
                _read_finished(handcheck, "clusters", CLUSTER_COLUMNS),
                level,
            ),
        ),
        (
            INTRUSION,
            judge_intrusion(
                _read_draws(folder / "intrusion.csv"), _read_finished(handcheck, "intrusion", INTRUSION_COLUMNS), level
            ),
        ),
    ]
    for table, rows in tables:
        filled = rows if len(rows) else table.arrow_schema.empty_table().to_pandas()
        store.write_table(table, filled, config.processed(table.name))
    log.info(
        "readings: %d comparisons of coders, %d clusters checked in %.1f s",
        len(tables[0][1][["coder_a", "coder_b"]].drop_duplicates()),
        len(tables[4][1]),
        time.perf_counter() - start,
    )


def verify_agreement(config: Config) -> None:
    """Recomputes the readers' agreement and compares it with what was published.

    Raises:
        DataError: the published table has other rows, or another number, than comes out now.
    """
    path = config.path(config.paths.reports, config.version, "tables", "agreement.csv")
    if not path.exists():
        return
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    fresh = tabulate_agreement(config, handcheck, codebook)
    compare_tables("agreement", fresh, read_published("agreement", path), str(path))
    log.info("verify: the published agreement of readers comes out again")


def tabulate_agreement(config: Config, handcheck: Path, codebook: Codebook) -> pd.DataFrame:
    """Returns the rows of `agreement`: every two coders of the round, and each against the published experts."""
    documents = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "frame", "published_year"))
    sample = load_sample(handcheck, config.estimate.round, codebook, documents)
    weights, strata = 1 / sample.units["inclusion_probability"], sample.units["stratum"]
    sheets = list_sheets(handcheck, sample.about, codebook, set(documents["doc_id"]))
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


def list_sheets(handcheck: Path, about: Round, codebook: Codebook, known_ids: set[str]) -> list[CodedSheet]:
    """Returns the sheets of a round, and those that the hand-check page made since."""
    sheets = [
        CodedSheet(
            coder.sheet,
            coder.kind,
            coder.role,
            read_sheet(handcheck / "sheets" / f"{coder.sheet}.csv", codebook, known_ids),
        )
        for coder in about.coders
    ]
    return sheets + find_page_sheets(handcheck, list_coders(handcheck), codebook, known_ids)


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


def _read_draws(path: Path) -> pd.DataFrame:
    return pd.DataFrame([row for _, row in read_csv_rows(path, ("cluster_id", "doc_id", "kind"))])


def _read_finished(handcheck: Path, task: str, columns: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    sheets = {}
    for path in sorted((handcheck / "sheets" / task).glob("*.csv")):
        rows = [row for _, row in read_csv_rows(path, columns) if row["state"] == DONE]
        if rows:
            sheets[path.stem] = pd.DataFrame(rows)
    return sheets
