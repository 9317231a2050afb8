"""Migrations that are Python: read as text, never imported, so that nothing of a release runs when it is only looked
at."""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.errors import GateFailed

FILE_LIMIT_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class PythonFile:
    """One file that was read: its syntax tree, and its SHA-256, whatever its line ends."""

    path: Path
    tree: ast.Module
    sha256: str


def read_python(path: Path) -> PythonFile:
    """Raises `GateFailed` where it is too large, cannot be read, or is no Python of this version."""
    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            raise GateFailed(
                f"migration {path} is larger than {FILE_LIMIT_BYTES >> 20} MiB",
                "load data by a job of the service's own, not by a migration",
            )
        raw = path.read_bytes()
    except OSError as problem:
        raise GateFailed(
            f"migration {path} cannot be read: {problem.strerror}", "let this user read it"
        ) from problem
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(raw)
    except SyntaxError as problem:
        where = f" (line {problem.lineno})" if problem.lineno else ""
        raise GateFailed(
            f"migration {path} is not Python that can be read: {problem.msg}{where}",
            "correct it, then plan again",
        ) from problem
    except (ValueError, RecursionError, MemoryError) as problem:
        raise GateFailed(
            f"migration {path} is not Python that can be read: {problem}", "correct it, then plan again"
        ) from problem
    return PythonFile(path, tree, hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest())


def assigned(body: Iterable[ast.stmt], name: str) -> ast.expr | None:
    """What is assigned to this name there, by the last statement that does; None where nothing is."""
    found: ast.expr | None = None
    for statement in body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            found = getattr(statement, "value", None) or found
    return found


def literal(expression: ast.expr | None) -> Any:
    """The value of what is written out. Raises `ValueError` for what has to be computed."""
    if expression is None:
        return None
    try:
        return ast.literal_eval(expression)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as problem:
        raise ValueError("it is computed, not written out") from problem


def function(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    """The last function of this name at the top of the file."""
    found = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name]
    return found[-1] if found else None


def does_nothing(wanted: ast.FunctionDef) -> bool:
    """Whether there is nothing in it but a docstring, `pass` and `...`."""
    return all(
        isinstance(each, ast.Pass) or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in wanted.body
    )


def refuses(wanted: ast.FunctionDef) -> bool:
    """Whether all that it does is to raise an error."""
    said = [each for each in wanted.body if not isinstance(each, ast.Expr | ast.Import | ast.ImportFrom)]
    return bool(said) and isinstance(said[0], ast.Raise)


def calls(within: ast.AST, *names: str) -> Iterator[ast.Call]:
    """Every call in there of something that is named so, whatever it is reached by."""
    for node in ast.walk(within):
        if isinstance(node, ast.Call) and name_of(node.func) in names:
            yield node


def name_of(called: ast.expr) -> str:
    """`RunPython` of `migrations.RunPython`; "" for what has no name."""
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """One argument, given by its place or its name; None where it is not, or is `None`."""
    given = call.args[position] if len(call.args) > position else None
    for keyword in call.keywords:
        if keyword.arg == name:
            given = keyword.value
    return None if isinstance(given, ast.Constant) and given.value is None else given


def in_order(names: Iterable[str], needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Each after all that it needs, otherwise in the given order. Raises `GateFailed` where that is a circle."""
    order: dict[str, None] = {}
    open_ones: dict[str, None] = {}
    for name in names:
        todo = [name]
        while todo:
            this = todo[-1]
            lacking = [each for each in needs.get(this, ()) if each in needs and each not in order]
            if this in order or not lacking:
                order.setdefault(this)
                open_ones.pop(this, None)
                todo.pop()
                continue
            if this in open_ones:
                raise GateFailed(
                    f"migrations {this} and {lacking[0]} need each other",
                    "correct what they depend on, then plan again",
                )
            open_ones[this] = None
            todo.extend(lacking)
    return list(order)
