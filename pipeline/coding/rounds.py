"""Rounds: what `round.toml` says of one, parsed here and nowhere else, and which of them an estimate takes."""

import tomllib
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from pipeline.coding.sheets import read_csv_rows
from pipeline.config import build
from pipeline.errors import ConfigError, SheetError
from pipeline.settings import STRICT, Estimate

ABOUT = "round.toml"


@dataclass(frozen=True, config=STRICT)
class Coder:
    """Who filled in a sheet, and in which role."""

    sheet: str
    role: Literal["reader", "adjudicator"]
    kind: Literal["person", "language model"]


@dataclass(frozen=True, config=STRICT)
class Round:
    """What `round.toml` says of a round.

    Attributes:
        seed: of the draw, and of the order in which a reader gets the documents.
        coders: sheets that do not say themselves who filled them in; any other sheet counts too.
        after: the rounds that there were when it was drawn, oldest first.
        order: how documents were put in order: recorded (as the files say), permanent random numbers, or mixture: drawn
            with replacement for weighted shares, in mixture.csv, and no part of the union.
        screened_as: the leaf that a screener's mark in sample.csv stands for, where not every document of the mark is
            read: those that are read at random correct it, as an adjudicator corrects readers.
        screened_like: the mark whose documents, all of them read, tell what one is that its mark gets wrong.
        screener: whose marks those are, of sheets/screening/; empty: they stand in sample.csv.
    """

    title: str
    seed: int
    codebook: str
    design: str
    shown: str
    coders: tuple[Coder, ...] = ()
    after: tuple[str, ...] = ()
    order: Literal["recorded", "permanent", "mixture"] = "recorded"
    screened_as: dict[str, str] = field(default_factory=dict)
    screened_like: str = ""
    screener: str = ""


def list_rounds(handcheck: Path, wanted: str | Sequence[str]) -> list[str]:
    """Returns the names of rounds, each after those it was drawn after.

    Args:
        handcheck: the folder of codebook, rounds and sheets.
        wanted: "all", one name, or several.

    Raises:
        SheetError: a round that is wanted is missing, or a round is malformed.
    """
    if isinstance(wanted, str) and wanted != "all":
        return [wanted]
    folders = [path.parent for path in (handcheck / "rounds").glob(f"*/{ABOUT}") if path.parent.name[0] != "."]
    found = {folder.name: load_round(folder) for folder in folders}
    names = sorted(found, key=lambda name: (len(found[name].after), name))
    if wanted == "all":
        return names
    missing = [name for name in wanted if name not in found]
    if missing:
        load_round(handcheck / "rounds" / missing[0])  # says so
    return [name for name in names if name in wanted]


def shown_round(handcheck: Path, settings: Estimate) -> str:
    """Returns the round that the reading room shows: the one that is named, else the last of those estimated from.

    Raises:
        SheetError: there is none yet, or a round is malformed.
    """
    names = [settings.round] if settings.round else list_rounds(handcheck, rounds_of(settings))
    if not names:
        raise SheetError(
            "no round is drawn yet", where=str(handcheck / "rounds"), do="draw one: make draw ROUND=name N=number"
        )
    return names[-1]


def rounds_of(settings: Estimate) -> str | tuple[str, ...]:
    """Returns which rounds an estimate takes: those named, or all."""
    return settings.rounds or settings.round or "all"


def list_coders(handcheck: Path) -> set[str]:
    """Returns the sheets that any round lists: who read it as its design says, not through the page."""
    return {coder.sheet for coder in listed_coders(handcheck)}


def listed_coders(handcheck: Path) -> list[Coder]:
    """Returns the coders that the rounds list, each sheet once, in the order of the rounds."""
    found: dict[str, Coder] = {}
    for name in list_rounds(handcheck, "all"):
        for coder in load_round(handcheck / "rounds" / name).coders:
            found.setdefault(coder.sheet, coder)
    return list(found.values())


def load_round(folder: Path) -> Round:
    """Reads `round.toml` of a round.

    Raises:
        SheetError: it is missing or malformed.
    """
    path = folder / ABOUT
    try:
        return build(Round, tomllib.loads(path.read_text(encoding="utf-8-sig")), str(path))
    except FileNotFoundError:
        raise SheetError(
            "the round is missing", where=str(path), do="correct [estimate] round in census.toml, or draw it: make draw"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SheetError(f"is not valid TOML: {error}", where=str(path), do="mend the line it names") from None
    except ConfigError as error:
        raise SheetError(error.what, where=str(path), do="mend the file") from None


def read_sample_ids(handcheck: Path, round_name: str) -> list[str]:
    """Returns the documents of a round's drawn sample."""
    path = handcheck / "rounds" / round_name / "sample.csv"
    return [row["doc_id"] for _, row in read_csv_rows(path, ("doc_id",))]


def read_seed(folder: Path, default: int) -> int:
    """Returns the seed of a round, under which its documents are put in order; `default` where it has no round.toml."""
    path = folder / ABOUT
    return int(tomllib.loads(path.read_text(encoding="utf-8-sig"))["seed"]) if path.exists() else default
