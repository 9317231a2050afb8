"""The configuration reference, derived from the table of settings."""

from __future__ import annotations

import json
from typing import Any

from mobius.config.fields import TOP
from mobius.config.table import Field, Item, Named, Rows, Section


def reference() -> str:
    """The tables of every setting as Markdown: key, kind, default, variable, meaning."""
    return "\n".join(_tables(TOP, "")).strip() + "\n"


def _tables(items: tuple[Item, ...], path: str) -> list[str]:
    fields = [item for item in items if isinstance(item, Field)]
    lines = []
    if fields:
        lines += ["| Key | Expected | Default | Variable | Meaning |", "|---|---|---|---|---|"]
        lines += [_row(field) for field in fields] + [""]
    for item in items:
        if isinstance(item, Section | Rows):
            title = f"[[{path}{item.key}]]" if isinstance(item, Rows) else f"[{path}{item.key}]"
            lines += [f"### `{title}`", "", item.doc, "", *_tables(item.items, f"{path}{item.key}.")]
        elif isinstance(item, Named):
            lines += [f"### `[{item.key}.NAME]`", "", item.doc, ""]
            if item.key == "policies":
                lines += ["Takes `base`, and every key of [`[thresholds]`](#thresholds).", ""]
    return lines


def _row(field: Field) -> str:
    variable = f"`{field.environ}`" if field.environ else ""
    cells = (f"`{field.key}`", field.kind.words, _default(field), variable, field.doc)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(field: Field) -> str:
    if field.required:
        return "required"
    if field.default_words:
        return field.default_words
    if field.default in (None, "", (), {}):
        return ""
    return f"`{shown(field)}`"


def shown(field: Field) -> str:
    """The default as one would write it in the file."""
    value: Any = field.default
    if field.is_duration:
        for unit, seconds in (("h", 3600), ("m", 60)):
            if value and value % seconds == 0 and value > 60:
                return json.dumps(f"{value / seconds:g}{unit}")
        return json.dumps(f"{value:g}s")
    return json.dumps(list(value) if isinstance(value, tuple) else value)
