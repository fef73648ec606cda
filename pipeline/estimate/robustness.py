"""The robustness table: the same share by other estimators, other readers, other scopes, and by the wrong way."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.coding.code_columns import CodeColumns
from pipeline.coding.codebook import Codebook
from pipeline.coding.queries import Denominator
from pipeline.coding.sample import Sample
from pipeline.estimate.classify import Predictions
from pipeline.estimate.domains import Domain, Population
from pipeline.estimate.other_truths import Case, Taken, count_votes, list_doubts, numbers_of
from pipeline.estimate.rulings import CodeChances, settle_as
from pipeline.estimate.shares import Shares, estimate_shares
from pipeline.estimate.survey import Survey, merge_records
from pipeline.estimate.weights import Weights, make_weights

# What part of the direct and of the indirect work the sources might hold.
FOUND = ((0.9, 0.7), (0.7, 0.9))
VARIANT_REPLICATES = 100  # half of the headline's: their intervals are to look at
SEED = 1  # of the variants' replicates
Row = tuple[str, tuple[float, float, float] | float, str]


def vary_estimates(survey: Survey, members: pd.DataFrame, frames: Collection[str]) -> pd.DataFrame:
    """Returns the rows of the table `robustness`: every definition, as a share of the first denominator.

    Args:
        survey: the read documents with their weights.
        members: rows of the table `cluster_members`, and of others like it (`add_second_encoder`).
        frames: the frames to vary: those whose shares may be quoted.
    """
    name, denominator = next(iter(survey.codebook.denominators.items()))
    plain = _make_anew(survey, replace(survey.population, predictions=None))
    versions = _list_versions(survey, plain, members)
    wanted = [domain for domain in survey.domains if not domain.year and domain.frame in frames]
    codes = _both_codes(survey.sample, survey.codebook)
    clusters = {layer: _clusters(survey.population, members, layer) for layer in sorted(members["layer"].unique())}
    found = {
        (variant, domain.frame): _estimate(version, domain, denominator)
        for variant, (version, _) in versions.items()
        for domain in wanted
    }
    rows: list[dict[str, object]] = []
    columns: dict[int, CodeColumns] = {}
    for number, definition in enumerate(survey.codebook.definitions):
        case = Case(survey, plain, definition, denominator, codes, clusters, columns)
        ballots, doubts = count_votes(case), list_doubts(case)
        for domain in wanted:
            headline = float(found["headline", domain.frame].share[number])
            if not np.isfinite(headline):
                continue
            named: list[Row] = [
                (variant, numbers_of(found[variant, domain.frame], number), note)
                for variant, (_, note) in versions.items()
            ]
            for variant, result, note in [*named, *_list_variants(case, domain, ballots, doubts, headline)]:
                share, low, high = (result, None, None) if isinstance(result, float) else result
                rows.append(
                    {
                        "frame": domain.frame,
                        "definition": definition.id,
                        "denominator": name,
                        "variant": variant,
                        "share": share,
                        "low": low,
                        "high": high,
                        "difference": share - headline,
                        "note": note,
                    }
                )
    return pd.DataFrame(rows)


def _estimate(survey: Survey, domain: Domain, denominator: Denominator) -> Shares:
    part = survey.part(domain)
    assert part is not None
    counted = survey.definitions(survey.codebook.definitions)
    return estimate_shares(part, counted, survey.inside(denominator), survey.level)


def _reweigh(survey: Survey, predictions: Predictions) -> Weights:
    """Returns weights made anew from other predictions."""
    return _make_anew(survey, replace(survey.population, predictions=predictions))


def _make_anew(survey: Survey, population: Population) -> Weights:
    told = survey.full_weights.codes.told
    return make_weights(survey.sample, population, survey.codebook, SEED, VARIANT_REPLICATES, told=told)


def _list_versions(survey: Survey, plain: Weights, members: pd.DataFrame) -> Mapping[str, tuple[Survey, str]]:
    """Returns the survey with other weights, by variant, with what was done otherwise; `plain` without predictions."""
    population, codebook = survey.population, survey.codebook

    def weighed(weights: Weights) -> Survey:
        return replace(survey, weights=merge_records(weights, codebook))

    versions = {"headline": (survey, "as in the table shares")}
    versions["no predictions"] = (weighed(plain), "weights of the design, the classifier left out")
    pooled = replace(survey, weights=replace(survey.weights, codes=_pool_changes(survey.weights)))
    versions["adjudication pooled"] = (pooled, "one chance of being overturned for every agreement")
    if population.predictions is not None:
        for layer in sorted(members["layer"].unique()):
            predicted = _predict_by_cluster(survey, population.predictions, _clusters(population, members, layer))
            version = weighed(_reweigh(survey, predicted))
            versions[f"{layer} clusters as predictions"] = (version, "cross-fitted")
    for number, reader in enumerate(survey.sample.readers, start=1):
        version = weighed(replace(plain, codes=settle_as(reader, codebook, VARIANT_REPLICATES)))
        versions[f"reader {number} alone"] = (version, "their codes taken for the truth")
    return versions


def _pool_changes(weights: Weights) -> CodeChances:
    """Returns codes of which every unsettled one has the mean chance of being overturned."""
    codes = weights.codes
    is_open = ~codes.is_settled
    if not is_open.any():
        return codes
    mean = float(codes.change[is_open].mean())
    drawn = codes.change_drawn.copy()
    drawn[:, is_open] = drawn[:, is_open].mean(axis=1, keepdims=True)
    return replace(codes, change=np.where(is_open, mean, 0.0), change_drawn=drawn)


def _list_variants(
    case: Case,
    domain: Domain,
    ballots: list[tuple[str, Taken, str]],
    doubts: list[tuple[str, Taken, np.ndarray]],
    headline: float,
) -> Iterator[Row]:
    for name, taken, note in ballots:
        estimate = taken.settle(domain)
        if estimate is not None:
            yield name, estimate, note
    for name, taken, is_open in doubts:
        estimate = taken.settle(domain)
        if estimate is not None:
            yield name, estimate, f"{int(is_open[domain.rows].sum())} read documents take the worse of their two leaves"
    for direct, indirect in FOUND:
        odds = headline / direct, (1 - headline) / indirect
        note = f"if the sources held {direct:.0%} of the direct and {indirect:.0%} of the other work"
        yield f"coverage {direct:.1f}/{indirect:.1f}", odds[0] / sum(odds), note
    is_known = all(case.survey.population.knows(case.survey.sample, str(name)) for name in domain.strata.index)
    for layer, cluster in case.clusters.items() if is_known else ():
        wrong = _add_up_majorities(case, domain, cluster)
        if wrong is not None:
            yield f"WRONG: majority of {layer} clusters", wrong, "each cluster counted whole; shown to be avoided"


def _both_codes(sample: Sample, codebook: Codebook) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Returns the settled codes, the same with the second leaf in place of the first, and where it was a toss-up."""
    settled = sample.readers[0].copy()
    settled.loc[sample.adjudicator.index] = sample.adjudicator[settled.columns]
    leaf2 = settled["leaf2"].fillna("")
    swapped = settled.assign(leaf=leaf2.where(leaf2 != "", settled["leaf"]))
    swapped = swapped.assign(group=swapped["leaf"].map(codebook.group_of))
    is_doubtful = ((settled["confidence"].astype(int) <= codebook.doubt) & (leaf2 != "")).to_numpy()
    return settled, swapped, is_doubtful


def _clusters(population: Population, members: pd.DataFrame, layer: str) -> np.ndarray:
    """Returns the cluster of every document of the population: int (n,). Those without one are a cluster together."""
    part = members[members["layer"] == layer].set_index("doc_id")["cluster_id"]
    cluster = pd.factorize(part.reindex(population.documents["doc_id"]), sort=True)[0]
    return np.where(cluster < 0, cluster.max(initial=-1) + 1, cluster)


def add_second_encoder(members: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Returns the layers of `cluster_members` with those of a second encoder beside them, under names that say so."""
    there = second.assign(
        layer=second["layer"].astype(str) + ", second encoder", cluster_id=second["cluster_number"].astype(str)
    )
    columns = ["layer", "doc_id", "cluster_id"]
    return pd.concat([members[columns].astype({"cluster_id": str}), there[columns]], ignore_index=True)


def _predict_by_cluster(survey: Survey, predictions: Predictions, cluster: np.ndarray) -> Predictions:
    """Predicts each document's leaf by its cluster's read ones in the other folds: post-stratification by cluster."""
    units = survey.population.units
    settled, _, _ = _both_codes(survey.sample, survey.codebook)
    leaf = pd.Index(predictions.leaves).get_indexer(pd.Index(settled["leaf"]))
    codes = np.eye(len(predictions.leaves))[leaf]
    chance = np.zeros((len(cluster), len(predictions.leaves)))
    for fold in np.unique(predictions.fold):
        learn, rows = predictions.fold[units] != fold, predictions.fold == fold
        own = sparse.csr_array(
            (np.ones(int(learn.sum())), (cluster[units][learn], np.arange(int(learn.sum())))),
            shape=(cluster.max() + 1, int(learn.sum())),
        )
        prior = codes[learn].mean(axis=0) if learn.any() else np.full(codes.shape[1], 1 / codes.shape[1])
        sums = own @ codes[learn] + prior
        chance[rows] = (sums / sums.sum(axis=1, keepdims=True))[cluster[rows]]
    return replace(predictions, leaf_probability=chance)


def _add_up_majorities(case: Case, domain: Domain, cluster: np.ndarray) -> float | None:
    """Does what must not be done: gives every cluster of the frame the class of most of its read documents."""
    population = case.survey.population
    y, base = case.match(case.codes[0])
    units = population.units[domain.rows]
    number = cluster.max() + 1
    sizes = np.bincount(cluster[population.rows_within(domain)], minlength=number)
    read = np.maximum(np.bincount(cluster[units], minlength=number), 1)
    most_y = np.bincount(cluster[units], y[domain.rows], number) / read
    most_inside = np.bincount(cluster[units], base[domain.rows], number) / read > 0.5
    total = float(sizes @ most_inside)
    return float(sizes @ (most_inside & (most_y > 0.5 * most_inside))) / total if total else None
