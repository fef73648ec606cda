"""Negative controls, documents that should hold next to no direct work: `python -m tests.bench.controls`.

Sixty abstracts of general machine learning (conference papers and arXiv) and sixty forum posts in which no AI keyword
occurs, drawn at random (seed 20261125) from 18,098 and 7,199. reports/bench/controls_read.csv holds ids, codes and the
kind of reader; this writes reports/bench/controls.csv: per control and definition the share with its exact interval
(Clopper and Pearson 1934). A language model read titles and openings; no person has checked it.
"""

from pathlib import Path

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from pipeline.check.codebook import Codebook, load_codebook
from pipeline.estimate.definitions import match_definition
from pipeline.store import write_csv

ROOT = Path(__file__).resolve().parents[2]
READ = ROOT / "reports/bench/controls_read.csv"
# A definition that asks for more than the leaf cannot be answered: the axes were not coded.
DEFINITIONS = ("theory", "strict", "superalignment", "broad", "interpretability", "broadest", "everything")


def tabulate_controls(read: pd.DataFrame, codebook: Codebook, level: float = 0.95) -> pd.DataFrame:
    """Returns, per control and definition by leaves alone, how many of the read documents count, as a share of all."""
    rows = []
    for name, part in read.groupby("control", sort=True):
        codes = part.assign(group=part["leaf"].str[0])
        in_scope = int(codes["group"].isin(list("ABCDE")).sum())
        counted = {"in scope (groups A to E)": in_scope}
        for definition in codebook.definitions:
            if definition.id in DEFINITIONS:
                counted[definition.id] = int(match_definition(definition, codes).sum())
        for definition_id, count in counted.items():
            low, high = proportion_confint(count, len(codes), 1 - level, method="beta")
            place = {"control": name, "definition": definition_id, "n_read": len(codes), "n_counted": count}
            rows.append({**place, "share": count / len(codes), "low": low, "high": high, "level": level})
    return pd.DataFrame(rows)


def main() -> None:
    """Writes and prints the table."""
    codebook = load_codebook(ROOT / "data/raw/handcheck/codebook/codebook.toml")
    table = tabulate_controls(pd.read_csv(READ, keep_default_na=False), codebook)
    write_csv(ROOT / "reports/bench/controls.csv", table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
