"""Hashes of files, remembered by size and time of change, so that a run with nothing to do reads next to nothing."""

import ast
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.cli.code import MEANINGS, digest_asset, digest_module, find_imports

NAME = "files.json"


@dataclass
class Memory:
    """What was known of files at the last run.

    Attributes:
        path: where it is kept.
        entries: by kind and path: size, time of change in nanoseconds, inode, and what was found.
    """

    path: Path
    entries: dict[str, list[object]] = field(default_factory=dict)
    is_changed: bool = False

    @classmethod
    def load(cls, path: Path) -> "Memory":
        """Reads it, or starts anew where it is missing or damaged: it only saves time."""
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            entries = {}
        return cls(path, entries if isinstance(entries, dict) else {})

    def save(self) -> None:
        """Writes it if anything was learnt."""
        if self.is_changed:
            store.write_text(self.path, json.dumps(self.entries, sort_keys=True) + "\n")

    def content(self, path: Path) -> str:
        """Returns the SHA-256 of a file's bytes."""
        return str(self._recall("content", path, lambda: hashlib.sha256(path.read_bytes()).hexdigest()))

    def asset(self, path: Path) -> str:
        """Returns the digest of a file that is no Python."""
        return str(self._recall("asset", path, lambda: digest_asset(path)))

    def module(self, path: Path, module: str, root: Path, *, shows_meanings: bool) -> tuple[str, list[str]]:
        """Returns the digest of a module's code, and the modules of the package that it imports.

        Raises:
            SyntaxError: the file is not Python.
        """

        def read() -> list[object]:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            imports = sorted(find_imports(tree, root))
            return [digest_module(tree, module, shows_meanings=shows_meanings), imports]

        kind = "code with meanings" if shows_meanings and module == MEANINGS else "code"  # the others have none
        found: Any = self._recall(kind, path, read)
        return str(found[0]), [str(name) for name in found[1]]

    def _recall(self, kind: str, path: Path, read: Callable[[], object]) -> object:
        facts = path.stat()
        known = self.entries.get(f"{kind} {path}")
        key = [facts.st_size, facts.st_mtime_ns, facts.st_ino]
        if isinstance(known, list) and known[:3] == key:
            return known[3]
        found = read()
        self.entries[f"{kind} {path}"] = [*key, found]
        self.is_changed = True
        return found
