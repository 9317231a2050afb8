"""Worlds in which v1 is live and a canary of v2 goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mobius.model.run import Run, RunState
from mobius.model.settings import CanarySettings, MonitorSettings
from world import SETTINGS, Killed, Script, World

STAGED = replace(
    SETTINGS,
    migrations=None,
    monitor=MonitorSettings(interval_s=30.0),
    window_s=600.0,
    canary=CanarySettings(stages=(10, 50), stage_min_s=60.0, stage_max_s=600.0),
)
ALL_BLUE, ALL_GREEN = {"blue": 100}, {"green": 100}
TEN, HALF = {"green": 10, "blue": 90}, {"green": 50, "blue": 50}


def with_v1(settings: Any = STAGED, **script: Any) -> World:
    """v1 is live, and v2 behaves as said."""
    world = World(settings)
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.scripts["v2"] = Script(**script)
    return world


def in_the_first_stage(world: World, looks: int = 1) -> Run:
    """The run of v2, whose runner was killed after so many looks in its first stage."""
    run = world.begin(world.plan("v2"))
    world.interrupt(lambda name, _: name == "journal.add_samples" and world.looks.get("v2", 0) >= looks, kill)
    with pytest.raises(Killed):
        world.carry_on(run)
    assert world.traffic.weights() == TEN
    return world.journal.run(run.id)


def kill() -> None:
    raise Killed
