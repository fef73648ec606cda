"""What a stage declares is what it does: its files, settings and code; and only an edit of these reruns it."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pipeline.cli import staleness
from pipeline.cli.inputs import find_files, read_settings, settle
from pipeline.cli.memory import Memory
from pipeline.cli.parser import words_from_make
from pipeline.cli.registry import load_stages
from pipeline.config import Config, load_config
from pipeline.stages import Stage, order_stages
from tests.small_project import invent_documents, write_project
from tests.test_rooms import read_imports
from tests.warm import Warm

pytestmark = pytest.mark.whole

STAGES = load_stages()
DERIVED = [name for name, stage in STAGES.items() if stage.is_derived]
FREE = {"root"}  # every stage may know where it is


def test_every_table_is_written_by_one_stage_and_every_order_exists() -> None:
    for name in STAGES:
        assert [stage.name for stage in order_stages(STAGES, name)][-1] == name


def test_a_circle_of_declarations_is_refused() -> None:
    one = Stage("one", "", "m:f", reads=("b",), writes=("a",))
    two = Stage("two", "", "m:f", reads=("a",), writes=("b",))
    with pytest.raises(ValueError, match="circle"):
        list(order_stages({"one": one, "two": two}, "one"))


def test_report_does_not_wait_for_scope() -> None:
    assert "scope" not in [stage.name for stage in order_stages(STAGES, "report")]


# ---- what stages really read -----------------------------------------------------------------------------------------


@pytest.mark.timeout(600)
def test_a_stage_opens_no_file_that_it_does_not_declare(built: Path, traces: dict) -> None:
    config = load_config(built / "census.toml")
    for name, trace in traces.items():
        stage = settle(config, STAGES[name])
        tables = {str(config.processed(table)) for table in (*stage.reads, *stage.may_read, *stage.writes)}
        declared = {str(path) for pattern in stage.inputs for path in find_files(config, pattern)}
        assets = {str(path) for pattern in stage.assets for path in (built / "pipeline").glob(pattern)}
        outputs = [
            str(config.path(config.paths.dist, "*")),
            str(config.path(config.paths.reports, config.version, "*")),
        ]
        for file in trace["files"]:
            path = Path(file)
            is_ours = path.is_relative_to(built) and not path.is_relative_to(built / ".venv")
            is_draft = any(part.startswith(".") for part in path.relative_to(built).parts) if is_ours else False
            if (
                not is_ours
                or is_draft
                or not path.exists()
                or path.suffix in {".py", ".pyc"}
                or path.name.startswith(".")
                or "egg-info" in file
            ):
                continue
            is_own = path.is_relative_to(built / "data/processed/vectors") or any(
                fnmatch(file, each) for each in outputs
            )
            is_known = file in tables | declared or str(path.resolve()) in {str(Path(t).resolve()) for t in tables}
            assert is_known or is_own or file in assets, f"{name} reads {file}"


def test_a_stage_reads_no_setting_that_it_does_not_declare(built: Path, traces: dict) -> None:
    config = load_config(built / "census.toml")
    for name, trace in traces.items():
        stage = settle(config, STAGES[name])
        declared = {key.replace("sources[census]", "sources") for key in (*stage.settings, *stage.tuning)}
        for key in trace["settings"]:
            if key in FREE or key.startswith("paths.") or key == "frames.*":
                continue
            parts = key.split(".")
            above = {".".join(parts[: place + 1]) for place in range(len(parts))}
            assert above & declared, f"{name} reads {key}"


def test_a_stage_loads_no_module_that_its_code_does_not_hold(traces: dict, tmp_path: Path) -> None:
    rooms = {f"pipeline.{path.parent.name}" for path in (staleness.PACKAGE_ROOT / "pipeline").glob("*/__init__.py")}
    for name, trace in traces.items():
        code = staleness.digest_code(STAGES[name], Memory(tmp_path / "none"))
        assert set(trace["modules"]) - rooms <= set(code), name


# ---- what reruns -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noted(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code and the hand check, in which every stage has just run."""
    folder = tmp_path_factory.mktemp("code")
    for name in ("pipeline", "data/raw/handcheck", "data/raw/scope"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "census.toml", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staleness, "PACKAGE_ROOT", folder)
        note_runs(load_config(folder / "census.toml"))
    return folder


@pytest.fixture
def copy(noted: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """That copy, to edit: it is put back as it was."""
    before = {path: path.read_bytes() for path in noted.rglob("*") if path.is_file()}
    monkeypatch.setattr(staleness, "PACKAGE_ROOT", noted)
    yield noted
    assert {path for path in noted.rglob("*") if path.is_file()} == set(before)
    for path, content in before.items():
        if path.read_bytes() != content:
            path.write_bytes(content)


MEMORY = Memory(Path("never-saved"))  # of unchanged files, over all edits: reading them all anew takes minutes


def note_runs(config: Config) -> None:
    for name in DERIVED:
        staleness.write_record(config, STAGES[name], staleness.list_parts(config, STAGES[name], MEMORY), MEMORY)


def stale(config: Config) -> set[str]:
    return {name for name in DERIVED if staleness.judge(config, STAGES[name], MEMORY).reasons}


@pytest.fixture(scope="module")
def reach(root: Path) -> dict[str, set[str]]:
    """Which derived stages reach each file of the package by imports, counted without the code under test."""
    imports = read_imports(root)
    found: dict[str, set[str]] = {module: set() for module in imports}
    for name in DERIVED:
        waiting, seen = [STAGES[name].module, f"{STAGES[name].module.rpartition('.')[0]}.__init__"], set()
        while waiting:
            module = waiting.pop()
            if module in seen or module == "pipeline.stages":
                continue
            seen.add(module)
            room = module.split(".")
            waiting += imports[module]
            if len(room) == 3:
                waiting.append(f"pipeline.{room[1]}.__init__")
        for module in seen:
            found[module].add(name)
    return found


def test_an_edit_of_a_module_reruns_the_stages_that_reach_it_and_a_comment_none(copy: Path, reach) -> None:
    config = load_config(copy / "census.toml")
    paths = {module: copy.joinpath(*module.split(".")).with_suffix(".py") for module in reach}
    for path in paths.values():
        path.write_text(path.read_text(encoding="utf-8") + "\n\n# a remark\n", encoding="utf-8")
    assert stale(config) == set(), "a comment reruns something"
    edited = paths["pipeline.store"]
    text = edited.read_text(encoding="utf-8")
    edited.write_text(text + "\nEDITED = 1\n", encoding="utf-8")
    assert stale(config) == reach["pipeline.store"] == {*DERIVED}
    edited.write_text(text, encoding="utf-8")
    before = digest_all()  # of each stage's code alone, which is what an edit of a module can change
    for module, expected in reach.items():
        path = paths[module]
        text = path.read_text(encoding="utf-8")
        path.write_text(text + "\nEDITED = 1\n", encoding="utf-8")
        now = digest_all()
        assert {name for name in DERIVED if now[name] != before[name]} == expected, module
        path.write_text(text, encoding="utf-8")


def digest_all() -> dict[str, dict[str, str]]:
    return {name: staleness.digest_code(STAGES[name], MEMORY) for name in DERIVED}


def test_an_edit_of_a_docstring_a_help_text_or_a_meaning_reruns_only_what_shows_it(copy: Path) -> None:
    config = load_config(copy / "census.toml")

    def edited(name: str, old: str, new: str) -> set[str]:
        path = copy / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        found = stale(config)
        path.write_text(text, encoding="utf-8")
        return found

    assert (
        edited("pipeline/store.py", '"""Writes bytes, atomically."""', '"""Writes some bytes, atomically."""') == set()
    )
    assert edited("pipeline/scrape/__init__.py", "ask nothing", "ask for nothing") == set()
    assert edited("pipeline/embed/__init__.py", "a vector for each document;", "vectors;") == set()
    assert edited("pipeline/schemas.py", '"what could not be used, with the reason"', '"left out"') == {
        "dataset",
        "report",
    }
    assert edited("pipeline/schemas.py", '"cleaned title"', '"the title"') == {"dataset", "report"}


def test_the_plan_the_places_and_the_page_are_no_part_of_other_stages(copy: Path, reach) -> None:
    for module in ("pipeline.estimate.plan", "pipeline.corpus.places", "pipeline.check.page", "pipeline.check.stage"):
        assert reach[module] == set()


def handcheck_files(root: Path) -> Iterator[Path]:
    folder = root / "data/raw/handcheck"
    yield from (path.relative_to(root) for path in sorted(folder.rglob("*")) if path.is_file() and path.name[0] != ".")


def test_an_edit_of_a_hand_check_file_reruns_the_stages_that_declare_it(copy: Path, root: Path) -> None:
    config = load_config(copy / "census.toml")
    for name in handcheck_files(root):
        path = copy / name
        content = path.read_bytes()
        expected = {
            stage
            for stage in DERIVED
            if any(path in find_files(config, pattern) for pattern in settle(config, STAGES[stage]).inputs)
        }
        if path.suffix == ".toml":
            path.write_bytes(content + b"\n# a remark\n")
            assert stale(config) == set(), f"a comment in {name}"
            path.write_bytes(content + b"\n[edited]\n")
        else:
            path.write_bytes(content + b"edited\n")
        assert stale(config) == expected, name
        path.write_bytes(content)


def test_every_hand_check_file_that_a_number_rests_on_is_declared(root: Path) -> None:
    config = load_config(root / "census.toml")
    declared = {path for name in DERIVED for pattern in STAGES[name].inputs for path in find_files(config, pattern)}
    unread = {"README.md", "reading.toml"}  # how the reading room asks moves no number
    apart = {"journal", "answers", "texts"}  # sheets are views of journals; prompts and texts are no codes
    loose = [
        name
        for name in handcheck_files(root)
        if root / name not in declared and name.name not in unread and not apart & set(name.parts)
    ]
    assert not loose


def test_clusters_depend_on_codes_only_where_the_space_is_learnt_from_them(shipped: Path) -> None:
    config = load_config(shipped / "census.toml")
    sheet = "{handcheck}/sheets/*.csv"
    assert config.cluster.space == "subject" and sheet in settle(config, STAGES["cluster"]).inputs
    by_vectors = settle(replace(config, cluster=replace(config.cluster, space="vectors")), STAGES["cluster"])
    assert sheet not in by_vectors.inputs and "estimate.rounds" not in by_vectors.settings


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('headline_definitions = ["strict", "broad"', 'headline_definitions = ["broad"', {"estimate", "report"}),
        ('denominator = "safety"', 'denominator = "everything"', {"estimate", "report"}),
        ('title = "Alignment census"\nheadline', 'title = "A census"\nheadline', {"report"}),
        ("resolution = 3.0", "resolution = 4.0", {"cluster", "report"}),
        ("seed = 20261123", "seed = 7", {"scope", "cluster", "agreement", "estimate", "edge"}),
        ("min_document_count = 12", "min_document_count = 13", {"corpus"}),
        ("min_recall = 0.97", "min_recall = 0.9", {"scope"}),
    ],
)
def test_an_edit_of_a_setting_reruns_the_stages_that_read_it(
    copy: Path, old: str, new: str, expected: set[str]
) -> None:
    path = copy / "census.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert stale(load_config(path)) == expected
    path.write_text(f"# a remark\n{text}", encoding="utf-8")
    assert stale(load_config(path)) == set()


def test_the_prose_of_the_codebook_reruns_the_report_that_reads_it(copy: Path) -> None:
    path = copy / "data/raw/handcheck/codebook/CODEBOOK.md"
    path.write_text(path.read_text(encoding="utf-8") + "\nOne more rule.\n", encoding="utf-8")
    assert stale(load_config(copy / "census.toml")) == {"report"}


def test_scope_reruns_for_the_codebook_and_for_what_settles_codes(copy: Path, reach) -> None:
    assert {"scope", "estimate"} <= reach["pipeline.coding.bands"]
    path = copy / "data/raw/handcheck/codebook/codebook.toml"
    path.write_text(path.read_text(encoding="utf-8") + "\n[edited]\n", encoding="utf-8")
    assert "scope" in stale(load_config(copy / "census.toml"))


# ---- running ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(warm: Warm) -> Callable[..., subprocess.CompletedProcess[str]]:
    return lambda path, *words: warm.run(["--config", str(path), *words])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", invent_documents(20))


def ran(done: subprocess.CompletedProcess[str]) -> list[str]:
    return re.findall(r"^(corpus|embed|cluster):", done.stderr, re.MULTILINE)


def test_any_configuration_works_and_a_second_run_does_nothing(run, project: Path) -> None:
    assert run(project, "make", "corpus").returncode == 0
    assert (project.parent / "data/processed/documents.parquet").exists()
    done = run(project, "make", "corpus")
    assert done.returncode == 0 and done.stderr == ""


def test_a_lost_or_damaged_table_is_made_again(run, project: Path) -> None:
    run(project, "make", "corpus")
    path = project.parent / "data/processed/works.parquet"
    whole = path.read_bytes()
    for content in (None, whole[:100]):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        assert ran(run(project, "make", "corpus")) == ["corpus"]
        assert path.read_bytes() == whole


def test_a_dry_run_says_what_would_run_and_why_and_touches_nothing(run, project: Path) -> None:
    done = run(project, "make", "report", "--dry-run")
    named = [line.split(" --config ")[1].split()[1] for line in done.stdout.splitlines()]
    assert named == ["corpus", "persons", "embed", "cluster", "estimate", "agendas", "agreement", "report"]
    assert not (project.parent / "data").exists()
    run(project, "make", "corpus")
    (project.parent / "documents.jsonl").write_text(json.dumps(invent_documents(1)[0]) + "\n")
    done = run(project, "make", "corpus", "--dry-run")
    assert done.stdout.count("\n") == 1 and "documents.jsonl has changed" in done.stdout


def test_a_dry_run_can_be_pasted_where_a_folder_has_a_blank_in_its_name(run, project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my study"
    shutil.copytree(project.parent, folder)
    line = run(folder / project.name, "make", "corpus", "--dry-run").stdout.split("  #")[0]
    assert shlex.split(line)[-2:] == [str(folder / project.name), "corpus"]


def test_two_runs_at_once_give_one_result_and_the_second_says_who_is_first(project: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "--config", str(project), "make", "corpus"]
    both = [subprocess.Popen(command, cwd=staleness.PACKAGE_ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [each.communicate()[1] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert sum("corpus: 20 items read" in error for error in errors) == 1
    waited = [error for error in errors if "waiting: " in error]
    assert all(re.search(r"waiting: make corpus .*\(process \d+, since ", error) for error in waited)


def test_a_stage_that_fails_is_not_noted_as_run(run, project: Path) -> None:
    (project.parent / "documents.jsonl").write_text("{\n")
    assert run(project, "make", "corpus").returncode == 1
    assert not (project.parent / "data/processed/.stages/corpus.json").exists()


def test_make_variables_become_words_of_the_command_line() -> None:
    words = words_from_make(STAGES["check"], {"CODER": "kim", "TASK": "clusters", "CHECK": "--no-browser --port 81"})
    assert words == ["--no-browser", "--port", "81", "--coder", "kim", "--task", "clusters"]
    assert words_from_make(STAGES["places"], {"ID": "arxiv:1"}) == ["--", "arxiv:1"]


def test_a_command_that_does_not_exist_names_the_one_that_was_meant(run, project: Path) -> None:
    done = run(project, "corpsu")
    assert done.returncode == 2 and done.stderr == "error: there is no command 'corpsu'; did you mean 'corpus'?\n"


def test_a_missing_extra_is_one_line(project: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "sitecustomize.py"
    blocked.write_text(
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('sentence_transformers', 'torch', 'openvino', 'feedparser'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Block())\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)}
    for words, extra in ((["search", "control"], "encode"), (["scrape", "--dry-run"], "scrape")):
        command = [sys.executable, "-m", "pipeline", "--config", str(project), *words]
        done = subprocess.run(
            command, cwd=staleness.PACKAGE_ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 4
        assert re.fullmatch(rf"error: .*needs the extra '{extra}' .*run make install EXTRA={extra}\n", done.stderr)


def test_settings_are_read_by_their_declared_keys(root: Path) -> None:
    config = load_config(root / "census.toml")
    stage = Stage("x", "", "m:f", settings=("seed", "frames.*.is_quotable", "sources[census]", "report.denominator"))
    found = read_settings(config, stage)
    assert found["seed"] == config.seed and set(found["sources[census]"]) == {"census"}
    assert found["frames.*.is_quotable"]["alignmentforum-census"] is True
    changed = replace(config, seed=config.seed + 1)
    assert read_settings(changed, stage) != found


def test_the_targets_are_known_before_anything_is_installed(root: Path) -> None:
    """`make report` on a fresh machine asks for them with a Python that has the standard library alone."""
    command = [sys.executable, "-S", "-m", "pipeline", "stages"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == list(STAGES)


def test_make_knows_every_stage(root: Path) -> None:
    done = subprocess.run(["make", "-p", "-n", "help"], cwd=root, capture_output=True, text=True, check=False)
    assert all(re.search(rf"^{name}:", done.stdout, re.MULTILINE) for name in STAGES)


def test_extras_of_the_package_are_those_that_stages_need(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {extra for stage in STAGES.values() for extra in stage.extras} <= set(project["optional-dependencies"])
    assert not {"torch", "flask", "feedparser"} & {re.split(r"[<>=\[]", each)[0] for each in project["dependencies"]}


def test_a_declaration_loads_no_work(root: Path) -> None:
    for path in sorted((root / "pipeline").glob("*/__init__.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                assert set(names) <= {"pipeline.stages", "typing"}, path
