"""From a policy's name, the file's [policies] and an environment's thresholds to the figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from mobius.config.figures import THRESHOLDS
from mobius.config.mistakes import Mistakes, did_you_mean
from mobius.config.showing import redacted
from mobius.config.table import written
from mobius.config.tree import Leaf, Node, Tree, at
from mobius.model.policies import PRESETS, PolicySettings
from mobius.model.settings import Origin


def resolve(
    chosen: Leaf,
    own: Mapping[str, Node],
    thresholds: Tree,
    path: str,
    origins: dict[str, Origin],
    mistakes: Mistakes,
) -> PolicySettings:
    """The policy of one environment: preset, then each base's changes, then the environment's thresholds.

    Writes the origin of each figure under `path`. An unknown name is a mistake.
    """
    name = str(chosen.value)
    if name not in own and name not in PRESETS:
        mistakes.add(chosen.place, f'no policy "{name}"{_known(name, own)}')
        return PRESETS["conservative"]
    lineage, preset = _lineage(name, own)
    changes: dict[str, Any] = {}
    for field in THRESHOLDS:
        origin = Origin(written(field, getattr(preset, field.attr)), "default", f"policy {preset.name}")
        for layer in (*lineage, thresholds):
            leaf = at(layer, field.key)
            if leaf:
                changes[field.attr] = leaf.value
                origin = Origin(redacted(field.key, leaf.raw), leaf.source, leaf.where)
        origins[f"{path}.{field.key}"] = origin
    return dataclasses.replace(preset, name=name, base=preset.base, **changes)


def check_bases(own: Mapping[str, Node], mistakes: Mistakes) -> None:
    """Every base named in [policies] exists, and none is its own base in the end; else it is a mistake."""
    for name, tree in own.items():
        leaf = at(tree, "base")
        if leaf is None:
            continue
        if name in PRESETS:
            mistakes.add(leaf.place, f'"{name}" is built in and has no base')
        elif leaf.value not in own and leaf.value not in PRESETS:
            mistakes.add(leaf.place, f'no policy "{leaf.value}"{_known(leaf.value, own)}')
        elif _goes_round(name, own):
            mistakes.add(leaf.place, f'"{name}" is its own base in the end')


def _lineage(name: str, own: Mapping[str, Node]) -> tuple[list[Node], PolicySettings]:
    """The changes to make, in order, and the preset to make them to."""
    changes: list[Node] = []
    seen: set[str] = set()
    while name in own and name not in seen:
        seen.add(name)
        changes.insert(0, own[name])
        if name in PRESETS:
            break
        base = at(own[name], "base")
        name = base.value if base else "conservative"
    # adaptive stands on conservative, so changes to conservative are changes to it as well
    if name == "adaptive" and "conservative" in own:
        changes.insert(0, own["conservative"])
    return changes, PRESETS.get(name, PRESETS["conservative"])


def _goes_round(name: str, own: Mapping[str, Node]) -> bool:
    seen: set[str] = set()
    while name in own and name not in PRESETS:
        if name in seen:
            return True
        seen.add(name)
        base = at(own[name], "base")
        name = base.value if base else "conservative"
    return False


def _known(name: str, own: Mapping[str, Node]) -> str:
    known = list(dict.fromkeys([*PRESETS, *own]))
    return did_you_mean(name, known) or "; there are " + ", ".join(known)
