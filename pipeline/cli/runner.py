"""Running stages: what is stale of a target and what it reads from, in order, one make at a time.

Each stage runs in a process of its own, so that none holds the memory of another; two run at once where neither waits
for the other. The first is a new interpreter; those after it are forked from one that loaded their libraries meanwhile.
"""

import contextlib
import fcntl
import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipeline.boundary import AGAIN
from pipeline.cli import staleness
from pipeline.cli.code import PACKAGE
from pipeline.cli.loaded import run_loaded, start_loading
from pipeline.cli.memory import NAME, Memory
from pipeline.cli.schedule import run_in_order
from pipeline.config import Config
from pipeline.errors import ConfigError, DataError
from pipeline.stages import Stage, order_stages

log = logging.getLogger(__name__)
NEEDS_EXTRA = 4  # exit status: an optional part of the installation is missing
HOLDER = "CENSUS_LOCK_HOLDER"  # of the stages that make starts: they do not wait for it
SIGNALLED = 128  # added to the number of a signal, as shells do
MORE_MEMORY = f"if nobody did that, the memory was used up: close other programs; {AGAIN}"
EXTRA_FILE = "CENSUS_EXTRA_FILE"  # where a stage names the extra it lacks, for make to install
MAKE_VARIABLES = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
INSTALLING = threading.Lock()  # stages that run side by side install one after the other
PACKAGE_ROOT = staleness.PACKAGE_ROOT


def make_target(
    config_path: Path, config: Config, stages: Mapping[str, Stage], target: str, words: Sequence[str]
) -> int:
    """Brings all that a target reads up to date, then the target itself; a command runs in any case.

    Args:
        config_path: the configuration file, as it was named.
        config: what it says.
        stages: every declared stage.
        target: the stage.
        words: further words of its command line.

    Returns:
        the exit status of the stage that failed, or of the target.
    """
    derived = [stage for stage in order_stages(dict(stages), target) if stage.name != target or stage.is_derived]
    is_loading = False

    def run(stage: Stage) -> int:
        nonlocal is_loading
        own, is_forked = words if stage.name == target else (), is_loading
        if not own and not _is_stale(config, stage):
            return 0
        if not is_loading:
            later = [other.module for other in derived[derived.index(stage) + 1 :]]
            is_loading = bool(later) and start_loading(later)
        return run_process(config_path, stage, own, is_forked=is_forked)

    with hold_folder(config, f"make {target}"):
        status = run_in_order(derived, run)
    if status or stages[target].is_derived:
        return status
    return run_process(config_path, stages[target], words)  # a command may take hours: it holds nothing


def print_plan(
    config_path: Path, config: Config, stages: Mapping[str, Stage], target: str, words: Sequence[str]
) -> int:
    """Prints the commands that `make_target` would run, and why; runs nothing and writes nothing."""
    memory = Memory.load(_memory_path(config))
    changed: dict[str, str] = {}  # the tables that a stage before would write anew
    for stage in order_stages(dict(stages), target):
        command = _command(config_path, stage, words if stage.name == target else ())
        if stage.name == target and not stage.is_derived:
            print(f"{command}")
            continue
        reasons = staleness.judge(config, stage, memory).reasons
        upstream = sorted({changed[name] for name in (*stage.reads, *stage.may_read) if name in changed})
        if reasons:
            print(f"{command}  # {_join(reasons)}")
        elif upstream:
            print(f"# {command}  # if {' or '.join(upstream)} writes other tables than last time")
        if reasons or upstream:
            changed |= dict.fromkeys(stage.writes, stage.name)
    return 0


def run_process(config_path: Path, stage: Stage, words: Sequence[str], *, is_forked: bool = False) -> int:
    """Runs one stage as a process; installs an extra that it lacks, once, and says so. Returns the exit status."""
    arguments = ["--config", str(config_path), stage.name, *words]
    with tempfile.TemporaryDirectory(prefix="census-") as folder:
        note = Path(folder) / "extra"
        environment = {HOLDER: str(os.getpid())}
        if can_install():
            environment[EXTRA_FILE] = str(note)
        status = (run_loaded if is_forked else _run_anew)(arguments, environment)
        if status == NEEDS_EXTRA and note.exists():
            with INSTALLING:
                is_there = install_extra(note.read_text(encoding="utf-8"), stage.name)
            if not is_there:
                return status
            environment.pop(EXTRA_FILE)
            status = _run_anew(arguments, environment)
    if status < 0:
        log.error("error: %s was ended by %s; %s", stage.name, _name_signal(-status), MORE_MEMORY)
    return status if status >= 0 else SIGNALLED - status


def _run_anew(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs `python -m pipeline ARGUMENTS` as `run_loaded` does, in an interpreter of its own."""
    command = [sys.executable, "-m", PACKAGE, *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


def _name_signal(number: int) -> str:
    known = {each.value: each.name for each in signal.Signals}
    return known.get(number, f"signal {number}")


def can_install() -> bool:
    """Says whether missing extras can be installed here: in the checkout's own environment, with its lock files."""
    return (PACKAGE_ROOT / "requirements").is_dir() and (PACKAGE_ROOT / ".venv").exists()


def install_extra(extra: str, who: str) -> bool:
    """Installs an extra with the pinned versions, through make. Returns whether it could."""
    print(f"{who}: installs the extra {extra!r}, which it needs (once)", file=sys.stderr, flush=True)
    command = ["make", "--no-print-directory", "-C", str(PACKAGE_ROOT), "install", f"EXTRA={extra}"]
    environment = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    return subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode == 0


@contextlib.contextmanager
def hold_folder(config: Config, who: str) -> Iterator[None]:
    """Lets one run at a time work on the derived files; another waits, and says for whom.

    A stage that the holder started goes through at once.

    Raises:
        DataError: the folder cannot be written to.
    """
    path = config.path(config.paths.processed, ".lock")
    if os.environ.get(HOLDER) and _read_holder(path).get("process") == int(os.environ[HOLDER]):
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"cannot be written to ({error.strerror})", where=str(path.parent), do="give yourself the right to write"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _read_holder(path)
            log.warning(
                "waiting: %s (process %s, since %s) works on %s",
                holder.get("who", "another run"),
                holder.get("process", "unknown"),
                holder.get("since", "unknown"),
                path.parent,
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        file.write(json.dumps({"who": who, "process": os.getpid(), "since": since}))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def run_recorded(config: Config, stage: Stage, work: Callable[[], int | None]) -> int | None:
    """Runs the function of a stage and notes, if it ends well, what it depended on when it began."""
    memory = Memory.load(_memory_path(config))
    parts = staleness.list_parts(config, stage, memory)
    status = work()
    if not status:
        staleness.write_record(config, stage, parts, memory)
        memory.save()
    return status


def _is_stale(config: Config, stage: Stage) -> bool:
    memory = Memory.load(_memory_path(config))
    try:
        verdict = staleness.judge(config, stage, memory)
    except SyntaxError as error:
        raise ConfigError(
            f"is not Python ({error.msg})", where=f"{error.filename}:{error.lineno}", do="mend the line"
        ) from None
    memory.save()
    log.debug("%s: %s", stage.name, _join(verdict.reasons))
    return bool(verdict.reasons)


def _memory_path(config: Config) -> Path:
    return config.path(config.paths.processed, staleness.FOLDER, NAME)


def _read_holder(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _command(config_path: Path, stage: Stage, words: Sequence[str]) -> str:
    executable = Path(sys.executable)
    shown = executable.relative_to(Path.cwd()) if executable.is_relative_to(Path.cwd()) else executable
    return shlex.join([str(shown), "-m", PACKAGE, "--config", str(config_path), stage.name, *words])


def _join(reasons: Sequence[str]) -> str:
    more = f" and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    return "; ".join(reasons[:3]) + more
