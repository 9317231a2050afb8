"""A layer of settings: what one source gives, checked against the table, each value with its origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mobius.config.kinds import WrongError
from mobius.config.mistakes import Mistakes, Place
from mobius.config.reading import joined
from mobius.config.table import Field, Item, Named, Rows, Section, spelled
from mobius.model.settings import Source


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value as read, what was written, and where. A `broken` one was a mistake: its default stands in."""

    value: Any
    raw: Any
    place: Place
    source: Source = "file"
    where: str = "default"
    broken: bool = False


Tree: TypeAlias = "dict[str, Node]"
Node: TypeAlias = "Leaf | Tree | list[Tree]"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one file's tables. `lines` has the line of each path."""

    file: str
    mistakes: Mistakes
    lines: Mapping[str, int] = field(default_factory=dict)

    def read(self, items: tuple[Item, ...], raw: object, path: str = "") -> Tree | Leaf:
        """The tree of a table; a broken Leaf when it is no table. Every mistake goes to `mistakes`."""
        if not isinstance(raw, dict):
            return self._broken(path, raw, "a table")
        tree: Tree = {}
        known = {spelling: item for item in items for spelling in spelled(item)}
        for key, value in raw.items():
            if (item := known.get(key)) is None:
                self.mistakes.unknown_key(self.place(joined(path, key)), key, known)
            elif item.key in tree:
                self.mistakes.add(
                    self.place(joined(path, key)), f'the same as "{item.key}": write one of them'
                )
            else:
                tree[item.key] = self._node(item, value, joined(path, key))
        return tree

    def place(self, path: str) -> Place:
        """Where the path is in this file; the line of the nearest table around it if its own is not known."""
        around = path
        while around and around not in self.lines:
            around = around[: max(around.rfind("."), around.rfind("["), 0)]
        return Place(path, self.file, self.lines.get(around))

    def _node(self, item: Item, raw: object, path: str) -> Node:
        if isinstance(item, Field):
            try:
                return Leaf(item.kind.read(raw), raw, self.place(path), "file", f"{self.file}: {path}")
            except WrongError as wrong:
                if wrong.inside:
                    self.mistakes.wrong_value(self.place(path + wrong.inside), wrong.raw, wrong.expected)
                    return self._leaf_of_broken(path)
                return self._broken(path, raw, wrong.expected or item.kind.words)
        if isinstance(item, Section):
            return self.read(item.items, raw, path)
        if isinstance(item, Rows):
            if not isinstance(raw, list):
                return self._broken(path, raw, f"an array of tables: [[{path}]]")
            return [self._row(item, row, f"{path}[{number}]") for number, row in enumerate(raw, start=1)]
        return self._named(item, raw, path)

    def _row(self, item: Rows, raw: object, path: str) -> Tree:
        tree = self.read(item.items, raw, path)
        if isinstance(tree, Leaf):
            return {"name": tree}
        for needed in item.items:
            if isinstance(needed, Field) and needed.required and needed.key not in tree:
                place = Place(f"{path}.{needed.key}", self.file, self.place(path).line)
                self.mistakes.add(place, f"missing, expected {needed.kind.words}")
                tree[needed.key] = self._leaf_of_broken(path)
        return tree

    def _named(self, item: Named, raw: object, path: str) -> Tree | Leaf:
        if not isinstance(raw, dict):
            return self._broken(path, raw, f"tables: [{path}.NAME]")
        tree: Tree = {}
        for name, value in raw.items():
            try:
                item.names.read(name)
            except WrongError:
                self.mistakes.add(
                    self.place(joined(path, name)), f"not a good name, expected {item.names.words}"
                )
                continue
            tree[name] = self.read(item.items, value, joined(path, name))
        return tree

    def _broken(self, path: str, raw: object, expected: str) -> Leaf:
        self.mistakes.wrong_value(self.place(path), raw, expected)
        return self._leaf_of_broken(path)

    def _leaf_of_broken(self, path: str) -> Leaf:
        return Leaf(None, None, self.place(path), broken=True)


def merge(under: Node | None, over: Node | None) -> Node:
    """One layer upon another: tables are merged key by key, everything else is replaced whole."""
    if under is None or over is None:
        return over if over is not None else (under if under is not None else {})
    if isinstance(under, dict) and isinstance(over, dict):
        keys = [*under, *(key for key in over if key not in under)]
        return {key: merge(under.get(key), over.get(key)) for key in keys}
    return over


def leaves(node: Node | None) -> Iterator[Leaf]:
    """Every value in it."""
    if isinstance(node, Leaf):
        yield node
    elif isinstance(node, dict):
        for inner in node.values():
            yield from leaves(inner)
    elif isinstance(node, list):
        for row in node:
            yield from leaves(row)


def is_sound(node: Node | None) -> bool:
    """Whether nothing in it was a mistake, so that what it says can be judged."""
    return not any(leaf.broken for leaf in leaves(node))


def at(node: Node | None, *keys: str) -> Leaf | None:
    """The value at a path of keys, if one was given there."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, Leaf) and not node.broken else None
