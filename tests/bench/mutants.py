"""Mutants of the estimating room: its modules with one operator, number or function changed.

A site is where something can be changed, numbered in the order of the syntax tree; a mutant is a module and a site.
Docstrings, annotations, decorators and texts are left alone.
"""

import ast
import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "pipeline" / "estimate"
MODULES = tuple(sorted(path.stem for path in ROOM.glob("*.py") if path.stem != "__init__"))
COMPARE = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
BINARY |= {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult}
NAMES = {"maximum": "minimum", "max": "min", "any": "all", "argmax": "argmin", "zeros": "ones", "sqrt": "abs"}
NAMES |= {new: old for old, new in NAMES.items() if old != "sqrt"}


@dataclass(frozen=True)
class Mutant:
    """A module with one site changed.

    Attributes:
        change: the line and what was changed there; "" where the module has no such site.
        function: the qualified name of the outermost function or method around it; "" for what an import executes.
        lines: the first and the last line of the statement, of a compound one its head alone.
        names: that the statement gives a value.
        n_sites: of the module.
    """

    module: str
    site: int
    code: CodeType
    change: str
    function: str
    lines: tuple[int, int]
    names: frozenset[str]
    n_sites: int


class _Mutator(ast.NodeTransformer):
    """Changes the site of a number, counted in the order of the tree, and counts them all."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.seen, self.changed, self.place, self.lines = wanted, 0, "", "", (0, 0)
        self.function, self.names, self.statements = "", list[str](), list[ast.stmt]()
        self.given = set[str]()

    def visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, ast.stmt):
            return super().visit(node)  # type: ignore[no-any-return]
        self.statements.append(node)
        changed = super().visit(node)
        self.statements.pop()
        return changed  # type: ignore[no-any-return]

    def _is_it(self, node: ast.AST, what: str) -> bool:
        self.seen += 1
        if self.seen - 1 != self.wanted:
            return False
        statement = self.statements[-1]
        body = getattr(statement, "body", None)
        last = max(body[0].lineno - 1, statement.lineno) if body else statement.end_lineno or statement.lineno
        self.place, self.lines = self.function, (statement.lineno, last)
        targets = [each for each in ast.walk(statement) if isinstance(each, ast.Name | ast.Attribute)]
        self.given = {_name(each) for each in targets if isinstance(each.ctx, ast.Store)}
        self.changed = f"line {getattr(node, 'lineno', 0)}: {what}"
        return True

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        new = COMPARE.get(type(node.ops[0]))
        if new and self._is_it(node, f"{type(node.ops[0]).__name__} to {new.__name__}"):
            node.ops[0] = new()
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        new = BINARY.get(type(node.op))
        is_text = any(
            isinstance(part, ast.Constant) and isinstance(part.value, str) for part in (node.left, node.right)
        )
        if new and not is_text and self._is_it(node, f"{type(node.op).__name__} to {new.__name__}"):
            node.op = new()
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        is_site = isinstance(node.op, ast.Invert | ast.Not | ast.USub)
        return node.operand if is_site and self._is_it(node, f"{type(node.op).__name__} dropped") else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            return node
        new = node.value + 1 if isinstance(node.value, int) else node.value * 1.5 + (node.value == 0)
        return ast.copy_location(ast.Constant(new), node) if self._is_it(node, f"{node.value} to {new}") else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr in NAMES and self._is_it(node, f"{node.attr} to {NAMES[node.attr]}"):
            node.attr = NAMES[node.attr]
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in ("max", "min", "any", "all") and self._is_it(node, f"{node.id} to {NAMES[node.id]}"):
            node.id = NAMES[node.id]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.names.append(node.name)
        self.generic_visit(node)
        self.names.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        outer, self.function = self.function, self.function or ".".join([*self.names, node.name])
        node.body = [self.visit(line) for line in node.body]  # type: ignore[misc]  # no annotation, no decorator
        self.function = outer
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)  # type: ignore[assignment]
        return node


@cache
def read_module(module: str) -> str:
    """Returns the text of a module, as it was when it was first asked for."""
    return (ROOM / f"{module}.py").read_text(encoding="utf-8")


def mutate(module: str, wanted: int) -> Mutant:
    """Returns a module with one site changed; with none for a number that it has not."""
    path = ROOM / f"{module}.py"
    mutator = _Mutator(wanted)
    tree = ast.fix_missing_locations(mutator.visit(ast.parse(read_module(module))))
    code: CodeType = compile(tree, str(path), "exec")  # type: ignore[arg-type]
    given = frozenset(mutator.given)
    return Mutant(module, wanted, code, mutator.changed, mutator.place, mutator.lines, given, mutator.seen)


def _name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def find_uses(names: frozenset[str]) -> set[tuple[str, int]]:
    """Returns where functions of the room use one of some names, modules and lines; of a default all of it."""
    found: set[tuple[str, int]] = set()
    for module in MODULES:
        for function in ast.walk(ast.parse(read_module(module))):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Name | ast.Attribute) and _name(node) in names:
                        found.add((module, node.lineno))
                        if node.lineno < function.body[0].lineno and function.end_lineno:
                            found |= {(module, line) for line in range(function.lineno, function.end_lineno + 1)}
    return found


def draw_mutants(number: int, seed: int, modules: tuple[str, ...] = MODULES) -> list[tuple[str, int]]:
    """Returns a random draw of mutants in random order: any beginning of it is a random draw as well."""
    sites = [(module, site) for module in modules for site in range(mutate(module, -1).n_sites)]
    return [sites[place] for place in np.random.default_rng(seed).permutation(len(sites))[:number]]


def _codes(code: CodeType) -> list[CodeType]:
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    return [code, *(found for part in inner for found in _codes(part))]


Key = tuple[str, str, int]  # file, qualified name and first line of a function


def list_functions() -> dict[Key, list[FunctionType]]:
    """Returns the loaded functions of the room."""
    found: dict[Key, list[FunctionType]] = {}
    for one in gc.get_objects():
        if type(one) is FunctionType and one.__code__.co_filename.startswith(str(ROOM)):
            found.setdefault(_key(one.__code__), []).append(one)
    return found


def _key(code: CodeType) -> Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def put_in_place(mutant: Mutant, functions: Mapping[Key, Sequence[FunctionType]]) -> bool:
    """Gives the function of a loaded module its mutated code, for whoever imported it; False where there is none."""
    (new,) = [code for code in _codes(mutant.code) if code.co_qualname == mutant.function]
    found = functions.get(_key(new), ())
    for one in found:
        one.__code__ = new
    return bool(found)
