"""Populations on the real design: the census's own documents, frames, vectors and predictions, with made-up codes.

Every document gets the whole coding record of a read document near it, of the same kind of frame (and about the same
year, where a frame has years): what both readers said, and what adjudication made of it. Agreements are overturned as
in the round of 2026-11: 5 of 17 where the classifier gave the readers' leaf under 8%, none of the 108 others. Samples
are drawn and adjudicated as that round was.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipeline.coding.sample import Sample
from pipeline.estimate.domains import Population

NEAREST = 3  # read documents that a record may come from
FLIPPED = 5 / 17  # of the surprising agreements
SURPRISING = 0.08
AGREED = 0.15  # part of the agreements that is adjudicated
CODES = ("leaf", "target", "mechanism", "scaling", "evidence", "confidence")  # of the shipped codebook


@dataclass(frozen=True)
class World:
    """What populations are made from: the real round, and the read documents nearest to each document.

    Attributes:
        sample: the real round.
        population: the real documents and predictions.
        nearest: int (n_documents, `NEAREST`), rows of `sample.units`.
        stratum: int (n_documents,), row of `sample.strata`; -1 outside.
        leaves: the codebook's.
    """

    sample: Sample
    population: Population
    nearest: np.ndarray
    stratum: np.ndarray
    leaves: tuple[str, ...]


@dataclass(frozen=True)
class Truth:
    """A population whose codes are known.

    Attributes:
        readers: int (n_documents,), the read document whose record each copies.
        codes: one row a document: what adjudication would make of it.
        kind: phase-2 stratum of each document: disagree, doubtful or agree.
    """

    readers: np.ndarray
    codes: pd.DataFrame
    kind: np.ndarray


def make_world(sample: Sample, population: Population, vectors: np.ndarray, leaves: tuple[str, ...]) -> World:
    """Finds the read documents nearest to every document, itself left out."""
    documents, units = population.documents, sample.units
    strength = vectors.astype(np.float32) @ vectors[population.units].astype(np.float32).T
    kind = _kinds(documents["frame"].to_numpy(dtype=str))
    strength[kind[:, None] != kind[population.units][None, :]] = -2.0
    year = documents["published_year"].to_numpy(dtype=float)
    is_forum = kind == "alignmentforum"
    apart = np.abs(year[:, None] - year[population.units][None, :]) > 1
    strength[apart & is_forum[:, None]] -= 0.5
    strength[population.units, np.arange(len(units))] = -3.0
    nearest = np.argsort(-strength, axis=1, kind="stable")[:, :NEAREST]
    stratum = np.full(len(documents), -1)
    for number, name in enumerate(sample.strata.index):
        inside = population.rows_in(sample, str(name))
        if "/to-" in str(name):  # a frame in two parts, whose list is only in the years of its documents
            inside = inside & (year <= int(str(name)[-4:]))
        stratum[inside & ((stratum < 0) | ("/to-" in str(name)))] = number
    return World(sample, population, nearest, stratum, leaves)


def _kinds(frames: np.ndarray) -> np.ndarray:
    first = np.array([frame.split("-")[0] for frame in frames])
    return np.where(np.isin(first, ("lesswrong", "eaforum")), "forum", first)


def make_truth(world: World, rng: np.random.Generator) -> Truth:
    """Returns one population."""
    sample = world.sample
    count = len(world.nearest)
    donor = world.nearest[np.arange(count), rng.integers(0, NEAREST, count)]
    first = sample.readers[0].reset_index(drop=True)
    ruled = first.copy()
    rows = sample.units.index.get_indexer(sample.adjudicator.index)
    for column in CODES:
        cells = ruled[column].to_numpy(copy=True)
        cells[rows] = sample.adjudicator[column].to_numpy()
        ruled[column] = cells
    kind = sample.units["phase2_stratum"].to_numpy(dtype=str)[donor]
    said = first.iloc[donor].reset_index(drop=True)
    codes = ruled.iloc[donor][list(CODES)].reset_index(drop=True)
    is_agreed = kind == "agree"
    drawn = np.flatnonzero(
        (sample.units["phase2_stratum"] == "agree").to_numpy() & sample.units["is_adjudicated"].to_numpy()
    )
    for column in CODES:
        cells = codes[column].to_numpy(copy=True)
        cells[is_agreed] = said[column].to_numpy()[is_agreed]
        if column != "leaf":
            for value in np.unique(first[column].iloc[drawn]):
                alike = drawn[(first[column].iloc[drawn] == value).to_numpy()]
                here = np.flatnonzero(is_agreed & (said[column] == value).to_numpy())
                cells[here] = ruled[column].to_numpy()[rng.choice(alike, len(here))]
        codes[column] = cells
    leaf = _flip(
        world, said["leaf"].to_numpy(dtype=str), codes["leaf"].to_numpy(dtype=str), is_agreed, first, ruled, rng
    )
    codes = codes.assign(leaf=leaf, leaf2="", group=[name[0] for name in leaf], group2="")
    return Truth(donor, codes, kind)


def _flip(
    world: World,
    said: np.ndarray,
    leaf: np.ndarray,
    is_agreed: np.ndarray,
    first: pd.DataFrame,
    ruled: pd.DataFrame,
    rng: np.random.Generator,
) -> np.ndarray:
    """Overturns surprising agreements, towards what such leaves were overturned to."""
    predictions = world.population.predictions
    assert predictions is not None
    place = pd.Index(world.leaves).get_indexer(pd.Index(said))
    chance = predictions.leaf_probability[np.arange(len(said)), place]
    is_flipped = is_agreed & (chance < SURPRISING) & (rng.random(len(said)) < FLIPPED)
    before, after = first["leaf"].to_numpy(dtype=str), ruled["leaf"].to_numpy(dtype=str)
    moved = np.flatnonzero(before != after)
    result = leaf.copy()
    for row in np.flatnonzero(is_flipped):
        alike = moved[[before[index][0] == said[row][0] and after[index] != said[row] for index in moved]]
        pool = alike if len(alike) else moved[after[moved] != said[row]]
        result[row] = after[rng.choice(pool)]
    return result


def draw_round(
    world: World, truth: Truth, rng: np.random.Generator, is_all_settled: bool = False
) -> tuple[Sample, Population]:
    """Returns one sample of a population, read and adjudicated as the real round was."""
    sample, documents = world.sample, world.population.documents
    chosen = [
        np.sort(rng.choice(np.flatnonzero(world.stratum == number), int(size), replace=False))
        for number, size in enumerate(sample.strata["n_sample"])
    ]
    rows = np.concatenate(chosen)
    names = np.repeat(sample.strata.index.to_numpy(), [len(part) for part in chosen])
    order = np.argsort(documents["doc_id"].to_numpy(dtype=str)[rows], kind="stable")
    rows, names = rows[order], names[order]
    kind = truth.kind[rows]
    agreed = np.flatnonzero(kind == "agree")
    is_settled = kind != "agree"
    is_settled[rng.choice(agreed, round(AGREED * len(agreed)), replace=False)] = True
    if is_all_settled:
        is_settled[:] = True
    strata = sample.strata.loc[names]
    units = pd.DataFrame(
        {
            "stratum": names,
            "frame": strata["frame"].to_numpy(),
            "year": strata["year"].to_numpy(),
            "inclusion_probability": (strata["n_sample"] / strata["n_population"]).to_numpy(),
            "phase2_stratum": kind,
            "phase2_probability": np.where(kind == "agree", AGREED, 1.0),
            "is_adjudicated": is_settled,
            "n_person": 0,
            "coder": None,
            "coder_kind": None,
        },
        index=pd.Index(documents["doc_id"].to_numpy()[rows], name="doc_id"),
    )
    readers = tuple(reader.iloc[truth.readers[rows]].set_axis(units.index) for reader in sample.readers)
    codes = readers[0].copy()
    for column in (*CODES, "group"):
        codes[column] = truth.codes[column].to_numpy()[rows]
    adjudicator = codes[is_settled]
    drawn = Sample(sample.about, sample.strata, units, readers, adjudicator, (), sample.members)
    return drawn, replace(world.population, units=rows)
