"""Command `agenda`: what is known of a named agenda, and its documents."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline import store
from pipeline.coding.agenda_list import FILE, Agenda, AgendaList, load_agendas
from pipeline.coding.codebook import load_codebook
from pipeline.config import Config
from pipeline.errors import DataError
from pipeline.schemas import AGENDA_LIST, AGENDA_MEMBERS, AGENDA_SCORES, AGENDA_SIZES, DOCUMENTS
from pipeline.text.phrases import fold_text, phrase_pattern

EVERY = "all"


def run(config: Config, query: str, count: int = 20) -> None:
    """Prints the agenda that `query` names and its documents, the surest first; for `all`, the list.

    Raises:
        DataError: nothing of that name, or of several names.
    """
    if count < 1:
        raise DataError(f"cannot print {count} documents", where="--count", do="ask for one or more")
    handcheck = config.path(config.paths.handcheck)
    listed = load_agendas(handcheck / FILE, load_codebook(handcheck / "codebook" / "codebook.toml"))
    table = store.read_table(AGENDA_LIST, config.processed("agenda_list")).set_index("agenda")
    if fold_text(query) == EVERY:
        for row in table.reset_index().to_dict("records"):
            print(f"{row['agenda']:24} {row['document_count']:5} documents  {row['name']}")
        return
    agenda = find_agenda(listed, query)
    _print_profile(config, agenda.id, table.to_dict("index")[agenda.id])
    members = store.read_table(AGENDA_MEMBERS, config.processed("agenda_members"))
    documents = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "title", "url", "published_date"))
    found = rank_members(members, agenda.id).head(count).merge(documents, on="doc_id", how="left", sort=False)
    for member in found.fillna({"published_date": "", "url": ""}).to_dict("records"):
        sign = "read" if member["is_read"] else f"{member['chance']:.2f}"
        print(f"{sign:5} {member['published_date']:10}  {member['title']}")
        print(f"      {member['url'] or member['doc_id']}")


def find_agenda(listed: AgendaList, query: str) -> Agenda:
    """Returns the agenda that some words name: its id or name, then a phrase of it, then words of its name.

    Raises:
        DataError: no agenda, or several, fit equally well.
    """
    words = fold_text(query)
    ways = (
        lambda agenda: words in {fold_text(agenda.id), fold_text(agenda.name)},
        lambda agenda: phrase_pattern(agenda.phrases).search(words) is not None,
        lambda agenda: set(words.split()) <= set(fold_text(agenda.name).replace(",", "").split()),
    )
    for way in ways:
        found = [agenda for agenda in listed.agendas if way(agenda)]
        if len(found) > 1:  # the one that more of the query names
            lengths = [_named_length(each, words) for each in found]
            found = [each for each, length in zip(found, lengths, strict=True) if length == max(lengths)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(agenda.id for agenda in found)
            raise DataError(f"{query!r} may be {names}", where="agenda", do="name one of them")
    raise DataError(f"there is no agenda {query!r}", where="agenda", do="run `agenda all` for the list, or `search`")


def _named_length(agenda: Agenda, words: str) -> int:
    """Returns the letters of the longest phrase of an agenda that some words hold."""
    return max((len(hit.group()) for hit in phrase_pattern(agenda.phrases).finditer(words)), default=0)


def rank_members(members: pd.DataFrame, agenda: str) -> pd.DataFrame:
    """Returns the assigned documents of an agenda: read ones first, then by falling chance, then by id."""
    mine = members[(members["agenda"] == agenda) & members["is_assigned"]]
    return mine.sort_values(["is_read", "chance", "doc_id"], ascending=[False, False, True], kind="stable")


def _print_profile(config: Config, name: str, row: Mapping[Any, Any]) -> None:
    print(f"{row['name']}: {row['says']}")
    print(f"refines {', '.join(row['leaves'])}; {row['document_count']} documents assigned")
    sizes = store.read_table(AGENDA_SIZES, config.processed("agenda_sizes"))
    sizes = sizes[(sizes["agenda"] == name) & (sizes["year"] == "") & (sizes["basis"] == "read")]
    for size in sizes.to_dict("records"):
        span = f"{size['low']:.0f} to {size['high']:.0f}"
        print(f"  {size['frame']}: {size['document_count']:.0f} of {size['n_population']} documents ({span})")
    if pd.notna(row["change_share"]):
        span = f"{100 * row['change_low']:+.1f} to {100 * row['change_high']:+.1f}"
        shares = f"{row['early_share']:.1%} of its first years, {row['late_share']:.1%} of its last"
        print(f"  {row['frame']}: {shares}; change {100 * row['change_share']:+.1f} points ({span})")
    scores = store.read_table(AGENDA_SCORES, config.processed("agenda_scores"))
    for score in scores[(scores["agenda"] == name) & (scores["n_member"] > 0)].to_dict("records"):
        numbers = [f"{way} {score[way]:.2f}" for way in ("precision", "recall") if pd.notna(score[way])]
        print(f"  assignment: {', '.join(numbers)}, from {score['n_member']} read documents of it")
    pairs = zip(row["people"], row["people_counts"], strict=True)
    print(f"near: {', '.join(row['neighbours'])}")
    print(f"people: {', '.join(f'{person} ({number})' for person, number in pairs)}\n")
