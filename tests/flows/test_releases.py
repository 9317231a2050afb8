"""Whether there is a way back to each release, as things stand."""

from __future__ import annotations

from mobius.flows.releases import releases
from world import Script, World, released


def ways(world: World) -> dict[str, str]:
    return {row.release.tag: row.way_back for row in releases(world.ports)}


def test_in_the_window_the_previous_release_is_warm_and_later_it_is_cold() -> None:
    world = World()
    world.deploy("v1")
    world.scripts["v2"] = Script(blind_after=0)  # its window ends without a verdict: v1 is kept
    world.deploy("v2")
    assert ways(world) == {"v2": "live", "v1": "warm"}

    world.scripts.clear()
    world.looks.clear()
    world.deploy("v3")
    assert ways(world) == {"v3": "live", "v2": "cold", "v1": "cold"}


def test_a_release_that_is_gone_is_reached_by_its_backup_or_not_at_all() -> None:
    world = World()
    world.deploy("v1")
    world.deploy("v2")
    world.deploy("v3")
    for tag in ("v1", "v2"):
        world.releases.remove(released(world, tag).id)
    assert ways(world) == {"v3": "live", "v2": "backup", "v1": "backup"}

    world.journal.backups = lambda environment: ()  # type: ignore[method-assign]
    world.backups.archives.clear()
    assert ways(world) == {"v3": "live", "v2": "", "v1": ""}
