"""What the draws cover of each frame and window: each member is covered, or counted as uncovered, late or gone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from pipeline.coding.design import Draw
from pipeline.coding.frames import list_aliases, windows_of
from pipeline.coding.union import Cells, Stratum
from pipeline.schemas import COVERAGE
from pipeline.settings import Frame


@dataclass(frozen=True)
class Census:
    """The documents and the membership of the census as it is now.

    Attributes:
        aliases: frames by earlier names.
        known_ids: every document, also those that are gone.
        members: columns frame, doc_id, window, is_gone.
        texts: every hash that the present text of a document has been known under.
        dates: of each document, if any; its year, where no dates are known.
        kinds: the windows of each frame, as configured; None where the years are the windows.
    """

    aliases: Mapping[str, str]
    known_ids: frozenset[str]
    members: pd.DataFrame
    texts: Mapping[str, frozenset[str]]
    dates: Mapping[str, object]
    kinds: Mapping[str, str] | None

    @classmethod
    def of(
        cls,
        documents: pd.DataFrame,
        members: pd.DataFrame | None,
        frames: Mapping[str, Frame],
        versions: pd.DataFrame | None,
    ) -> "Census":
        """Gathers them; without `members` each document is in its own frame, in the window of its year."""
        aliases = list_aliases(frames)
        ids = documents["doc_id"].tolist()
        years = [f"{int(year)}" if pd.notna(year) and year > 0 else "" for year in documents["published_year"].tolist()]
        if members is None:
            rows = documents[["frame", "doc_id"]].assign(window=years, is_gone=False)
        else:
            rows = members[["frame", "doc_id", "window"]].assign(is_gone=members["gone"].notna().to_numpy())
        # Plain objects: a frame may have hundreds of thousands of members, and each is asked for by name.
        rows = rows.assign(
            frame=_as_objects(rows["frame"], aliases),
            doc_id=rows["doc_id"].astype(object),
            window=_as_objects(rows["window"], {}),
        ).reset_index(drop=True)
        has_dates = "published_date" in documents
        dates = dict(zip(ids, documents["published_date"].tolist() if has_dates else years, strict=True))
        kinds = {name: frame.windows for name, frame in frames.items()} if has_dates else None
        texts: dict[str, set[str]] = {}
        for table in (documents if "text_sha256" in documents else None, versions):
            if table is not None:
                for doc_id, digest in zip(table["doc_id"].tolist(), table["text_sha256"].tolist(), strict=True):
                    texts.setdefault(doc_id, set()).add(digest)
        held = {doc_id: frozenset(digests) for doc_id, digests in texts.items()}
        known_ids = frozenset().union(ids, rows["doc_id"].tolist())
        return cls(aliases, known_ids, rows, held, dates, kinds)

    def frame_names(self, draws: Sequence[Draw]) -> list[str]:
        """Returns every frame: those drawn first, in the order of the rounds."""
        drawn = [str(name) for draw in draws for name in draw.strata["frame"]]
        return list(dict.fromkeys([*drawn, *sorted(self.members["frame"].unique())]))

    @cached_property
    def _by_frame(self) -> dict[str, pd.DataFrame]:
        return {str(name): rows for name, rows in self.members.groupby("frame", sort=False)}

    def members_of(self, frame: str) -> pd.DataFrame:
        """Returns the rows of `members` of a frame, in their order."""
        return self._by_frame.get(frame, self.members.iloc[:0])

    def here(self, frame: str) -> frozenset[str]:
        """Returns the documents that a frame has now."""
        rows = self.members_of(frame)
        return frozenset(rows["doc_id"].to_numpy()[~rows["is_gone"].to_numpy()].tolist())

    def windows(self, frame: str) -> dict[str, str]:
        """Returns the window of each document of a frame."""
        rows = self.members_of(frame)
        return dict(zip(rows["doc_id"].tolist(), rows["window"].tolist(), strict=True))

    def dated(self, frame: str) -> np.ndarray:
        """Returns the window that the date of each document of a frame says now: str (n,), rows as in `members_of`."""
        ids = self.members_of(frame)["doc_id"].tolist()
        dates = [self.dates.get(doc_id) for doc_id in ids]
        if self.kinds is None:
            return np.array(dates, dtype=object)
        return windows_of([frame] * len(ids), dates, self.kinds)


def _as_objects(names: pd.Series, renamed: Mapping[str, str]) -> pd.Series:
    """Returns names of which there are few, by the names they have now, as plain objects."""
    places, known = pd.factorize(names, use_na_sentinel=False)
    now = np.array([renamed.get(name, name) for name in known.tolist()], dtype=object)
    return pd.Series(now[places], names.index, dtype=object)


def count_coverage(
    census: Census,
    strata: Sequence[Stratum],
    cells: Mapping[str, Cells],
    settled: Collection[str],
    stale: Collection[str],
    parts: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Returns the rows of `coverage`, for every frame of which something is covered or drawn, and every other one.

    Args:
        census: as it is now.
        strata: as drawn.
        cells: by frame.
        settled: documents that an adjudicator or a person settled.
        stale: documents whose codes are of another text.
        parts: frames that are a part of another one's strata, as `frame/part`: covered by the draws of these.
    """
    whole = {name: wanted for name, wanted in (parts or {}).items() if wanted.partition("/")[0] in cells}
    strata = [*strata, *(copy for name, wanted in whole.items() for copy in _strata_of_part(name, wanted, strata))]
    cells = {**cells, **{name: _cells_of_part(cells, wanted) for name, wanted in whole.items()}}
    drawn: dict[str, set[str]] = {}
    for stratum in strata:
        drawn.setdefault(stratum.frame, set()).update(stratum.drawn)
    rows: list[dict[str, object]] = []
    for frame, part in cells.items():
        covered = frozenset().union(*(docs for name, docs in part.members.items() if part.strata.at[name, "n_sample"]))
        windows = {stratum.window for stratum in strata if stratum.frame == frame and stratum.window}
        listed = _list_frame(census, frame, strata)
        read = frozenset(part.units.index.tolist())
        marks = {
            "is_covered": covered,
            "is_in_draw": drawn_from(frame, strata) | covered,
            "is_drawn": drawn.get(frame, set()) | read,
            "is_read": read,
            "is_settled": read & frozenset(settled),
            "is_stale": stale,
            "is_borrowed": _borrowed(frame, read, strata),
        }
        listed = listed.assign(**_mark(listed["doc_id"], marks))
        late = {name: count for name, count in part.late.items() if part.strata.index.isin([name]).any()}
        groups = [("", listed), *listed[listed["window"] != ""].groupby("window")]
        for window, group in groups:
            rows.append(_count(frame, str(window), group, windows, part, late))
    return pd.DataFrame(rows, columns=[column.name for column in COVERAGE.columns])


def _strata_of_part(name: str, wanted: str, strata: Sequence[Stratum]) -> list[Stratum]:
    """Returns the strata of a part of another frame as if they were drawn in the frame that is that part."""
    frame, _, part = wanted.partition("/")
    return [replace(stratum, frame=name) for stratum in strata if (stratum.frame, stratum.part) == (frame, part)]


def _cells_of_part(cells: Mapping[str, Cells], wanted: str) -> Cells:
    """Returns the cells of a part of a frame."""
    frame, _, part = wanted.partition("/")
    whole = cells[frame]
    strata = whole.strata[whole.strata["part"] == part]
    units = whole.units[whole.units["stratum"].isin(strata.index)]
    return Cells(strata, {name: whole.members[name] for name in strata.index}, units, {})


def drawn_from(frame: str, strata: Sequence[Stratum]) -> frozenset[str]:
    """Returns the documents of a frame that a round had before it when it was drawn, read or not."""
    mine = [stratum for stratum in strata if stratum.frame == frame]
    return frozenset().union(*(stratum.members or stratum.drawn for stratum in mine))


def _list_frame(census: Census, frame: str, strata: Sequence[Stratum]) -> pd.DataFrame:
    """Returns the documents of a frame, gone ones too, in the window that they were drawn in."""
    rows = census.members_of(frame)
    drawn_in = {
        doc_id: stratum.window
        for stratum in strata
        if stratum.frame == frame and stratum.window
        for doc_id in (stratum.members or stratum.drawn)
    }
    rows = rows.assign(window=rows["doc_id"].map(drawn_in).fillna(rows["window"]), dated=census.dated(frame))
    listed = frozenset(rows["doc_id"])
    lost = [
        {"frame": frame, "doc_id": doc_id, "window": stratum.window, "is_gone": True, "dated": ""}
        for stratum in strata
        if stratum.frame == frame
        for doc_id in sorted((stratum.members or stratum.drawn) - listed)
    ]
    return pd.concat([rows, pd.DataFrame(lost, columns=rows.columns)], ignore_index=True).astype({"is_gone": bool})


def _mark(doc_ids: pd.Series, sets: Mapping[str, Collection[str]]) -> dict[str, np.ndarray]:
    """Returns, for each set, which documents are in it: bool (n,). Each document is looked up once for all of them."""
    places, known = pd.factorize(doc_ids)
    index = pd.Index(known, dtype=object)
    marks = {}
    for name, wanted in sets.items():
        found = index.get_indexer(pd.Index(list(wanted), dtype=object))
        is_in = np.zeros(len(index), dtype=bool)
        is_in[found[found >= 0]] = True
        marks[name] = is_in[places]
    return marks


def _borrowed(frame: str, read: frozenset[str], strata: Sequence[Stratum]) -> frozenset[str]:
    return read.difference(*(stratum.drawn for stratum in strata if stratum.frame == frame))


def _count(
    frame: str, window: str, group: pd.DataFrame, windows: Collection[str], part: Cells, late: Mapping[str, int]
) -> dict[str, object]:
    now = group[~group["is_gone"]]
    unknown = sum(count for name, count in late.items() if window in ("", part.strata.at[name, "window"]))
    covered = int(now["is_covered"].sum()) - unknown
    is_late = ~now["is_in_draw"] & (now["window"].isin(list(windows)) if windows else bool(len(part.strata)))
    is_moved = (now["dated"] != now["window"]) & (now["window"] != "") & (now["dated"] != "")
    return {
        "frame": frame,
        "window": window,
        "n_members": len(now),
        "n_covered": covered,
        "n_uncovered": len(now) - covered,
        "n_late": int(is_late.sum()) + unknown,
        "n_moved": int(is_moved.sum()),
        "n_gone": int(group["is_gone"].sum()),
        "n_drawn": int(now["is_drawn"].sum()),
        "n_read": int(now["is_read"].sum()),
        "n_adjudicated": int(now["is_settled"].sum()),
        "n_stale": int((now["is_stale"] & now["is_read"]).sum()),
        "n_borrowed": int(now["is_borrowed"].sum()),
    }
