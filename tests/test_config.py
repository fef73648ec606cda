"""A broken configuration is answered in one line that names the place, and nothing is touched."""

import re
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.config import load_config
from pipeline.errors import ConfigError


@pytest.fixture
def text(root: Path) -> str:
    return (root / "census.toml").read_text()


def write(folder: Path, text: str) -> Path:
    path = folder / "census.toml"
    path.write_text(text)
    return path


def test_the_shipped_configuration_is_read(root: Path) -> None:
    config = load_config(root / "census.toml")
    assert config.version == "2026.07"
    assert config.frames["alignmentforum-census"].is_quotable
    assert config.processed("shares") == root / "data/processed/shares.parquet"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("neighbour_count = ", "neighbor_count = ", "[cluster.neighbor_count] unknown key"),
        ("neighbour_count = ", 'neighbour_count = "x"  # ', "[cluster.neighbour_count]"),
        ("neighbour_count = ", "neighbour_count = 0  # ", "[cluster.neighbour_count]"),
        ("seed = 20261123", "", "[seed] missing key"),
        ("seed = 20261123", "sead = 20261123", "[sead] unknown key"),
        ("level = 0.95", "level = 95.0", "[estimate.level]"),
        ("seed = 20261123", "seed = ", "not valid TOML"),
        ('kind = "census"\npath', 'knd = "census"\npath', "[sources.census.kind] missing key"),
        ('headline_frame = "alignmentforum-census"', 'headline_frame = "nowhere"', "[report.headline_frame]"),
    ],
)
def test_a_broken_file_is_one_line_with_the_place(
    text: str, tmp_path: Path, capsys, old: str, new: str, place: str
) -> None:
    assert old in text
    path = write(tmp_path, text.replace(old, new, 1))
    assert main(["--config", str(path), "configure"]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ") and "\n" not in error
    assert str(path) in error and place in error
    assert not (tmp_path / "data").exists()


def test_a_missing_file_is_one_line(tmp_path: Path, capsys) -> None:
    assert main(["--config", str(tmp_path / "none.toml"), "corpus"]) == 1
    assert re.fullmatch(r"error: .*none\.toml: the configuration file is missing; .*\n", capsys.readouterr().err)


def test_a_key_of_a_source_is_checked_by_the_source(text: str, tmp_path: Path, capsys) -> None:
    path = write(tmp_path, text.replace('path = "data/raw/census/2026.07"', 'path = "x"\ncolour = "red"'))
    assert main(["--config", str(path), "corpus"]) == 1
    assert "[sources.census]: [colour] unknown key" in capsys.readouterr().err


def test_roots_start_at_the_folder_of_the_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    config = load_config(write(tmp_path / "inner", text + '\n[paths]\nroot = ".."\n'))
    assert config.path("x") == tmp_path / "x"


def test_an_empty_list_of_sources_is_refused(text: str, tmp_path: Path) -> None:
    start, end = text.index("[sources.census]"), text.index("[terms]")
    with pytest.raises(ConfigError, match="sources"):
        load_config(write(tmp_path, text[:start] + "[sources]\n" + text[end:]))
