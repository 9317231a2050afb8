"""The configuration reference, derived from the table of settings."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.config.fields import TOP
from mobius.config.figures import THRESHOLDS
from mobius.config.layers import settable
from mobius.config.table import Field, Item, Named, Rows, Section, written
from mobius.model.policies import PRESETS

INTRODUCTION = """## The built-in policies

A limit is exceeded by *more than* itself: `max_failed_checks = 3` rolls back at the fourth failure in a row.
A rate is taken over its trailing window, reaching further back until it holds the least number of samples.

{policies}

`adaptive`, the default, holds a release against the one before it, and has the fixed limits of `conservative`. There
they forgive what `monitor.blip_tolerance` forgives: checks that fail for no longer than that, and errors. Its limit for
errors is asked [by the same test](../explanation/how-the-watch-judges.md#the-limit-for-errors) as everything else, not
over the last minute; a window at whose end the last minute is surely above it is undecided (exit 4), never accepted.

## Variables

They hold for every environment. `RELEASE_TAG` names the release to deploy; the others:

{variables}

## Every setting
"""


def reference() -> str:
    """Policies, variables and tables of every setting as Markdown, the part of the page that is derived."""
    introduction = INTRODUCTION.format(policies="\n".join(_policies()), variables="\n".join(_variables()))
    return introduction + "\n" + "\n".join(_tables(TOP, "")).strip() + "\n"


def _policies() -> Iterator[str]:
    names = ("conservative", "strict")
    yield "| Threshold | " + " | ".join(f"`{name}`" for name in names) + " | Meaning |"
    yield "|---|" + "---|" * (len(names) + 1)
    for field in THRESHOLDS:
        figures = " | ".join(written(field, getattr(PRESETS[name], field.attr)).strip('"') for name in names)
        yield f"| `{field.key}` | {figures} | {field.doc} |"


def _variables() -> Iterator[str]:
    yield "| Variable | Setting |"
    yield "|---|---|"
    for path, field in settable():
        if field.environ and field.key != "release_tag":
            yield f"| `{field.environ}` | `{'.'.join(path)}` |"


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
    return f"`{written(field, field.default)}`"
