"""Damaged releases and caches: for each document its own vector, or one line."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import store
from pipeline.errors import PipelineError
from pipeline.release.load import load_census
from pipeline.release.manifest import make_sums, read_manifest, release_digest, write_manifest
from pipeline.release.vector_cache import FOLDER, cache_path

Case = Callable[[Path], str]
SHIPPED = Path(__file__).resolve().parents[2] / "data/raw/census/2026.07"
COUNT = 40
Change = Callable[[Path], object]


@lru_cache(maxsize=1)
def base() -> tuple[Path, dict[str, np.ndarray]]:
    """Returns a small release, made of the first rows of the shipped one, and the vector of each document."""
    folder = Path(tempfile.mkdtemp(prefix="release-"))
    for name in ("documents.parquet", "embeddings.parquet"):
        pq.write_table(pq.read_table(SHIPPED / name).slice(0, COUNT), folder / name)
    seal(folder)
    rows = pq.read_table(folder / "embeddings.parquet")
    matrix = store.matrix_from_column(rows.column("vector")).astype(np.float32)
    return folder, dict(zip(rows.column("doc_id").to_pylist(), matrix, strict=True))


def seal(folder: Path) -> None:
    """Writes a manifest that fits the files, as a faulty program would."""
    names = ("documents.parquet", "embeddings.parquet")
    files = {
        name: {"sha256": store.sha256_of_file(folder / name), "byte_count": (folder / name).stat().st_size}
        for name in names
    }
    write_manifest(folder, {"version": "1", "files": files, "document_count": COUNT, "frames": {}, "encoder": {}})


def check(folder: Path, change: Change, *, is_warm: bool = True, **options: object) -> str:
    """Changes a copy of the release, with its cache written before or not, and loads it. Returns what is wrong."""
    whole, vectors = base()
    copy = folder / "release"
    shutil.copytree(whole, copy, ignore=shutil.ignore_patterns(FOLDER))
    if is_warm:
        load_census(copy)
    change(copy)
    try:
        census = load_census(copy, **options)  # type: ignore[arg-type]
        found = dict(zip(census.documents["doc_id"], census.vectors, strict=True))
    except PipelineError as error:
        return "" if "\n" not in str(error) and str(error).isprintable() else f"several lines: {error}"
    wrong = [name for name in found if name not in vectors or not np.array_equal(found[name], vectors[name])]
    return f"{len(wrong)} documents have another vector" if wrong or census.vectors.dtype != np.float32 else ""


def cache_of(folder: Path) -> Path:
    return cache_path(folder, read_manifest(folder))


def flip(path: Path, share: int, *, keeps_time: bool = False) -> None:
    """Flips a bit of a file, and sets its time back if asked."""
    content, facts = bytearray(path.read_bytes()), path.stat()
    content[len(content) * share // 100] ^= 4
    path.write_bytes(content)
    if keeps_time:
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def reorder(folder: Path, name: str, *, is_sealed: bool) -> None:
    path = folder / name
    rows = pq.read_table(path)
    pq.write_table(rows.take(list(range(len(rows)))[::-1]), path)
    if is_sealed:
        seal(folder)


def rewrite_manifest(folder: Path, change: Callable[[dict], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def save(path: Path, matrix: np.ndarray) -> None:
    np.save(path, matrix)


def rewrite(folder: Path, **tables: Callable[[pa.Table], pa.Table]) -> None:
    """Changes tables and seals the release, as a faulty program would."""
    for name, change in tables.items():
        path = folder / f"{name}.parquet"
        pq.write_table(change(pq.read_table(path)), path)
    seal(folder)


def put(name: str, make: Callable[[int], pa.Array]) -> Callable[[pa.Table], pa.Table]:
    """Returns a change of a table that puts another column in the place of one."""
    return lambda table: table.set_column(table.schema.get_field_index(name), name, make(len(table)))


def _odd_tables() -> dict[str, Change]:
    """Tables that fit their manifest, and cannot be what a release holds."""
    doubled = lambda table: pa.concat_tables([table.slice(0, COUNT - 1), table.slice(0, 1)])  # noqa: E731
    numbers = put("doc_id", lambda count: pa.array(range(count)))
    nameless = put("doc_id", lambda count: pa.array([None, *(f"a{n}" for n in range(1, count))]))
    alike = {"a document twice": doubled, "ids that are numbers": numbers, "a document without an id": nameless}
    both: dict[str, Change] = {
        name: lambda f, c=change: rewrite(f, documents=c, embeddings=c) for name, change in alike.items()
    }
    vectors = {
        "of many lengths": lambda count: pa.array([[0.1] * (3 + n % 2) for n in range(count)]),
        "of text": lambda count: pa.array([["a"] * 3] * count, pa.list_(pa.string(), 3)),
        "of nothing": pa.nulls,
        "of no numbers": lambda count: pa.array([[float("nan")] * 384] * count, pa.list_(pa.float32(), 384)),
        "without end": lambda count: pa.array([[float("inf")] * 384] * count, pa.list_(pa.float32(), 384)),
        "one missing": lambda count: pa.array([None, *[[0.1] * 384] * (count - 1)], pa.list_(pa.float32(), 384)),
    }
    return both | {
        **{
            f"vectors {name}": lambda f, m=make: rewrite(f, embeddings=put("vector", m))
            for name, make in vectors.items()
        },
        "no ids": lambda f: rewrite(f, documents=lambda table: table.drop_columns(["doc_id"])),
        "no ids of vectors": lambda f: rewrite(f, embeddings=lambda table: table.drop_columns(["doc_id"])),
        "no vectors": lambda f: rewrite(f, embeddings=lambda table: table.drop_columns(["vector"])),
        "fewer documents": lambda f: rewrite(f, documents=lambda table: table.slice(0, COUNT - 1)),
        "fewer vectors": lambda f: rewrite(f, embeddings=lambda table: table.slice(1)),
        "a text for documents": lambda f: ((f / "documents.parquet").write_text("hello"), seal(f)),
    }


def _odd_places() -> dict[str, Change]:
    """Links, pipes and folders where files should be."""

    def replace(name: str, make: Callable[[Path], object]) -> Change:
        return lambda folder: ((folder / name).unlink(), make(folder / name))

    changes: dict[str, Change] = {}
    for name in ("documents.parquet", "embeddings.parquet", "manifest.json"):
        changes |= {
            f"{name} is a pipe": replace(name, os.mkfifo),
            f"{name} is a link to another file": replace(name, lambda path: path.symlink_to("/etc/passwd")),
            f"{name} is a link to itself": replace(name, lambda path: path.symlink_to(path.name)),
        }
    return changes | {
        "cache is a pipe": lambda f: (cache_of(f).unlink(), os.mkfifo(cache_of(f))),
        "cache holds objects": lambda f: np.save(cache_of(f), np.array([{"a": 1}], dtype=object), allow_pickle=True),
        "note of numbers": lambda f: cache_of(f).with_suffix(".json").write_text('{"sources": 5, "shape": "x"}'),
    }


def all_cases() -> dict[str, Case]:
    """Returns every case by name."""
    changes: dict[str, Change] = {"nothing": lambda folder: None}
    for share in (1, 20, 50, 80, 99):
        for keeps_time in (False, True):
            changes[f"cache flipped at {share} %, time kept: {keeps_time}"] = lambda f, s=share, k=keeps_time: flip(
                cache_of(f), s, keeps_time=k
            )
        changes[f"embeddings flipped at {share} %"] = lambda f, s=share: flip(
            f / "embeddings.parquet", s, keeps_time=True
        )
        changes[f"documents flipped at {share} %"] = lambda f, s=share: flip(
            f / "documents.parquet", s, keeps_time=True
        )
        changes[f"cache cut at {share} %"] = lambda f, s=share: os.truncate(
            cache_of(f), cache_of(f).stat().st_size * s // 100
        )
    for name in ("documents.parquet", "embeddings.parquet"):
        for is_sealed in (False, True):
            changes[f"{name} reversed, sealed: {is_sealed}"] = lambda f, n=name, s=is_sealed: reorder(f, n, is_sealed=s)
        changes[f"{name} missing"] = lambda f, n=name: (f / n).unlink()
        changes[f"{name} empty"] = lambda f, n=name: (f / n).write_bytes(b"")
        changes[f"{name} is a folder"] = lambda f, n=name: ((f / n).unlink(), (f / n).mkdir())
    for kind in ("int8", "float16", "float64", ">f4", "O"):
        changes[f"cache of {kind}"] = lambda f, k=kind: save(cache_of(f), np.load(cache_of(f)).astype(k))
    changes |= {
        "cache reversed": lambda f: save(cache_of(f), np.load(cache_of(f))[::-1].copy()),
        "cache of fewer rows": lambda f: save(cache_of(f), np.load(cache_of(f))[:-1]),
        "cache by columns": lambda f: save(cache_of(f), np.asfortranarray(np.load(cache_of(f)))),
        "cache is text": lambda f: cache_of(f).write_text("hello"),
        "cache is gone": lambda f: cache_of(f).unlink(),
        "note is gone": lambda f: cache_of(f).with_suffix(".json").unlink(),
        "note is text": lambda f: cache_of(f).with_suffix(".json").write_text("hello"),
        "note is a list": lambda f: cache_of(f).with_suffix(".json").write_text("[]"),
        "note of another shape": lambda f: (
            cache_of(f).with_suffix(".json").write_text('{"sources": ["a", "b"], "shape": [1, 1]}')
        ),
        "cache folder is a file": lambda f: (shutil.rmtree(f / FOLDER), (f / FOLDER).write_text("x")),
        "copied with its cache": lambda f: (
            shutil.copytree(f, f.with_name("c")),
            shutil.rmtree(f),
            f.with_name("c").rename(f),
        ),
    }
    changes |= _odd_tables() | _odd_places()
    entries = {
        "a path": lambda m: m["files"].update({"../../x": dict(m["files"]["documents.parquet"])}),
        "an absolute path": lambda m: m["files"].update({"/etc/passwd": dict(m["files"]["documents.parquet"])}),
        "a hash that is a path": lambda m: m["files"]["embeddings.parquet"].update(sha256="../../../tmp/x"),
        "a short hash": lambda m: m["files"]["embeddings.parquet"].update(sha256="abc"),
        "no hash": lambda m: m["files"]["documents.parquet"].pop("sha256"),
        "a hash that is a number": lambda m: m["files"]["documents.parquet"].update(sha256=5),
        "a negative size": lambda m: m["files"]["documents.parquet"].update(byte_count=-1),
        "a size that is text": lambda m: m["files"]["documents.parquet"].update(byte_count="5"),
        "no documents": lambda m: m["files"].pop("documents.parquet"),
        "files as a list": lambda m: m.update(files=["documents.parquet", "embeddings.parquet"]),
        "no files": lambda m: m.pop("files"),
        "the folder above": lambda m: m["files"].update({"..": dict(m["files"]["documents.parquet"])}),
        "a name with a NUL": lambda m: m["files"].update({"a\0b": dict(m["files"]["documents.parquet"])}),
        "a hash in capitals": lambda m: m["files"]["documents.parquet"].update(sha256="A" * 64),
        "a size that is a truth": lambda m: m["files"]["documents.parquet"].update(byte_count=True),
    }
    for name, change in entries.items():
        changes[f"manifest: {name}"] = lambda f, c=change: rewrite_manifest(f, c)
    for name, text in {
        "empty": "",
        "list": "[]",
        "null": "null",
        "cut": '{"files": ',
        "deep": "[" * 100_000,
        "mark": "\ufeff{}",
    }.items():
        changes[f"manifest is {name}"] = lambda f, t=text: (f / "manifest.json").write_text(t, encoding="utf-8")
    cases: dict[str, Case] = {
        name: lambda folder, change=change: check(folder, change) for name, change in changes.items()
    }
    cases["in memory, embeddings flipped"] = lambda folder: check(
        folder, lambda f: flip(f / "embeddings.parquet", 50), is_warm=False, memory_map=False
    )
    cases["full check of a whole release"] = lambda folder: check(folder, lambda f: None, is_full_check=True)
    cases["digest of another"] = lambda folder: (
        "" if check(folder, lambda f: None, digest="0" * 64) == "" else "is loaded"
    )
    cases["the digest finds a manifest that was sealed anew"] = check_digest
    return cases


def check_digest(folder: Path) -> str:
    whole, _ = base()
    digest = release_digest(whole)
    copy = folder / "release"
    shutil.copytree(whole, copy)
    load_census(copy, digest=digest)
    reorder(copy, "documents.parquet", is_sealed=True)
    (copy / "SHA256SUMS").write_text(make_sums(copy))
    try:
        load_census(copy, digest=digest)
    except PipelineError:
        return ""
    return "is loaded"
