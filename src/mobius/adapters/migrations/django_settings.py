"""Which apps a Django project installs, as far as its settings say it in so many words; and how each is called."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

from mobius.adapters.migrations.python_files import assigned, read_python
from mobius.errors import GateFailed

_ADDING = ("append", "extend", "insert")
_WRITTEN_OUT = (
    ast.List,
    ast.Tuple,
    ast.Set,
    ast.Constant,
    ast.Starred,
    ast.BinOp,
    ast.Add,
    ast.Load,
    ast.Store,
)


def installed_apps(root: Path) -> list[str] | None:
    """All that `INSTALLED_APPS` and lists such as `LOCAL_APPS` name, on any branch of the settings; None where there
    are none, or where something of them is computed: then every app may be installed."""
    names = ("*settings*.py", "*/*settings*.py", "*/settings/*.py", "*/*/settings/*.py", "*/*/*settings*.py")
    found: list[str] = []
    settings = {path for name in names for path in root.glob(name)}
    # Production's own settings often lie beside them under another name: `production.py`, `local.py`.
    beside = {path for file in settings for path in file.parent.glob("*.py")}
    for path in sorted(settings | beside):
        try:
            tree = read_python(path).tree
        except GateFailed:
            if path not in settings:
                continue
            return None
        for value in _of_apps(tree):
            for node in ast.walk(value):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
                elif not isinstance(node, _WRITTEN_OUT) and not _is_of_apps(node):
                    return None
    return found or None


def _of_apps(tree: ast.Module) -> Iterator[ast.expr]:
    """What is given to such a list, wherever that is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(_is_of_apps(target) for target in node.targets):
            yield node.value
        elif isinstance(node, ast.AnnAssign | ast.AugAssign) and _is_of_apps(node.target):
            if node.value is not None:
                yield node.value
        elif isinstance(node, ast.Call) and _adds(node.func):
            yield from node.args


def _adds(called: ast.expr) -> bool:
    return isinstance(called, ast.Attribute) and called.attr in _ADDING and _is_of_apps(called.value)


def _is_of_apps(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id.endswith("_APPS")


def entry_of(package: tuple[str, ...], installed: Collection[str] | None) -> str | None:
    """The entry of `INSTALLED_APPS` for this package, "" where that is not known, None where it is not installed."""
    if installed is None:
        return ""
    for start in range(len(package)):  # sys.path may begin further down, at `src` or `apps`
        dotted = ".".join(package[start:])
        for entry in installed:
            if entry == dotted or (
                entry.startswith(f"{dotted}.") and entry[len(dotted) + 1 :].count(".") < 2
            ):
                return entry
    return None


def label_of(package: Path, entry: str) -> str:
    """The app's label: what its AppConfig says, else the name of its folder."""
    if not (package / "apps.py").is_file():
        return package.name
    labels: dict[str, str] = {}
    for statement in read_python(package / "apps.py").tree.body:
        if isinstance(statement, ast.ClassDef):
            value = assigned(statement.body, "label")
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                labels[statement.name] = value.value
    named = entry.rsplit(".", 1)[-1]
    return labels.get(named) or next(iter(labels.values()), package.name)
