"""What a stage's code is: the modules that its function reaches by imports, each by its syntax tree alone.

Comments, docstrings, blank lines, the declarations of stages and, for a stage that does not show them, what `schemas`
says that columns mean are no part of it: an edit of these reruns nothing.
"""

import ast
import contextlib
import hashlib
import tomllib
from pathlib import Path

from pipeline.text.comments import strip_comments

PACKAGE = __name__.removesuffix(".cli.code")  # pipeline; in a wheel it lies in another package
NO_CODE = {f"{PACKAGE}.stages"}  # declarations: what they say reaches a stage's digest by what they name
MEANINGS = f"{PACKAGE}.schemas"
MEANING_PLACE = {"Column": 2, "Table": 1}  # of the argument `meaning` in the calls of schemas.py


def find_imports(tree: ast.Module, root: Path) -> set[str]:
    """Returns the modules of the package that a module imports anywhere, their packages too."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if path_of(name, root) else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    mine = {name for name in found if name.startswith(f"{PACKAGE}.")}
    rooms = {name.rpartition(".")[0] for name in mine if name.count(".") > PACKAGE.count(".") + 1}
    uses_package = any(name == PACKAGE for name in found)
    return (mine | rooms | ({PACKAGE} if uses_package else set())) - NO_CODE


def path_of(module: str, root: Path) -> Path | None:
    """Returns the file of a module of the package under `root`, or None where there is none."""
    place = f"{root}/{module.replace('.', '/')}"  # asked for each module of each stage: strings, not paths
    for path in (Path(f"{place}.py"), Path(f"{place}/__init__.py")):
        if path.is_file():
            return path
    return None


def digest_module(tree: ast.Module, module: str, *, shows_meanings: bool) -> str:
    """Returns the hash of a module's syntax tree, without what is no code, which is taken out of the tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    tree.body = [node for node in tree.body if not _is_declaration(node)]
    if module == MEANINGS and not shows_meanings:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                _drop_meaning(node)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def digest_asset(path: Path) -> str:
    """Returns the hash of a file that is no Python: a TOML file by its values, a template without its comment lines."""
    content = path.read_bytes()
    if path.suffix == ".toml":
        with contextlib.suppress(UnicodeDecodeError, tomllib.TOMLDecodeError):  # the stage that reads it says so
            content = repr(tomllib.loads(content.decode("utf-8-sig"))).encode()
    elif path.suffix in {".js", ".css", ".html", ".md"}:
        content = strip_comments(content.decode("utf-8", "replace"), path.suffix).encode()
    return hashlib.sha256(content).hexdigest()


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        node.body = node.body[1:]


def _is_declaration(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module in NO_CODE
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id == "STAGES" for target in targets)


def _drop_meaning(call: ast.Call) -> None:
    place = MEANING_PLACE.get(call.func.id) if isinstance(call.func, ast.Name) else None
    if place is None:
        return
    call.keywords = [word for word in call.keywords if word.arg != "meaning"]
    if len(call.args) > place and isinstance(call.args[place], ast.Constant):
        call.args[place] = ast.Constant("")
