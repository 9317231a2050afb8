"""A person goes back after migrations: by the way that was proven, or over a run that stands still in its hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.proven import Stopped, stop_the_runner, ways_taken, with_v1
from mobius.errors import GateFailed, MobiusError
from mobius.flows.by_hand import abort, resume
from mobius.flows.plan_return import plan_rollback
from mobius.flows.status import status
from mobius.model.plan import Way
from mobius.model.run import Run, RunState
from world import Script, World


def deployed(**proven: bool) -> World:
    world = with_v1(**proven)
    world.clock.in_s(1800, lambda: None)
    world.scripts["v2"] = Script(blind_after=0)  # nobody decides: the way back is a person's
    assert world.deploy("v2").state is RunState.INCONCLUSIVE
    return world


def test_status_says_which_way_back_was_proven() -> None:
    way_back = status(deployed().ports).way_back

    assert way_back is not None
    assert (way_back.way, way_back.to, way_back.expected_s) == (Way.DOWN, "v1", 4.0)
    assert (way_back.loses, way_back.proven_at) == ("what is written into the new columns", 1.0)
    alone = status(deployed(old_works=True).ports).way_back
    assert alone is not None and alone.way is Way.CODE_ALONE
    by_hand = status(deployed(down=False).ports)
    assert by_hand.way_back is not None
    assert (by_hand.way_back.way, by_hand.way_back.expected_s) == (Way.RESTORE, 20.0)
    instead = "mobius rollback -e production --backup run2.zip"
    assert by_hand.way_back.instead == instead, "without it that is refused"


def test_a_rollback_by_a_person_goes_down_where_that_was_proven() -> None:
    world = deployed()

    run = world.rollback()

    assert run.state is RunState.ACCEPTED
    assert ways_taken(world, run) == ["down"]
    assert world.data["migrations"] == []
    world.assert_serves("v1")


def test_a_rollback_by_a_person_says_which_ways_are_open_and_what_each_loses() -> None:
    plan = plan_rollback(deployed().ports, tool_version="0")

    told = next(check for check in plan.checks if check.name == "ways back")
    assert told.answer == (
        "code alone: not open: no such column: nick; down, 4 s, loses what is written into the new columns;"
        " restore, 20 s, loses every write since the backup"
    )
    assert plan.facts["way"] == "down"


def test_where_only_data_helps_a_rollback_that_names_none_is_refused_with_both_commands() -> None:
    world = deployed(down=False)
    plan = plan_rollback(world.ports, tool_version="0")

    with pytest.raises(GateFailed) as refused:
        world.begin(plan)

    assert refused.value.hint == (
        "mobius rollback -e production --backup run2.zip;"
        " or, although it is not open: mobius rollback -e production --emergency"
    )
    world.assert_serves("v2")


def test_an_emergency_is_code_alone_whatever_was_proven_and_says_what_was() -> None:
    world = deployed()

    plan = plan_rollback(world.ports, emergency=True, tool_version="0")
    run = world.rollback(emergency=True)

    assert "code alone: not open: no such column: nick" in plan.checks[-1].answer
    assert ways_taken(world, run) == ["code alone"]
    assert [one.name for one in world.data["migrations"]] == ["002_titles"]
    world.assert_serves("v1")


def killed_while_a_command_migrates() -> tuple[World, Run]:
    world = with_v1()
    assert world.settings.migrations is not None
    world.settings = replace(world.settings, migrations=replace(world.settings.migrations, kind="command"))
    run = world.begin(world.plan("v2"))
    place = next(place for place, step in enumerate(run.plan.rollout) if step.action == "migrate")
    migrate = run.plan.rollout[place]

    def kill(name: str, args: tuple[object, ...]) -> bool:
        return name == "journal.done" and args[1] == migrate

    world.interrupt(kill, stop_the_runner)
    with pytest.raises(Stopped):
        world.carry_on(run)
    return world, world.carry_on(run)


def test_a_command_that_was_interrupted_is_not_run_again_a_person_is_asked_with_the_safe_choices() -> None:
    world, run = killed_while_a_command_migrates()

    assert (run.state, run.exit_code) == (RunState.NEEDS_OPERATOR, 4)
    assert world.migrations.done == {"002_titles": 1}
    [page] = world.events(run, "page")
    assert page.data["choices"] == [
        "look, then say so: mobius resume -e production --done, or --again if it did not;"
        " or take everything back: mobius abort -e production"
    ]
    resume(world.ports, step_done=True)
    assert world.carry_on(run).state is RunState.ACCEPTED
    world.assert_serves("v2")


def test_and_where_it_is_taken_back_the_schema_counts_as_moved() -> None:
    world, _run = killed_while_a_command_migrates()

    ended = world.carry_on(abort(world.ports, who="ann"))

    assert ended.state is RunState.ROLLED_BACK
    assert ways_taken(world, ended) == ["down"]
    world.assert_serves("v1")


def test_going_back_after_a_kill_is_left_to_a_person_where_no_way_may_be_taken_any_more() -> None:
    """Aborted before anything was migrated; then nobody can look, and the migration may be there after all."""
    world = with_v1(down=False)
    run = world.begin(world.plan("v2"))
    world.interrupt(lambda name, args: name == "migrations.apply", stop_the_runner)
    with pytest.raises(Stopped):
        world.carry_on(run)
    assert world.traffic.held
    aborted = abort(world.ports, who="ann")
    assert aborted.state is RunState.ROLLING_BACK
    world.migrations.unseen = "the server does not answer"

    ended = world.carry_on(aborted)

    assert (ended.state, ended.exit_code) == (RunState.NEEDS_OPERATOR, 4)
    assert "no way back may be taken without asking" in ended.sentence
    assert not world.traffic.held


def test_what_a_migration_tool_that_outlived_its_deployer_still_applies_counts_as_moved() -> None:
    """Aborted while it runs: code alone would start a release on a schema that moves a moment later."""
    world = with_v1()
    run = world.begin(world.plan("v2"))
    world.interrupt(lambda name, args: name == "migrations.apply", stop_the_runner)
    with pytest.raises(Stopped):
        world.carry_on(run)
    [titles] = world.migrations.offered["v2"]
    world.migrations.still_running = lambda: world.data.update(migrations=[titles])

    aborted = abort(world.ports, who="ann")
    world.migrations.still_running = None
    ended = world.carry_on(aborted)

    assert (ended.state, ways_taken(world, ended)) == (RunState.ROLLED_BACK, ["down"])
    assert world.data["migrations"] == []
    world.assert_serves("v1")


def test_a_rollback_by_hand_chooses_and_goes_down_only_after_a_tool_that_outlived_its_deployer() -> None:
    world = deployed()
    heard: list[str] = []
    world.migrations.still_running = lambda: heard.append("ended")

    plan = plan_rollback(world.ports, tool_version="0")

    assert heard == ["ended"] and plan.facts["way"] == "down"
    heard.clear()
    world.interrupt(lambda name, args: name == "migrations.down", lambda: heard.append("down"))
    world.rollback()
    assert heard[-2:] == ["ended", "down"]


def test_an_emergency_waits_for_no_migration_tool() -> None:
    world = deployed()
    world.migrations.still_running = stop_the_runner

    run = world.rollback(emergency=True)

    assert ways_taken(world, run) == ["code alone"]
    world.assert_serves("v1")


def test_a_tool_that_does_not_end_refuses_a_rollback_that_says_how_to_go_back_all_the_same() -> None:
    world = deployed()

    def goes_on() -> None:
        raise MobiusError("it is being migrated by a command that runs already", "end it")

    world.migrations.still_running = goes_on

    with pytest.raises(GateFailed) as refused:
        world.begin(plan_rollback(world.ports, tool_version="0"))

    assert refused.value.hint == "end it; or, whatever it does: mobius rollback -e production --emergency"
    world.assert_serves("v2")


def standing_still_inside_the_hold() -> World:
    """A runner was killed while a command migrated: a person is asked, and requests wait."""
    world, run = killed_while_a_command_migrates()
    assert run.state is RunState.NEEDS_OPERATOR and world.traffic.held
    return world


def test_a_rollback_with_data_over_a_run_that_stands_still_in_its_hold_lets_everybody_go_on() -> None:
    world = standing_still_inside_the_hold()

    run = world.rollback(backup="run2.zip")

    assert run.state is RunState.ACCEPTED
    assert world.data.get("migrations") is None
    world.assert_serves("v1")


def test_and_so_does_one_by_code_alone() -> None:
    world = standing_still_inside_the_hold()

    run = world.rollback(to="v2")

    assert run.state is RunState.ACCEPTED
    world.assert_serves("v2")
