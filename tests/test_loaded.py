"""Stages that are forked from a process which has loaded what they import."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import runner
from pipeline.cli.registry import load_stages

PROGRAM = """
import os
from pipeline.cli.loaded import run_loaded, start_loading
start_loading(["pipeline.not_there", "broken", "pipeline.config"])
print(run_loaded(["stages"], {}), run_loaded(["reprot"], {}), run_loaded(["--config", "nowhere.toml", "report"], {}))
print(run_loaded(["read"], {"CENSUS_EXTRA_FILE": "note"}), "CENSUS_EXTRA_FILE" in os.environ)
print(run_loaded(["die"], {}))
"""
# Loaded by the process that is forked from: what each forked process calls is this, so that it can be seen.
BROKEN = """
import os, sys, pipeline.cli.main as cli
usual = cli.main
def main():
    words = sys.argv[1:]
    if words == ["read"]:
        with open(os.environ["CENSUS_EXTRA_FILE"], "w") as note:
            note.write("loaded" if "pipeline.config" in sys.modules else "not loaded")
        return 4
    if words == ["die"]:
        os.kill(os.getpid(), 9)
    return usual()
cli.main = main
raise ValueError("what is broken is left out, and ends nothing")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="stages are forked on Linux alone")
def test_a_forked_command_ends_prints_and_sees_as_one_of_its_own(tmp_path: Path, root: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN, encoding="utf-8")
    command = [sys.executable, "-c", PROGRAM]
    environment = {"PYTHONPATH": f"{root}:{tmp_path}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *listed, statuses, extra, killed = done.stdout.splitlines()
    assert any(line.startswith("report\t") for line in listed)
    assert statuses == "0 2 1" and "did you mean 'report'" in done.stderr and "nowhere.toml" in done.stderr
    assert extra == "4 False" and (tmp_path / "note").read_text() == "loaded"
    assert killed == "-9"


def test_a_stage_that_something_killed_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runner, "run_loaded", lambda *_: -9)
    assert runner.run_process(Path("census.toml"), load_stages()["report"], [], is_forked=True) == 128 + 9
    assert "error: report was ended by SIGKILL; " in caplog.text and "memory" in caplog.text
