"""The read sample: the union of the rounds, the codes of every coder, and what of the census they cover."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

import pandas as pd
from pydantic.dataclasses import dataclass

from pipeline.coding.bands import EXTENSION, extend_sample
from pipeline.coding.codebook import Codebook
from pipeline.coding.design import Draw
from pipeline.coding.extension import NAME, read_extension
from pipeline.coding.facts import Facts, ask_alike, fill_slots
from pipeline.coding.mixtures import Mixture
from pipeline.coding.phases import SCREENED, find_phase2, settle_rounds, without_marked
from pipeline.coding.precedence import CodedSheet, fill_cells
from pipeline.coding.rounds import Coder, Round
from pipeline.coding.rounds_today import Survey, survey
from pipeline.coding.union import Cells, Stratum
from pipeline.errors import SheetError
from pipeline.settings import Frame


@dataclass(frozen=True, config={"arbitrary_types_allowed": True})
class Sample:
    """The read documents and what each coder said.

    Attributes:
        about: who read, and how; of several rounds, what they have in common.
        strata: index stratum; columns frame, window, year ("" where the stratum is no window), part, n_population,
            n_sample (read), n_drawn.
        units: index doc_id, sorted; columns stratum, frame, window, year, inclusion_probability, phase2_stratum,
            phase2_probability, is_adjudicated (settled by an adjudicator or a person), n_person, coder and coder_kind
            (of the settled code), n_readers, reader and reader_kind (the first), is_stale (the text has changed since).
        readers: tables of codes, rows as in `units`; a document of k readers stands in each with one of them in turn.
        adjudicator: the settled codes of those documents, indexed by doc_id, with coder and coder_kind: a person's
            before an adjudicator's (see `overlay`).
        people: people's sheets, as far as they are done.
        members: the documents of the population in each stratum.
        coded: every sheet that says something of a unit.
        coverage: rows of the table `coverage`: what the strata cover of each frame and window.
        likened: read documents that tell what one is coded as whose screener's mark is wrong.
        for_frames: the same, each with weights of its own, for frames that cannot stand beside the others here: those
            that share read documents with one of them, and those read only through documents drawn in other frames.
        mixtures: rounds drawn with replacement for weighted shares, and no part of the strata.

    Documents that people read beyond a round (see `extension`) stand in every table with the code that settled them.
    """

    about: Round
    strata: pd.DataFrame
    units: pd.DataFrame
    readers: tuple[pd.DataFrame, ...]
    adjudicator: pd.DataFrame
    people: tuple[CodedSheet, ...] = ()
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    coded: tuple[CodedSheet, ...] = ()
    coverage: pd.DataFrame = field(default_factory=pd.DataFrame)
    likened: frozenset[str] = frozenset()
    for_frames: tuple["Sample", ...] = ()
    mixtures: tuple[Mixture, ...] = ()


def load_sample(
    handcheck: Path,
    name: str | Sequence[str],
    codebook: Codebook,
    documents: pd.DataFrame,
    members: pd.DataFrame | None = None,
    frames: Mapping[str, Frame] | None = None,
    versions: pd.DataFrame | None = None,
    first: str = "",
    is_coverage_wanted: bool = True,
) -> Sample:
    """Reads the rounds and lays them over the census as it is now.

    What has changed since a round was drawn is counted, and stops nothing: documents that are gone leave their strata,
    late ones stay uncovered, corrected dates stay where they were drawn.

    Args:
        handcheck: the folder of codebook, rounds and sheets.
        name: of the round, names of several, or "all".
        codebook: whose codes are allowed.
        documents: columns doc_id, frame and published_year of the census; published_date and text_sha256 where known.
        members: rows of `frame_members`; by default each document is in its own frame.
        frames: as configured.
        versions: rows of `text_versions`; by default a text is known by its present hash.
        first: a frame that is to be in the sample itself, whatever others share with it.
        is_coverage_wanted: whether to count what the strata cover, which takes a fifth of the time.

    Raises:
        SheetError: a file is missing or malformed, or two files of a round disagree.
    """
    found = survey(handcheck, name, codebook, documents, members, frames, versions, is_coverage_wanted)
    parts = {frame: part for frame, part in found.cells.items() if len(part.units)}
    own = {stratum.frame for stratum in found.strata}
    together = _choose_apart({frame: part for frame, part in parts.items() if frame in own}, first)
    whole = _assemble(handcheck, found, [parts[frame] for frame in together], codebook)
    apart = [part for frame, part in parts.items() if frame not in together]
    others = tuple(_assemble(handcheck, found, [part], codebook) for part in apart)
    return replace(whole, coverage=found.coverage, for_frames=others, mixtures=found.mixtures)


def _choose_apart(parts: Mapping[str, Cells], first: str) -> list[str]:
    """Returns frames no two of which share a read document: `first`, then the largest; in the order of `parts`."""
    taken: set[str] = set()
    chosen: set[str] = set()
    for frame in sorted(parts, key=lambda frame: (frame != first, -int(parts[frame].strata["n_population"].sum()))):
        read = set(parts[frame].units.index)
        if not read & taken:
            taken |= read
            chosen.add(frame)
    return [frame for frame in parts if frame in chosen]


def _assemble(handcheck: Path, found: Survey, parts: Sequence[Cells], codebook: Codebook) -> Sample:
    """Returns the sample of frames that are cut into cells."""
    draws, facts, screens = found.draws, found.facts, found.screens
    strata = pd.concat([part.strata for part in parts]) if parts else pd.DataFrame()
    units = pd.concat([part.units for part in parts]) if parts else pd.DataFrame()
    if units.empty:
        only = "only of mixtures, which have no strata, are documents read" if found.mixtures else ""
        reading = "read some (make check CODER=name), or name another round under [estimate]"
        raise SheetError(
            only or ("no document of any round is read yet" if draws else "no round is drawn yet"),
            where=str(handcheck / "rounds"),
            do=reading if draws or only else "draw one: make draw ROUND=name N=number",
        )
    members = {name: docs for part in parts for name, docs in part.members.items()}
    strata = strata[strata["n_sample"] > 0]
    units = units.sort_index()
    columns = ["frame", "window", "year"]
    units = units.join(strata[columns], on="stratum")[["stratum", *columns, "inclusion_probability"]]
    marked = {doc_id: sheet for sheet in screens for doc_id in sheet.codes.index}
    slots, who = fill_slots(
        units.index.tolist(),
        [*screens, *(without_marked(sheet, marked) for sheet in facts.readers)],
        (*facts.people, *facts.adjudicators),
    )
    units = units.join(find_phase2(draws, slots, who, marked, facts))
    laid, settled = settle_rounds(draws, units, facts, marked)
    if settled.empty:
        settled = slots[0].iloc[:0].assign(coder=None, coder_kind=None)
    settled = fill_cells(settled, [*facts.readers, *screens])
    laid = laid.join(who).assign(is_stale=laid.index.isin(set(found.stale)))
    likened = frozenset(
        doc_id
        for draw in draws
        if draw.about.screened_like
        for doc_id in draw.sample.index[draw.sample["screen"] == draw.about.screened_like]
    )
    sample = Sample(
        _about(draws, facts), strata, laid, slots, settled, facts.people, members, facts.sheets, likened=likened
    )
    for draw in draws:
        sample = _extend(sample, draw, handcheck)
    readers, ruled = ask_alike(sample.units["frame"], sample.readers, sample.adjudicator, codebook)
    return replace(sample, readers=readers, adjudicator=ruled)


def _about(draws: Sequence[Draw], facts: Facts) -> Round:
    """Returns what the rounds have in common, and every language model that read."""
    coders = tuple(Coder(sheet.coder, sheet.role, sheet.kind) for sheet in (*facts.readers, *facts.adjudicators))
    if len(draws) == 1:
        return replace(draws[0].about, coders=coders or draws[0].about.coders)

    def join(name: str) -> str:
        return "; ".join(dict.fromkeys(getattr(draw.about, name) for draw in draws))

    return Round(join("title"), draws[0].about.seed, join("codebook"), join("design"), join("shown"), coders)


def _extend(sample: Sample, draw: Draw, handcheck: Path) -> Sample:
    """Adds what people have read of a round's extension (see `bands`)."""
    folder = handcheck / "rounds" / draw.name
    rows = read_extension(folder)
    unknown = sorted(set(rows["stratum"]) - set(draw.strata.index))
    if unknown:
        raise SheetError(
            f"stratum {unknown[0]!r} is not in the design", where=str(folder / NAME), do="remove its lines"
        )
    rows = rows[rows["stratum"].isin(list(sample.strata.index))]
    if rows.empty:
        return sample
    inside = {doc_id for name in set(rows["stratum"]) for doc_id in sample.members[name]}
    rows = rows[rows["doc_id"].isin(list(inside))]
    extended = extend_sample(sample.strata, sample.units, rows, sample.people, str(folder / NAME))
    readers, ruled = sample.readers, sample.adjudicator
    if len(extended.added):
        readers = tuple(_join(reader, extended.added, extended.units.index) for reader in readers)
        ruled = _join(ruled, extended.added, ruled.index.union(extended.added.index))
    members = {**sample.members, **extended.members}
    return replace(
        sample,
        strata=extended.strata,
        units=extended.units,
        readers=readers,
        adjudicator=ruled,
        members={name: members[name] for name in extended.strata.index},
    )


def _join(codes: pd.DataFrame, added: pd.DataFrame, order: pd.Index) -> pd.DataFrame:
    """Returns a reader's codes with those of documents that the reader never saw, in an order."""
    return pd.concat([codes, added[codes.columns.tolist()]]).reindex(order)


def settle_codes(sample: Sample) -> pd.DataFrame:
    """Returns the table `codes`: a person's codes, else the adjudicator's, else the first reader's.

    A document that several frames have stands there once, with what it was in the sample itself.
    """
    if sample.for_frames:
        rows = pd.concat([settle_own(each) for each in (sample, *sample.for_frames)], ignore_index=True)
        return rows.drop_duplicates("doc_id").sort_values("doc_id", ignore_index=True)
    return settle_own(sample)


def settle_own(sample: Sample) -> pd.DataFrame:
    """Returns the same for the documents of the sample alone, in the order of its units."""
    own = ("doc_id", "note", "text_sha256")
    columns = [name for name in sample.readers[0].columns if name not in own and name in sample.adjudicator]
    settled = sample.readers[0][columns].copy()
    settled.loc[sample.adjudicator.index] = sample.adjudicator[columns]
    units = sample.units
    return settled.assign(
        doc_id=units.index,
        leaf2=settled["leaf2"].replace("", None),
        confidence=settled["confidence"].astype(int),
        reader_1_leaf=sample.readers[0]["leaf"].mask(units["phase2_stratum"] == EXTENSION, None),
        reader_2_leaf=sample.readers[1]["leaf"].mask(units["phase2_stratum"] == EXTENSION, None),
        coder_kind=units["coder_kind"].fillna(units["reader_kind"]),
        coder=units["coder"].fillna(units["reader"]),
        n_person=units["n_person"],
        **{
            name: units[name]
            for name in ("stratum", "inclusion_probability", "phase2_stratum", "phase2_probability", "is_adjudicated")
        },
    ).reset_index(drop=True)


__all__ = ["SCREENED", "Sample", "Stratum", "load_sample", "settle_codes", "settle_own"]
