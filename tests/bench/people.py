"""Whether a share counted in people is right on the real authors: `python -m tests.bench.people`.

Takes the documents, authors and years of the Alignment Forum as they are, makes up codes whose chances are the
classifier's (so direct work goes, as it does, with those who write most), draws sixty documents of each year again and
again, and writes reports/bench/people.csv: how often the interval holds the made-up truth, and how far the
estimate is off; then, from the read documents, the share by how much their first author wrote.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.estimate.people import name_people, size_by_people
from pipeline.estimate.shares import estimate_shares, take_part
from pipeline.estimate.survey import merge_records
from pipeline.estimate.weights import make_weights
from pipeline.store import write_csv
from tests.survey_of import CODEBOOK, sample_of

FRAME = "alignmentforum-census"
PER_YEAR = 60
TRUTHS = 8  # made-up truths, so that nothing hangs on one
ROOT = Path(__file__).resolve().parents[2]


def measure_people(documents: pd.DataFrame, chances: pd.DataFrame, repetitions: int, seed: int) -> pd.DataFrame:
    """Returns, for documents and for people as units, the coverage, bias and width over made-up truths.

    Args:
        documents: of one frame; columns doc_id, published_year, persons.
        chances: rows as in `documents`; columns counted and inside, the chance of each.
        repetitions: samples per truth.
        seed: of everything that is drawn.
    """
    rng = np.random.default_rng(seed)
    stratum = pd.factorize(documents["published_year"], sort=True)[0]
    sizes = np.bincount(stratum).astype(float)
    weights = {"documents": np.ones(len(documents)), "people": size_by_people(documents)}
    rows = []
    for _ in range(TRUTHS):
        inside = rng.random(len(documents)) < chances["inside"]
        y = inside & (rng.random(len(documents)) < chances["counted"] / np.maximum(chances["inside"], 1e-9))
        for _ in range(repetitions):
            drawn = _draw(stratum, sizes, rng)
            leaf = np.where(y, 0, np.where(inside, 1, 2))
            sample, population = sample_of(leaf, stratum, drawn)
            found = merge_records(make_weights(sample, population, CODEBOOK, 1), CODEBOOK)
            groups = found.codes.records["group"].to_numpy()
            for name, size in weights.items():
                truth = float(size @ y / (size @ inside))
                everyone = np.ones(len(sample.units), dtype=bool)
                part = take_part(found, everyone, float(size.sum()), size[population.units])
                shares = estimate_shares(part, (groups == "A")[None], groups != "N", 0.95)
                share, low, high = shares.share[0], shares.low[0], shares.high[0]
                rows.append((name, truth, share - truth, low <= truth <= high, high - low))
    table = pd.DataFrame(rows, columns=["weight", "true_share", "bias", "coverage", "mean_width"])
    return table.groupby("weight", as_index=False).mean().assign(repetitions=TRUTHS * repetitions)


def _draw(stratum: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns sixty rows of each stratum, or all there are."""
    order = np.lexsort((rng.random(len(stratum)), stratum))
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes.astype(int))
    return order[place < PER_YEAR]


def main() -> None:
    """Measures and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=500)
    options = parser.parse_args()
    processed = ROOT / "data/processed"
    documents = pd.read_parquet(processed / "documents.parquet")
    documents = documents[documents["frame"] == FRAME].reset_index(drop=True)
    documents = name_people(documents, pd.read_parquet(processed / "authorship.parquet"))
    chances = pd.read_parquet(processed / "predictions.parquet").pivot(
        index="doc_id", columns="query", values="probability"
    )
    chances = chances.loc[documents["doc_id"]].reset_index(drop=True)
    columns = {"definition strict": "counted", "denominator safety": "inside"}
    table = measure_people(documents, chances.rename(columns=columns), options.repetitions, seed=20261125)
    write_csv(ROOT / "reports/bench/people.csv", table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
