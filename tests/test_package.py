"""The package that others build on: it installs alone, loads offline, looks things up, and says what is missing."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alignment_census
from alignment_census import command
from pipeline import store
from pipeline.dataset.wheels import build_data, build_program
from pipeline.release import found

LIGHT = (
    "numpy",
    "numpy.libs",
    "pandas",
    "pandas.libs",
    "pyarrow",
    "pyarrow.libs",
    "dateutil",
    "six.py",
    "pytz",
    "tzdata",
)
# What a person writes, where nothing may be asked of the network.
THREE_LINES = """
import socket, sys, time
class Refused(socket.socket):
    def __init__(self, *_, **__): raise AssertionError("the network was asked")
socket.socket = Refused
start = time.perf_counter()
import alignment_census
print(time.perf_counter() - start)
from alignment_census import load_census
census = load_census()
print(census.documents.shape[0], census.vectors.shape, census.vectors.dtype, census.folder)
import hashlib, numpy as np
print(hashlib.sha256(np.ascontiguousarray(census.vectors).tobytes()).hexdigest())
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def wheels(census_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build_both(census_folder, tmp_path_factory.mktemp("wheels"))


def build_both(census: Path, target: Path) -> list[Path]:
    version = census.name.removeprefix("census-")
    return [build_program(target), build_data(census, version, target)]


@pytest.fixture(scope="module")
def empty(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with numpy, pandas and pyarrow, what these import, and the two wheels."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    target = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    for name in LIGHT:
        source = Path(np.__file__).parent.parent / name
        if source.exists():
            (target / name).symlink_to(source)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, *map(str, wheels)], check=True, env=_plain())
    return python


@pytest.fixture
def here(census_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The release of this checkout as the newest census."""
    monkeypatch.setenv(found.VARIABLE, str(census_folder))
    return census_folder


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", found.VARIABLE)}


def _run(python: Path, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), *words], capture_output=True, text=True, check=False, env=_plain(), cwd=python.parent, **options
    )


def test_in_an_empty_environment_three_lines_give_the_census_without_the_network(empty, census_folder, record_score):
    done = _run(empty, "-c", THREE_LINES)
    assert done.returncode == 0, done.stderr
    seconds, facts, digest, loaded = done.stdout.splitlines()
    assert float(seconds) < 1
    stored = pd.read_parquet(census_folder / "embeddings.parquet", columns=["doc_id", "vector"])
    vectors = np.stack(stored["vector"]).astype(np.float32)
    assert facts.startswith(f"{len(stored)} ({len(stored)}, {vectors.shape[1]}) float32 ")
    assert "alignment_census_data" in facts
    assert digest == hashlib.sha256(vectors.tobytes()).hexdigest()
    assert {"numpy", "pandas", "pyarrow"} <= set(loaded.split())
    assert not {"pydantic", "scipy", "sklearn", "pipeline", "requests"} & set(loaded.split())
    home = Path(sysconfig.get_path("purelib", vars={"base": str(empty.parent.parent)}))
    sizes = {
        name: sum(path.stat().st_size for path in (home / name).rglob("*") if path.suffix != ".pyc") / 1e6
        for name in ("alignment_census", "alignment_census_data")
    }
    assert sizes["alignment_census"] < 5 and sizes["alignment_census_data"] < 40
    record_score(f"package: import {float(seconds):.3f} s; installed MB " + json.dumps(sizes))


def test_nothing_is_written_beside_installed_data(empty):
    _run(empty, "-c", THREE_LINES)
    home = Path(sysconfig.get_path("purelib", vars={"base": str(empty.parent.parent)}))
    assert not list((home / "alignment_census_data").rglob(".vector_cache"))


def test_the_wheel_has_no_package_named_pipeline(wheels):
    names = [name for wheel in wheels for name in zipfile.ZipFile(wheel).namelist()]
    assert {name.split("/")[0].split("-")[0] for name in names} == {"alignment_census", "alignment_census_data"}
    assert "alignment_census/_pipeline/release/load.py" in names and "alignment_census/py.typed" in names


def test_the_same_files_give_the_same_wheels(wheels, census_folder, tmp_path):
    again = build_both(census_folder, tmp_path)
    assert [store.sha256_of_file(wheel) for wheel in again] == [store.sha256_of_file(wheel) for wheel in wheels]


def test_look_ups_work_in_the_empty_environment_and_name_the_extra_that_others_need(empty):
    census = [str(empty.with_name("census"))]
    shown = subprocess.run(
        [*census, "share", "--by", "year", "--format", "csv"], check=False, capture_output=True, text=True, env=_plain()
    )
    assert shown.returncode == 0 and len(shown.stdout.splitlines()) > 50, shown.stderr
    for words, extra in ((["search", "debate"], "encode"), (["corpus"], "pipeline")):
        done = subprocess.run(
            [*census, *words], check=False, capture_output=True, text=True, env=_plain(), cwd=empty.parent
        )
        assert done.returncode == 4
        assert f"pip install 'alignment-census[{extra}]'" in done.stderr


def test_stages_run_from_the_wheel(wheels, tmp_path):
    """With the packages of this environment, but `pipeline` only as the wheel has it."""
    from tests.small_project import invent_documents, write_project

    path = write_project(tmp_path / "project", invent_documents(12))
    with zipfile.ZipFile(wheels[0]) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import sys\nfrom alignment_census._pipeline.cli.main import main\n"
        f"status = main(['--config', {str(path)!r}, *sys.argv[1:]])\n"
        "assert 'pipeline' not in sys.modules\nsys.exit(status)"
    )
    environment = {**_plain(), "PYTHONPATH": str(tmp_path / "site")}
    for words in (["make", "corpus"], ["make", "corpus", "--dry-run"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
    assert "corpus" not in done.stdout  # nothing to do: the stage found its own code unchanged
    assert len(pd.read_parquet(tmp_path / "project/data/processed/documents.parquet")) == 12


def test_importing_the_package_loads_nothing_that_takes_time(root):
    code = (
        "import sys, alignment_census; print(*[name for name in ('numpy', 'pandas', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_without_a_census_the_error_says_where_it_was_looked_for_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(found, "CHECKOUT", tmp_path)
    monkeypatch.delenv(found.VARIABLE, raising=False)
    monkeypatch.setattr(found, "PACKAGE", "no_such_package")
    with pytest.raises(alignment_census.CensusError, match="pip install alignment-census-data"):
        alignment_census.load_census()
    with pytest.raises(alignment_census.CensusError, match="neither a folder nor a version"):
        alignment_census.load_census("2031.01")
    assert alignment_census.list_censuses().empty


def test_a_version_is_found_by_its_name(here):
    version = here.name.removeprefix("census-")
    assert alignment_census.load_census(version).folder == here
    assert version in set(alignment_census.list_censuses()["version"])


def test_a_share_of_ones_own_is_the_published_one_for_every_definition_frame_and_year(here):
    census = alignment_census.load_census()
    definitions = alignment_census.load_definitions(census=census).set_index("id")["query"]
    for by in ("", "year"):
        rows = alignment_census.share(by=by, census=census)
        chosen = rows[rows["frame"] == rows["frame"].iloc[0]]
        for row in chosen.to_dict("records"):
            own = alignment_census.estimate_share(
                dict(definitions[row["definition"]]), frame=row["frame"], year=row["year"], census=census
            )
            if np.isnan(row["share"]):
                assert np.isnan(own.share)
                continue
            assert own.share == pytest.approx(row["share"], abs=1e-9)
            assert own.low >= row["low"] - 1e-9 and own.high <= row["high"] + 1e-9  # the published ones are nested
            assert own.n_read == row["n_read"] and own.n_population == row["n_population"]


def test_a_definition_by_axes_that_no_study_has_adds_up(here):
    """The published weights tell every axis apart: the kinds of evidence are parts of one whole."""
    census = alignment_census.load_census()
    frame = census.table("weights")["frame"].iloc[0]
    kinds = sorted(census.table("codes")["evidence"].unique())
    parts = [alignment_census.estimate_share({"evidence": [kind]}, frame=frame, census=census).share for kind in kinds]
    assert sum(parts) == pytest.approx(1, abs=1e-6) and max(parts) < 0.99


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"groups": ["Z"]}, "no code 'Z'"),
        ({"group": ["A"]}, "unknown key"),
        ("strct", "did you mean 'strict'"),
        ({"evidence": ["Q"]}, "no code 'Q'"),
    ],
)
def test_a_definition_that_is_none_is_refused_in_one_line(here, query, problem):
    frame = alignment_census.load_census().table("weights")["frame"].iloc[0]
    with pytest.raises(alignment_census.CensusError, match=problem) as raised:
        alignment_census.estimate_share(query, frame=frame)
    assert "\n" not in str(raised.value)


def test_own_papers_join_by_any_spelling_of_their_id(here):
    census = alignment_census.load_census()
    doc_id = next(name for name in census.documents["doc_id"] if name.startswith("arxiv:2"))
    bare = doc_id.removeprefix("arxiv:")
    spellings = [
        bare,
        f"{bare}v2",
        f"arXiv:{bare}",
        f"https://arxiv.org/pdf/{bare}v1",
        f"https://doi.org/10.48550/arXiv.{bare}",
    ]
    rows = alignment_census.find_documents([*spellings, "0000.00000"], census=census)
    assert rows["doc_id"].tolist()[:-1] == [doc_id] * len(spellings) and pd.isna(rows["doc_id"].iloc[-1])
    assert rows["name"].tolist() == [*spellings, "0000.00000"]


def test_nearest_compares_every_document_and_leaves_out_the_one_asked_about(here):
    census = alignment_census.load_census()
    doc_id = census.documents["doc_id"].iloc[7]
    scores = census.vectors.astype(np.float64) @ census.vectors[7].astype(np.float64)
    scores[7] = -2
    rows = alignment_census.nearest(doc_id, 20, census=census)
    assert (
        rows["doc_id"].tolist()
        == census.documents["doc_id"].to_numpy()[np.argsort(-scores, kind="stable")[:20]].tolist()
    )
    same = alignment_census.nearest(census.vectors[7], 21, census=census)
    assert same["doc_id"].iloc[0] == doc_id
    with pytest.raises(alignment_census.CensusError, match="finite numbers"):
        alignment_census.nearest(np.zeros(3), census=census)


def test_comparing_names_what_came_went_and_changed_with_both_values(here):
    census = alignment_census.load_census()
    older = alignment_census.Census(
        census.folder,
        census.documents.iloc[1:].assign(title=lambda rows: rows["title"].where(rows.index != 3, "Old")),
        census.vectors[1:],
        census.manifest,
    )
    rows = alignment_census.compare_censuses(older, census).set_index("key")
    gone, changed = census.documents["doc_id"].iloc[0], census.documents["doc_id"].iloc[3]
    assert rows["change"].to_dict() == {gone: "added", changed: "changed"}
    assert rows.loc[changed, "columns"] == ["title"] and rows.loc[changed, "before"] == ["Old"]


def test_the_command_prints_what_the_functions_return(here, capsys):
    assert command.main(["share", "--definition", "strict", "--by", "year", "--format", "csv"]) == 0
    rows = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype={"year": str})
    wanted = alignment_census.share("strict", by="year")
    assert rows["share"].tolist() == pytest.approx(wanted["share"].tolist()) and len(rows) == len(wanted)
    assert command.main(["places", "https://arxiv.org/abs/2502.17424", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["work_id"] == "arxiv:2502.17424"


def test_every_look_up_of_the_help_runs(here, capsys):
    text = command.EXAMPLES.partition("stages,")[0]
    lines = [line.split("census ", 1)[1] for line in text.splitlines() if line.startswith("  census ")]
    assert len(lines) == 5
    for line in lines:
        if not line.startswith("search"):  # needs the encoder: see tests/test_dataset.py
            words = [str(here) if word == "2026.07" else word for word in line.split()]
            assert command.main(words) == 0, line
            assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["shares"], "did you mean 'share'"),
        (["serach", "x"], "did you mean 'search'"),
        (["reprot"], "did you mean 'report'"),
        (["share", "--defintion", "strict"], "did you mean '--definition'"),
        (["share", "--by", "month"], "choose from"),
    ],
)
def test_a_slip_on_the_command_line_is_one_line_with_what_was_meant(words, hint, capsys):
    try:
        status = command.main(words)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status == 2 and hint in error and len(error.splitlines()) == 1


def test_the_help_names_every_stage_and_every_look_up(capsys):
    from pipeline.cli.registry import load_stages

    with pytest.raises(SystemExit):
        command.main(["--help"])
    shown = capsys.readouterr().out
    for name in (*load_stages(), *command.LOOKUPS):
        assert re.search(rf"^ +{re.escape(name)}\b", shown, re.MULTILINE), name
    with pytest.raises(SystemExit):
        command.main(["--version"])
    assert capsys.readouterr().out == f"census {alignment_census.__version__}\n"


def test_every_command_has_its_help(capsys):
    from pipeline.cli.registry import load_stages

    for name in sorted({*load_stages(), *command.LOOKUPS}):
        with pytest.raises(SystemExit) as ended:
            command.main([name, "--help"])
        assert ended.value.code == 0 and f" {name} [-h]" in capsys.readouterr().out, name


def test_completion_is_a_script_that_the_shell_reads_and_knows_the_options(capsys, tmp_path):
    pytest.importorskip("shtab")
    start = time.perf_counter()
    assert command.main(["completion", "bash"]) == 0
    assert time.perf_counter() - start < 5
    script = tmp_path / "census.bash"
    script.write_text(capsys.readouterr().out)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    assert "--definition" in script.read_text() and "places" in script.read_text()
    for shell, start in (("zsh", "#compdef census"), ("tcsh", "#")):
        assert command.main(["completion", shell]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith(start) and "places" in shown and "estimate" in shown


def test_every_public_name_is_there_and_they_are_few(root):
    names = set(alignment_census.__all__)
    assert names == set(dir(alignment_census)) and 18 <= len(names) <= 28
    for name in names:
        assert getattr(alignment_census, name) is not None
    with pytest.raises(AttributeError):
        _ = alignment_census.no_such_name


def test_every_python_line_of_the_readme_runs(root, here, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    monkeypatch.chdir(root)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)


# What schema 1.2.0 of the Citation File Format asks for and allows (citation-file-format.github.io), of what we write.
CFF_NEEDS = {"authors", "cff-version", "message", "title"}
CFF_ALLOWS = CFF_NEEDS | {
    *("abstract", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license", "license-url"),
    *("preferred-citation", "references", "repository", "repository-artifact", "repository-code", "type", "url"),
    "version",
}
CFF_ENTITY = {"name", "email", "website", "orcid", "alias", "address", "city", "country", "location", "region"}
# What Zenodo's deposit metadata need of a data set.
ZENODO_NEEDS = {"title", "upload_type", "description", "creators", "access_right", "license"}


@pytest.mark.parametrize("is_full", [False, True], ids=["as it ships", "with every setting"])
def test_the_citations_are_valid(is_full):
    from dataclasses import replace

    from pipeline.config import load_config
    from pipeline.release.citation import render_citation, render_zenodo

    yaml = pytest.importorskip("yaml")
    dataset = load_config(Path(__file__).parent.parent / "census.toml").dataset
    if is_full:
        told = {"url": "https://census.invalid/a", "contact": "a@census.invalid", "creators": ('A "B": C', "#D\nE")}
        dataset = replace(dataset, **told, keywords=("a: b", "- c"))
    found = yaml.safe_load(render_citation(dataset, "2026.10"))
    assert CFF_NEEDS <= set(found) <= CFF_ALLOWS
    assert (found["cff-version"], found["type"], found["version"]) == ("1.2.0", "dataset", "2026.10")
    people = [*found["authors"], *found.get("contact", [])]
    assert all("name" in entity and set(entity) <= CFF_ENTITY for entity in people) and found["authors"]
    assert all(isinstance(found[key], str) and found[key] for key in ("title", "message", "license", "version"))
    assert len(set(found["keywords"])) == len(found["keywords"]) and all(
        isinstance(word, str) for word in found["keywords"]
    )
    deposit = json.loads(render_zenodo(dataset, "2026.10", "what it is"))
    assert set(deposit) >= ZENODO_NEEDS and all(creator["name"] for creator in deposit["creators"])
    assert (deposit["upload_type"], deposit["access_right"], deposit["license"]) == ("dataset", "open", "cc-by-4.0")
    if is_full:
        assert found["url"].startswith("https://") and "@" in found["contact"][0]["email"]
        assert [entity["name"] for entity in found["authors"]] == ['A "B": C', "#D E"]


def test_the_root_says_how_the_version_of_the_configuration_is_cited(tmp_path):
    from dataclasses import replace

    from pipeline.config import load_config
    from pipeline.dataset.publish import write_citations

    root = Path(__file__).parent.parent
    config = load_config(root / "census.toml")
    handcheck = str(root / config.paths.handcheck)
    write_citations(replace(config, root=tmp_path, paths=replace(config.paths, handcheck=handcheck)), config.version)
    for name in ("CITATION.cff", ".zenodo.json"):
        assert (root / name).read_text(encoding="utf-8") == (tmp_path / name).read_text(encoding="utf-8"), name
    assert "example.org" not in (root / "CITATION.cff").read_text(encoding="utf-8")
    assert json.loads((root / ".zenodo.json").read_text(encoding="utf-8"))["version"] == config.version
