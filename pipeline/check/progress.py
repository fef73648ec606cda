"""How far a coder is: what is done, how long the rest will take, and how far others say the same."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd
from sklearn.metrics import cohen_kappa_score

from pipeline.check.session import Session
from pipeline.check.tasks import CODED, Item
from pipeline.coding.journal import Event
from pipeline.coding.kinds import find_kind
from pipeline.coding.record_view import DONE, DRAFT
from pipeline.coding.sheets import read_csv_rows

PAUSE_SECONDS = 300  # a longer gap between two finished documents is a pause, not reading
FIRST_GUESS_SECONDS = 40  # a document, before anything is known of the coder: half a page read and four keys pressed
FEW = 10  # documents in common below which agreement is not told: it would be noise, and could be traced


def list_numbers(session: Session, stratum: str = "") -> list[int]:
    """Returns the places of the items of a stratum, or of a frame (all strata that begin with it), in order.

    The order is a hash under the round's seed: what is read of a stratum from its beginning is a random part of it.
    """
    return [
        number
        for number, item in enumerate(session.items)
        if not stratum or item.stratum == stratum or item.stratum.startswith(f"{stratum}/")
    ]


def list_filters(items: Sequence[Item]) -> list[tuple[str, int]]:
    """Returns what may be filtered by, with counts: every frame, and every stratum of it. Never a text."""
    counts: dict[str, int] = {}
    for item in items:
        if item.stratum:
            frame = item.stratum.split("/")[0]
            counts[frame] = counts.get(frame, 0) + 1
            if frame != item.stratum:
                counts[item.stratum] = counts.get(item.stratum, 0) + 1
    return sorted(counts.items()) if len(counts) > 1 else []


def is_done(session: Session, item: Item) -> bool:
    """Says whether an item is coded."""
    return session.record.rows.get(item.key, {}).get("state") == DONE


def seconds_per_item(events: Sequence[Event]) -> float:
    """Returns the median time between two documents that were finished one after the other, pauses left out."""
    done = [event.time for event in events if event.by == "key" and event.cells.get("state") == DONE]
    times = [datetime.fromisoformat(time) for time in done]
    gaps = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(times)]
    short = [gap for gap in gaps if 0 < gap < PAUSE_SECONDS]
    return statistics.median(short) if len(short) >= 3 else FIRST_GUESS_SECONDS  # two gaps say nothing


def summarise(session: Session, stratum: str = "") -> dict[str, object]:
    """Returns counts, the next open item, and the minutes that the rest will take."""
    numbers = list_numbers(session, stratum)
    waiting = [number for number in numbers if not is_done(session, session.items[number])]
    minutes = len(waiting) * seconds_per_item(session.record.journal.events) / 60
    return {
        "count": len(numbers),
        "done": len(numbers) - len(waiting),
        "next": waiting[0] if waiting else (numbers[-1] if numbers else 0),
        "minutes_left": round(minutes, 1),
    }


def list_history(session: Session) -> list[dict[str, object]]:
    """Returns what the coder has touched, last first."""
    place = {item.key: number for number, item in enumerate(session.items)}
    rows = [(row.get("saved_at", ""), key, row) for key, row in session.record.rows.items() if key in place]
    shown = ("leaf", "leaf2", "name", "choice", "screen")
    return [
        {
            "number": place[key],
            "title": session.items[place[key]].title or key,
            "codes": " ".join(row[column] for column in shown if row.get(column)),
            "is_done": row.get("state") == DONE,
            "is_unsure": row.get("unsure") == "yes" or row.get("confidence") == "1",
        }
        for _, key, row in sorted(rows, key=lambda entry: entry[0], reverse=True)
    ]


def compare_with_others(session: Session) -> list[dict[str, object]]:
    """Returns how far each other coder says the same, in counts that tell no single code.

    Coders are named by number and kind, so that nobody reads after a name.
    """
    if session.task not in CODED or session.task == "practice":
        return []
    mine = {item.key: session.record.rows[item.key]["leaf"] for item in session.items if is_done(session, item)}
    rows: list[dict[str, object]] = []
    for path in sorted((session.handcheck / "sheets").glob("*.csv")):
        if path.stem == session.coder:
            continue
        theirs = {
            row["doc_id"]: row["leaf"]
            for _, row in read_csv_rows(path, ("doc_id", "leaf"))
            if row["leaf"] and row.get("state") != DRAFT
        }
        compared = compare_leaves(mine, theirs, session.codebook.group_of)
        if compared:
            kind = find_kind(session.handcheck, path.stem) or "unknown"
            rows.append({"reader": f"reader {len(rows) + 1}", "kind": kind, **compared})
    return rows


def compare_leaves(one: Mapping[str, str], other: Mapping[str, str], group_of: Mapping[str, str]) -> dict[str, object]:
    """Returns the shares of the same leaf and group and the leaf's kappa (Cohen 1960); nothing if few are shared."""
    both = sorted(set(one) & set(other))
    if len(both) < FEW:
        return {}
    pairs = pd.DataFrame({"one": [one[key] for key in both], "other": [other[key] for key in both]})
    is_constant = pairs["one"].nunique() == 1 and pairs["other"].nunique() == 1
    kappa = None if is_constant else round(float(cohen_kappa_score(pairs["one"], pairs["other"])), 3)
    return {
        "n_both": len(both),
        "leaf_share": round(float((pairs["one"] == pairs["other"]).mean()), 3),
        "group_share": round(float((pairs["one"].map(group_of) == pairs["other"].map(group_of)).mean()), 3),
        "leaf_kappa": kappa,
    }
