"""Between deployments: what was live comes back, a run that lost its runner gets another, and nobody is in the way."""

from __future__ import annotations

from mobius.errors import MobiusError
from mobius.flows.serve import LONGEST_WAIT_S, Watchman
from mobius.model.run import RunState
from mobius.ports import Note
from world import World


def watched(world: World) -> tuple[Watchman, list[str]]:
    said: list[str] = []
    return Watchman(world.ports, said.append), said


def live_world() -> World:
    world = World()
    assert world.deploy("v1").state is RunState.ACCEPTED
    return world


def test_where_all_is_well_nothing_is_done() -> None:
    world = live_world()
    watchman, said = watched(world)
    world.effects.clear()
    for _ in range(3):
        watchman.look()
    assert said == []
    assert [effect for effect in world.effects if "prepare" not in effect] == []


def test_after_a_boot_what_was_live_is_live_again() -> None:
    world = live_world()
    for slot in ("blue", "green"):
        world.target.stop(slot)
    world.traffic.switch({})
    watchman, said = watched(world)
    watchman.look()
    live = world.releases.current()[0]
    assert (world.live_tag, world.working_tags()) == ("v1", {"v1"})
    assert said == [f"{live} gets no traffic: it is brought up", f"{live} is live in blue"]


def test_a_worker_that_is_gone_is_started_again() -> None:
    world = live_world()
    world.target.stop("blue", ["worker"])
    watchman, said = watched(world)
    watchman.look()
    assert world.working_tags() == {"v1"}
    assert said[0] == f"mailer of {world.releases.current()[0]} does not run: it is brought up"


def test_a_run_without_a_runner_gets_one_with_more_and_more_patience() -> None:
    world = live_world()
    run = world.begin(world.plan("v2"))
    watchman, said = watched(world)
    launches = 0
    for _ in range(200):  # ten minutes in which its runner dies at once, again and again
        world.launcher.stop(run)
        watchman.look()
        launches += run.id in world.launcher.launched
        world.clock.wait(3.0)
    assert 6 <= launches <= 9
    assert said[0] == f"run {run.id} (deploy v2, queued) has no runner: another is started"
    world.clock.wait(2 * LONGEST_WAIT_S)
    world.launcher.stop(run)
    watchman.look()
    assert run.id in world.launcher.launched


def test_a_run_that_somebody_carries_on_is_left_alone() -> None:
    world = live_world()
    run = world.begin(world.plan("v2"))
    watchman, said = watched(world)
    watchman.look()
    assert (said, world.launcher.alive(run)) == ([], True)
    world.launcher.stop(run)
    with world.lock.held():
        watchman.look()
    assert (said, world.launcher.alive(run)) == ([], False)


def test_what_cannot_be_seen_is_said_once_and_looked_at_again() -> None:
    world = live_world()
    watchman, said = watched(world)
    world.target.unseen = "the supervisor is gone"
    world.effects.clear()
    for _ in range(3):
        watchman.look()
    assert said == ["the supervisor is gone; mobius host status"]
    world.target.unseen = ""
    watchman.look()
    assert (len(said), world.live_tag) == (1, "v1")
    assert not [effect for effect in world.effects if "start" in effect or "switch" in effect]


def test_a_run_that_waits_for_a_person_gets_no_runner() -> None:
    world = live_world()
    run = world.begin(world.plan("v2"))
    world.launcher.stop(run)
    world.journal.move(
        run, RunState.NEEDS_OPERATOR, Note("asked", "a person is asked"), now=world.clock.now()
    )
    watchman, said = watched(world)
    watchman.look()
    assert (said, world.launcher.alive(run)) == ([], False)


def test_a_worker_that_does_not_start_keeps_no_run_from_its_runner() -> None:
    world = live_world()
    run = world.begin(world.plan("v2"))
    world.launcher.stop(run)
    world.target.prepare = failing  # type: ignore[method-assign]
    watchman, said = watched(world)
    watchman.look()
    watchman.look()
    assert world.launcher.alive(run)
    assert said == [
        f"run {run.id} (deploy v2, queued) has no runner: another is started",
        "mail does not start; systemctl status mail",
    ]


def failing() -> None:
    raise MobiusError("mail does not start", "systemctl status mail")
