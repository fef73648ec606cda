"""`make dist`: two wheels, the program alone and the census as data, each of which installs without the other."""

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline import store
from pipeline.config import Config
from pipeline.dataset import stage
from pipeline.dataset.verify import verify_release
from pipeline.errors import DataError, MissingExtraError
from pipeline.release.citation import LICENCE_NAME
from pipeline.release.found import PACKAGE
from pipeline.release.manifest import SUMS_NAME, list_files

log = logging.getLogger(__name__)
SOURCE = Path(__file__).resolve().parents[2]  # the checkout
SAME_DATE = "315532800"  # 1980-01-01, the first that a wheel can hold: the same files give the same wheel
ABOUT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "{version}"
description = "{description}"
requires-python = ">=3.11"
license = "{licence}"
license-files = ["LICENSE-DATA"]

[tool.setuptools]
packages = ["{package}"]

[tool.setuptools.package-data]
{package} = ["**/*"]
"""


def run(config: Config) -> None:
    """Writes both wheels under dist/.

    Raises:
        DataError: this is no checkout, or a wheel cannot be built.
        MissingExtraError: setuptools is missing.
    """
    if importlib.util.find_spec("setuptools") is None:
        raise MissingExtraError("test", "setuptools", where="dist")
    folder = config.path(config.paths.dist, f"census-{config.version}")
    if not folder.is_dir():
        stage.run(config)
    verify_release(folder)
    wheels = [build_program(folder.parent), build_data(folder, config.version, folder.parent)]
    for wheel in wheels:
        log.info("dist: %s, %.2f MB", wheel.relative_to(config.root), wheel.stat().st_size / 1e6)


def build_program(target: Path) -> Path:
    """Builds the wheel of the program, from a copy: a build leaves files beside what it builds."""
    if not (SOURCE / "setup.py").is_file():
        raise DataError("is no checkout", where=str(SOURCE), do="run make dist in a clone of the repository")
    with tempfile.TemporaryDirectory(prefix="census-") as name:
        copy = Path(name)
        for part in ("alignment_census", "pipeline"):
            shutil.copytree(SOURCE / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        for part in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "LICENSE-DATA"):
            shutil.copy2(SOURCE / part, copy)
        return _build(copy, target)


def build_data(folder: Path, version: str, target: Path) -> Path:
    """Builds the wheel of a release: a package that holds its folder, under its version."""
    with tempfile.TemporaryDirectory(prefix="census-") as name:
        copy = Path(name)
        home = copy / PACKAGE / version
        home.mkdir(parents=True)
        for file in (*list_files(folder), "manifest.json", SUMS_NAME):
            shutil.copy2(folder / file, home)
        words = f"The census {version} as data: load it with alignment_census.load_census()"
        store.write_text(home.parent / "__init__.py", f'"""{words}."""\n')
        about = ABOUT.format(
            name=PACKAGE.replace("_", "-"),
            version=python_version(version),
            description=words,
            licence=LICENCE_NAME,
            package=PACKAGE,
        )
        store.write_text(copy / "pyproject.toml", about)
        shutil.copy2(SOURCE / "LICENSE-DATA", copy)
        return _build(copy, target)


def python_version(version: str) -> str:
    """Returns a census's version as Python packages write it: 2026.07 as 2026.7.

    Raises:
        DataError: it is no number.
    """
    parts = version.split(".")
    if not all(part.isdigit() for part in parts):
        raise DataError(f"{version!r} cannot be that of a Python package", where="version", do="use numbers: 2027.02")
    return ".".join(str(int(part)) for part in parts)


def _build(copy: Path, target: Path) -> Path:
    """Builds the wheel of a folder, without the network.

    Raises:
        DataError: pip could not.
    """
    out = copy / "out"
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command += ["--disable-pip-version-check", "--wheel-dir", str(out), str(copy)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": SAME_DATE}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DataError("the wheel cannot be built", where=str(target), do=(done.stderr or done.stdout).strip()[-2000:])
    (built,) = out.glob("*.whl")
    target.mkdir(parents=True, exist_ok=True)
    wheel = target / built.name
    store.write_bytes(wheel, built.read_bytes())
    return wheel
