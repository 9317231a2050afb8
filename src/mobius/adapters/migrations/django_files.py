"""Django's migrations, read from their files: which apps there are, what depends on what, what can be taken back."""

from __future__ import annotations

import ast
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mobius.adapters.migrations.django_settings import entry_of, installed_apps, label_of
from mobius.adapters.migrations.python_files import (
    PythonFile,
    argument,
    assigned,
    calls,
    in_order,
    literal,
    read_python,
)
from mobius.errors import GateFailed

MANAGE = "manage.py"
_PASSED_OVER = {"node_modules", "site-packages", "__pycache__", "tests", "test", "static", "media"}
_FIRST, _LATEST = "__first__", "__latest__"


@dataclass(frozen=True, slots=True)
class DjangoFile:
    """One migration: `app.name`. `needs` and `replaces` are such names, too, also of apps that are not here."""

    app: str
    stem: str
    path: Path
    sha256: str
    needs: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    is_first: bool = False
    has_down: bool = True
    opaque: bool = False
    transactional: bool = True

    @property
    def name(self) -> str:
        return f"{self.app}.{self.stem}"


def read_apps(root: Path) -> dict[str, DjangoFile]:
    """Every migration of the apps below `root` (the folder of manage.py) that the settings install, as far as the files
    say; by name, each after those that it needs. Raises `GateFailed` for files that are wrong."""
    if not (root / MANAGE).is_file():
        raise GateFailed(
            f"there is no Django project in {root}: no {MANAGE}",
            "name its folder in migrations.path of mobius.toml",
        )
    installed = installed_apps(root)
    found: dict[str, DjangoFile] = {}
    for folder in _folders(root):
        package = folder.parent.relative_to(root).parts
        entry = entry_of(package, installed)
        if entry is None:
            continue
        label = label_of(folder.parent, entry)
        for path in sorted(folder.glob("*.py")):
            if path.name[0] in "_~.":
                continue
            file = _migration(label, read_python(path))
            if file.name in found:
                raise GateFailed(
                    f"{found[file.name].path} and {path} are both migration {file.name}",
                    "give one of the apps a label of its own, then plan again",
                )
            found[file.name] = file
    return _ordered(found)


def _folders(root: Path) -> Iterator[Path]:
    """Every `migrations` package below; not those of installed packages and tests."""
    for here, folders, _ in os.walk(root):
        is_virtual = (Path(here) / "pyvenv.cfg").exists()
        folders[:] = (
            []
            if is_virtual
            else sorted(f for f in folders if f not in _PASSED_OVER and not f.startswith("."))
        )
        if "migrations" in folders and (Path(here) / "migrations" / "__init__.py").is_file():
            yield Path(here) / "migrations"


def _migration(app: str, file: PythonFile) -> DjangoFile:
    found = [each for each in file.tree.body if isinstance(each, ast.ClassDef) and each.name == "Migration"]
    if not found:
        raise GateFailed(
            f"{file.path} has no class Migration",
            "write one, or move the file out of the folder of migrations",
        )
    body = found[-1].body
    needs, replaces = _pairs(assigned(body, "dependencies")), _pairs(assigned(body, "replaces"))
    operations = assigned(body, "operations")
    within = operations if operations is not None else ast.Tuple(elts=[], ctx=ast.Load())
    python = list(calls(within, "RunPython"))
    one_way = [each for each in python if argument(each, 1, "reverse_code") is None]
    one_way += [each for each in calls(within, "RunSQL") if argument(each, 1, "reverse_sql") is None]
    return DjangoFile(
        app,
        file.path.stem,
        file.path,
        file.sha256,
        needs=needs,
        replaces=replaces,
        is_first=not any(each.startswith(f"{app}.") for each in needs),
        has_down=not one_way,
        opaque=bool(python),
        transactional=_value(assigned(body, "atomic")) is not False,
    )


def _pairs(expression: ast.expr | None) -> tuple[str, ...]:
    """`app.name` of each pair that is written out; a swappable dependency is none."""
    if not isinstance(expression, ast.List | ast.Tuple | ast.Set):
        return ()
    values = (_value(each) for each in expression.elts)
    return tuple(
        f"{value[0]}.{value[1]}"
        for value in values
        if isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(v, str) for v in value)
    )


def _value(expression: ast.expr | None) -> object:
    try:
        return literal(expression)
    except ValueError:
        return None


def _ordered(found: Mapping[str, DjangoFile]) -> dict[str, DjangoFile]:
    """Names such as `shop.__first__` made real, and all in the order in which Django applies them."""
    whole = _with_real_needs(_with_real_needs(found))  # which is the latest is known once the first ones are
    for each in whole.values():
        for need in each.needs:
            if need not in whole and need.split(".")[0] in {other.app for other in whole.values()}:
                raise GateFailed(
                    f"migration {each.name} needs {need}, which is not there",
                    "bring its file back (another branch may have it), then plan again",
                )
    return {
        name: whole[name] for name in in_order(sorted(whole), {n: each.needs for n, each in whole.items()})
    }


def _with_real_needs(found: Mapping[str, DjangoFile]) -> dict[str, DjangoFile]:
    return {
        name: replace(each, needs=tuple(_meant(need, found) for need in each.needs))
        for name, each in found.items()
    }


def _meant(need: str, found: Mapping[str, DjangoFile]) -> str:
    app, _, stem = need.partition(".")
    if stem not in (_FIRST, _LATEST):
        return (
            need if need in found else next((n for n, each in found.items() if need in each.replaces), need)
        )
    own = [each for each in found.values() if each.app == app]
    if stem == _FIRST:
        return next((each.name for each in own if each.is_first), need)
    below = {name for each in own for name in each.needs}
    if f"{app}.{_FIRST}" in below:
        return need
    return next((each.name for each in own if each.name not in below), need)


def refuse_branches(files: Mapping[str, DjangoFile]) -> None:
    """Raises `GateFailed` where an app has more than one newest migration: Django would refuse it, too."""
    newest: dict[str, list[str]] = {}
    for name, each in files.items():
        if not any(name in other.needs for other in files.values() if other.app == each.app):
            newest.setdefault(each.app, []).append(each.stem)
    for app, stems in newest.items():
        if len(stems) > 1:
            raise GateFailed(
                f"the app {app} has {len(stems)} newest migrations: {', '.join(stems)}",
                "merge them: python manage.py makemigrations --merge, then plan again",
            )


def without_squashes(files: Mapping[str, DjangoFile], applied: Collection[str]) -> dict[str, DjangoFile]:
    """As Django sees a squashed migration: applied when all that it replaces is; in place of them when none is; not
    there yet when only some are."""
    instead: dict[str, str] = {}
    gone: set[str] = set()
    for name, each in files.items():
        there = [old in applied for old in each.replaces]
        if each.replaces and (name in applied or all(there) or not any(there)):
            instead |= dict.fromkeys(each.replaces, name)
        elif each.replaces:
            gone.add(name)
    return {
        name: replace(each, needs=tuple(dict.fromkeys(instead.get(need, need) for need in each.needs)))
        for name, each in files.items()
        if name not in gone and name not in instead
    }


def is_applied(file: DjangoFile, applied: Collection[str]) -> bool:
    """Whether the database has it, or all that it replaces."""
    return file.name in applied or (bool(file.replaces) and all(old in applied for old in file.replaces))
