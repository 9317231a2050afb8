"""What a rehearsal says of migrations, and an environment that holds requests for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mobius.model.run import Run, RunState
from mobius.model.settings import MigrationSettings
from world import SETTINGS, World

HELD = replace(SETTINGS, migrations=MigrationSettings(database="data/app.db", hold_s=30.0))
LOST = "2 rows of posts are gone"


def way(kind: str, is_open: bool, seconds: float, loses: str, why: str) -> dict[str, Any]:
    return {
        "way": kind,
        "is_open": is_open,
        "seconds": seconds,
        "loses": loses,
        "why": "" if is_open else why,
    }


def rehearsal(*, old_works: bool = False, tried: bool = True, down: bool = True) -> dict[str, Any]:
    """What a rehearsal says of migrations."""
    fails, columns, writes = (
        "no such column: nick",
        "what is written into the new columns",
        "every write since the backup",
    )
    ways = [
        way("code alone", tried and old_works, 1.0, "nothing", fails),
        way("down", down, 4.0, columns, LOST),
        way("restore", True, 20.0, writes, ""),
    ]
    old = {"tried": tried, "works": old_works, "why": "no such column: nick", "seconds": 1.0, "query": ""}
    return {
        "ways": ways,
        "way": "down",
        "old": old,
        "new": {**old, "works": True},
        "migrate_s": 0.5,
        "at": 1.0,
    }


def with_v1(*, auto_restore: bool = False, **proven: bool) -> World:
    world = World(settings=replace(HELD, auto_restore=auto_restore))
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.backups.rehearsal = rehearsal(**proven)
    world.effects.clear()
    return world


def ways_taken(world: World, run: Run) -> list[str]:
    return [event.data["way"] for event in world.events(run, "rollback begun")]


class Stopped(BaseException):
    """The runner is gone."""


def stop_the_runner() -> None:
    raise Stopped
