"""Populations on the real design: the census's own documents, frames, vectors and predictions, with made-up codes.

Every document gets the whole coding record of a read document near it, of the same kind of frame (and about the same
year, where a frame has years): what both readers said, and what adjudication made of it. Of the three nearest it is
rather one whose leaf the classifier expects, so that about as many agreements surprise as do in truth (17% on the
Forum, 15% in truth; 8% and 9% of the core phrases). Agreements are overturned as the rulings of all rounds overturned
them: 26 of 164 where the classifier gave the readers' leaf under 8%, 2 of the 207 others. Samples are drawn and
adjudicated as the rounds were: whatever readers differ on, doubt, or surprisingly agree on is settled, and a part of
the other agreements.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipeline.coding.sample import Sample
from pipeline.estimate.domains import Population

NEAREST = 3  # read documents that a record may come from
UNEXPECTED = 0.02  # added to the classifier's chance of each one's leaf: how often one is taken that it does not expect
FLIPPED_SURPRISING, FLIPPED_OTHER = 26 / 164, 2 / 207  # agreements that rulings overturned
SURPRISING = 0.08
AGREED = ("agree", "surprising")  # strata of phase 2 in which both readers said the same
ASKED = ("purpose", "target", "mechanism", "scaling")  # axes of the shipped codebook that its queries ask for
AXES = (*ASKED, "evidence", "confidence")
CODES = ("leaf", "leaf2", *AXES)


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
        kind: phase-2 stratum of each document: disagree, doubtful, surprising, agree.
    """

    readers: np.ndarray
    codes: pd.DataFrame
    kind: np.ndarray


def take_strata(sample: Sample, names: list[str]) -> Sample:
    """Returns the part of a sample that some strata hold, as a sample of its own."""
    rows = sample.units["stratum"].isin(names).to_numpy()
    units, readers = sample.units[rows], tuple(reader[rows] for reader in sample.readers)
    adjudicator = sample.adjudicator[sample.adjudicator.index.isin(units.index)]
    return replace(sample, strata=sample.strata.loc[names], units=units, readers=readers, adjudicator=adjudicator)


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
    first = sample.readers[0].reset_index(drop=True)
    odds = _leaf_chance(world, first["leaf"].to_numpy(dtype=str)[world.nearest]) + UNEXPECTED
    upto = np.cumsum(odds, axis=1) / odds.sum(axis=1, keepdims=True)
    donor = world.nearest[np.arange(count), (rng.random(count)[:, None] > upto[:, :-1]).sum(axis=1)]
    ruled = first.copy()
    rows = sample.units.index.get_indexer(sample.adjudicator.index)
    for column in CODES:
        cells = ruled[column].to_numpy(copy=True)
        cells[rows] = sample.adjudicator[column].to_numpy()
        ruled[column] = cells
    kind = sample.units["phase2_stratum"].to_numpy(dtype=str)[donor]
    said = first.iloc[donor].reset_index(drop=True)
    codes = ruled.iloc[donor][list(CODES)].reset_index(drop=True)
    is_agreed = np.isin(kind, AGREED)
    is_odd = _leaf_chance(world, said["leaf"].to_numpy(dtype=str)) < SURPRISING
    kind[is_agreed] = np.where(is_odd, "surprising", "agree")[is_agreed]
    upheld = {column: said[column].to_numpy() for column in ("leaf", "leaf2")} | _rule_on_axes(
        sample, donor, ruled, rng
    )
    codes = codes.assign(**{name: np.where(is_agreed, cells, codes[name]) for name, cells in upheld.items()})
    is_flipped = is_agreed & (rng.random(count) < np.where(is_odd, FLIPPED_SURPRISING, FLIPPED_OTHER))
    leaf = _flip(said["leaf"].to_numpy(dtype=str), codes["leaf"].to_numpy(dtype=str), is_flipped, first, ruled, rng)
    second = np.where(is_flipped, "", codes["leaf2"].fillna("").to_numpy(dtype=str))  # whose first leaf was kept
    codes = codes.assign(
        leaf=leaf, leaf2=second, group=[name[0] for name in leaf], group2=[name[:1] for name in second]
    )
    return Truth(donor, codes, kind)


def _rule_on_axes(
    sample: Sample, donor: np.ndarray, ruled: pd.DataFrame, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Returns what a ruling would make of the axes of copied records: (n_documents,) by axis.

    All axes together as one ruling made them: on a drawn agreement whose two readers differ on the same axes as the
    record's two, and said nearly what they said (one of the `NEAREST`, or of all that are as near; the axes are those
    that queries ask for). Where it kept a reader's word that reader's is kept, of either where both said it, else its
    own word stands. So axes are not ruled on apart from each other, and what the second reader said tells as much as it
    does in truth.
    """
    units = sample.units
    drawn = np.flatnonzero((units["phase2_stratum"] == "agree").to_numpy() & units["is_adjudicated"].to_numpy())
    first, second = (reader.reset_index(drop=True).fillna("") for reader in sample.readers[:2])
    words = np.stack([reader[list(ASKED)].to_numpy(dtype=str) for reader in (first, second)])
    is_same = words[0] == words[1]
    apart = (is_same[:, None] != is_same[drawn]).sum(axis=2) * 2 * len(ASKED)
    apart += (words[:, :, None] != words[:, None, drawn]).sum(axis=(0, 3))
    reach = np.sort(apart, axis=1)[:, min(NEAREST, len(drawn)) - 1]
    chance = rng.random((len(donor), len(drawn)))
    model = drawn[np.where((apart <= reach[:, None])[donor], chance, 2.0).argmin(axis=1)]
    is_first, found = rng.random(len(donor)) < 0.5, {}
    for column in AXES:
        own, other, told = (table[column].fillna("").to_numpy(dtype=object) for table in (first, second, ruled))
        keeps_own, keeps_other = told[model] == own[model], told[model] == other[model]
        takes_own = keeps_own & (is_first | ~keeps_other)
        found[column] = np.where(takes_own, own[donor], np.where(keeps_other, other[donor], told[model]))
    return found


def _leaf_chance(world: World, leaf: np.ndarray) -> np.ndarray:
    """Returns the chance that the classifier gives a leaf, or several, of each document: float, as `leaf`."""
    predictions = world.population.predictions
    assert predictions is not None
    place = pd.Index(world.leaves).get_indexer(pd.Index(leaf.reshape(-1))).reshape(leaf.shape)
    rows = np.arange(len(leaf)).reshape(-1, *[1] * (leaf.ndim - 1))
    return predictions.leaf_probability[rows, place]


def _flip(
    said: np.ndarray,
    leaf: np.ndarray,
    is_flipped: np.ndarray,
    first: pd.DataFrame,
    ruled: pd.DataFrame,
    rng: np.random.Generator,
) -> np.ndarray:
    """Overturns agreements, towards what such leaves were overturned to."""
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
    kind, real = truth.kind[rows], sample.units[sample.units["phase2_stratum"] == "agree"]
    rate = real.groupby("frame")["phase2_probability"].mean().to_dict()  # of agreements that are adjudicated
    frame, is_settled, second = sample.strata.loc[names, "frame"].to_numpy(), kind != "agree", np.ones(len(rows))
    for name, part in rate.items():
        agreed = np.flatnonzero((kind == "agree") & (frame == name))
        is_settled[rng.choice(agreed, round(part * len(agreed)), replace=False)] = True
        second[agreed] = part
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
            "phase2_probability": second,
            "is_adjudicated": is_settled,
            "n_person": 0,
            "coder": None,
            "coder_kind": None,
        },
        index=pd.Index(documents["doc_id"].to_numpy()[rows], name="doc_id"),
    )
    readers = tuple(reader.iloc[truth.readers[rows]].set_axis(units.index) for reader in sample.readers)
    codes = readers[0].copy()
    for column in (*CODES, "group", "group2"):
        codes[column] = truth.codes[column].to_numpy()[rows]
    adjudicator = codes[is_settled]
    drawn = Sample(sample.about, sample.strata, units, readers, adjudicator, (), sample.members)
    return drawn, replace(world.population, units=rows)
