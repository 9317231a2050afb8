"""JSON, YAML and TOML that the service reads: types, values, keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.rules.config_impact.documents import flat, parsed
from mobius.rules.config_impact.images import filled, image_changes
from mobius.rules.config_impact.weights import exposes_secret, other_server, shown, weight

_SETTINGS = re.compile(r".*\.(jsonc?|ya?ml|toml)$", re.IGNORECASE)
_NOT = re.compile(
    r"(tsconfig|jsconfig|\.eslintrc|\.prettierrc|renovate|jest\.config|composer\.lock|openapi|swagger).*",
    re.IGNORECASE,
)
MOST_CHANGES = 200
_ABSENT = object()


def is_settings(name: str) -> bool:
    return _SETTINGS.fullmatch(name) is not None and _NOT.match(name) is None


def settings_changes(path: str, before: str | None, after: str | None) -> Iterator[ConfigChange]:
    """What changed between two versions; a file that is new or gone is one change."""
    if before is None or after is None:
        what = "is new" if before is None else "is gone"
        yield ConfigChange(path, "", Impact.LOW if before is None else Impact.MEDIUM, f"{path} {what}")
        if after is None:
            return
    new, problem = parsed(path, after or "")
    if problem:
        undo = f"mend {path} before the deployment"
        yield ConfigChange(path, "", Impact.HIGH, f"{path} cannot be read: {problem}", undo)
        return
    old, unread = parsed(path, before) if before is not None else ({}, "")
    if unread:
        yield ConfigChange(
            path, "", Impact.MEDIUM, f"{path} could not be read in the deployed release ({unread})"
        )
        return
    is_new = before is None
    for number, change in enumerate(_between(path, flat(old), flat(new), is_new)):
        if number == MOST_CHANGES:
            yield ConfigChange(
                path, "", Impact.MEDIUM, f"{path} has more than {MOST_CHANGES} changes: read them"
            )
            return
        yield change


def _between(
    path: str, old: Mapping[str, Any], new: Mapping[str, Any], is_new: bool
) -> Iterator[ConfigChange]:
    for key in sorted({*old, *new}):
        was, becomes = old.get(key, _ABSENT), new.get(key, _ABSENT)
        if was is becomes or (was == becomes and type(was) is type(becomes)):
            continue
        if isinstance(becomes, str) and exposes_secret(key, becomes):
            undo = f"change that secret where it is used, then take it out of {path}: the old one stays in the history"
            yield ConfigChange(path, key, Impact.HIGH, f"{key} holds what looks like a real secret", undo)
        elif is_new:
            continue
        elif _is_image(key) and isinstance(was, str) and isinstance(becomes, str):
            yield from image_changes(path, [filled(was, {})], [filled(becomes, {})], key)
        elif was is _ABSENT:
            yield ConfigChange(path, key, Impact.LOW, f"{key} is new")
        elif becomes is _ABSENT:
            yield ConfigChange(path, key, Impact.MEDIUM, f"{key} is gone")
        elif _kind(was) != _kind(becomes):
            told = f"{key} goes from {_kind(was)} {shown(key, was)} to {_kind(becomes)} {shown(key, becomes)}"
            undo = f"give {key} its old type, or make sure that the release reads the new one"
            yield ConfigChange(path, key, Impact.HIGH, told, undo)
        elif isinstance(was, str) and isinstance(becomes, str) and (why := other_server(was, becomes)):
            yield ConfigChange(
                path, key, Impact.HIGH, f"{key} {why}", f"back: the server that {path} named before"
            )
        else:
            yield ConfigChange(
                path, key, weight(key), f"{key} goes from {shown(key, was)} to {shown(key, becomes)}"
            )


def _is_image(key: str) -> bool:
    return key == "image" or key.endswith(".image")


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    return {"str": "text", "NoneType": "nothing", "list": "list", "dict": "table"}.get(
        type(value).__name__, "date"
    )
