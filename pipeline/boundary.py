"""The one boundary for failures: whatever ends a run becomes one line and an exit status, and a bug a report file.

Exit statuses: 0 done; 1 something that the person running the pipeline can mend; 2 a wrong command line; 3 an uneven
scrape or hydration; 70 a bug of this program, with a crash report; 130 interrupted; 141 nobody reads the output any
more; 143 asked to end.
"""

import errno
import hashlib
import platform
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NoReturn

from pipeline.errors import PipelineError, one_line

MENDABLE, USAGE, UNEVEN, BUG, INTERRUPTED, UNREAD, ENDED = 1, 2, 3, 70, 130, 141, 143
AGAIN = "the last good state is as it was: run the same command again"
# What a person can do about an error of the operating system, by its number.
REMEDIES = {
    errno.ENOSPC: f"the disk is full: make room; {AGAIN}",
    errno.EDQUOT: f"your share of the disk is used up: make room; {AGAIN}",
    errno.EROFS: "this place cannot be written: name another under [paths]",
    errno.EACCES: "this user may not use it: change its permissions, or name another place under [paths]",
    errno.EPERM: "this user may not change it: change its permissions, or name another place under [paths]",
    errno.ENOENT: "it is not there: restore it, or correct the path that names it",
    errno.ENOTDIR: "a file stands where a folder should: move it away, or correct the path",
    errno.EISDIR: "a folder stands where a file should: move it away, or correct the path",
    errno.ENAMETOOLONG: "use shorter names",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine: close some programs",
    errno.EIO: "the disk does not answer as it should: check it",
    errno.ELOOP: "a link leads to itself: remove it",
}


def explain_failure(error: BaseException, crash_folder: Path) -> tuple[str, int]:
    """Returns the line that says what ended a run, where, and what to do, and the exit status.

    Args:
        error: whatever was raised.
        crash_folder: where the report of a bug is written; the folder for temporary files if that is not possible.

    Returns:
        the line, empty where nothing need be said, and the exit status.
    """
    if isinstance(error, PipelineError):
        return str(error), MENDABLE
    if isinstance(error, SystemExit):
        return "", error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted; {AGAIN}", INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return "", UNREAD
    mendable = _explain_surroundings(error)
    if mendable:
        return one_line(mendable), MENDABLE
    report = _write_report(error, crash_folder)
    what = one_line(f"{type(error).__name__}: {error}")[:300]
    return f"this is a fault of the program ({what}); please report it with {report or 'what you did'}", BUG


def prepare_process() -> None:
    """Lets any terminal show any text, and lets a request to end (SIGTERM) clean up as an interrupt does."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: object) -> NoReturn:
    raise SystemExit(ENDED)


def _explain_surroundings(error: BaseException) -> str:
    """Returns what is wrong around the program, and what to do, or nothing if the fault lies within."""
    if isinstance(error, MemoryError):
        return (
            f"the memory is used up ({error or 'no more could be had'}); close other programs or use a larger machine"
        )
    if isinstance(error, RecursionError):
        return "something is nested too deep to be read; look for a file with thousands of brackets within brackets"
    if isinstance(error, UnicodeDecodeError):
        return f"a text is not {error.encoding} ({error.reason} at byte {error.start}); save its file as UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return f"a text cannot be written as {error.encoding}; set PYTHONIOENCODING=utf-8, or mend the text"
    if isinstance(error, OSError):
        where = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        what = error.strerror or str(error) or type(error).__name__
        do = REMEDIES.get(error.errno or 0, "check the disk, the connection and the permissions, then run it again")
        return f"{where}: {what}; {do}" if where else f"{what}; {do}"
    return ""


def _write_report(error: BaseException, folder: Path) -> Path | None:
    """Writes the traceback of a bug. The same bug has the same file."""
    trace = "".join(traceback.format_exception(error))
    text = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}\n{trace}"
    name = f"crash-{hashlib.sha256(trace.encode('utf-8', 'backslashreplace')).hexdigest()[:12]}.txt"
    for place in (folder, Path(tempfile.gettempdir())):
        try:
            place.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return place / name
    return None
