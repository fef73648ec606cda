"""Figures that others have published, kept as data with their sources."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any


def load_published() -> tuple[Mapping[str, Any], ...]:
    """Returns the rows of `published.toml`: what was measured, by whom, on what, and how it compares."""
    text = resources.files("pipeline.report").joinpath("published.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["figures"])
