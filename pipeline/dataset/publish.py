"""`make release VERSION=…`: the census that was made becomes the one that the next starts from.

The folder is put under data/raw/census/ whole; then one write of the configuration points the source at it: before that
everything is as it was, after it the new census is in force. A run that was killed is completed by running it again.
"""

import logging
import re
import shutil
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.coding.codebook import Study, load_codebook
from pipeline.config import Config
from pipeline.dataset import stage
from pipeline.dataset.contents import codebook_path
from pipeline.dataset.verify import verify_release
from pipeline.errors import ConfigError, DataError
from pipeline.generations import draft_folder, hold_lock
from pipeline.release.citation import CITATION_NAME, ZENODO_NAME, render_citation, render_zenodo
from pipeline.release.manifest import read_manifest

log = logging.getLogger(__name__)
CHANGELOG = "CHANGELOG.md"


def run(config: Config, version: str = "") -> None:
    """Puts the release of a version under data/raw/census/, points the source at it, and says what changed.

    Args:
        config: of the project.
        version: of the release; the configuration's by default.

    Raises:
        ConfigError: the version is older than the last one, or the configuration cannot be edited.
        DataError: something of the release does not hold; nothing has changed then.
    """
    version = version or config.version
    home = config.path(config.paths.raw, "census")
    home.mkdir(parents=True, exist_ok=True)
    with hold_lock(home):
        name, last = _last_census(config)
        if last and version < last:
            raise ConfigError(
                f"{version} is older than {last}, which is released", where="VERSION", do="give a later one: 2027.02"
            )
        folder = home / version
        if last != version:
            if not folder.exists():
                _put(config, version, folder)
            verify_release(folder)
            path = config.file
            text = point_at(path.read_text(encoding="utf-8"), name, _as_written(config, folder), version, str(path))
            store.write_text(path, text)
        else:
            verify_release(folder)
        write_citations(config, version)
        note_changes(config.path(CHANGELOG), version, _describe(folder, version, last if last != version else ""))
        shutil.rmtree(config.path(config.paths.dist, f"census-{version}"), ignore_errors=True)
    log.info("release: %s is in force; %s reads it", folder.relative_to(config.root), config.file.name)


def write_citations(config: Config, version: str) -> None:
    """Says at the root of the project, where archives and forges look for it, how this version is cited."""
    study = load_codebook(codebook_path(config)).study if codebook_path(config).is_file() else Study()
    about = f"{config.dataset.title} {version}: facts, vectors, codes and weights of {study.corpus}."
    store.write_text(config.path(CITATION_NAME), render_citation(config.dataset, version))
    store.write_text(config.path(ZENODO_NAME), render_zenodo(config.dataset, version, about))


def _put(config: Config, version: str, folder: Path) -> None:
    """Makes the release if it is not made yet, and puts it into its place: whole, or without `[dataset] left_out`.

    Raises:
        DataError: the release does not hold, or was made from other tables than those of now.
    """
    built = config.path(config.paths.dist, f"census-{version}")
    if not built.exists():
        stage.run(replace(config, version=version))
    verify_release(built)
    with draft_folder(folder) as draft:
        if config.dataset.left_out:
            stage.write_release(replace(config, version=version), draft, config.dataset.left_out)
            _compare(draft, built)
            return
        for path in sorted(built.iterdir()):
            if path.is_file():
                shutil.copy2(path, draft / path.name)


def _compare(part: Path, whole: Path) -> None:
    """Makes sure that each table of a release in part is that of the whole one."""
    mine, theirs = (read_manifest(folder)["files"] for folder in (part, whole))
    for name, entry in mine.items():
        if name.endswith(".parquet") and entry["sha256"] != theirs.get(name, {}).get("sha256"):
            raise DataError(f"{name} has changed since the release was made", where=str(whole), do="run make dataset")


def _last_census(config: Config) -> tuple[str, str]:
    """Returns the entry of the newest census among the sources, and its version; nothing where there is none."""
    found = [
        (Path(str(entry["path"])).name, name) for name, entry in config.sources.items() if entry["kind"] == "census"
    ]
    version, name = max(found, default=("", ""))
    return name, version


def _as_written(config: Config, folder: Path) -> str:
    return folder.relative_to(config.root).as_posix() if folder.is_relative_to(config.root) else str(folder)


def point_at(text: str, name: str, place: str, version: str, where: str) -> str:
    """Returns a configuration with the census source `name` at another place, and another version; the rest as it is.

    Raises:
        ConfigError: the lines to edit are not found.
    """
    if not name:
        text = text.rstrip("\n") + f'\n\n[sources.census]\nkind = "census"\npath = "{place}"\n'
        name = "census"
    else:
        head = re.search(rf"^\[sources\.{re.escape(name)}\].*$", text, re.MULTILINE)
        line = re.compile(r'^path\s*=\s*"[^"\n]*"', re.MULTILINE).search(text, head.end() if head else len(text))
        if line:
            text = text[: line.start()] + f'path = "{place}"' + text[line.end() :]
    text = re.sub(r'^version\s*=\s*"[^"\n]*"', f'version = "{version}"', text, count=1, flags=re.MULTILINE)
    table = tomllib.loads(text)
    if table.get("version") != version or table["sources"][name].get("path") != place:
        raise ConfigError(
            f"cannot be edited: point [sources.{name}] path at {place!r} and set version to {version!r}",
            where=where,
            do="edit these two lines, then run make release again",
        )
    return text


def _describe(folder: Path, version: str, last: str) -> list[str]:
    """Returns what changed, as lines of a list."""
    manifest = read_manifest(folder)
    counts = {name: entry.get("row_count") for name, entry in manifest["files"].items()}
    lines = [f"- {counts['documents.parquet']:,} documents, {counts.get('codes.parquet') or 0:,} of them read."]
    if "changes.parquet" in counts:
        rows = pd.read_parquet(folder / "changes.parquet")
        found = Counter(rows["change"])
        lines.append(
            f"- Against {last or 'the version before'}: "
            + ", ".join(f"{found[name]:,} {name}" for name in ("added", "changed", "gone"))
            + f" (`data/raw/census/{version}/changes.parquet`)."
        )
    if "coverage.parquet" in counts:
        rows = pd.read_parquet(folder / "coverage.parquet")
        rows = rows[(rows["window"] == "") & (rows["n_read"] > 0)]
        lines += [
            f"- {row['frame']}: covers {row['n_covered']:,} of {row['n_members']:,} documents, {row['n_read']:,} read."
            for row in rows.to_dict("records")
        ]
    return lines


def note_changes(path: Path, version: str, lines: list[str]) -> None:
    """Adds a section on a version to the changelog, after what is unreleased; once."""
    heading = f"## Census {version}"
    text = path.read_text(encoding="utf-8") if path.exists() else "# Changelog\n"
    if re.search(rf"^{re.escape(heading)}$", text, re.MULTILINE):
        return
    unreleased = re.search(r"^## Unreleased.*$", text, re.MULTILINE)
    after = re.compile(r"^## ", re.MULTILINE).search(text, unreleased.end() if unreleased else 0)
    place = after.start() if after else len(text)
    section = "\n".join([heading, "", *lines, ""])
    before = text[:place].rstrip("\n")
    store.write_text(path, f"{before}\n\n{section}" + (f"\n{text[place:]}" if after else ""))
