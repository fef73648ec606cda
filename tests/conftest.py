"""What every test may use."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from pipeline.cli.registry import load_stages
from pipeline.stages import order_stages
from tests.warm import Warm

if TYPE_CHECKING:  # the tests of pure functions run without it
    from playwright.sync_api import Browser

# The same examples on every run of CI; new ones on every other run.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

ROOT = Path(__file__).resolve().parent.parent
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def overlay_2026_07(folder: Path) -> None:
    """Makes a project the one of the census 2026.07: configuration, codebook, round and sheets as they were then.

    It is small and never changes, so most tests use it; those of the shipped census take the fixture `shipped`.
    """
    text = (ROOT / "census.toml").read_text(encoding="utf-8")
    text = text.replace('version = "2026.11"', 'version = "2026.07"', 1).replace("census/2026.11", "census/2026.07", 1)
    text = re.sub(r"\[frames\.arxiv-announced\]\n(?:.+\n)+\n", "", text)
    text = re.sub(r"^(?:borrows|part_of|space|scope_recall) = .*\n", "", text, flags=re.MULTILINE)
    (folder / "census.toml").unlink(missing_ok=True)
    (folder / "census.toml").write_text(text, encoding="utf-8")
    own = folder / "data/raw/handcheck"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(ROOT / "studies/2026.07/handcheck", own, ignore=shutil.ignore_patterns(".*"))
    for name in ("README.md", "texts"):
        source = ROOT / "data/raw/handcheck" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, own / name)


@pytest.fixture(scope="session")
def shipped() -> Path:
    """The project as it ships."""
    return ROOT


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A view of the project in which the census is that of 2026.07 (`overlay_2026_07`)."""
    place = tmp_path_factory.mktemp("project")
    if (ROOT.parent / "shared").exists():
        (place / "shared").symlink_to(ROOT.parent / "shared")
    folder = place / "project"
    (folder / "data/raw").mkdir(parents=True)
    inner = {"data", "census.toml", ".git"}
    for source in (*ROOT.iterdir(), *(ROOT / "data").iterdir(), *(ROOT / "data/raw").iterdir()):
        name = source.relative_to(ROOT)
        if name.as_posix() not in {*inner, "data/raw", "data/raw/handcheck"}:
            (folder / name).symlink_to(source)
    overlay_2026_07(folder)
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real documents and recorded responses, where a checkout has one beside it."""
    folder = Path(os.environ.get("ALIGNMENT_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("the folder of real samples is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Runs the command line in processes of their own that need not load it."""
    started = Warm()
    yield started
    started.close()


@pytest.fixture(scope="session")
def encoder_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of converted models for all tests: a conversion takes seconds."""
    return tmp_path_factory.mktemp("encoders")


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Headless Chromium, without a connection to anything."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("CENSUS_REQUIRE_BROWSER"):
            pytest.fail("CENSUS_REQUIRE_BROWSER is set and there is no Chromium on the PATH")
        pytest.skip("there is no Chromium on the PATH")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        yield chromium
        chromium.close()


def copy_checkout(folder: Path) -> Path:
    """Copies the files git knows, with the same virtual environment, so that make may run there."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listing.stdout.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    for compiled in (ROOT / "pipeline").rglob("*.pyc"):  # they hold good for files of the same time and size
        (folder / compiled.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(compiled, folder / compiled.relative_to(ROOT))
    (folder / ".venv").symlink_to(Path(sys.prefix))
    overlay_2026_07(folder)
    shutil.rmtree(folder / "reports/2026.11", ignore_errors=True)
    return folder


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Makes a folder once for all processes of a run; the others wait for the first that wants it."""
    base = factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / name
    folder.mkdir(exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder.parent / f"{name}.made").exists():
            make(folder)
            (folder.parent / f"{name}.made").touch()
    return folder


# One thread, and another linear-algebra kernel than this machine's own.
OTHER_KERNEL = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Sandybridge"}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy after `make report` and the other stages that write files, run under `OTHER_KERNEL` and watched.

    Tests read it, in all processes at once; those that edit take `workshop`. What the stages read is in `traces`.
    """

    def make(folder: Path) -> None:
        copy_checkout(folder)
        traces = folder.parent / "traces"
        traces.mkdir()
        watch = {"PYTHONPATH": f"{folder}/tests/watch:{folder}", "CENSUS_TRACES": str(traces)}
        environment = {**os.environ, **OTHER_KERNEL, **watch}
        stages = load_stages()
        ran = {stage.name for stage in order_stages(stages, "report")}
        others = [name for name, stage in stages.items() if stage.is_derived and name not in ran]
        command = ["make", "report", *others]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return make_once(tmp_path_factory, "checkout", make)


@pytest.fixture(scope="session")
def traces(built: Path) -> dict[str, dict[str, list[str]]]:
    """What each stage that writes files really read when `built` was made: see tests/trace_stage.py."""
    found = {path.stem: json.loads(path.read_text()) for path in (built.parent / "traces").glob("*.json")}
    assert set(found) == {name for name, stage in load_stages().items() if stage.is_derived}
    return found


@pytest.fixture(scope="session")
def workshop(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copy that tests may edit, and put back as it was."""
    return shutil.copytree(built, tmp_path_factory.mktemp("workshop") / "checkout", symlinks=True)


@pytest.fixture(scope="session")
def census_folder(request: pytest.FixtureRequest) -> Path:
    """The release that the copy makes, with all that was estimated; or the one that CENSUS_RELEASE names, for haste."""
    if os.environ.get("CENSUS_RELEASE"):
        return Path(os.environ["CENSUS_RELEASE"]).resolve()
    (folder,) = (request.getfixturevalue("built") / "dist").glob("census-*")
    return folder


# Fixtures whose tests need more than Python: a browser, an encoder, a whole project. `make test-fast` leaves them out.
WHOLE = {"browser", "built", "census_folder", "encoder_cache", "traces"}


@pytest.hookimpl(optionalhook=True)  # of xdist, for `-n auto`
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: tests of servers and of pages wait a part of their time."""
    return (os.cpu_count() or 1) + 1


FIRST = "test_report_state"  # the longest of those that only read a built copy
EARLY = {"test_check_page", "test_study"}  # what is long and needs no copy: it runs while one is built
TOGETHER = {"test_dataset"}  # files whose own fixtures take longer than is won by dividing their tests


def _place(item: pytest.Item) -> int:
    """Says when a test comes: first what builds the copy, then by length, so that all processes end together."""
    marks = [str(mark.args[0]) for mark in item.iter_markers("xdist_group")]
    if marks:
        return {"edited": 0, FIRST: 1}.get(marks[0], 3)
    return 2 if item.path.stem in EARLY else 4


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        if WHOLE & used:
            item.add_marker(pytest.mark.whole)
        if "workshop" in used:  # one process edits
            item.add_marker(pytest.mark.xdist_group("edited"))
        elif {"built", "census_folder"} & used or item.path.stem in TOGETHER:  # what a file loads is loaded once
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=_place)


SCORES = pytest.StashKey[list[str]]()


@pytest.fixture
def record_score(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps a measured score for the end of the run, where all are printed together."""
    return request.config.stash.setdefault(SCORES, []).append


SECONDS: dict[str, float] = {}  # by file: set-up, call and tear-down of its tests
SHOWN_FILES = 10


def pytest_runtest_logreport(report: pytest.TestReport) -> None:  # by the process that prints, whoever ran the test
    name = report.nodeid.split("::")[0]
    SECONDS[name] = SECONDS.get(name, 0.0) + report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if len(SECONDS) > SHOWN_FILES:
        terminalreporter.section("slowest files")
        for name in sorted(SECONDS, key=SECONDS.__getitem__, reverse=True)[:SHOWN_FILES]:
            terminalreporter.write_line(f"{SECONDS[name]:7.1f} s  {name}")
    scores = config.stash.get(SCORES, [])
    if scores:
        terminalreporter.section("pinned scores")
        for line in scores:
            terminalreporter.write_line(line)
