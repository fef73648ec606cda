"""What a coder is: asked once, kept in the coder's journals, and never assumed."""

from pathlib import Path

from pipeline.coding.journal import kind_in, read_journal
from pipeline.coding.record_view import KINDS
from pipeline.coding.rounds import listed_coders
from pipeline.coding.spreadsheet import read_rows
from pipeline.errors import SheetError


def find_kind(handcheck: Path, coder: str) -> str:
    """Returns what journals, sheets and rounds say of a coder: person, language model, or nothing.

    Raises:
        SheetError: they contradict each other.
    """
    said: dict[str, str] = {}
    for path in sorted((handcheck / "journal").glob(f"*/{coder}.jsonl")):
        said.setdefault(kind_in(read_journal(path).events), str(path))
    for path in sorted((handcheck / "sheets").rglob(f"{coder}.csv")):
        if path.is_file() and path.stat().st_size:
            for line, row in read_rows(path, _keys_of(path)):
                said.setdefault(row.get("coder_kind", ""), f"{path}:{line}")
    for listed in listed_coders(handcheck):
        if listed.sheet == coder:
            said.setdefault(listed.kind, str(handcheck / "rounds"))
    said.pop("", None)
    if len(said) > 1 or not set(said) <= set(KINDS):
        words = ", ".join(f"{kind!r} in {where}" for kind, where in said.items())
        raise SheetError(
            f"{coder} is said to be {words}", where=str(handcheck), do="mend the wrong one: one coder is of one kind"
        )
    return next(iter(said), "")


def _keys_of(path: Path) -> tuple[str, ...]:
    return ("cluster_id" if path.parent.name in {"clusters", "intrusion", "names"} else "doc_id", "coder_kind")
