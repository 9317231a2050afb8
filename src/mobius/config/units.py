"""What only systemd can do, what it cannot, and names that are taken there."""

from __future__ import annotations

from typing import Any

from mobius.config.mistakes import Mistakes
from mobius.config.tree import Leaf, Tree, at
from mobius.report.units import OURS, RUN


def check_units(values: dict[str, Any], tree: Tree, mistakes: Mistakes) -> None:
    """The mistakes of one environment in what its units would be."""
    target, rows = values["target"], tree.get("process")
    for row, said in zip(rows if isinstance(rows, list) else (), values["process"], strict=False):
        name, schedule, ready = at(row, "name"), at(row, "schedule"), at(row, "ready")
        if schedule and target == "process":
            words = 'means something under target = "systemd" only: a timer of it starts it'
            mistakes.add(schedule.place, words)
        elif schedule and said["kind"] == "web":
            words = "a web process is kept running; give one with a schedule another kind"
            mistakes.add(schedule.place, words)
        if ready and ready.value == "notify" and target == "process":
            mistakes.add(ready.place, '"notify" means something under target = "systemd" only')
        elif ready and ready.value == "notify" and schedule:
            words = '"notify" means nothing with a schedule: it is ready when it has ended'
            mistakes.add(ready.place, words)
        if name and name.value == RUN and target == "systemd":
            words = f'"{RUN}" is the name of the units of deployments, so no process can have it'
            mistakes.add(name.place, words)
    directives = at(tree, "systemd", "directives")
    if directives is not None and isinstance(directives.value, dict):
        _check_directives(directives, mistakes)


def _check_directives(directives: Leaf, mistakes: Mistakes) -> None:
    for name in sorted(set(directives.value) & OURS):
        mistakes.add(directives.place, f"{name} is mobius's own to say")
    for name, value in directives.value.items():
        if isinstance(value, str) and value.endswith("\\"):
            mistakes.add(directives.place, f"{name} ends with \\, which would join it with the next line")
