"""The gallery and the site: every example runs as it stands, and says what is true of the census it ran on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import alignment_census
from pipeline.release import found

EXAMPLES = Path(__file__).parent.parent / "examples"


def run_example(name: str, census_folder: Path, root: Path, *words: str) -> str:
    environment = {**os.environ, found.VARIABLE: str(census_folder), "PYTHONPATH": str(root), "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_gallery_has_six_examples_and_each_is_short() -> None:
    paths = sorted(EXAMPLES.glob("*.py"))
    assert len(paths) == 6
    assert all(len(path.read_text(encoding="utf-8").splitlines()) <= 50 for path in paths)


def test_a_headline_comes_out_again_by_the_package_and_by_hand(census_folder, root) -> None:
    lines = run_example("headline_share", census_folder, root).splitlines()
    published, recomputed, by_hand = (re.findall(r"\d\.\d{4}", line) for line in lines)
    assert published == recomputed and by_hand[0] == published[0]
    rows = pd.read_parquet(census_folder / "shares.parquet")
    row = rows.query(
        "frame == 'alignmentforum-census' and definition == 'strict' and denominator == 'safety' and year == '' "
        "and weight == 'documents'"
    ).iloc[0]
    assert float(published[0]) == pytest.approx(row["share"], abs=5e-5)


def test_the_parts_of_a_definition_of_ones_own_add_up(census_folder, root) -> None:
    last = run_example("own_definition", census_folder, root).splitlines()[-1]
    first, second, both = (float(number) for number in re.findall(r"(\d+\.\d)%", last))
    assert first + second == pytest.approx(both, abs=0.11)


def test_neighbours_are_found_in_falling_order(census_folder, root) -> None:
    lines = run_example("nearest_neighbours", census_folder, root).splitlines()
    scores = [float(line.split()[0]) for line in lines[:5]]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0.5


def test_a_classifier_on_the_vectors_beats_the_commonest_group(census_folder, root) -> None:
    lines = run_example("train_classifier", census_folder, root).splitlines()
    right, commonest = (float(re.findall(r"(\d\.\d{3}) right", line)[0]) for line in lines[:2])
    assert right > commonest + 0.2


def test_two_versions_are_compared_as_a_reuser_sees_them(census_folder, root) -> None:
    shipped = sorted((root / "data/raw/census").glob("*/manifest.json"))[0].parent
    text = run_example("compare_versions", census_folder, root, str(shipped), str(census_folder))
    counts = {census.name: len(pd.read_parquet(census / "documents.parquet")) for census in (shipped, census_folder)}
    assert f"{counts[shipped.name]:,} documents -> {counts[census_folder.name]:,}" in text


def test_own_papers_are_joined_from_a_file(census_folder, root, tmp_path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("id\n2502.17424v3\n0000.00000\n")
    assert run_example("join_own_papers", census_folder, root, str(own)).startswith("1 of 2 are in the census")


def test_the_site_has_every_name_and_every_example(root, tmp_path) -> None:
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reference, examples, commands = (
        (tmp_path / "generated" / f"{name}.html").read_text(encoding="utf-8")
        for name in ("reference", "examples", "command")
    )
    for name in set(alignment_census.__all__) - {"__version__"}:
        assert re.search(rf'id="[\w.]*\.{name}"', reference), name
    assert reference.count("Source") >= len(alignment_census.__all__) - 4
    for path in EXAMPLES.glob("*.py"):
        assert path.stem.replace("_", " ").capitalize() in examples
    assert "places" in commands and "http://" not in re.sub(r'href="[^"]*"', "", commands)


def test_the_python_of_the_first_page_runs(root, census_folder, monkeypatch) -> None:
    monkeypatch.setenv(found.VARIABLE, str(census_folder))
    text = (root / "docs/index.rst").read_text(encoding="utf-8")
    (block,) = re.findall(r"code-block:: python\n\n((?:   .*\n|\n)+)", text)
    exec("\n".join(line[3:] for line in block.splitlines()), {})
