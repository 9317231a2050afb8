"""Which way back is taken: by how far the run has come, what its rehearsal proved, and what is on the live database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows.proven import rehearsal
from mobius.model.plan import Plan, Repeat, Way
from mobius.model.proven import NOTHING_PROVEN, Proven
from mobius.model.release import Release
from mobius.model.run import StepRecord
from mobius.model.settings import BackupSettings, EnvironmentSettings, MigrationSettings, ProcessSettings
from mobius.rules.choosing import (
    AFTER,
    BEFORE,
    INSIDE,
    begun_way,
    choose,
    next_way,
    proven_by,
    proven_from,
    unasked,
)
from mobius.rules.planning import Facts, compose_deploy
from mobius.rules.ways_back import Side

WEB = ProcessSettings("api", ("serve",))
SETTINGS = EnvironmentSettings(
    "production",
    "http://127.0.0.1:5001",
    root=Path("/srv"),
    processes=(WEB,),
    backup=BackupSettings(paths=("data",)),
    migrations=MigrationSettings(database="data/app.db", hold_s=30.0),
)
FACTS = Facts(
    SETTINGS,
    "dhash",
    Release("v2-22", "v2", "c2", "d2", "conf"),
    "green",
    Side("v1-11", "blue", (WEB,)),
    pending=("002_titles",),
    can_go_down=True,
)
PLAN = compose_deploy(FACTS)
FAILS = proven_from(rehearsal())
WORKS = proven_from(rehearsal(old_works=True))
UNTRIED = proven_from(rehearsal(tried=False))
LOSSY = proven_from(rehearsal(down=False))


def up_to(action: str, plan: Plan = PLAN) -> list[str]:
    """The steps begun when this action is, the last one of its kind before the next."""
    place = next(place for place, step in enumerate(plan.rollout) if step.action == action)
    return [step.id for step in plan.rollout[: place + 1]]


@pytest.mark.parametrize(
    ("action", "phase"),
    [
        ("stop", BEFORE),
        ("hold", INSIDE),
        ("migrate", INSIDE),
        ("await_healthy", INSIDE),
        ("switch", INSIDE),
        ("release_hold", AFTER),
        ("mark_live", AFTER),
    ],
)
def test_the_phase_is_that_of_the_hold_until_requests_are_let_go(action: str, phase: str) -> None:
    chosen = choose(PLAN, up_to(action), FAILS, moved=action not in ("stop", "hold"))

    assert chosen is not None and chosen.phase == phase


@pytest.mark.parametrize(
    ("proven", "moved", "way"),
    [
        (NOTHING_PROVEN, True, Way.CODE_ALONE),
        (UNTRIED, True, Way.CODE_ALONE),
        (WORKS, True, Way.CODE_ALONE),
        (FAILS, True, Way.DOWN),
        (FAILS, False, Way.CODE_ALONE),
        (LOSSY, True, None),
        (LOSSY, False, Way.CODE_ALONE),
    ],
)
@pytest.mark.parametrize("phase", [INSIDE, AFTER])
def test_code_alone_unless_it_was_seen_to_fail_then_down_where_it_was_proven(
    proven: Proven, moved: bool, way: Way | None, phase: str
) -> None:
    chosen = unasked(PLAN, phase, proven, moved=moved)

    assert (chosen.way if chosen else None) is way


@pytest.mark.parametrize(
    ("proven", "way"), [(NOTHING_PROVEN, None), (UNTRIED, None), (WORKS, Way.CODE_ALONE), (FAILS, None)]
)
@pytest.mark.parametrize("phase", [BEFORE, INSIDE, AFTER])
@pytest.mark.parametrize("moved", [True, False])
def test_on_half_a_migration_code_alone_must_have_been_seen_to_work_and_nobody_goes_down_unasked(
    proven: Proven, way: Way | None, phase: str, moved: bool
) -> None:
    chosen = unasked(PLAN, phase, proven, moved=moved, half=True)

    assert (chosen.way if chosen else None) is way


def test_a_first_deployment_gives_up_on_half_a_migration_as_there_is_no_release_to_start_on_it() -> None:
    plan = compose_deploy(replace(FACTS, live=Side("", "")))

    chosen = unasked(plan, BEFORE, half=True)

    assert chosen is not None and chosen.way is Way.CODE_ALONE


def test_data_goes_back_unasked_only_where_that_is_allowed() -> None:
    allowed = compose_deploy(replace(FACTS, settings=replace(SETTINGS, auto_restore=True)))

    for phase in (INSIDE, AFTER):
        chosen = unasked(allowed, phase, LOSSY)
        assert chosen is not None and chosen.way is Way.RESTORE


def test_what_was_proven_is_read_from_the_step_that_rehearsed_and_from_the_plan_of_a_watch() -> None:
    step = next(step for step in PLAN.rollout if step.action == "rehearse")
    done = StepRecord(1, step.id, 1, 1.0, 2.0, result=rehearsal())

    assert proven_by(PLAN, {step.id: done}) == FAILS
    assert proven_by(PLAN, {}) is NOTHING_PROVEN
    assert proven_by(replace(PLAN, rollout=(), facts={"proven": rehearsal()}), {}) == FAILS
    assert (FAILS.old_fails, FAILS.at, FAILS.migrate_s) == (True, 1.0, 0.5)
    assert not UNTRIED.old_fails


def test_a_way_that_was_begun_is_finished_and_of_two_the_later() -> None:
    code, down = PLAN.way_back(INSIDE), PLAN.way_back(INSIDE, Way.DOWN)
    assert code is not None and down is not None

    assert begun_way(PLAN, up_to("migrate")) is None
    assert begun_way(PLAN, [code.steps[0].id]) is code
    assert begun_way(PLAN, [code.steps[0].id, down.steps[0].id]) is down


def test_where_the_release_before_does_not_come_up_the_data_goes_back_too_if_nobody_need_be_asked() -> None:
    code, down = PLAN.way_back(AFTER), PLAN.way_back(AFTER, Way.DOWN)
    assert code is not None and down is not None
    begun = [code.steps[0].id]

    assert next_way(PLAN, code, begun, UNTRIED, restores=False, moved=True) is down
    assert next_way(PLAN, code, begun, LOSSY, restores=False, moved=True) is None
    restore = next_way(PLAN, code, begun, LOSSY, restores=True, moved=True)
    assert restore is not None and restore.way is Way.RESTORE
    assert next_way(PLAN, restore, begun, LOSSY, restores=True, moved=True) is None
    switched = [step.id for step in code.steps]
    assert next_way(PLAN, code, switched, FAILS, restores=True, moved=True) is None, "then it did come up"
    inside = PLAN.way_back(INSIDE)
    assert inside is not None
    assert next_way(PLAN, inside, [], FAILS, restores=True, moved=False) is None, "its data is as it was"
    assert next_way(PLAN, inside, [], WORKS, restores=False, moved=False, half=True) is None, "not down"
    of_half = next_way(PLAN, inside, [], WORKS, restores=True, moved=False, half=True)
    assert of_half is not None and of_half.way is Way.RESTORE


def test_what_only_a_command_knows_is_asked_of_a_person_and_never_repeated_blindly() -> None:
    by_command = replace(SETTINGS, migrations=MigrationSettings(kind="command", up=("up",), hold_s=30.0))
    plan = compose_deploy(replace(FACTS, settings=by_command))
    steps = [*plan.rollout, *(step for way in plan.ways_back for step in way.steps)]

    assert {step.repeat for step in steps if step.action in ("migrate", "down")} == {Repeat.ASK}


def test_without_a_hold_the_plan_holds_nothing_and_knows_no_way_from_inside_it() -> None:
    plain = replace(SETTINGS, migrations=MigrationSettings(database="data/app.db"))
    for facts in (
        replace(FACTS, settings=plain),
        replace(FACTS, pending=()),
        replace(FACTS, live=Side("", "")),
    ):
        plan = compose_deploy(facts)
        assert not {step.action for step in plan.rollout} & {"hold", "see_hold", "release_hold"}
        assert not [way for way in plan.ways_back if way.phase == INSIDE]


def test_the_hold_and_its_ways_back_are_in_the_hash() -> None:
    longer = replace(SETTINGS, migrations=MigrationSettings(database="data/app.db", hold_s=31.0))

    assert compose_deploy(replace(FACTS, settings=longer)).hash != PLAN.hash
    assert compose_deploy(replace(FACTS, can_go_down=False)).hash != PLAN.hash
    assert compose_deploy(FACTS).hash == PLAN.hash
