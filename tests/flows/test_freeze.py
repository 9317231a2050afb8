"""A freeze: nothing new begins while it holds, and going back always does."""

from __future__ import annotations

import pytest

from mobius.errors import GateFailed, GateUnknown, MobiusError, UsageError
from mobius.flows.by_hand import abort
from mobius.flows.freeze import freeze, frozen, lift
from mobius.flows.plan import plan_deploy, refuse_unless_checks_pass
from mobius.flows.restart import plan_restart, restart_in_place
from mobius.flows.status import status
from mobius.model.run import RunState
from world import World

HOUR = 3600.0


def with_v1() -> World:
    world = World()
    assert world.deploy("v1").state is RunState.ACCEPTED
    return world


def freeze_for(world: World, seconds: float = HOUR, reason: str = "the sale", who: str = "ann@box") -> None:
    freeze(world.ports, until=world.clock.now() + seconds if seconds else 0.0, reason=reason, who=who)


def answer(world: World) -> str:
    return next(check.answer for check in world.plan("v2").checks if check.name == "freeze")


def test_a_deployment_while_frozen_is_refused_with_who_why_and_until_when() -> None:
    world = with_v1()
    freeze_for(world, 0.0)

    with pytest.raises(GateFailed) as refused:
        world.deploy("v2")

    assert refused.value.exit_code == 3
    assert refused.value.details == ("freeze: frozen by ann@box until somebody lifts it: the sale",)
    assert refused.value.hint == (
        'wait, or mobius freeze -e production --lift, or add --despite-freeze "REASON"'
    )
    world.assert_serves("v1")


def test_a_restart_while_frozen_is_refused_too_also_of_one_worker() -> None:
    world = with_v1()
    freeze_for(world)

    with pytest.raises(GateFailed, match="v1 was not restarted"):
        world.restart()
    with pytest.raises(GateFailed, match="mailer was not restarted: frozen by ann@box until"):
        restart_in_place(world.ports, "mailer", who="ann")


def test_going_back_aborting_and_accepting_always_go() -> None:
    world = with_v1()
    world.deploy("v2")
    freeze_for(world)

    assert world.rollback().state is RunState.ACCEPTED
    world.assert_serves("v1")


def test_a_deployment_that_has_begun_goes_on_and_can_be_aborted() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    freeze_for(world)

    assert abort(world.ports, who="ann").state is RunState.ABORTED
    assert world.journal.run(run.id).ended


def test_a_freeze_ends_at_its_end_and_not_before() -> None:
    world = with_v1()
    freeze_for(world, HOUR)

    world.clock.wait(HOUR - 1)
    assert frozen(world.ports) is not None
    world.clock.wait(1)
    assert frozen(world.ports) is None
    assert world.deploy("v2").state is RunState.ACCEPTED


def test_a_clock_that_was_set_back_keeps_the_freeze() -> None:
    world = with_v1()
    freeze_for(world, HOUR)
    world.clock.jump(-30 * 86_400)

    now = frozen(world.ports)

    assert now is not None and now.reason == "the sale"
    with pytest.raises(GateFailed):
        world.deploy("v2")


def test_frozen_twice_the_last_word_counts_and_names_the_freeze_before() -> None:
    world = with_v1()
    freeze_for(world, HOUR, "the sale")

    before = freeze(world.ports, until=world.clock.now() + 2 * HOUR, reason="the fair", who="bob@box")

    assert before is not None and before.reason == "the sale"
    world.clock.wait(HOUR + 1)
    now = frozen(world.ports)
    assert now is not None
    assert (now.who, now.reason) == ("bob@box", "the fair")


def test_another_person_may_lift_it_and_that_is_written_down() -> None:
    world = with_v1()
    freeze_for(world)

    before = lift(world.ports, who="bob@box")

    assert before is not None and before.who == "ann@box"
    assert frozen(world.ports) is None
    last = world.journal.last_event("production", ("freeze lifted",))
    assert last is not None
    assert (last.message, last.who) == ("bob@box lifted the freeze by ann@box: the sale", "bob@box")


def test_lifting_what_is_not_frozen_writes_nothing() -> None:
    world = with_v1()
    events = len(world.journal.events())

    assert lift(world.ports, who="ann") is None
    assert len(world.journal.events()) == events


def test_a_freeze_wants_a_reason_and_a_moment_to_come() -> None:
    world = with_v1()

    with pytest.raises(UsageError, match="why is it frozen"):
        freeze(world.ports, until=0.0, reason=" ", who="ann")
    with pytest.raises(UsageError, match="has passed"):
        freeze(world.ports, until=world.clock.now() - 1, reason="x", who="ann")
    assert frozen(world.ports) is None


def test_despite_a_freeze_the_reason_is_in_the_plan_the_notification_and_the_journal() -> None:
    world = with_v1()
    freeze_for(world, 0.0)
    plan = plan_deploy("v2", world.ports, tool_version="0", despite_freeze="the shop is down")

    run = world.carry_on(world.begin(plan))

    assert run.state is RunState.ACCEPTED
    [begun] = world.events(run, "run begun")
    assert begun.message == "deploying v2, despite the freeze: the shop is down"
    assert begun.data["despite_freeze"] == "the shop is down"
    assert run.plan.facts["despite_freeze"] == "the shop is down"
    check = next(check for check in plan.checks if check.name == "freeze")
    assert check.answer == (
        "frozen by ann@box until somebody lifts it: the sale; going on despite it: the shop is down"
    )


def test_the_plan_that_was_approved_before_a_freeze_is_the_same_plan_despite_it() -> None:
    world = with_v1()
    before = world.plan("v2").hash
    freeze_for(world)

    assert plan_deploy("v2", world.ports, tool_version="0", despite_freeze="now").hash == before
    assert plan_restart(world.ports, tool_version="0", despite_freeze="now").hash == (
        plan_restart(world.ports, tool_version="0").hash
    )


def test_a_freeze_that_cannot_be_read_is_not_known_and_nothing_begins() -> None:
    world = with_v1()
    ports = world.ports

    def unreadable(environment: str, kinds: object) -> None:
        raise MobiusError("the journal cannot be read", "mend it")

    world.journal.last_event = unreadable  # type: ignore[method-assign,assignment]

    with pytest.raises(GateUnknown) as refused:
        refuse_unless_checks_pass(plan_deploy("v2", ports, tool_version="0"))
    assert refused.value.details == ("freeze: not known: the journal cannot be read",)


def test_status_shows_the_freeze() -> None:
    world = with_v1()
    assert status(world.ports).freeze is None
    freeze_for(world, 0.0)

    now = status(world.ports).freeze

    assert now is not None
    assert (now.who, now.until, now.reason) == ("ann@box", 0.0, "the sale")


def test_a_freeze_of_one_environment_is_not_one_of_another() -> None:
    world = with_v1()
    world.journal.say(None, "staging", world_note(), now=world.clock.now(), who="ann")

    assert frozen(world.ports) is None
    assert answer(world) == "not frozen"


def world_note():  # type: ignore[no-untyped-def]
    from mobius.ports import Note

    return Note("frozen", "frozen", {"until": 0.0, "reason": "elsewhere"})
