"""The text of a document, wherever it may come from: the census, `hydrate`, shipped abstracts, or its site, now."""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.config import Config
from pipeline.schemas import HYDRATED

log = logging.getLogger(__name__)
USABLE = ("verified", "alike", "changed")  # of what hydrate found


def find_texts(config: Config, documents: pd.DataFrame, doc_ids: Iterable[str]) -> dict[str, str]:
    """Returns the texts at hand, by document.

    Args:
        config: of the project.
        documents: indexed by doc_id, with the column text.
        doc_ids: those wanted.
    """
    wanted = pd.Index(doc_ids)
    known = documents["text"].reindex(wanted).dropna()
    found = {str(doc_id): str(text) for doc_id, text in known.items() if text}
    for path in sorted(config.path(config.paths.raw, "hydrated").glob("*.parquet")):
        rows = store.read_table(HYDRATED, path, ("doc_id", "status", "text"))
        rows = rows[rows["status"].isin(USABLE) & rows["doc_id"].isin(wanted) & rows["text"].notna()]
        found = {**dict(zip(rows["doc_id"], rows["text"], strict=True)), **found}
    for path in sorted(config.path(config.paths.handcheck, "texts").glob("*.parquet")):
        with store.explain_damage(path):
            rows = pd.read_parquet(path, columns=["doc_id", "text"])
        rows = rows[rows["doc_id"].isin(wanted)]
        found = {**dict(zip(rows["doc_id"], rows["text"], strict=True)), **found}
    fetched = read_fetched(fetched_path(config))
    return {**{doc_id: fetched[doc_id] for doc_id in wanted if doc_id in fetched}, **found}


def fetched_path(config: Config) -> Path:
    """Returns where texts that were fetched while reading are kept: they belong to their authors, git ignores them."""
    return config.path(config.paths.raw, "hydrated", "while-reading.jsonl")


def read_fetched(path: Path) -> dict[str, str]:
    """Returns the texts fetched while reading; a line cut off by a kill is passed over."""
    found = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
                found[row["doc_id"]] = row["text"]
            except (ValueError, KeyError, TypeError):
                log.warning("%s holds a line that was cut off; it is passed over", path)
    return found


def fetch_texts(config: Config, doc_ids: Iterable[str]) -> Mapping[str, str]:
    """Asks the site of each document for its text, politely, and keeps what comes.

    Raises:
        FetchError: a site refuses.
        ConfigError: nobody is named as contact.
    """
    from pipeline.hydrate import sites  # noqa: PLC0415  the network, wanted only where a text is missing
    from pipeline.web.archive import Page  # noqa: PLC0415

    by_site: dict[str, list[str]] = {}
    for doc_id in doc_ids:
        if sites.site_of(doc_id):
            by_site.setdefault(sites.site_of(doc_id), []).append(doc_id)
    found: dict[str, str] = {}
    if not by_site:
        return found
    session = sites.open_session(config)
    try:
        for site, names in by_site.items():
            for batch in sites.split_batches(site, names, config.hydrate):
                response = sites.ask_site(session, config.hydrate, site, batch)
                page = Page(response=response, context={"site": site, "doc_ids": batch}, place=f"while-reading/{site}")
                for doc_id, answer in sites.read_page(page).items():
                    if answer and answer.texts:
                        found[doc_id] = answer.texts[0]
    finally:
        session.close()
    _keep(fetched_path(config), found)
    return found


def _keep(path: Path, texts: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for doc_id, text in texts.items():
            file.write(json.dumps({"doc_id": doc_id, "text": text}) + "\n")
        file.flush()
        os.fsync(file.fileno())
