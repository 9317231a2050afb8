"""JSON, YAML and TOML that the service reads: types, values, keys."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.rules.config_impact.weights import exposes_secret, shown, weight

_SETTINGS = re.compile(r".*\.(json|ya?ml|toml)$", re.IGNORECASE)
_NOT = re.compile(
    r"(tsconfig|jsconfig|\.eslintrc|\.prettierrc|renovate|jest\.config|composer\.lock|openapi|swagger).*",
    re.IGNORECASE,
)
DEEPEST = 40
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
        elif was is _ABSENT:
            yield ConfigChange(path, key, Impact.LOW, f"{key} is new")
        elif becomes is _ABSENT:
            yield ConfigChange(path, key, Impact.MEDIUM, f"{key} is gone")
        elif _kind(was) != _kind(becomes):
            told = f"{key} goes from {_kind(was)} {shown(key, was)} to {_kind(becomes)} {shown(key, becomes)}"
            undo = f"give {key} its old type, or make sure that the release reads the new one"
            yield ConfigChange(path, key, Impact.HIGH, told, undo)
        else:
            yield ConfigChange(
                path, key, weight(key), f"{key} goes from {shown(key, was)} to {shown(key, becomes)}"
            )


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    return {"str": "text", "NoneType": "nothing", "list": "list", "dict": "table"}.get(
        type(value).__name__, "date"
    )


def parsed(path: str, text: str) -> tuple[Any, str]:
    """The document, and why it cannot be read ("" when it can)."""
    try:
        if path.lower().endswith(".json"):
            return json.loads(text), ""
        if path.lower().endswith(".toml"):
            return tomllib.loads(text), ""
        return _yaml(text), ""
    except (ValueError, RecursionError) as problem:
        return None, " ".join(str(problem).split())[:200] or type(problem).__name__


def _yaml(text: str) -> Any:
    import yaml

    try:
        documents = list(yaml.load_all(text, Loader=_loader()))
    except yaml.YAMLError as problem:
        raise ValueError(str(problem)) from problem
    return documents[0] if len(documents) == 1 else documents


def _loader() -> type:
    """Tags of others (!Ref, !vault) are values like any other; aliases are not followed (they can grow without end)."""
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                event = self.get_event()  # type: ignore[no-untyped-call]
                return yaml.ScalarNode(
                    "tag:yaml.org,2002:str", f"*{event.anchor}", event.start_mark, event.end_mark
                )
            return super().compose_node(parent, index)

    def as_text(loader: Any, suffix: str, node: Any) -> str:
        return f"!{suffix} {node.value if isinstance(node, yaml.ScalarNode) else '…'}"

    Loader.add_multi_constructor("!", as_text)
    return Loader


def flat(value: Any, prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Every leaf by its path: `server.ports[0]`."""
    if depth < DEEPEST and isinstance(value, dict) and value:
        parts = ((f"{prefix}.{key}" if prefix else str(key), inner) for key, inner in value.items())
    elif depth < DEEPEST and isinstance(value, list) and value:
        parts = ((f"{prefix}[{number}]", inner) for number, inner in enumerate(value))
    else:
        return {prefix: value} if prefix else {}
    found: dict[str, Any] = {}
    for key, inner in parts:
        found |= flat(inner, key, depth + 1)
    return found
