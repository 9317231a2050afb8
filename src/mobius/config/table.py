"""What the table of settings is made of. Reading, the schema and the reference walk the same items."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from mobius.config.kinds import Duration, Kind, Text
from mobius.config.shapes import OrOff


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: `doc`: what it does; `default`: in the settings' units; `environ`: its variable."""

    key: str
    kind: Kind
    doc: str
    default: Any = None
    default_words: str = ""  # where the default is worked out from something else
    required: bool = False
    environ: str = ""

    @property
    def attr(self) -> str:
        """The name of the value in Settings, with its unit: a duration ends in `_s`."""
        return f"{self.key}_s" if self.is_duration else self.key

    @property
    def is_duration(self) -> bool:
        """Whether the value is seconds; then `key_s` is another spelling of the key."""
        return isinstance(self.kind.kind if isinstance(self.kind, OrOff) else self.kind, Duration)


@dataclass(frozen=True, slots=True)
class Section:
    """A table with known keys. Absent, it is its defaults, or None where it is `optional`."""

    key: str
    items: tuple[Item, ...]
    doc: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """An array of tables, each with a `name`; an environment that has its own replaces the whole array."""

    key: str
    items: tuple[Item, ...]
    doc: str


@dataclass(frozen=True, slots=True)
class Named:
    """A table of tables whose names the user chooses."""

    key: str
    names: Text
    items: tuple[Item, ...]
    doc: str


Item = Field | Section | Rows | Named


def spelled(item: Item) -> tuple[str, ...]:
    """The keys the item may have in the file, the usual one first."""
    if isinstance(item, Field) and item.is_duration:
        return (item.key, f"{item.key}_s")
    return (item.key,)


def with_defaults_of(cls: type, *items: Item) -> tuple[Item, ...]:
    """The items, with the defaults that the dataclass states, so that a figure stands in one place only."""
    stated = {
        field.name: str(field.default) if isinstance(field.default, PurePath) else field.default
        for field in dataclasses.fields(cls)
        if field.default is not dataclasses.MISSING
    }
    return tuple(
        dataclasses.replace(item, default=stated[item.attr])
        if isinstance(item, Field) and item.default is None and item.attr in stated
        else item
        for item in items
    )


def written(field: Field, value: Any) -> str:
    """A value in the settings' units as one would write it in the file."""
    if value is None:
        return '"off"'
    if field.is_duration:
        unit, seconds = next(
            ((u, s) for u, s in (("h", 3600), ("m", 60)) if value > 60 and value % s == 0), ("s", 1)
        )
        return json.dumps(f"{value / seconds:g}{unit}")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(list(value) if isinstance(value, tuple) else value)
