"""kill -9 of a runner after every single effect, once and twice: the next runner ends in one known state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from flows.proven import HELD, rehearsal
from mobius.flows.by_hand import resume
from mobius.flows.plan_return import plan_rollback
from mobius.model.plan import Plan
from mobius.model.run import Run, RunState
from mobius.model.settings import CanarySettings, MonitorSettings
from world import SETTINGS, Killed, Script, World, tag_of

STAGED = replace(
    SETTINGS,
    migrations=None,
    monitor=MonitorSettings(interval_s=60.0),
    window_s=240.0,
    canary=CanarySettings(stages=(10, 50), stage_min_s=60.0, stage_max_s=300.0),
)
Begin = Callable[[World], Run]


def live(world: World, *tags: str) -> None:
    """These were deployed one after the other, and accepted."""
    for tag in tags:
        assert world.deploy(tag).state is RunState.ACCEPTED


def deploying(tag: str, *before: str, **script: Any) -> Begin:
    def begin(world: World) -> Run:
        live(world, *before)
        world.scripts[tag] = Script(**script)
        return world.begin(world.plan(tag))

    return begin


def held(*, old_works: bool = False, down: bool = True, **script: Any) -> Begin:
    """v2 moves a schema that v1 cannot live with, while requests are held."""

    def begin(world: World) -> Run:
        world.settings = HELD
        live(world, "v1")
        world.backups.rehearsal = rehearsal(old_works=old_works, down=down)
        world.scripts["v2"] = Script(**script)
        return world.begin(world.plan("v2"))

    return begin


def staged(requests: int = 4000, **script: Any) -> Begin:
    """v2 gets some requests first, of so many between two looks."""

    def begin(world: World) -> Run:
        world.settings = STAGED
        live(world, "v1")
        world.scripts["v2"] = Script(**script)
        world.requests = requests
        return world.begin(world.plan("v2"))

    return begin


def going_down(world: World) -> Run:
    """A person goes back by the way down that was proven."""
    world.settings = HELD
    live(world, "v1")
    world.backups.rehearsal = rehearsal()
    world.scripts["v2"] = Script(blind_after=0)
    assert world.deploy("v2").state is RunState.INCONCLUSIVE
    world.traffic.moves.clear()
    return world.begin(plan_rollback(world.ports, tool_version="0"))


def refused_by_a_gate(world: World) -> Run:
    live(world, "v1")
    run = world.begin(world.plan("v2"))
    world.releases.broken_builds.add("v2")
    return run


def returning(warm: bool, backup: bool = False, lost_journal: bool = False) -> Begin:
    return lambda world: world.begin(plan_return(world, warm, backup, lost_journal))


def plan_return(world: World, warm: bool, backup: bool = False, lost_journal: bool = False) -> Plan:
    """The way back from v2 to v1, hours after the window or within it."""
    live(world, "v1")
    if warm:
        world.scripts["v2"] = Script(blind_after=0)  # ends inconclusive: the old release stays warm
        assert world.deploy("v2").state is RunState.INCONCLUSIVE
    else:
        live(world, "v2")
    named = next(a.record.name for a in world.backups.archives if tag_of(a.record.release_id) == "v1")
    if lost_journal:
        world.lose_journal()
    world.traffic.moves.clear()
    plan = plan_rollback(world.ports, backup=named if backup else "", tool_version="0")
    assert plan.facts["warm"] is (warm and not backup)
    return plan


@dataclass(frozen=True)
class Story:
    begin: Begin
    state: RunState
    live: str
    moves: list[str]  # the slots that traffic moved to, all in all
    exit_code: int = 0


BLUE, GREEN, NOTHING = "blue", "green", ""
STORIES = {
    "the first deployment ever": Story(deploying("v1"), RunState.ACCEPTED, "v1", [BLUE]),
    "the first one fails": Story(
        deploying("v1", live_smoke=False), RunState.ROLLED_BACK, "", [BLUE, NOTHING], 12
    ),
    "a good deployment": Story(deploying("v2", "v1"), RunState.ACCEPTED, "v2", [BLUE, GREEN]),
    "it turns bad in its window": Story(
        deploying("v2", "v1", bad_after=2), RunState.ROLLED_BACK, "v1", [BLUE, GREEN, BLUE], 12
    ),
    "it is never healthy": Story(
        deploying("v2", "v1", healthy=False), RunState.ROLLED_BACK, "v1", [BLUE], 12
    ),
    "its smoke tests fail": Story(deploying("v2", "v1", smoke=False), RunState.ROLLED_BACK, "v1", [BLUE], 12),
    "they fail on live traffic": Story(
        deploying("v2", "v1", live_smoke=False), RunState.ROLLED_BACK, "v1", [BLUE, GREEN, BLUE], 12
    ),
    "nothing can be measured": Story(
        deploying("v2", "v1", blind_after=1), RunState.INCONCLUSIVE, "v2", [BLUE, GREEN], 4
    ),
    "its build fails": Story(refused_by_a_gate, RunState.REFUSED, "v1", [BLUE], 3),
    "a canary of two stages": Story(staged(), RunState.ACCEPTED, "v2", [BLUE, GREEN, GREEN, GREEN]),
    "it is bad in a stage": Story(staged(errors=20), RunState.ROLLED_BACK, "v1", [BLUE, GREEN, BLUE], 12),
    "a stage is not decided": Story(staged(0), RunState.ROLLED_BACK, "v1", [BLUE, GREEN, BLUE], 4),
    "its schema moves in a hold": Story(held(), RunState.ACCEPTED, "v2", [BLUE, GREEN]),
    "it is never healthy in the hold": Story(held(healthy=False), RunState.ROLLED_BACK, "v1", [BLUE], 12),
    "it turns bad after a hold": Story(
        held(bad_after=2), RunState.ROLLED_BACK, "v1", [BLUE, GREEN, BLUE], 12
    ),
    "nobody had to be held": Story(
        held(old_works=True, bad_after=2), RunState.ROLLED_BACK, "v1", [BLUE, GREEN, BLUE], 12
    ),
    "a warm rollback": Story(returning(warm=True), RunState.ACCEPTED, "v1", [BLUE]),
    "a cold rollback": Story(returning(warm=False), RunState.ACCEPTED, "v1", [BLUE]),
    "a rollback by the way down": Story(going_down, RunState.ACCEPTED, "v1", [BLUE]),
    "a rollback with data": Story(returning(warm=True, backup=True), RunState.ACCEPTED, "v1", [BLUE]),
    "a cold one with data": Story(returning(warm=False, backup=True), RunState.ACCEPTED, "v1", [BLUE]),
    "a rollback with the journal lost": Story(
        returning(warm=False, lost_journal=True), RunState.ACCEPTED, "v1", [BLUE]
    ),
}


WHOLLY = (
    "a good deployment",
    "it turns bad in its window",
    "a warm rollback",
    "its schema moves in a hold",
    "it is never healthy in the hold",
    "a rollback by the way down",
)


@pytest.mark.parametrize("name", WHOLLY)
def test_a_runner_killed_after_any_effect_is_carried_on_to_the_same_end(name: str) -> None:
    for death in range(effects_of(STORIES[name])):
        tell(name, [death])


@pytest.mark.parametrize("name", [name for name in STORIES if name not in WHOLLY])
def test_a_runner_killed_here_and_there_is_carried_on_to_the_same_end(name: str) -> None:
    for death in range(len(name) % 7, effects_of(STORIES[name]), 7):
        tell(name, [death])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in STORIES if name not in WHOLLY])
def test_every_story_has_the_same_end_wherever_its_runner_is_killed(name: str) -> None:
    for death in range(effects_of(STORIES[name])):
        tell(name, [death])


@pytest.mark.parametrize("name", WHOLLY)
def test_a_runner_killed_twice_in_a_row_is_carried_on_to_the_same_end(name: str) -> None:
    for death in range(0, effects_of(STORIES[name]), 6):
        tell(name, [death, 1 + death % 7])


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_every_story_has_the_same_end_when_its_runner_is_killed_twice(name: str) -> None:
    for death in range(effects_of(STORIES[name])):
        tell(name, [death, 1 + death % 5])


@pytest.mark.parametrize("warm", [True, False])
def test_a_rollback_command_killed_before_its_runner_was_there_is_resumed_to_the_same_end(warm: bool) -> None:
    for death in range(1, 40):
        world = World()
        plan = plan_return(world, warm=warm)
        world.die_after(death)
        try:
            world.begin(plan)
            assert death > 2
            return
        except Killed:
            assert world.live_tag in ("v1", "v2"), "somebody answers at every moment"
        run = world.journal.active_run("production")
        assert run is not None, "the run is written down before anything else happens"
        world.launcher.stop(run)
        ends_well(STORIES["a warm rollback"], world, world.carry_on(resume(world.ports)))


def effects_of(story: Story) -> int:
    """How many effects the story has when nobody is killed; and that it then ends as it should."""
    world = World()
    run = story.begin(world)
    before = len(world.effects)
    ends_well(story, world, world.carry_on(run))
    return len(world.effects) - before


def tell(name: str, deaths: list[int]) -> None:
    """The story with a runner that is killed after so many effects, and the next one after so many more."""
    story = STORIES[name]
    world = World()
    run = story.begin(world)
    for death in deaths:
        world.die_after(death + 1)
        try:
            world.carry_on(run)
        except Killed:
            pass
    world.die_after(None)
    last = world.effects[-1]
    try:
        ends_well(story, world, world.carry_on(run))
    except Exception as problem:
        raise AssertionError(f"{name}: killed after {deaths} effects, the last was {last}") from problem


def ends_well(story: Story, world: World, run: Run) -> None:
    run = world.journal.run(run.id)
    assert (run.state, run.exit_code) == (story.state, story.exit_code), run.sentence
    world.assert_serves(story.live)
    assert [next(iter(move), "") for move in world.traffic.moves] == story.moves
    if run.state is RunState.ROLLED_BACK and story.live:
        watch = world.journal.active_run("production")
        assert watch is not None and watch.kind == "monitor" and world.launcher.alive(watch)
    told = [event.data["to"] for event in world.events(run, "switched")]
    assert told == [slot for slot in told if slot in story.moves], "a switch was told that was none"
    for once in ("run begun", "window opened", "rollback begun", "rolled back", "accepted", "run ended"):
        assert len(world.events(run, once)) <= 1, f"{once} was told twice"
    assert len([row for row in world.journal.outbox() if row.topic == "rolled back"]) <= 1
