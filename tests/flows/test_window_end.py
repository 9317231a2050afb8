"""The last look of a window."""

from __future__ import annotations

from mobius.model.run import RunState
from world import World


def test_a_look_that_began_before_the_deadline_and_ended_after_it_does_not_end_the_window() -> None:
    world = World()
    world.deploy("v1")
    run = world.begin(world.plan("v2"))
    world.interrupt(
        lambda name, _: name == "journal.add_samples" and world.looks["v2"] == 8,
        lambda: world.clock.wait(1000),
    )

    ended = world.carry_on(run)

    assert (ended.state, ended.exit_code) == (RunState.ACCEPTED, 0), ended.sentence
