"""Does the second interval hold what people would say? `python -m tests.bench.second`.

Simulated where the truth is known: 1,500 documents, 300 of them read; people change settled codes at known rates; so
many random documents carry people's labels. Writes reports/bench/second.csv: how often each interval holds the share
that people would find.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.estimate.as_people import AS_READ, THEIRS, tabulate_as_people
from pipeline.estimate.reader_error import OUTSIDE_LABELS, Evidence
from pipeline.estimate.survey import estimate_batch
from pipeline.store import write_csv
from tests.survey_of import CODEBOOK, LEAVES, codes_of, sample_of, survey_of

ROUNDS = 100
POPULATION, READ = 1_500, 300
LABELS = (30, 120)
# By name: shares of settled codes (counts, in the denominator only, outside), and where people put each.
ERRORS = {
    "none": ((0.3, 0.5, 0.2), np.eye(3)),
    "both ways": ((0.3, 0.5, 0.2), np.array([[0.9, 0.08, 0.02], [0.06, 0.9, 0.04], [0.02, 0.08, 0.9]])),
    "missed": ((0.08, 0.72, 0.2), np.array([[0.98, 0.02, 0.0], [0.15, 0.83, 0.02], [0.1, 0.2, 0.7]])),
    "overcalled": ((0.6, 0.3, 0.1), np.array([[0.8, 0.18, 0.02], [0.02, 0.96, 0.02], [0.0, 0.05, 0.95]])),
}


def main() -> None:
    """Simulates and writes the table."""
    rows = []
    for name, (shares, move) in ERRORS.items():
        for n_labels in LABELS:
            held = np.array([simulate(number, shares, move, n_labels) for number in range(ROUNDS)])
            rows.append(
                {
                    "errors": name,
                    "n_labels": n_labels,
                    "first_holds": held[:, 0].mean(),
                    "second_holds": held[:, 1].mean(),
                    "first_width": held[:, 2].mean(),
                    "second_width": held[:, 3].mean(),
                    "bias": held[:, 4].mean(),
                    "n_rounds": ROUNDS,
                }
            )
            print(rows[-1], flush=True)
    write_csv(Path("reports/bench/second.csv"), pd.DataFrame(rows))


def simulate(number: int, shares: tuple[float, float, float], move: np.ndarray, n_labels: int) -> list[float]:
    """Returns whether each interval holds what people would say, the widths, and the error of the second's middle."""
    rng = np.random.default_rng(number)
    settled = rng.choice(3, size=POPULATION, p=shares)
    people = (rng.random(POPULATION)[:, None] > move[settled].cumsum(axis=1)[:, :2]).sum(axis=1)
    survey = survey_of(
        *sample_of(settled, np.zeros(POPULATION, dtype=int), rng.choice(POPULATION, READ, replace=False)), seed=number
    )
    labelled = rng.choice(POPULATION, n_labels, replace=False)
    ids = pd.Index([f"d{row:06d}" for row in range(n_labels)])
    allowed = np.eye(len(LEAVES), dtype=bool)[people[labelled]]
    evidence = Evidence(
        OUTSIDE_LABELS,
        np.full(n_labels, "x"),
        codes_of(settled[labelled], ids),
        None,
        allowed,
        np.ones(n_labels),
        ids.to_numpy(),
    )
    found = estimate_batch(survey, CODEBOOK.definitions, [])
    table = tabulate_as_people(survey, found, [evidence], np.full(READ, "x"), seed=number)
    table = table[(table["definition"] == "strict") & (table["denominator"] == "safety")].set_index("scope")
    row, truth = table.loc[THEIRS], (people == 0).sum() / (people < 2).sum()
    assert AS_READ in table.index
    return [
        row["low_as_read"] <= truth <= row["high_as_read"],
        row["low"] <= truth <= row["high"],
        row["high_as_read"] - row["low_as_read"],
        row["high"] - row["low"],
        row["share"] - truth,
    ]


if __name__ == "__main__":
    main()
