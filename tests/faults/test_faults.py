"""A fault at every call that changes a file: a backup is whole or not there, a live tree wholly old or wholly new."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from faults.scenes import SCENES
from faults.shim import KINDS
from faults.stage import Stage

FAULTS = [kind for kind in KINDS if kind != "count"]
SAMPLED = [
    ("write", "stays full", 6),
    ("write", "short", 3),
    ("create", "killed after", 6),
    ("create", "broken once", 6),
    ("create", "quota", 4),
    ("extract", "stays full", 4),
    ("swap", "killed after", 6),
    ("restore data", "killed after", 8),
    ("restore data", "full once", 6),
    ("restore release", "killed before", 4),
    ("rehearse", "killed after", 5),
]


def spread(calls: int, cases: int) -> list[int]:
    """Some of 1 to `calls`, the first and the last among them: the last ones, where things get their names, all."""
    step = max(1, calls // cases)
    return sorted({*range(1, calls + 1, step), *range(max(1, calls - cases // 2), calls + 1)})


@pytest.mark.parametrize(("scene", "kind", "cases"), SAMPLED)
def test_a_fault_at_some_calls_leaves_all_whole(
    stages: Callable[[str], Stage], scene: str, kind: str, cases: int
) -> None:
    stage = stages(scene)
    calls = stage.count().count
    assert calls > 20
    assert stage.strike_all(kind, spread(calls, cases)) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("scene", SCENES)
def test_a_fault_at_any_call_leaves_all_whole(stages: Callable[[str], Stage], scene: str, kind: str) -> None:
    stage = stages(scene)
    calls = stage.count().count
    before = stage.cases
    assert stage.strike_all(kind, range(1, calls + 1)) == []
    print(f"\n| {scene} | {kind} | {stage.cases - before} |")
