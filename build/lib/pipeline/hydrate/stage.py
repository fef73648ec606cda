"""Stage `hydrate`: the texts of the shipped census, fetched again and verified.

A census carries no text, only the hash of each. This stage asks each site for its documents by id and compares:

- `verified`: the text, or its beginning of the known length where the census read only a beginning, has the known hash;
- `alike`: another rendering or a small edit: the hash differs, but the vector of the same stretch of text is nearly
  the stored one. The text is kept, the census's vector stays;
- `changed`: neither. `corpus` takes the new text and `embed` gives it a new vector;
- `gone`: the site no longer has it. Its facts and its vector stay;
- `no text`: the census read no text (a hash of the title alone proves nothing), or the site now gives none.

Answers are archived as they came before anything is made of them (`refetch`), and the table is a function of the
archive and the census alone. Texts are other people's: both go under `data/raw/hydrated/`, which git ignores. A stopped
run goes on where it was; a site that fails or shows a challenge does not stop the others.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline import store
from pipeline.config import Config
from pipeline.embed.encoder import load_encoder
from pipeline.hydrate.refetch import Place, finish, folder_of, missing_ids, read_pages, refetch
from pipeline.hydrate.sites import ASKS_BEFORE_GONE, SITES, Fetched, open_session, read_page, site_of, split_batches
from pipeline.release import census
from pipeline.schemas import HYDRATED
from pipeline.scrape.hydrated import hydrated_path
from pipeline.scrape.stage import UNEVEN, only_run
from pipeline.text.extract import compose_text, text_sha256
from pipeline.web.clock import Clock
from pipeline.web.session import Limits, PoliteSession

log = logging.getLogger(__name__)
ALIKE = 0.95  # cosine; of five real posts in another rendering 3 lie above (0.957 to 0.995), 2 below (0.697, 0.892)
REPORTED = ("changed", "gone")
MAX_NAMED = 10  # documents of each kind that the log names; the file of changes has all
Compare = Callable[[str, str], float]


def run(
    config: Config,
    *,
    is_full: bool = False,
    is_dry_run: bool = False,
    clock: Clock | None = None,
    limits: Limits | None = None,
) -> int:
    """Fetches and verifies the texts of every census among the sources; writes them under `data/raw/hydrated/`.

    Args:
        is_full: ask for every document again, also for those whose answer is at hand.
        is_dry_run: print what would be asked, and ask nothing.

    Returns:
        the exit status: 0, or 3 if a site stopped before it had answered for all its documents.
    """
    problems: dict[str, str] = {}
    censuses = {name: entry for name, entry in config.sources.items() if entry["kind"] == "census"}
    facts = {name: census.read_documents(entry, config.root, f"[sources.{name}]") for name, entry in censuses.items()}
    if is_dry_run:
        for name, documents in facts.items():
            _print_plan(config, missing_ids(folder_of(config, name), documents["doc_id"].tolist(), is_full=is_full))
        return 0
    with only_run(config):
        session = open_session(config, clock, limits)
        for name, entry in censuses.items():
            embeddings = census.read_embeddings(entry, config.root, f"[sources.{name}]", config.embed.dimension_count)
            compare = _comparison(config, embeddings)
            problems |= hydrate_census(facts[name], config, name, session, compare, is_full=is_full)[1]
        session.close()
    return UNEVEN if problems else 0


def changes_path(config: Config, name: str) -> Path:
    """Returns where the documents of the source `name` that have changed or gone are listed, without text."""
    return config.path(config.paths.raw, "hydrated", f"{name}-changes.csv")


def hydrate_census(
    documents: pd.DataFrame, config: Config, name: str, session: PoliteSession, compare: Compare, *, is_full: bool
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Fetches what is not at hand yet; saves and returns every row of `hydrated`, and what stopped which site.

    Args:
        documents: the census.
        name: its entry among the sources.
        compare: cosine of a stored vector, by doc_id, with a text; NaN where it cannot be had.
    """
    start = time.perf_counter()
    path = hydrated_path(config, name)
    outcome = refetch(config, name, documents["doc_id"].tolist(), session, is_full=is_full)
    if outcome.current or not path.exists():
        table = _verify_all(documents, outcome.places, compare)
        store.write_table(HYDRATED, table, path)
        store.write_csv(changes_path(config, name), _changes(table, documents))
    table = store.read_table(HYDRATED, path)
    counts = {str(status): int(count) for status, count in table["status"].value_counts().items()}
    finish(outcome, name, session, counts)
    log.info(
        "hydrate: %d of %d documents at hand, %d fetched now: %s; %d not asked for or unanswered in %.1f s",
        len(table),
        len(documents),
        outcome.n_fetched,
        ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none",
        len(documents) - len(table),
        time.perf_counter() - start,
    )
    for status in REPORTED:
        ids = table.loc[table["status"] == status, "doc_id"].tolist()
        if ids:
            more = f" and {len(ids) - MAX_NAMED} more" if len(ids) > MAX_NAMED else ""
            log.info("hydrate: %s: %s%s; see %s", status, ", ".join(ids[:MAX_NAMED]), more, changes_path(config, name))
    return table, outcome.problems


def _verify_all(documents: pd.DataFrame, places: Sequence[Place], compare: Compare) -> pd.DataFrame:
    """Verifies the answers of the archive: of several about one document, the newest clear one counts."""
    facts = documents.set_index("doc_id", drop=False).to_dict("index")
    rows: dict[str, dict[str, object]] = {}
    silences: dict[str, int] = {}
    for page in read_pages(places):
        for doc_id, fetched in read_page(page).items():
            silences[doc_id] = 0 if fetched else silences.get(doc_id, 0) + 1
            is_clear = fetched is not None or silences[doc_id] >= ASKS_BEFORE_GONE[site_of(doc_id)]
            if doc_id in facts and is_clear:
                rows[doc_id] = verify(facts[doc_id], fetched, compare)
    return pd.DataFrame(list(rows.values()), columns=[column.name for column in HYDRATED.columns])


def _changes(table: pd.DataFrame, documents: pd.DataFrame) -> pd.DataFrame:
    """What is reported: facts of the documents that have changed or gone."""
    found = table.loc[table["status"].isin(REPORTED), ["doc_id", "status", "similarity_score"]]
    found = found.merge(documents[["doc_id", "frame", "title", "url"]], on="doc_id", how="left")
    return found.astype({"similarity_score": float}).sort_values(["status", "doc_id"])


def _print_plan(config: Config, doc_ids: Sequence[str]) -> None:
    for site in SITES:
        mine = [doc_id for doc_id in doc_ids if site_of(doc_id) == site]
        n_requests = len(list(split_batches(site, mine, config.hydrate)))
        minutes = n_requests * config.hydrate.seconds_between / 60
        print(
            f"{site}: {len(mine):,} documents in {n_requests:,} requests, one each "
            f"{config.hydrate.seconds_between:g} s: about {minutes:.0f} minutes"
        )


def verify(known: Mapping[Any, Any], found: Fetched | None, compare: Compare) -> dict[str, object]:
    """Compares what a site has with what the census knows. Returns one row of `hydrated`."""
    row = {"doc_id": known["doc_id"], "status": "gone", "text": None, "text_kind": "none", "similarity_score": None}
    if found is None:
        return row
    if not found.texts or known["text_kind"] == "none":
        text = found.texts[0] if found.texts else None
        return {**row, "status": "no text", "text": text, "text_kind": found.text_kind if text else "none"}
    for text in found.texts:
        part = known_part(known, text)
        if text_sha256(known["title"], part) == known["text_sha256"]:
            return {**row, "status": "verified", "text": part, "text_kind": known["text_kind"]}
    text = found.texts[0]
    alike = compare(known["doc_id"], compose_text(known["title"], known_part(known, text)))
    status = "alike" if alike >= ALIKE else "changed"
    score = None if np.isnan(alike) else round(alike, 4)
    return {**row, "status": status, "text": text, "text_kind": found.text_kind, "similarity_score": score}


def known_part(known: Mapping[Any, Any], text: str) -> str:
    """Returns the stretch of a text that the census read: all of it, or a beginning of the known length."""
    return text[: known["character_count"]].rstrip() if known["text_kind"] == "opening" else text


def _comparison(config: Config, embeddings: pa.Table) -> Compare:
    """Compares with the vectors of the census; the encoder is loaded at the first need."""
    place_of = {doc_id: place for place, doc_id in enumerate(embeddings.column("doc_id").to_pylist())}
    vectors = store.matrix_from_column(embeddings.column("vector"))
    encoders: list[Callable[[Sequence[str]], np.ndarray]] = []

    def compare(doc_id: str, text: str) -> float:
        if doc_id not in place_of:
            return float("nan")
        if not encoders:
            encoders.append(load_encoder(config.embed, config.path(config.paths.processed, "encoders")))
        return float(encoders[0]([text])[0].astype(np.float32) @ vectors[place_of[doc_id]].astype(np.float32))

    return compare
