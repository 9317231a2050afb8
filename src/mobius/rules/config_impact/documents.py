"""Reading JSON, YAML and TOML as the service would: comments in JSON, anchors, merged keys and foreign tags in YAML."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

DEEPEST = 40
MOST_LEAVES = 20_000  # of one document: what a few anchors of YAML can stand for has no end
# A string is taken first, so that nothing within it counts; then comments, and commas before a closing bracket.
_COMMENTED = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)


def parsed(path: str, text: str) -> tuple[Any, str]:
    """The document, and why it cannot be read ("" when it can)."""
    try:
        if path.lower().endswith((".json", ".jsonc")):
            return _json(text), ""
        if path.lower().endswith(".toml"):
            return tomllib.loads(text), ""
        return _yaml(text), ""
    except (ValueError, RecursionError) as problem:
        return None, " ".join(str(problem).split())[:200] or type(problem).__name__


def _json(text: str) -> Any:
    """Many readers take comments and a comma too many; what is wrong without them is told of the text as it is."""
    text = text.removeprefix("\ufeff")
    try:
        return json.loads(text)
    except ValueError as problem:
        plain = text
        while (shorter := _COMMENTED.sub(lambda found: found[1] or "", plain)) != plain:
            plain = shorter
        try:
            return json.loads(plain)
        except ValueError:
            raise problem from None


def _yaml(text: str) -> Any:
    import yaml

    try:
        documents = list(yaml.load_all(text, Loader=_loader()))
    except (yaml.YAMLError, TypeError) as problem:  # TypeError: a key that is a list
        raise ValueError(str(problem)) from problem
    return documents[0] if len(documents) == 1 else documents


def _loader() -> type:
    """Tags of others (!Ref, !vault) are values like any other."""
    import yaml

    class Loader(yaml.SafeLoader):
        def flatten_mapping(self, node: Any) -> None:
            """Merges `<<: *base`, and keeps each key once: merges of merges would double it every time."""
            super().flatten_mapping(node)
            kept = {
                (key.value if isinstance(key, yaml.ScalarNode) else id(key)): (key, value)
                for key, value in node.value
            }
            node.value = list(kept.values())

    def as_text(loader: Any, suffix: str, node: Any) -> str:
        return f"!{suffix} {node.value if isinstance(node, yaml.ScalarNode) else '…'}"

    Loader.add_multi_constructor("!", as_text)
    return Loader


def flat(value: Any) -> dict[str, Any]:
    """Every leaf by its path, `server.ports[0]`; of a document without end the first ones."""
    found: dict[str, Any] = {}
    for key, leaf in _leaves(value, "", 0):
        if len(found) >= MOST_LEAVES:
            break
        found[key] = leaf
    return found


def _leaves(value: Any, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth < DEEPEST and isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{prefix}.{key}" if prefix else str(key), depth + 1)
    elif depth < DEEPEST and isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{prefix}[{number}]", depth + 1)
    elif prefix:
        yield prefix, value
