"""A merged layer with the defaults filled in, and the origin of every value written down."""

from __future__ import annotations

from typing import Any

from mobius.config.mistakes import Mistakes, Place
from mobius.config.showing import redacted
from mobius.config.table import Field, Item, Rows, Section, written
from mobius.config.tree import Leaf, Tree
from mobius.model.settings import Origin


def complete(
    items: tuple[Item, ...],
    tree: Tree,
    path: str,
    origins: dict[str, Origin],
    mistakes: Mistakes,
    around: Place,
) -> dict[str, Any]:
    """Values by their name in Settings; sections are dicts, arrays are lists of dicts.

    A value that was a mistake is its default here: the mistakes are raised before anybody uses it.
    A required value that is missing is a mistake, reported at the table `around` it.
    """
    values: dict[str, Any] = {}
    for item in items:
        node = tree.get(item.key)
        where = f"{path}.{item.key}" if path else item.key
        if isinstance(item, Field):
            values[item.attr] = _value(item, node, where, origins, mistakes, around)
        elif isinstance(item, Section):
            inner = node if isinstance(node, dict) else {}
            absent = item.optional and not isinstance(node, dict)
            values[item.key] = (
                None if absent else complete(item.items, inner, where, origins, mistakes, around)
            )
        elif isinstance(item, Rows):
            rows = node if isinstance(node, list) else []
            values[item.key] = [
                complete(item.items, row, f"{where}[{number}]", origins, mistakes, around)
                for number, row in enumerate(rows, start=1)
            ]
    return values


def _value(
    field: Field, node: object, where: str, origins: dict[str, Origin], mistakes: Mistakes, around: Place
) -> Any:
    if isinstance(node, Leaf) and not node.broken:
        origins[where] = Origin(redacted(where, node.raw), node.source, node.where)
        return node.value
    if field.required and node is None:
        place = Place(where, around.file, around.line)
        mistakes.add(place, f"missing, expected {field.kind.words}")
    if field.default is not None and not (field.default in ((), {}) and where.endswith(f"].{field.key}")):
        origins[where] = Origin(written(field, field.default), "default", "default")
    return field.default
