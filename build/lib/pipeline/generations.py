"""Generations: what a run writes lies in a folder beside until all of it is there, then takes its place in one step.

    data/processed/tables/corpus/documents.parquet    the tables of a stage, swapped as one folder
    data/processed/documents.parquet                  a link to it: where every reader finds the table

Whoever opens a table finds that of the last run that ended well or that of the new one. A run that fails, is killed or
finds the disk full leaves all of the last; what a killed run left half written is removed by the next one.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline import store
from pipeline.errors import DataError

FOLDER = "tables"
DRAFT_ENDING = ".part"


@contextlib.contextmanager
def open_generation(processed: Path, stage: str) -> Iterator[Path]:
    """Yields a folder for all tables of a stage, `<table>.parquet` each; they are swapped in if the block ends well.

    Args:
        processed: the folder of the derived tables.
        stage: the name of the stage, which is that of the folder.

    Raises:
        DataError: another run writes the same tables.
    """
    home = processed / FOLDER
    home.mkdir(parents=True, exist_ok=True)
    with hold_lock(home / f".{stage}.lock"):
        _remove_dead_links(processed, stage)
        try:
            with draft_folder(home / stage) as draft:
                yield draft
                names = sorted(path.name for path in draft.iterdir())
                _adopt_files(processed, stage, names)
                for name in names:
                    if not os.path.lexists(processed / name):  # leads nowhere until the swap
                        _link(processed, stage, name)
        finally:
            _remove_dead_links(processed, stage)
        for name in names:
            _link(processed, stage, name)


@contextlib.contextmanager
def draft_folder(folder: Path) -> Iterator[Path]:
    """Yields an empty folder beside another one and puts it in its place if the block ends well.

    At every moment the old folder or the new one is there, whole. Only one may work on a folder: see `hold_lock`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}.*{DRAFT_ENDING}"):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=DRAFT_ENDING, dir=folder.parent))
    try:
        yield draft
        umask = os.umask(0)
        os.umask(umask)
        draft.chmod(0o777 & ~umask)
        for place in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
            _sync(place)
        store.replace_folder(draft, folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Makes sure that nobody else does the same; the path may be a folder that is there.

    Raises:
        DataError: another run has the lock.
    """
    handle = os.open(path, os.O_RDONLY) if path.is_dir() else os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError("another run writes here", where=str(path.parent), do="wait until it ends") from None
        yield
    finally:
        os.close(handle)


def _target(stage: str, name: str) -> Path:
    return Path(FOLDER, stage, name)


def _link(processed: Path, stage: str, name: str) -> None:
    """Makes the place of a table a link into the generation, in one step."""
    path, target = processed / name, _target(stage, name)
    if path.is_symlink() and path.readlink() == target:
        return
    beside = path.with_name(f".{name}{DRAFT_ENDING}")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(path)


def _adopt_files(processed: Path, stage: str, names: list[str]) -> None:
    """Takes tables that lie at their places as plain files into the present generation; what readers find stays.

    Older versions wrote them so, and so they come out of a copy that follows links.
    """
    plain = [name for name in names if (processed / name).is_file() and not (processed / name).is_symlink()]
    if not plain:
        return
    home = processed / FOLDER / stage
    home.mkdir(exist_ok=True)
    for name in plain:
        beside = home / f".{name}{DRAFT_ENDING}"
        beside.unlink(missing_ok=True)
        os.link(processed / name, beside)
        beside.replace(home / name)
        _link(processed, stage, name)


def _remove_dead_links(processed: Path, stage: str) -> None:
    """Removes the links to tables that the stage does not have, or no longer has."""
    for path in processed.iterdir():
        if path.is_symlink() and path.readlink() == _target(stage, path.name) and not path.exists():
            path.unlink()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
