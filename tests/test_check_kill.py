"""Kills between keys: what the page acknowledged is on disk, and nothing else has changed."""

import csv
import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.check.page import make_app
from pipeline.check.session import Session, load_session
from pipeline.coding.journal import read_journal
from pipeline.config import load_config
from tests.handcheck_project import make_project

pytestmark = pytest.mark.whole

LEAVES = ("A1", "B1", "C1", "D1", "E1")


def keys(seed: int) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields what a hasty reader presses: an item and cells, sometimes several at once."""
    rng = random.Random(seed)
    while True:
        place = rng.randrange(30)
        yield (
            place,
            rng.choice(
                (
                    {"leaf": rng.choice(LEAVES)},
                    {"confidence": rng.choice("123"), "state": "done"},
                    {"note": f"ü {rng.random()}"},
                    {"leaf": "N0", "target": "T0", "mechanism": "M0", "scaling": "S0"},
                )
            ),
        )


def read_and_tell(session: Session, seed: int, pipe: int) -> None:
    """Presses keys until it is killed; tells of each before it is sent and after it is acknowledged."""
    client = make_app(session, "t", ("localhost",)).test_client()
    for place, cells in keys(seed):
        line = {"key": session.items[place].key, "cells": cells}
        os.write(pipe, (json.dumps({"sent": line}) + "\n").encode())
        answer = client.post(f"/api/item/{place}", json=cells, headers={"X-Census-Token": "t"})
        if answer.status_code == 200:
            os.write(pipe, (json.dumps({"kept": line}) + "\n").encode())


def run_and_kill(session: Session, seed: int) -> list[dict]:
    """Lets a reader work for some milliseconds; returns what it told before it was killed."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            read_and_tell(session, seed, write_end)
        finally:
            os._exit(1)
    os.close(write_end)
    told = b""
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        told += pipe.readline()  # it has begun
        time.sleep(random.Random(seed).random() * 0.15)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told += pipe.read()
    return [json.loads(line) for line in told.split(b"\n") if line.endswith(b"}")]


@pytest.mark.parametrize("kills", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_every_acknowledged_key_is_on_disk_and_nothing_else_changes(tmp_path: Path, root: Path, kills: int) -> None:
    config = load_config(make_project(tmp_path, root))
    sheet = tmp_path / "data/raw/handcheck/sheets/ann.csv"
    journal = tmp_path / "data/raw/handcheck/journal/documents/ann.jsonl"
    known: dict[str, dict[str, str]] = {}
    acknowledged = 0
    session = load_session(config, "documents", "ann", "person")
    for seed in range(kills):
        told = run_and_kill(session, seed)
        kept = [entry["kept"] for entry in told if "kept" in entry]
        sent = [entry["sent"] for entry in told if "sent" in entry]
        acknowledged += len(kept)
        for entry in kept:
            known.setdefault(entry["key"], {}).update(entry["cells"])
        session = load_session(config, "documents", "ann", "person")  # as the next start does
        rows = session.record.rows
        loose = sent[len(kept)] if len(sent) > len(kept) else {"key": "", "cells": {}}  # on its way at the kill
        now = rows.get(loose["key"], {})
        if loose["key"] and all(now.get(name) == cell for name, cell in loose["cells"].items() if name != "state"):
            known.setdefault(loose["key"], {}).update(loose["cells"])  # it may be there, whole, or not at all
        for key, cells in known.items():
            assert {name: rows[key][name] for name in cells if name != "state"} == {
                name: cell for name, cell in cells.items() if name != "state"
            }, (seed, key)
        with sheet.open(encoding="utf-8", newline="") as file:
            shown = {row["doc_id"]: row for row in csv.DictReader(file)}
        assert set(shown) == set(known)
        assert {key: row["leaf"] for key, row in shown.items()} == {key: rows[key].get("leaf", "") for key in shown}
    events = read_journal(journal).events
    assert acknowledged > kills and len(events) > kills  # an answer that is given again is no event
