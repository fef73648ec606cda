"""The robustness table: the same share by other estimators, other readers, other scopes, and by the wrong way."""

import itertools
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipeline.coding.codebook import Codebook, Definition, Denominator
from pipeline.coding.definitions import match_definition, match_denominator
from pipeline.coding.sample import Sample
from pipeline.estimate.domains import Domain, Population, Readings, list_domains
from pipeline.estimate.phases import Phase2
from pipeline.estimate.shares import ShareEstimate, estimate_reads

# What part of the direct and of the indirect work the sources might hold.
FOUND = ((0.9, 0.7), (0.7, 0.9))
ROUNDS_OF_EM = 200  # far beyond convergence for 1,090 documents
Row = tuple[str, ShareEstimate | float, str]


@dataclass(frozen=True)
class _Case:
    """One definition and denominator, with what the variants need."""

    sample: Sample
    population: Population
    definition: Definition
    name: str
    denominator: Denominator
    members: pd.DataFrame
    level: float

    def match(self, codes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Returns y and denominator of codes, float (n,)."""
        inside = match_denominator(self.denominator, codes).astype(float)
        return match_definition(self.definition, codes) * inside, inside


def vary_estimates(
    sample: Sample,
    population: Population,
    codebook: Codebook,
    members: pd.DataFrame,
    level: float,
    frames: Collection[str],
) -> pd.DataFrame:
    """Returns the rows of the table `robustness`: every definition, as a share of the first denominator.

    Args:
        sample: the read documents.
        population: all documents.
        codebook: its definitions and denominators.
        members: rows of the table `cluster_members`, and of others like it (`add_second_encoder`).
        level: of the intervals.
        frames: the frames to vary: those whose shares may be quoted.
    """
    name, denominator = next(iter(codebook.denominators.items()))
    rows: list[dict[str, object]] = []
    domains = [domain for domain in list_domains(sample, population) if not domain.year and domain.frame in frames]
    for definition, domain in itertools.product(codebook.definitions, domains):
        case = _Case(sample, population, definition, name, denominator, members, level)
        readings = Readings.of(sample, population, definition, name, denominator)
        headline = readings.estimate(domain, level)
        if headline is None:
            continue
        for variant, result, note in _list_variants(case, readings, domain, headline):
            share, low, high = (result, None, None) if isinstance(result, float) else _numbers(result)
            rows.append(
                {
                    "frame": domain.frame,
                    "definition": definition.id,
                    "denominator": name,
                    "variant": variant,
                    "share": share,
                    "low": low,
                    "high": high,
                    "difference": share - headline.share,
                    "note": note,
                }
            )
    return pd.DataFrame(rows)


def _numbers(estimate: ShareEstimate) -> tuple[float, float, float]:
    return estimate.share, estimate.low, estimate.high


def _list_variants(case: _Case, readings: Readings, domain: Domain, headline: ShareEstimate) -> Iterator[Row]:
    yield "headline", headline, "as in the table shares"
    reads = readings.reads(domain)
    yield "no predictions", estimate_reads(reads, case.level, 0.0), "Hajek's estimator, the classifier left out"
    pooled = replace(reads, phase2=_pool_everything(readings, reads.phase2))
    yield "adjudication pooled", estimate_reads(pooled, case.level), "readers' errors learnt from all frames alike"
    for layer in sorted(case.members["layer"].unique()):
        by_cluster = _predict_by_cluster(case, readings, layer)
        yield f"{layer} clusters as predictions", by_cluster.estimate(domain, case.level) or headline, "cross-fitted"
    yield from _list_readers(case, readings, domain)
    yield from _list_doubts(case, readings, domain)
    for direct, indirect in FOUND:
        odds = headline.share / direct, (1 - headline.share) / indirect
        note = f"if the sources held {direct:.0%} of the direct and {indirect:.0%} of the other work"
        yield f"coverage {direct:.1f}/{indirect:.1f}", odds[0] / sum(odds), note
    for layer in sorted(case.members["layer"].unique()):
        wrong = _add_up_majorities(case, readings, domain, layer)
        if wrong is not None:
            yield f"WRONG: majority of {layer} clusters", wrong, "each cluster counted whole; shown to be avoided"


def _pool_everything(readings: Readings, phase2: Phase2 | None) -> Phase2 | None:
    units = readings.sample.units
    pool = units["is_adjudicated"].to_numpy() & (readings.cell >= 0)
    if phase2 is None:
        return None
    return replace(
        phase2,
        pool_cell=readings.cell[pool],
        pool_y=readings.y[pool],
        pool_denominator=readings.denominator[pool],
        pool_weight=1 / units["inclusion_probability"].to_numpy()[pool],
        pool_prediction=None if readings.guess is None else readings.guess[readings.population.units[pool]],
    )


def _settle_all(
    case: _Case, readings: Readings, y: np.ndarray, inside: np.ndarray, domain: Domain
) -> ShareEstimate | None:
    """Estimates from codes taken as settled for every document, without predictions."""
    if not inside[domain.rows].any():
        return None
    reads = readings.reads(domain)
    plain = replace(reads, y=y[domain.rows], denominator=inside[domain.rows], phase2=None)
    return estimate_reads(plain, case.level, 0.0)


def _list_readers(case: _Case, readings: Readings, domain: Domain) -> Iterator[Row]:
    sample = case.sample
    codes = [case.match(reader) for reader in sample.readers]
    for number, (y, inside) in enumerate(codes, start=1):
        estimate = _settle_all(case, readings, y, inside, domain)
        if estimate is not None:
            yield f"reader {number} alone", estimate, "their codes taken for the truth"
    votes = np.array([y + inside for y, inside in codes])  # 2 counts, 1 in the denominator only, 0 outside
    third = np.full(votes.shape[1], -1.0)
    y, inside = case.match(sample.adjudicator)
    third[sample.units.index.get_indexer(sample.adjudicator.index)] = y + inside
    votes = np.vstack([votes, third]).astype(int)
    majority = np.array([np.bincount(column[column >= 0], minlength=3) for column in votes.T], dtype=float)
    ballots: list[tuple[str, np.ndarray, str]] = [
        (
            "majority of readers",
            majority == majority.max(axis=1, keepdims=True),
            "the adjudicator votes where they read",
        ),
        ("Dawid-Skene", dawid_skene(votes, 3), "latent classes from the same votes (Dawid and Skene 1979)"),
    ]
    for name, weights, note in ballots:
        chance = weights / weights.sum(axis=1, keepdims=True)
        estimate = _settle_all(case, readings, chance[:, 2], chance[:, 1] + chance[:, 2], domain)
        if estimate is not None:
            yield name, estimate, note


def dawid_skene(votes: np.ndarray, n_classes: int) -> np.ndarray:
    """Returns the chance of each class for each document: float (n, n_classes), by expectation-maximisation.

    Args:
        votes: int (n_coders, n), classes; -1 where a coder did not read.
        n_classes: number of classes.
    """
    seen = np.stack([votes == label for label in range(n_classes)], axis=2).astype(float)
    chance = seen.sum(axis=0) / seen.sum(axis=(0, 2))[:, None]
    for _ in range(ROUNDS_OF_EM):
        prior = chance.mean(axis=0)
        confusion = np.einsum("nt,cnl->ctl", chance, seen) + 0.01  # never quite certain
        confusion /= confusion.sum(axis=2, keepdims=True)
        logarithm = np.log(np.maximum(prior, 1e-12)) + np.einsum("cnl,ctl->nt", seen, np.log(confusion))
        chance = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
    return chance


def _list_doubts(case: _Case, readings: Readings, domain: Domain) -> Iterator[Row]:
    """Pushes every coin-flip code either way, then only those about scope: bounds, not intervals."""
    first, second, is_doubtful = _both_codes(case.sample)
    plain, other = case.match(first), case.match(second)
    is_scope = is_doubtful & (plain[1] != other[1])
    choices: list[tuple[str, np.ndarray, Callable[..., np.ndarray]]] = [
        ("every doubtful code out", is_doubtful, _take_low),
        ("every doubtful code in", is_doubtful, _take_high),
        ("doubtful scope out", is_scope, lambda a, b: np.minimum(a[1], b[1]) == b[1]),
        ("doubtful scope in", is_scope, lambda a, b: np.maximum(a[1], b[1]) == b[1]),
    ]
    for variant, is_open, take_second in choices:
        swap = is_open & take_second(plain, other)
        y, inside = (np.where(swap, there, here) for here, there in zip(plain, other, strict=True))
        estimate = _settle_all(case, readings, y, inside, domain)
        if estimate is not None:
            yield (
                variant,
                estimate,
                f"{int(is_open[domain.rows].sum())} read documents take the worse of their two leaves",
            )


def _take_low(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Where the second code makes the share smaller: it stops counting, or joins the denominator without counting."""
    return (second[0] < first[0]) | ((second[0] == first[0]) & (first[0] == 0) & (second[1] > first[1]))


def _take_high(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return (second[0] > first[0]) | ((second[0] == first[0]) & (first[0] == 0) & (second[1] < first[1]))


def _both_codes(sample: Sample) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Returns the settled codes, the same with the second leaf in place of the first, and where it was a toss-up."""
    settled = sample.readers[0].copy()
    settled.loc[sample.adjudicator.index] = sample.adjudicator[settled.columns]
    leaf2 = settled["leaf2"].fillna("")
    swapped = settled.assign(leaf=leaf2.where(leaf2 != "", settled["leaf"]))
    swapped = swapped.assign(group=swapped["leaf"].str[0])
    is_doubtful = ((settled["confidence"].astype(int) == 1) & (leaf2 != "")).to_numpy()
    return settled, swapped, is_doubtful


def _clusters(case: _Case, layer: str) -> np.ndarray:
    """Returns the cluster of every document of the population: int (n,). Those without one are a cluster together."""
    part = case.members[case.members["layer"] == layer].set_index("doc_id")["cluster_id"]
    cluster = pd.factorize(part.reindex(case.population.documents["doc_id"]), sort=True)[0]
    return np.where(cluster < 0, cluster.max(initial=-1) + 1, cluster)


def add_second_encoder(members: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Returns the layers of `cluster_members` with those of a second encoder beside them, under names that say so."""
    there = second.assign(
        layer=second["layer"].astype(str) + ", second encoder", cluster_id=second["cluster_number"].astype(str)
    )
    columns = ["layer", "doc_id", "cluster_id"]
    return pd.concat([members[columns].astype({"cluster_id": str}), there[columns]], ignore_index=True)


def _predict_by_cluster(case: _Case, readings: Readings, layer: str) -> Readings:
    """Predicts each document by its cluster's read ones in the other folds: post-stratification by cluster."""
    predictions = case.population.predictions
    if predictions is None:
        return readings
    cluster = _clusters(case, layer)
    units = case.population.units
    values = np.stack([readings.y, readings.denominator], axis=1)
    guess = np.zeros((len(cluster), 2))
    for fold in np.unique(predictions.fold):
        learn = predictions.fold[units] != fold
        counts = np.bincount(cluster[units][learn], minlength=cluster.max() + 1)
        for column in range(2):
            centre = values[learn, column].mean()
            sums = np.bincount(cluster[units][learn], values[learn, column], cluster.max() + 1)
            guess[predictions.fold == fold, column] = ((sums + centre) / (counts + 1))[
                cluster[predictions.fold == fold]
            ]
    return replace(readings, guess=guess)


def _add_up_majorities(case: _Case, readings: Readings, domain: Domain, layer: str) -> float | None:
    """Does what must not be done: gives every cluster of the frame the class of most of its read documents."""
    cluster = _clusters(case, layer)
    units = case.population.units[domain.rows]
    number = cluster.max() + 1
    inside = case.population.rows_of(domain.frame, "")
    sizes = np.bincount(cluster[inside], minlength=number)
    read = np.maximum(np.bincount(cluster[units], minlength=number), 1)
    most_y = np.bincount(cluster[units], readings.y[domain.rows], number) / read
    most_inside = np.bincount(cluster[units], readings.denominator[domain.rows], number) / read > 0.5
    base = float(sizes @ most_inside)
    return float(sizes @ (most_inside & (most_y > 0.5 * most_inside))) / base if base else None
