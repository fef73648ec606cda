"""The command line in processes of their own that need not load it: each is forked from one that has.

Loading pandas, scikit-learn and Flask takes a second and a half of processor, a fork two hundredths. It is the process
that `python -m pipeline WORDS` would be from the moment when its modules are loaded: its arguments, surroundings,
folder, output, signals and exit status. What tests of loading itself, or of another copy of the code, start an
interpreter for.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
LOADED = (
    *("pipeline.cli.runner", "pipeline.scrape.settings_check", "pipeline.check.stage", "pipeline.corpus.stage"),
    *("pipeline.embed.stage", "pipeline.cluster.stage", "pipeline.estimate.stage", "pipeline.agreement.stage"),
    *("pipeline.agendas.stage", "pipeline.report.stage", "pipeline.dataset.stage", "pipeline.estimate.plan"),
)
RUNNING = -1  # in place of the status of a process that has not ended
MOST_BYTES = 1 << 18  # of a request, the environment in it
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # only a process of one thread may be forked


class Warm:
    """The process that has loaded everything; one for each process of the tests."""

    def __init__(self) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.warm", str(theirs.fileno())]
        with theirs:
            environment = {**os.environ, **ONE_THREAD}
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()])

    def close(self) -> None:
        self.channel.close()
        self.process.wait()

    def start(
        self,
        words: Sequence[str],
        stdout: IO[Any],
        stderr: IO[Any],
        environment: Mapping[str, str] | None = None,
        folder: Path = ROOT,
    ) -> "Started":
        """Starts `python -m pipeline WORDS` in a folder, with this environment or the present one."""
        surroundings = dict(os.environ if environment is None else environment)
        request = {"words": list(words), "environment": surroundings, "folder": str(folder)}
        message = json.dumps(request).encode()
        assert len(message) < MOST_BYTES
        socket.send_fds(self.channel, [message], [stdout.fileno(), stderr.fileno()])
        return Started(self, self._receive())

    def run(
        self, words: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path = ROOT
    ) -> subprocess.CompletedProcess[str]:
        """Runs it to its end, as `subprocess.run` with captured text."""
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            status = self.start(words, stdout, stderr, environment, folder).wait()
            texts = []
            for file in (stdout, stderr):
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess(words, status, *texts)

    def _receive(self) -> int:
        answer = self.channel.recv(MOST_BYTES)
        assert answer, "the process that has loaded everything has ended"
        return int(answer)

    def ask_of(self, process: int, *, is_patient: bool) -> int | None:
        self.channel.send(json.dumps({"of": process, "options": 0 if is_patient else os.WNOHANG}).encode())
        status = self._receive()
        return None if status == RUNNING else os.waitstatus_to_exitcode(status)


@dataclass
class Started:
    """A process that was started."""

    warm: Warm
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """Returns its exit status, negative for a signal, or None while it runs."""
        if self.returncode is None:
            self.returncode = self.warm.ask_of(self.pid, is_patient=False)
        return self.returncode

    def wait(self) -> int:
        """Returns its exit status when it has ended."""
        if self.returncode is None:
            self.returncode = self.warm.ask_of(self.pid, is_patient=True)
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        """Ends it at once, and returns when it has ended."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)
        self.wait()


def serve(channel: socket.socket) -> None:
    """Forks a process for each request, or waits for one, until nobody asks any more."""
    while True:
        message, files, _, _ = socket.recv_fds(channel, MOST_BYTES, 2)
        if not message:
            return
        request = json.loads(message)
        if "of" in request:
            ended, status = os.waitpid(request["of"], request["options"])
            channel.send(str(status if ended else RUNNING).encode())
            continue
        process = os.fork()
        if not process:
            channel.close()
            _become(request, *files)
        for file in files:
            os.close(file)
        channel.send(str(process).encode())


def _become(request: dict[str, Any], stdout: int, stderr: int) -> None:
    """Is `python -m pipeline` from here on; never returns."""
    status = 1
    try:
        for file, place in ((os.open(os.devnull, os.O_RDONLY), 0), (stdout, 1), (stderr, 2)):
            os.dup2(file, place)
            os.close(file)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        sys.argv = ["pipeline", *request["words"]]
        runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    for name in LOADED:
        importlib.import_module(name)
    serve(socket.socket(fileno=int(sys.argv[1])))
