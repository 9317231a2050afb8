"""The layers above the file: variables and flags, read as text against the same table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mobius.config.fields import ENVIRONMENT
from mobius.config.kinds import Kind, Text, WrongError
from mobius.config.mistakes import Mistakes, Place, did_you_mean
from mobius.config.table import Field, Item, Section, spelled
from mobius.config.tree import Leaf, Tree
from mobius.model.settings import Source

RELEASE_TAG = Field(
    "release_tag", Text("the name of a release"), "The release to deploy.", environ="RELEASE_TAG"
)
_FLAG_NAMES = {"release_tag": "--tag"}
# Variables of these families are thresholds only: one that is misspelt must not be ignored in silence.
_THRESHOLD = re.compile(r"MOBIUS_(MAX|MIN|ERROR|P95|SUCCESS|RESOURCES)_\w+")


def from_variables(environ: Mapping[str, str], mistakes: Mistakes) -> Tree:
    """What the environment variables say, for every environment. An empty variable is as good as none."""
    tree: Tree = {}
    known = {field.environ: (path, field) for path, field in settable() if field.environ}
    for name, (path, field) in known.items():
        if text := environ.get(name, "").strip():
            _put(tree, path, _leaf(field.kind, text, name, "environment", mistakes))
    for name in sorted(environ):
        if name not in known and _THRESHOLD.fullmatch(name) and environ[name].strip():
            mistakes.add(Place(name), f"unknown variable{did_you_mean(name, known)}")
    return tree


def is_read(name: str) -> bool:
    """Whether an environment variable of this name says anything to mobius, or is meant to."""
    return bool(_THRESHOLD.fullmatch(name)) or any(field.environ == name for _, field in settable())


def from_flags(flags: Mapping[str, object], mistakes: Mistakes) -> Tree:
    """What the command line says, for every environment; a flag that is None was not given.

    Keys are paths as in an environment's table: `window`, `monitor.interval`, or with their unit: `window_s`.
    """
    tree: Tree = {}
    known = {
        ".".join((*path[:-1], spelling)): (path, field)
        for path, field in settable()
        for spelling in spelled(field)
    }
    for key, raw in flags.items():
        name = _FLAG_NAMES.get(key, "--" + key.replace("_", "-"))
        if raw is None:
            continue
        if key not in known:
            mistakes.add(Place(name), f"no such setting{did_you_mean(key, known)}")
            continue
        path, field = known[key]
        _put(tree, path, _leaf(field.kind, raw, name, "flag", mistakes))
    return tree


def settable(
    items: tuple[Item, ...] = ENVIRONMENT, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Field]]:
    """Every single value that a variable or a flag can set, with its path in an environment's table."""
    if not path:
        yield (RELEASE_TAG.key,), RELEASE_TAG
    for item in items:
        if isinstance(item, Field):
            yield (*path, item.key), item
        elif isinstance(item, Section):
            yield from settable(item.items, (*path, item.key))


def _leaf(kind: Kind, raw: Any, name: str, source: Source, mistakes: Mistakes) -> Leaf:
    place = Place(name)
    try:
        value = kind.read_text(raw) if isinstance(raw, str) else kind.read(raw)
    except WrongError as wrong:
        mistakes.wrong_value(place, raw, wrong.expected or kind.words)
        return Leaf(None, None, place, source, name, broken=True)
    return Leaf(value, raw, place, source, name)


def _put(tree: Tree, path: tuple[str, ...], leaf: Leaf) -> None:
    for key in path[:-1]:
        inner = tree.setdefault(key, {})
        assert isinstance(inner, dict)
        tree = inner
    tree[path[-1]] = leaf
