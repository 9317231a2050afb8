"""Every error that the code can raise: found in its syntax tree, with its words, its next step and its exit code."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from mobius import errors
from mobius.errors import MobiusError

SOURCE = Path(__file__).resolve().parents[2] / "src"
NOT_SAID = "‹…›"
_ABOUT_TEXT = {
    "strip",
    "rstrip",
    "lower",
    "upper",
    "decode",
    "splitlines",
    "replace",
    "removesuffix",
    "as_posix",
}
_SAID = {
    "strerror": "why",
    "problem": "why",
    "error": "why",
    "reason": "why",
    "returncode": "exit code",
    "code": "exit code",
    "stderr": "what it said",
    "st_size": "size",
    "st_uid": "user id",
    "argv": "command",
    "cwd": "folder",
    "fspath": "path",
    "called": "name",
}
_WRITTEN = ast.JoinedStr | ast.Constant | ast.IfExp | ast.BinOp


@dataclass(frozen=True, slots=True)
class Found:
    """One place that makes an error. Where words are put in at run time, `‹name›` says what they are."""

    where: str
    error: type[MobiusError]
    message: str
    hint: str
    own_hint: bool

    @property
    def exit_code(self) -> int:
        return self.error.exit_code

    @property
    def passed_on(self) -> bool:
        """The words are those of another error, or of the caller: nothing of its own is said."""
        return not any(letter.isalpha() for letter in _outside(self.message))


def found() -> list[Found]:
    """All of them, in the order of files and lines."""
    return [one for file in sorted((SOURCE / "mobius").rglob("*.py")) for one in _in_file(file)]


def _in_file(file: Path) -> Iterator[Found]:
    name = ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(name)
    if module is errors:
        return
    for call, inside in _calls(ast.parse(file.read_text("utf-8"))):
        named = inside.of_class if _is_super(call) else _called(call)
        error = getattr(module, named, None) if named else None
        if not (isinstance(error, type) and issubclass(error, MobiusError)):
            continue
        if _is_super(call) or _takes_a_message(error):
            words = _Words(module, inside.locals)
            yield _found(call, error, words, f"{file.relative_to(SOURCE).as_posix()}:{call.lineno}")


@dataclass(frozen=True, slots=True)
class _Inside:
    """Where a call stands: the class, and what the function's own names were given."""

    of_class: str
    locals: dict[str, list[ast.expr]]


def _calls(node: ast.AST, inside: _Inside = _Inside("", {})) -> Iterator[tuple[ast.Call, _Inside]]:
    for child in ast.iter_child_nodes(node):
        there = inside
        if isinstance(child, ast.ClassDef):
            there = _Inside(child.name, {})
        elif isinstance(child, ast.FunctionDef):
            there = _Inside(inside.of_class, _given(child))
        if isinstance(child, ast.Call):
            yield child, inside
        yield from _calls(child, there)


def _given(function: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    given: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            given.setdefault(node.targets[0].id, []).append(node.value)
    return given


def _found(call: ast.Call, error: type[MobiusError], words: _Words, where: str) -> Found:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if call.args and isinstance(call.args[0], ast.Starred):
        told = [
            str(each) for each in getattr(words.module, getattr(call.args[0].value, "id", ""), (NOT_SAID,))
        ]
    else:
        told = [words.of(arg) for arg in call.args[:2]]
    message = told[0] if told else words.of(given["message"]) if "message" in given else ""
    own = told[1] if len(told) > 1 else words.of(given["hint"]) if "hint" in given else ""
    kind_knows = error.__module__ != errors.__name__ and "next_step" in vars(error)
    return Found(where, error, message, own or error.next_step, bool(own) or kind_knows)


def _takes_a_message(error: type[MobiusError]) -> bool:
    """Not so where the class writes its own: then `super().__init__` has the words."""
    code = error.__init__.__code__
    return "message" in code.co_varnames[: code.co_argcount]


def _is_super(call: ast.Call) -> bool:
    """`super().__init__(…)`."""
    inner = getattr(call.func, "value", None)
    return (
        isinstance(inner, ast.Call)
        and _called(inner) == "super"
        and getattr(call.func, "attr", "") == "__init__"
    )


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


@dataclass(frozen=True, slots=True)
class _Words:
    """What an expression says, as far as it can be told without running it."""

    module: ModuleType
    locals: dict[str, list[ast.expr]]

    def of(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=value):
                return str(value)
            case ast.JoinedStr(values=parts):
                return "".join(self.of(part) for part in parts)
            case ast.FormattedValue(value=ast.Constant() | ast.Name() as inner):
                return self.of(inner)
            case ast.FormattedValue(value=inner):
                return f"‹{_name(inner)}›"
            case ast.Name(id=name) if isinstance(getattr(self.module, name, None), str | int):
                return str(getattr(self.module, name))
            case ast.Name(id=name) if any(isinstance(each, _WRITTEN) for each in self.locals.get(name, ())):
                given = [each for each in self.locals[name] if isinstance(each, _WRITTEN)]
                outer = _Words(self.module, {})
                return " / ".join(text for text in map(outer.of, given) if text)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.of(left) + self.of(right)
            case ast.IfExp(body=body, orelse=orelse):
                return " / ".join(text for text in (self.of(body), self.of(orelse)) if text)
            case ast.BoolOp(op=ast.Or(), values=values):
                return self.of(values[-1])
            case _:
                return f"‹{_name(node)}›"


def _name(node: ast.expr) -> str:
    """What stands in a gap: the word that the code has for it."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _SAID.get(name, name.strip("_").replace("_", " "))
        case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join")):
            return "list"
        case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr in _ABOUT_TEXT:
            return _name(inner)
        case ast.Call(func=ast.Name(), args=[first, *_]):
            return _name(first)
        case ast.Call(func=func):
            return _name(func)
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Subscript(value=inner) | ast.BinOp(left=inner):
            return _name(inner)
        case ast.BoolOp(values=[first, *_]):
            return _name(first)
        case _:
            return "…"


def _outside(message: str) -> str:
    """The words that are not put in at run time."""
    kept, depth = "", 0
    for letter in message:
        depth += (letter == "‹") - (letter == "›")
        kept += letter if depth == 0 and letter != "›" else ""
    return kept
