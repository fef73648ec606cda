"""Rounds of reading: what `round.toml` says of one, parsed here and nowhere else."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from pipeline.coding.sheets import read_csv_rows
from pipeline.config import STRICT, build
from pipeline.errors import ConfigError, SheetError


@dataclass(frozen=True, config=STRICT)
class Coder:
    """Who filled in a sheet, and in which role."""

    sheet: str
    role: Literal["reader", "adjudicator"]
    kind: Literal["person", "language model"]


@dataclass(frozen=True, config=STRICT)
class Round:
    """What `round.toml` says of a round."""

    title: str
    seed: int
    codebook: str
    design: str
    shown: str
    coders: tuple[Coder, ...]


def list_coders(handcheck: Path) -> set[str]:
    """Returns the sheets that any round lists: who read it as its design says, not through the page."""
    rounds = sorted((handcheck / "rounds").glob("*/round.toml"))
    return {coder.sheet for path in rounds for coder in _load_round(path).coders}


def _load_round(path: Path) -> Round:
    try:
        return build(Round, tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except FileNotFoundError:
        raise SheetError(
            "the round is missing", where=str(path), do="correct [estimate] round in census.toml"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SheetError(f"is not valid TOML: {error}", where=str(path), do="mend the line it names") from None
    except ConfigError as error:
        raise SheetError(error.what, where=str(path), do="mend the file") from None


def read_sample_ids(handcheck: Path, round_name: str) -> list[str]:
    """Returns the documents of a round's drawn sample."""
    path = handcheck / "rounds" / round_name / "sample.csv"
    return [row["doc_id"] for _, row in read_csv_rows(path, ("doc_id",))]


def read_seed(folder: Path, default: int) -> int:
    """Returns the seed of a round, under which its documents are put in order; `default` where it has no round.toml."""
    path = folder / "round.toml"
    return int(tomllib.loads(path.read_text(encoding="utf-8"))["seed"]) if path.exists() else default
