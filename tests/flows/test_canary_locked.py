"""A canary while somebody else holds the lock of its environment."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from flows.staged import ALL_BLUE, ALL_GREEN, HALF, TEN, with_v1
from mobius.flows.bring_up import bring_up
from mobius.model.run import RunState


@pytest.mark.parametrize(
    ("errors", "ends", "moves"),
    [
        (5, RunState.ROLLED_BACK, [ALL_BLUE, TEN, ALL_BLUE]),
        (0, RunState.ACCEPTED, [ALL_BLUE, TEN, HALF, ALL_GREEN]),
    ],
)
def test_a_stage_ends_although_the_lock_is_held_longer_than_a_write_waits(
    errors: int, ends: RunState, moves: list[dict[str, int]]
) -> None:
    world = with_v1(errors=errors)
    run = world.begin(world.plan("v2"))
    held = ExitStack()
    world.interrupt(
        lambda name, _: name == "journal.add_samples" and world.looks.get("v2", 0) >= 2,
        lambda: held.enter_context(world.lock.held()),
    )
    waited: list[bool] = []

    def let_go() -> None:
        waited.append(True)
        held.close()

    world.interrupt(
        lambda name, args: name == "journal.say" and args[2].kind == "waiting",
        let_go,
    )

    ended = world.carry_on(run)

    assert waited
    assert ended.state is ends
    assert world.traffic.moves == moves


def test_what_is_brought_up_in_a_stage_leaves_its_share_alone() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    world.interrupt(
        lambda name, _: name == "journal.add_samples" and world.looks.get("v2", 0) >= 2,
        lambda: bring_up(world.ports),
    )

    assert world.carry_on(run).state is RunState.ACCEPTED
    assert world.traffic.moves == [ALL_BLUE, TEN, HALF, ALL_GREEN]
