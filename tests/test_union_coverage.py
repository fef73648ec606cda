"""Intervals from the union of two and three rounds hold the truth as often as they promise, while the frame changes."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.coding.numbers import draw_smallest, permanent_numbers
from pipeline.coding.union import Stratum, cut_cells

REPEATS = 800
SIZES = {"2024": 260, "2025": 420}
GROWN = {"2025": 60, "2026": 300}  # late arrivals of a drawn window, and a window that is new
LATER = {"2026": 140, "2027": 200}


def interval(strata: pd.DataFrame, units: pd.DataFrame, y: pd.Series, level: float = 0.95) -> tuple[float, float]:
    """Returns the Wilson interval on the effective size of a stratified mean (Cochran 1977; Kott and Carr 1997)."""
    weight = strata["n_population"] / strata["n_population"].sum()
    groups = y[units.index].groupby(units["stratum"])
    mean, n = groups.mean().reindex(strata.index), strata["n_sample"]
    within = groups.var(ddof=1).reindex(strata.index).fillna(0.25)
    variance = float((weight**2 * (1 - n / strata["n_population"]) * within / n).sum())
    p, df = float((weight * mean).sum()), int(n.sum() - len(strata))
    if variance == 0:
        return p, p
    size = p * (1 - p) / variance * (stats.t.ppf(0.975, n.sum() - 1) / stats.t.ppf(0.975, df)) ** 2
    z = stats.norm.ppf((1 + level) / 2)
    centre = (p + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z * np.sqrt(p * (1 - p) / size + z**2 / (4 * size**2)) / (1 + z**2 / size)
    return centre - half, centre + half


def populate(windows: dict[str, int], prefix: str, rng: np.random.Generator) -> pd.DataFrame:
    ids = [f"{prefix}{number}" for number in range(sum(windows.values()))]
    names = [name for name, count in windows.items() for _ in range(count)]
    rates = {"2024": 0.6, "2025": 0.4, "2026": 0.25, "2027": 0.15}
    is_direct = rng.random(len(ids)) < np.array([rates[name] for name in names])
    # What arrives late is not like what was there: a sample of the old documents says nothing of it.
    if prefix != "a":
        is_direct &= rng.random(len(ids)) < 0.7
    return pd.DataFrame({"window": names, "y": is_direct.astype(float)}, index=pd.Index(ids))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("n_rounds", [2, 3])
def test_intervals_of_the_union_cover_as_they_promise(n_rounds: int, record_score) -> None:
    rng = np.random.default_rng(n_rounds)
    waves = [populate(SIZES, "a", rng), populate(GROWN, "b", rng), populate(LATER, "c", rng)][:n_rounds]
    everything = pd.concat(waves)
    gone = {2: rng.random(len(everything)) < 0.04, 3: rng.random(len(everything)) < 0.04}
    windows = everything["window"].to_dict()
    hits, widths, errors = 0, [], []
    for repeat in range(REPEATS):
        strata: list[Stratum] = []
        covered: set[str] = set()
        here: set[str] = set()
        for number, wave in enumerate(waves, 1):
            here |= set(wave.index)
            if number > 1:
                here -= set(everything.index[gone[number]]) & here
            # One stratum drawn again, and one for each window of what no draw covers yet.
            first = [
                (each, [doc_id for doc_id in sorted(each.members or ()) if doc_id in here])
                for each in strata[:1]
                if number == 2
            ]
            for old, docs in first:
                taken = dict.fromkeys(old.drawn & set(docs), "s")
                more = draw_smallest(pd.Series("s", index=docs), {"s": 30}, repeat, taken)
                drawn = old.drawn | set(more["doc_id"])
                strata[0] = Stratum(old.name, "f", old.window, "", "", old.size, old.members, frozenset(drawn))
            fresh = everything.loc[[doc_id for doc_id in everything.index if doc_id in here - covered]]
            for window, part in fresh.groupby("window"):
                count = min(len(part), 40)
                drawn = draw_smallest(pd.Series("s", index=part.index), {"s": count}, repeat)["doc_id"]
                name = f"f/{window}+{number}"
                strata.append(
                    Stratum(name, "f", str(window), "", "", len(part), frozenset(part.index), frozenset(drawn))
                )
            covered |= set(fresh.index)
        read = {doc_id for each in strata for doc_id in each.drawn}
        cells = cut_cells("f", strata, here, windows, read)
        assert cells.strata["n_population"].sum() == len(here)
        low, high = interval(cells.strata, cells.units, everything["y"])
        truth = everything.loc[sorted(here), "y"].mean()
        hits += low <= truth <= high
        widths.append(high - low)
        weights = 1 / cells.units["inclusion_probability"]
        errors.append(float((weights * everything["y"][cells.units.index]).sum() / weights.sum()) - truth)
    coverage = hits / REPEATS
    bias = float(np.mean(errors))
    record_score(f"union of {n_rounds} rounds: coverage {coverage:.3f}, width {np.mean(widths):.3f}, bias {bias:+.4f}")
    assert 0.93 <= coverage <= 0.97
    assert abs(bias) < 4 * np.std(errors) / np.sqrt(REPEATS)


def test_the_numbers_of_one_seed_are_uniform() -> None:
    numbers = permanent_numbers((f"d{number}" for number in range(20_000)), 3) / 2.0**64
    assert stats.kstest(numbers, "uniform").pvalue > 0.001
