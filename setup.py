"""The wheel: one package, `alignment_census`, with the folder `pipeline/` inside it as `alignment_census._pipeline`.

`pipeline` is the likeliest name of a folder there is, and taken on the package index: as a top-level package it would
shadow, or be shadowed by, the `pipeline` of whoever installs this. So the wheel moves it, and every import of it in the
copied files is rewritten; the files of the checkout are never touched. An editable install keeps both folders.
"""

import ast
import re
import sys
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

INNER = "alignment_census._pipeline"
ASSETS = ["**/*.html", "**/*.css", "**/*.js", "**/*.md", "**/*.toml", "**/*.txt", "py.typed"]
REWRITES = (
    (re.compile(r"^(\s*)from pipeline(?=[. ])", re.MULTILINE), rf"\1from {INNER}"),
    (re.compile(r"^(\s*)import pipeline(?=\.)", re.MULTILINE), rf"\1import {INNER}"),
    (re.compile(r"^(\s*)import pipeline$", re.MULTILINE), rf"\1import {INNER} as pipeline"),
    (re.compile(r"""(["'])pipeline\.(?=[a-z_]+(?:\.[a-z_]+)*(?::[a-z_]+)?["'])"""), rf"\1{INNER}."),  # names of modules
)


def rewrite(source: str, name: str) -> str:
    """Returns a module's source with every import of `pipeline` naming the place it has in the wheel.

    Raises:
        SystemExit: an import is left that the rules do not reach.
    """
    for pattern, replacement in REWRITES:
        source = pattern.sub(replacement, source)
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for found in names:
            if found.split(".")[0] == "pipeline":
                sys.exit(
                    f"error: {name}:{node.lineno}: {found} would be missing in the wheel; see REWRITES in setup.py"
                )
    return source


class BuildPackage(build_py):
    """Copies the modules, then rewrites the copies."""

    def run(self) -> None:
        """Builds the package."""
        super().run()
        if not self.editable_mode:
            for path in sorted(Path(self.build_lib, "alignment_census").rglob("*.py")):
                path.write_text(rewrite(path.read_text(encoding="utf-8"), str(path)), encoding="utf-8")


found = find_packages(include=["alignment_census", "alignment_census.*", "pipeline", "pipeline.*"])
is_editable = "editable_wheel" in sys.argv or "develop" in sys.argv
setup(
    packages=found if is_editable else [re.sub(r"^pipeline(?=\.|$)", INNER, name) for name in found],
    package_dir={} if is_editable else {INNER: "pipeline"},
    package_data={"": ASSETS},
    cmdclass={"build_py": BuildPackage},
)
