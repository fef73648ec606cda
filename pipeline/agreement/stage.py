"""Stage `agreement`: how far readers agree, and what they say of the clusters."""

import logging
import time
from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.agreement.controls import judge_controls
from pipeline.agreement.outside import list_disagreements, tabulate_outside
from pipeline.agreement.parts import tabulate_parts
from pipeline.agreement.tables import tabulate_agreement
from pipeline.agreement.verdicts import compose_clusters, explain_codes, judge_clusters, judge_intrusion
from pipeline.coding.codebook import load_codebook
from pipeline.coding.current import read_sample
from pipeline.coding.outside import group_sources, read_labels
from pipeline.coding.record_view import CLUSTER_COLUMNS, DONE, INTRUSION_COLUMNS, KEPT
from pipeline.coding.rounds import shown_round
from pipeline.coding.sheets import read_csv_rows
from pipeline.config import Config
from pipeline.generations import open_generation
from pipeline.release.published import compare_tables, read_published
from pipeline.schemas import (
    AGREEMENT,
    AGREEMENT_PARTS,
    CLUSTER_CHECKS,
    CLUSTER_CODES,
    CLUSTER_MEMBERS,
    CODES,
    CONTROLS,
    DOCUMENTS,
    INTRUSION,
    LAYER_CODES,
    OUTSIDE_LABELS,
    TRUTH,
    Table,
)

log = logging.getLogger(__name__)
FACTS = ("doc_id", "source", "frame", "title", "url")


def run(config: Config) -> None:
    """Reads the hand check, `codes` and `cluster_members`; writes `agreement`, `cluster_codes` and their like."""
    start = time.perf_counter()
    handcheck = config.path(config.paths.handcheck)
    codebook = load_codebook(handcheck / "codebook" / "codebook.toml")
    codes = store.read_table(CODES, config.processed("codes"))
    members = store.read_table(CLUSTER_MEMBERS, config.processed("cluster_members"))
    folder = handcheck / "rounds" / shown_round(handcheck, config.estimate)
    level = config.estimate.level
    labels = read_labels(handcheck / "external", codebook)
    settled = codes.set_index("doc_id")
    sample = read_sample(config, codebook, is_coverage_wanted=False)
    documents = store.read_table(DOCUMENTS, config.processed("documents"), FACTS).set_index("doc_id")
    source = group_sources(documents["source"], config.estimate.reader_sources)
    tables: list[tuple[Table, pd.DataFrame]] = [
        (AGREEMENT, tabulate_agreement(config, handcheck, codebook, sample)),
        (AGREEMENT_PARTS, tabulate_parts(config, handcheck, codebook, sample)),
        (OUTSIDE_LABELS, tabulate_outside(labels, settled, source, codebook, level)),
        (TRUTH, list_disagreements(labels, settled, documents, source, codebook)),
        (CLUSTER_CODES, compose_clusters(members, codes, level)),
        (LAYER_CODES, explain_codes(members, codes)),
        (CONTROLS, judge_controls(sorted((handcheck / "controls").glob("*.csv")), codebook, level)),
        (
            CLUSTER_CHECKS,
            judge_clusters(
                _read_draws(folder / "cluster-members.csv"),
                _read_finished(handcheck, "clusters", CLUSTER_COLUMNS),
                members,
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
    with open_generation(config.path(config.paths.processed), "readings") as draft:
        for table, rows in tables:
            filled = rows if len(rows) else table.arrow_schema.empty_table().to_pandas()
            store.write_table(table, filled, draft / f"{table.name}.parquet")
    log.info(
        "agreement: %d comparisons of coders, %d clusters checked in %.1f s",
        len(tables[0][1][["coder_a", "coder_b"]].drop_duplicates()),
        len(tables[7][1]),
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
    sample = read_sample(config, codebook, is_coverage_wanted=False)
    fresh = tabulate_agreement(config, handcheck, codebook, sample)
    compare_tables("agreement", fresh, read_published("agreement", path), str(path))
    log.info("verify: the published agreement of readers comes out again")


def _read_draws(path: Path) -> pd.DataFrame:
    columns = ("cluster_id", "doc_id", "kind")
    return pd.DataFrame([row for _, row in read_csv_rows(path, columns)] if path.exists() else [], columns=columns)


def _read_finished(handcheck: Path, task: str, columns: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    sheets = {}
    needed = [column for column in columns if column not in KEPT or column == "state"]
    for path in sorted((handcheck / "sheets" / task).glob("*.csv")):
        rows = [row for _, row in read_csv_rows(path, needed) if row["state"] == DONE]
        if rows:
            sheets[path.stem] = pd.DataFrame(rows)
    return sheets
