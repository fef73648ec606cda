"""Membership: which frame has which documents, since when, in which window, and which are gone.

A document is in every frame that any source puts it in. Its window is the one it was first counted in: a published
census brings the window, and a date that is corrected later moves no document to another stratum. A document is gone
when a complete listing of its frame no longer has it and no other source of the frame does; the row stays, as a
tombstone. Listings that rang an alarm, and feeds that show only the newest items, say nothing of what is gone.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline import store
from pipeline.coding.frames import list_aliases, rename_frames, windows_of
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.release import census
from pipeline.schemas import FRAME_MEMBERS
from pipeline.scrape import registry, snapshot
from pipeline.text.identifiers import canonical_id

COMPLETE_KINDS = ("forum", "arxiv-query", "arxiv-oai")  # whose full snapshots list everything that the query asks for
NEVER = "~"  # sorts after every date
COLUMNS = [column.name for column in FRAME_MEMBERS.columns]


def list_members(config: Config, records: pd.DataFrame, documents: pd.DataFrame, works: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of `frame_members`.

    Args:
        records: columns frame, doc_id, origin and published_date of every record.
        documents: columns doc_id, frame, published_date.
        works: rows of `works`.

    Raises:
        DataError: a snapshot or a list of members is damaged.
    """
    aliases = list_aliases(config.frames)
    past = _read_past(config, aliases)
    seen = [past, *_read_listings(config)]
    claimed = records[["frame", "doc_id"]].drop_duplicates().assign(first_seen=None, last_seen=None, gone=None)
    sightings = pd.concat([claimed, *(part for part in seen if len(part))], ignore_index=True)
    sightings["doc_id"] = _kept_ids(sightings["doc_id"], documents, works)
    rows = _summarise(sightings, _find_absent(config, past))
    known = rows["doc_id"].isin(documents["doc_id"])
    # A tombstone may stand alone; anything else without a document was rejected or lies outside.
    rows = rows[known | rows["gone"].notna()]
    rows = rows.assign(
        gone=rows["gone"].where(known | rows["gone"].notna()), window=_windows(config, rows, documents, past)
    )
    rows = _drop_second_places(rows.assign(part=""), documents, works)
    listed = [_read_list(config, name) for name, frame in config.frames.items() if frame.members]
    if listed:
        whole = pd.concat(listed, ignore_index=True)
        rows = rows[~rows["frame"].isin(whole["frame"].unique())]
        rows = pd.concat([rows, whole], ignore_index=True)
    return rows[COLUMNS].sort_values(["frame", "doc_id"], ignore_index=True)


def census_date(version: str) -> str:
    """Returns the date that a version of the census stands for: 2026.07 is 2026-07."""
    return version.replace(".", "-")


def _read_past(config: Config, aliases: Mapping[str, str]) -> pd.DataFrame:
    """Returns what the published censuses say of membership, oldest first: `COLUMNS` and published_date."""
    parts = []
    for name, entry in sorted(_censuses(config), key=lambda item: str(item[1]["path"]).rsplit("/", 1)[-1]):
        folder = census.release_folder(entry, config.root, f"[sources.{name}]")
        date = census_date(folder.name)
        documents = census.read_documents(entry, config.root, f"[sources.{name}]")[
            ["doc_id", "frame", "published_date"]
        ]
        path = census.checked(folder / "frame_members.parquet")
        if path.exists():
            rows = store.read_table(FRAME_MEMBERS, path)
            rows["last_seen"] = rows["last_seen"].fillna(date)
            rows["first_seen"] = rows["first_seen"].fillna(date)
            rows["published_date"] = rows["doc_id"].map(documents.set_index("doc_id")["published_date"])
        else:
            rows = documents.assign(window=None, part="", first_seen=date, last_seen=date, gone=None)
        parts.append(rows.assign(frame=rename_frames(rows["frame"], aliases)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*COLUMNS, "published_date"])


def _censuses(config: Config) -> Iterator[tuple[str, Mapping[str, object]]]:
    return ((name, entry) for name, entry in config.sources.items() if entry["kind"] == "census")


def _read_listings(config: Config) -> list[pd.DataFrame]:
    """Returns, for each scraped source, the days on which its snapshots first and last listed each document."""
    parts = []
    for name, entry in config.sources.items():
        if not registry.is_scraped(entry):
            continue
        first: dict[str, str] = {}
        last: dict[str, str] = {}
        gone: dict[str, str] = {}
        for day, ids, is_telling in _snapshots(config, name):
            for doc_id in ids:
                first.setdefault(doc_id, day)
                last[doc_id] = day
                gone.pop(doc_id, None)
            if is_telling:
                for doc_id in last.keys() - ids - gone.keys():
                    gone[doc_id] = day
        rows = pd.DataFrame({"doc_id": list(first), "first_seen": list(first.values())})
        parts.append(
            rows.assign(
                frame=str(entry["frame"]),
                last_seen=rows["doc_id"].map(last),
                gone=rows["doc_id"].map(gone).astype(object),
            )
        )
    return parts


def _snapshots(config: Config, name: str) -> Iterator[tuple[str, set[str], bool]]:
    """Yields the finished snapshots of the present query: day, documents listed, and whether absence from it tells."""
    entry = config.sources[name]
    query = registry.query_of(entry)
    for place, manifest in snapshot.finished(registry.folder_of(config, name)):
        if manifest.query == query:
            ids = {canonical_id(doc_id) for doc_id in snapshot.read_index(place)}
            yield place.name[:10], ids, entry["kind"] in COMPLETE_KINDS and not manifest.alarms


def _find_absent(config: Config, past: pd.DataFrame) -> pd.Series:
    """Returns since when the frames' own sources do not list what a census has: day by (frame, doc_id)."""
    found: dict[tuple[str, str], str] = {}
    for frame in sorted(past["frame"].unique()):
        entries = [
            name for name, entry in config.sources.items() if registry.is_scraped(entry) and entry["frame"] == frame
        ]
        if not entries or any(config.sources[name]["kind"] not in COMPLETE_KINDS for name in entries):
            continue
        histories = [list(_snapshots(config, name)) for name in entries]
        if not all(history and history[-1][2] for history in histories):
            continue
        listed = set().union(*(history[-1][1] for history in histories))
        rows = past[(past["frame"] == frame) & ~past["doc_id"].isin(listed)]
        for doc_id, seen in zip(rows["doc_id"], rows["last_seen"], strict=True):
            days = [
                day
                for history in histories
                for day, ids, is_telling in history
                if is_telling and day > seen and doc_id not in ids
            ]
            if days:
                found[(frame, doc_id)] = min(days)
    return pd.Series(found, dtype=object)


def _kept_ids(doc_ids: pd.Series, documents: pd.DataFrame, works: pd.DataFrame) -> pd.Series:
    """Returns the document of its frame that each was merged into, or itself."""
    merged = works[~works["doc_id"].isin(documents["doc_id"])]
    heads = documents.assign(work_id=documents["doc_id"].map(works.set_index("doc_id")["work_id"]))
    place = heads.drop_duplicates(["work_id", "frame"]).set_index(["work_id", "frame"])["doc_id"]
    keys = zip(merged["work_id"], merged["frame"], strict=True)
    kept = {doc_id: place.get(key, doc_id) for doc_id, key in zip(merged["doc_id"], keys, strict=True)}
    is_merged = doc_ids.isin(list(kept))
    return doc_ids.mask(is_merged, doc_ids[is_merged].map(kept))


def _summarise(sightings: pd.DataFrame, absent: pd.Series) -> pd.DataFrame:
    """Returns one row a frame and document: first and last seen, and gone where the last to see it say so."""
    rows = sightings.sort_values(["frame", "doc_id"], kind="stable")
    first, last = _number(rows["first_seen"].fillna(NEVER)), _number(rows["last_seen"].fillna(""))
    found = (
        rows[["frame", "doc_id"]]
        .assign(first_seen=first[0], last_seen=last[0])
        .groupby(["frame", "doc_id"], sort=True)
        .agg(first_seen=("first_seen", "min"), last_seen=("last_seen", "max"))
    )
    found = found.assign(first_seen=first[1][found["first_seen"]], last_seen=last[1][found["last_seen"]])
    told = rows[rows["gone"].notna()].groupby(["frame", "doc_id"])["gone"].max()
    lost = absent.reindex(found.index) if len(absent) else pd.Series("", index=found.index)
    gone = told.reindex(found.index).fillna(lost.fillna("")).fillna("")
    found["gone"] = gone.mask(found["last_seen"] >= gone, "")  # another source listed it since
    return found.astype(object).replace({"": None, NEVER: None}).reset_index()


def _number(dates: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Returns the place of each date among all dates, and these in order."""
    places, values = pd.factorize(dates, sort=True)
    return places, np.asarray(values, dtype=object)


def _windows(config: Config, rows: pd.DataFrame, documents: pd.DataFrame, past: pd.DataFrame) -> pd.Series:
    """Returns each member's window: of the first census that counted it there, else of the date it has now."""
    kinds = {name: frame.windows for name, frame in config.frames.items()}
    now = rows["doc_id"].map(documents.set_index("doc_id")["published_date"])
    fresh = pd.Series(windows_of(rows["frame"], now, kinds), index=rows.index)
    if past.empty:
        return fresh
    then = past.assign(counted=windows_of(past["frame"], past["published_date"], kinds))
    then["counted"] = then["window"].where(then["window"].notna() & (then["window"] != ""), then["counted"])
    first = then[then["counted"] != ""].drop_duplicates(["frame", "doc_id"]).set_index(["frame", "doc_id"])["counted"]
    known = first.reindex(pd.MultiIndex.from_frame(rows[["frame", "doc_id"]])).to_numpy()
    return pd.Series(known, index=rows.index).where(lambda values: values.notna(), fresh)


def _drop_second_places(rows: pd.DataFrame, documents: pd.DataFrame, works: pd.DataFrame) -> pd.DataFrame:
    """Leaves out of a frame what other sources put there of works that the frame has already, each work once."""
    work = rows["doc_id"].map(works.set_index("doc_id")["work_id"]).fillna(rows["doc_id"])
    is_own = rows["frame"] == rows["doc_id"].map(documents.set_index("doc_id")["frame"])
    order = rows.assign(work=work, is_guest=~is_own & rows["gone"].isna()).sort_values(
        ["frame", "work", "is_guest", "doc_id"]
    )
    is_again = order["is_guest"] & order.duplicated(["frame", "work"])
    return order[~is_again].drop(columns=["work", "is_guest"]).sort_index()


def _read_list(config: Config, name: str) -> pd.DataFrame:
    """Reads the file that lists a frame's whole population.

    Raises:
        DataError: it is missing, damaged, lacks a column, names another frame or a document twice.
    """
    path = config.path(config.frames[name].members)
    where, do = str(path), "mend the file, or correct [frames] members in census.toml"
    strata = read_strata(path)
    number, distinct = pd.factorize(strata, use_na_sentinel=False)
    parts = pd.Series(distinct, dtype=object).str.split("/", n=2, expand=True).reindex(columns=[0, 1, 2]).fillna("")
    names = {name, *config.frames[name].renamed_from}
    other = strata[~parts[0].isin(names).to_numpy()[number]]
    if len(other):
        raise DataError(f"{other.index[0]} is in {other.iloc[0]!r}, not in {name}", where=where, do=do)
    return pd.DataFrame(
        {
            "frame": name,
            "doc_id": strata.index,
            "window": parts[1].to_numpy()[number],
            "part": parts[2].to_numpy()[number],
            "first_seen": None,
            "last_seen": None,
            "gone": None,
        }
    )


def read_strata(path: Path) -> pd.Series:
    """Reads a list of members, CSV or Parquet, with the columns doc_id (or id) and stratum: stratum by doc_id.

    Raises:
        DataError: it is missing, damaged, lacks a column, or names a document twice.
    """
    do = "restore the file, or correct its name"
    try:
        if path.suffix == ".parquet":
            names = pq.read_schema(path).names
            rows = pd.read_parquet(path, columns=[name for name in ("doc_id", "id", "stratum") if name in names])
        else:
            rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise DataError("the list of members is missing", where=str(path), do=do) from None
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read ({str(error).splitlines()[0]})", where=str(path), do=do) from None
    rows = rows.rename(columns={"id": "doc_id"} if "doc_id" not in rows else {})
    for column in ("doc_id", "stratum"):
        if column not in rows:
            raise DataError(f"lacks the column {column!r}", where=str(path), do=do)
    again = rows["doc_id"][rows["doc_id"].duplicated()]
    if len(again):
        raise DataError(f"{again.iloc[0]} is listed twice", where=str(path), do="keep one line of it")
    return rows.set_index("doc_id")["stratum"]
