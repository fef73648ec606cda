"""`python -m pipeline places ID`: every place where one work stands, and why they are taken to be one."""

from pipeline import store
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.schemas import FRAME_MEMBERS, WORKS
from pipeline.text.identifiers import canonical_id, canonicalise_url, id_from_url


def run(config: Config, name: str) -> None:
    """Prints the places of the work that an id or an address names.

    Raises:
        DataError: no document has that id or address, or `corpus` has not run yet.
    """
    print("\n".join(describe_places(config, name)))


def describe_places(config: Config, name: str) -> list[str]:
    """Returns one line for the work, and one for each of its places. Raises as `run`."""
    works = store.read_table(WORKS, config.processed("works"))
    members = store.read_table(FRAME_MEMBERS, config.processed("frame_members"))
    is_address = "://" in name
    wanted = canonical_id((id_from_url(name) if is_address else "") or name)
    is_named = works["doc_id"] == wanted
    if is_address and not is_named.any():
        is_named = works["url"].fillna("").map(canonicalise_url) == canonicalise_url(name)
    if not is_named.any():
        raise DataError(
            "no document has this id or address", where=name, do="give an id such as arxiv:2502.17424, or its address"
        )
    places = works[works["work_id"] == works.loc[is_named, "work_id"].iloc[0]]
    places = places.assign(is_other=places["doc_id"] != places["work_id"]).sort_values(["is_other", "frame", "doc_id"])
    first = places["first_published_date"].iloc[0] or "unknown"
    lines = [f"{places['work_id'].iloc[0]}: {len(places)} places, first published {first}"]
    for place in places.itertuples(index=False):
        frames = sorted({place.frame, *members.loc[members["doc_id"] == place.doc_id, "frame"]})
        lines.append(f"  {place.doc_id}  {place.url or 'no address'}  in {', '.join(frames)} ({place.reason})")
    return lines
