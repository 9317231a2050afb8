"""What each value of `[migrations]` alone cannot tell: which tool it is for, and which database it moves."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from mobius.config.mistakes import Mistakes, Place
from mobius.config.tree import Leaf, Node, Tree, at, is_sound

_OF_A_TOOL = ("alembic", "django")
_ONLY_FOR = {"program": _OF_A_TOOL, "up": ("command",), "down": ("command",), "pending": ("command",)}


def with_implied(tree: Tree) -> Tree:
    """The settings of one environment with the path and the database that others imply, where they are not said."""
    given = tree.get("migrations")
    if not isinstance(given, dict) or not is_sound(given):
        return tree
    kind, implied = at(given, "kind"), dict(given)
    if "path" not in given and kind is not None and kind.value in _OF_A_TOOL:
        implied["path"] = Leaf(".", ".", kind.place, "default", f'from kind = "{kind.value}"')
    known = [*_sqlite_files(tree), *_names(tree)]
    if "database" not in given and len(known) == 1:
        implied["database"] = Leaf(known[0], known[0], Place(""), "default", "the only one there")
    return {**tree, "migrations": implied}


def check_migrations(values: dict[str, Any], tree: Tree, around: Place, mistakes: Mistakes) -> None:
    """Every mistake of the section; what rests on a value that is wrong by itself is not judged."""
    given, settings = tree.get("migrations"), values["migrations"]
    if settings is None or not isinstance(given, dict) or not is_sound(given):
        return
    kind = settings["kind"]
    for key, kinds in _ONLY_FOR.items():
        if (leaf := at(given, key)) and kind not in kinds:
            tools = " or ".join(f'kind = "{each}"' for each in kinds)
            mistakes.add(leaf.place, f'means nothing with kind = "{kind}", only with {tools}')
    if kind == "command" and not settings["up"]:
        place = at(given, "kind")
        words = 'given without up: the command that migrates, such as ["npx", "knex", "migrate:latest"]'
        mistakes.add(place.place if place else around, words)
    _check_database(given, settings["database"], tree, around, mistakes)
    process, processes = at(given, "process"), tree.get("process")
    if process and is_sound(processes) and process.value not in (known := _given_names(processes)):
        mistakes.add(process.place, f'"{process.value}" is no [[process]], expected one of {_quoted(known)}')


def _check_database(given: Tree, database: str | None, tree: Tree, around: Place, mistakes: Mistakes) -> None:
    if not is_sound(tree.get("database")) or not is_sound(tree.get("backup")):
        return
    names = _names(tree)
    example = 'an SQLite file such as "data/app.db", or the name of a [[database]]'
    if database is None:
        first = next(
            (leaf.place for leaf in given.values() if isinstance(leaf, Leaf) and leaf.place.path), around
        )
        section = "migrations" if first.path.startswith("migrations") else f"{around.path}.migrations"
        found = [*_sqlite_files(tree), *names]
        which = f"one of {_quoted(found)}" if found else example
        mistakes.add(Place(f"{section}.database", first.file, first.line), f"missing, expected {which}")
        return
    leaf = at(given, "database")
    is_bare = "/" not in database and not PurePosixPath(database).suffix
    if leaf and is_bare and database not in names:
        there = f"; there is {_quoted(names)}" if names else ""
        words = f'"{database}" is neither a [[database]] nor a path, expected {example}{there}'
        mistakes.add(leaf.place, words)


def _names(tree: Tree) -> list[str]:
    return _given_names(tree.get("database"))


def _given_names(rows: Node | None) -> list[str]:
    found = [at(row, "name") for row in rows] if isinstance(rows, list) else []
    return [str(leaf.value) for leaf in found if leaf]


def _sqlite_files(tree: Tree) -> list[str]:
    leaf = at(tree, "backup", "databases")
    return list(leaf.value) if leaf else []


def _quoted(words: list[str]) -> str:
    return ", ".join(f'"{word}"' for word in words) or "none"
