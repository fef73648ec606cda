"""How a study is read: which decisions are asked, what follows from a group, and the texts to practise on."""

import tomllib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.coding.cells import axes_of
from pipeline.coding.codebook import CONFIDENCE, Codebook
from pipeline.config import build
from pipeline.errors import CodebookError, ConfigError
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT)
class Practice:
    """An invented text with its answer; `also` holds leaves that a careful reader may give instead, `codes` axes."""

    title: str
    text: str
    leaf: str
    why: str
    codes: dict[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Study:
    """What `reading.toml` beside the codebook says; without the file, confidence alone is asked besides the leaf.

    Attributes:
        ask: axes asked one by one; the others are folded and may stay empty.
        second_leaf_after: by axis, codes after which the second leaf is asked for.
        follows: by group, codes of axes that are filled in with it.
    """

    ask: tuple[str, ...] = ("confidence",)
    second_leaf_after: dict[str, tuple[str, ...]] = field(default_factory=dict)
    follows: dict[str, dict[str, str]] = field(default_factory=dict)
    practice: tuple[Practice, ...] = ()


def load_study(folder: Path, codebook: Codebook) -> Study:
    """Reads and checks `reading.toml`; what speaks of an axis that the codebook lacks is passed over.

    Raises:
        CodebookError: it is malformed, or names a code that the codebook does not have.
    """
    path = folder / "reading.toml"
    try:
        study = build(Study, tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except FileNotFoundError:
        return Study()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CodebookError(f"is not valid TOML: {error}", where=str(path), do="mend the line it names") from None
    except ConfigError as error:
        raise CodebookError(error.what, where=str(path), do="mend the file") from None
    for item in study.practice:
        for leaf in (item.leaf, *item.also):
            _check(leaf, codebook.leaves, f"practice {item.title!r}", path)
    for group, codes in study.follows.items():
        _check(group, codebook.groups, "follows", path)
        for axis, code in codes.items():
            if axis in codebook.axes:
                _check(code, codebook.axes[axis], f"follows.{group}.{axis}", path)
    return study


def asked_axes(study: Study, codebook: Codebook) -> tuple[str, ...]:
    """Returns the axes asked one by one, those of the codebook only; confidence, where it has it, is the last."""
    confidence = (CONFIDENCE,) if CONFIDENCE in codebook.axes else ()
    return (*(axis for axis in study.ask if axis in codebook.code_axes), *confidence)


def folded_axes(study: Study, codebook: Codebook) -> tuple[str, ...]:
    """Returns the axes that may stay empty."""
    asked = asked_axes(study, codebook)
    return tuple(axis for axis in axes_of(codebook) if axis not in asked)


def required_columns(task: str, study: Study, codebook: Codebook) -> tuple[str, ...]:
    """Returns the cells without which a row of a task is not done."""
    if task == "clusters":
        return ("name", "is_one_agenda")
    if task == "names":
        return ("name",)
    if task == "intrusion":
        return ("choice",)
    if task == "screening":
        return ("screen",)
    return ("leaf", *asked_axes(study, codebook))


def _check(code: str, known: Mapping[str, str], place: str, path: Path) -> None:
    if code not in known:
        raise CodebookError(f"{place}: there is no code {code!r}", where=str(path), do=f"use one of {', '.join(known)}")
