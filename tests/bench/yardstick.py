"""How often textbook intervals hold a share of documents read at random: `python -m tests.bench.yardstick`.

The exact yardstick of reports/bench/coverage.csv: no simulation, but the sum over every number of hits that a sample of
n from N can hold (hypergeometric). A count jumps from one whole number to the next, so where few hits are expected no
interval that depends on the count alone holds every share 95 times in 100. Writes reports/bench/yardstick.csv.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from pipeline.estimate.intervals import wilson_interval
from pipeline.store import write_csv

ROOT = Path(__file__).resolve().parents[2]
LEVEL = 0.95
BAND = (0.93, 0.97)
# (documents, read) of the simulation, and the shares it looks at.
DESIGNS = ((8_000, 400), (3_000, 400), (2_000, 120), (500, 60))
SHARES = (0.01, 0.02, 0.05, 0.15, 0.2, 0.4, 0.5, 0.7, 0.9)
AROUND = 25  # shares to either side, one document apart: how much hangs on the very share


def cover_exactly(size: int, n_read: int, hits: int) -> dict[str, float]:
    """Returns the coverage of each interval when `hits` of `size` documents count and `n_read` are read at random."""
    seen = np.arange(n_read + 1)
    chance = stats.hypergeom.pmf(seen, size, hits, n_read)
    effective = n_read / (1 - n_read / size)
    ends = {
        "wilson": wilson_interval(seen / n_read, effective, LEVEL),
        "clopper_pearson": proportion_confint(seen, n_read, 1 - LEVEL, method="beta"),
        "jeffreys": proportion_confint(seen, n_read, 1 - LEVEL, method="jeffreys"),
    }
    truth = hits / size
    return {name: float(chance @ ((low <= truth) & (truth <= high))) for name, (low, high) in ends.items()}


def tabulate_yardstick() -> pd.DataFrame:
    """Returns, per design and share, the exact coverage of each interval, and its range over the shares nearby."""
    rows = []
    for (size, n_read), share in ((design, share) for design in DESIGNS for share in SHARES):
        middle = round(share * size)
        near = [cover_exactly(size, n_read, hits) for hits in range(max(middle - AROUND, 1), middle + AROUND + 1)]
        here = cover_exactly(size, n_read, middle)
        row: dict[str, float] = {"population": size, "n_read": n_read, "share": share}
        for name, value in here.items():
            values = [other[name] for other in near]
            outside = float(np.mean([not BAND[0] <= other <= BAND[1] for other in values]))
            row |= {name: value, f"{name}_least": min(values), f"{name}_most": max(values)}
            row |= {f"{name}_outside_share": outside}
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Writes and prints the table."""
    table = tabulate_yardstick()
    write_csv(ROOT / "reports/bench/yardstick.csv", table)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
