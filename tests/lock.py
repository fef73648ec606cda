"""Resolves the pinned versions: one lock file a kind of installation, all with the same versions.

`make lock` runs it. The development lock is resolved first; the smaller ones may only take versions from it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
EXTRAS = ("encode", "scrape", "read", "test")
OPTIONS = (
    *("--quiet", "--allow-unsafe", "--unsafe-package", "pip", "--strip-extras", "--no-header"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host"),
)


def compile_lock(name: str, extra: str, constraint: Path | None) -> None:
    """Writes one lock file; an unchanged set of dependencies keeps its versions."""
    path = FOLDER / f"{name}.txt"
    command = [sys.executable, "-m", "piptools", "compile", *OPTIONS]
    command += ["--extra", extra] if extra else []
    command += ["--constraint", str(constraint)] if constraint else []
    command += ["--output-file", str(path), str(ROOT / "pyproject.toml")]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "CUSTOM_COMPILE_COMMAND": "make lock"})
    lines = path.read_text(encoding="utf-8").replace("+cpu", "").splitlines()
    kept = [line for line in lines if line and not re.match(r"\s*#|\s*--|alignment-census\b", line)]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")


def main() -> None:
    """Resolves all."""
    FOLDER.mkdir(exist_ok=True)
    compile_lock("dev", "dev", None)
    for name in ("base", *EXTRAS):
        compile_lock(name, "pipeline" if name == "base" else name, FOLDER / "dev.txt")


if __name__ == "__main__":
    main()
