"""The JSON Schema of mobius.toml, derived from the table of settings, for editors that complete and check."""

from __future__ import annotations

from typing import Any

from mobius.config.fields import TOP
from mobius.config.table import Field, Item, Named, Rows, Section, spelled


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12, as plain data."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mobius.toml",
        "description": "How a service is released, watched and taken back.",
        **_table(TOP),
        "required": ["service", "environments"],
    }


def _table(items: tuple[Item, ...], required: tuple[str, ...] = ()) -> dict[str, Any]:
    properties = {spelling: _of(item) for item in items for spelling in spelled(item)}
    needs = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, "additionalProperties": False, **needs}


def _of(item: Item) -> dict[str, Any]:
    described = {"description": item.doc}
    if isinstance(item, Field):
        default = {} if item.default is None or item.default_words else {"default": item.default}
        return {**item.kind.schema(), **described, **default}
    if isinstance(item, Section):
        return {**_table(item.items), **described}
    if isinstance(item, Rows):
        required = tuple(each.key for each in item.items if isinstance(each, Field) and each.required)
        return {"type": "array", "items": _table(item.items, required), **described}
    return _named(item) | described


def _named(item: Named) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": item.names.schema(),
        "additionalProperties": _table(item.items),
    }
