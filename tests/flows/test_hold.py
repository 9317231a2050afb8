"""Requests are held while a schema moves that the release before cannot live with; and which way leads back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.proven import HELD, rehearsal
from mobius.adapters.checks.memory import bad
from mobius.errors import GateFailed, Locked
from mobius.flows.by_hand import abort, resume
from mobius.flows.plan_return import plan_rollback
from mobius.flows.status import status
from mobius.model.plan import Way
from mobius.model.run import Run, RunState
from world import Script, World


def with_v1(*, auto_restore: bool = False, **proven: bool) -> World:
    world = World(settings=replace(HELD, auto_restore=auto_restore))
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.backups.rehearsal = rehearsal(**proven)
    world.effects.clear()
    return world


def effects(world: World, *ports: str) -> list[str]:
    return [effect for effect in world.effects if effect.split(".")[0] in ports]


def ways_taken(world: World, run: Run) -> list[str]:
    return [event.data["way"] for event in world.events(run, "rollback begun")]


def test_nobody_writes_while_the_schema_moves() -> None:
    world = with_v1()

    run = world.deploy("v2")

    assert run.state is RunState.ACCEPTED
    world.assert_serves("v2")
    moved = effects(world, "traffic", "migrations")
    assert moved[:5] == [
        "traffic.hold",
        "traffic.drain",
        "migrations.apply",
        "traffic.switch",
        "traffic.release_hold",
    ]
    assert world.effects.index("target.stop", world.effects.index("traffic.drain")) < world.effects.index(
        "migrations.apply"
    ), "what writes is stopped first"
    [held] = world.events(run, "held")
    assert held.message.startswith("requests were held for ")


def test_nobody_waits_where_the_release_before_works_on_the_new_schema() -> None:
    world = with_v1(old_works=True)

    run = world.deploy("v2")

    assert run.state is RunState.ACCEPTED
    assert "traffic.hold" not in world.effects
    assert world.events(run, "held") == []
    world.assert_serves("v2")


def test_what_was_not_tried_is_not_taken_for_open() -> None:
    world = with_v1(tried=False)

    assert world.deploy("v2").state is RunState.ACCEPTED
    assert "traffic.hold" in world.effects


def test_a_bad_release_goes_back_by_a_way_down_that_was_proven_and_nobody_is_asked() -> None:
    world = with_v1()
    world.scripts["v2"] = Script(bad_after=2)

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert ways_taken(world, run) == ["down"]
    world.assert_serves("v1")
    assert world.data.get("migrations") == []
    assert world.backups.restored == []


def test_a_way_down_that_loses_data_is_taken_by_nobody_but_a_person() -> None:
    world = with_v1(down=False)
    world.scripts["v2"] = Script(bad_after=2)

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.INCONCLUSIVE, 3)
    world.assert_serves("v2")
    page = world.events(run, "page")[0]
    assert page.data["choices"] == [
        "go back with the data of a backup (restore, 20 s, loses every write since the backup):"
        " mobius rollback -e production --backup run2.zip",
        "go back with code alone: not open: no such column: nick: mobius rollback -e production --emergency",
        "keep it: mobius accept -e production",
    ]


def test_where_data_may_go_back_by_itself_it_does() -> None:
    world = with_v1(down=False, auto_restore=True)
    world.scripts["v2"] = Script(bad_after=2)

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert ways_taken(world, run) == ["restore"]
    world.assert_serves("v1")


def test_code_alone_is_taken_where_it_is_open() -> None:
    world = with_v1(old_works=True)
    world.scripts["v2"] = Script(bad_after=2)

    run = world.deploy("v2")

    assert run.state is RunState.ROLLED_BACK
    assert ways_taken(world, run) == ["code alone"]
    world.assert_serves("v1")
    assert [one.name for one in world.data["migrations"]] == ["002_titles"], "the migrated schema stays"


@pytest.mark.parametrize(
    "script", [Script(healthy=False), Script(smoke=False)], ids=["never healthy", "smoke tests fail"]
)
def test_inside_the_hold_a_release_that_does_not_run_goes_back_by_the_way_down(script: Script) -> None:
    world = with_v1()
    world.scripts["v2"] = script

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert ways_taken(world, run) == ["down"]
    assert world.data.get("migrations") == []
    world.assert_serves("v1")
    assert {"green": 100} not in world.traffic.moves, "nobody met it"
    kinds = [archive.record.kind for archive in world.backups.archives if archive.record.run_id == run.id]
    assert kinds == ["release"], "nothing was written that an emergency backup would have to keep"


def test_inside_the_hold_a_migration_that_fails_before_anything_was_applied_goes_back_by_code_alone() -> None:
    world = with_v1(down=False)
    world.migrations.broken.add("002_titles")

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert ways_taken(world, run) == ["code alone"]
    world.assert_serves("v1")


def test_inside_the_hold_without_any_way_that_needs_no_question_a_person_is_called_and_nobody_waits_on() -> (
    None
):
    world = with_v1(down=False)
    world.scripts["v2"] = Script(healthy=False)

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.NEEDS_OPERATOR, 4)
    assert not world.traffic.held
    assert (
        "mobius rollback -e production --backup run2.zip" in world.events(run, "page")[0].data["choices"][0]
    )
    world.scripts.clear()
    resume(world.ports, step_done=False)
    assert world.carry_on(run).state is RunState.ACCEPTED, "mended, and done again"
    world.assert_serves("v2")


def test_a_hold_that_runs_out_before_anything_was_migrated_goes_back_for_that_is_sooner_over() -> None:
    world = with_v1()
    world.interrupt(lambda name, _: name == "traffic.drain", lambda: world.clock.wait(31))

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert run.sentence.startswith(
        "the hold of 30 s ran out before anything was migrated (it took 31 s to let"
    )
    assert "migrations.apply" not in world.effects
    world.assert_serves("v1")


def test_a_hold_that_runs_out_while_the_schema_moves_goes_on() -> None:
    world = with_v1()
    world.interrupt(lambda name, _: name == "migrations.apply", lambda: world.clock.wait(31))

    assert world.deploy("v2").state is RunState.ACCEPTED
    world.assert_serves("v2")


def test_an_abort_inside_the_hold_takes_the_same_way_as_a_failure() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    world.interrupt(lambda name, _: name == "target.start", stop_the_runner)
    with pytest.raises(Stopped):
        world.carry_on(run)

    ended = world.carry_on(abort(world.ports, who="ann"))

    assert ended.state is RunState.ROLLED_BACK
    assert ways_taken(world, ended) == ["down"]
    world.assert_serves("v1")


class Stopped(BaseException):
    """The runner is gone."""


def test_somebody_elses_migration_that_came_in_between_is_not_run_along() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    other = replace(world.migrations.offered["v2"][0], version="003", name="003_other")
    world.interrupt(
        lambda name, _: name == "traffic.hold",
        lambda: world.migrations.offered.update(v2=(*world.migrations.offered["v2"], other)),
    )

    ended = world.carry_on(run)

    assert ended.state is RunState.ROLLED_BACK
    assert ended.sentence == (
        "the database has changed since it was planned: 003_other would be applied, too"
    )
    world.assert_serves("v1")


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
    by_hand = status(deployed(down=False).ports).way_back
    assert by_hand is not None and (by_hand.way, by_hand.expected_s) == (Way.RESTORE, 20.0)


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


def test_a_window_that_a_refused_deployment_gave_back_still_knows_what_was_proven() -> None:
    world = with_v1()
    world.clock.in_s(1800, lambda: world.begin(world.plan("v3")))
    second = world.deploy("v2")
    world.gates["lint"] = bad("lint")
    world.carry_on(world.journal.run(second.id + 1))
    watch = world.journal.active_run("production")
    assert watch is not None and watch.kind == "monitor"
    world.scripts["v2"] = Script(bad_after=world.looks["v2"] + 2)

    ended = world.carry_on(watch)

    assert ended.state is RunState.ROLLED_BACK
    assert ways_taken(world, ended) == ["down"]
    world.assert_serves("v1")


def test_inside_the_hold_data_goes_back_where_that_is_allowed_and_what_was_written_before_it_is_kept() -> (
    None
):
    world = with_v1(down=False, auto_restore=True)
    world.scripts["v2"] = Script(healthy=False)
    world.interrupt(lambda name, _: name == "traffic.hold", lambda: world.data["rows"].append("late"))

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert ways_taken(world, run) == ["restore"]
    world.assert_serves("v1")
    assert (world.data["rows"], world.data.get("migrations")) == (["first"], None)
    [kept] = [archive for archive in world.backups.archives if archive.record.kind == "emergency"]
    assert kept.data["rows"] == ["first", "late"], "written between the backup and the hold"


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


def stop_the_runner() -> None:
    raise Stopped


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


def test_a_database_that_is_ahead_of_the_release_holds_nobody_and_the_release_comes_again() -> None:
    world = with_v1(old_works=True)
    world.scripts["v2"] = Script(bad_after=2)
    assert world.deploy("v2").state is RunState.ROLLED_BACK
    world.scripts.clear()
    watch = world.journal.active_run("production")
    assert watch is not None
    world.carry_on(watch)
    world.effects.clear()

    plan = world.plan("v2")
    run = world.carry_on(world.begin(plan))

    assert plan.facts["pending_migrations"] == []
    assert run.state is RunState.ACCEPTED
    assert not {"traffic.hold", "migrations.apply"} & set(world.effects)
    assert world.migrations.done == {"002_titles": 1}
    world.assert_serves("v2")


def test_a_plan_is_another_once_somebody_has_migrated() -> None:
    world = with_v1()
    before = world.plan("v2")
    assert world.plan("v2").hash == before.hash

    world.data["migrations"] = list(world.migrations.offered["v2"])

    assert world.plan("v2").hash != before.hash


def test_a_second_deployer_waits_for_nobody_and_changes_nothing_while_requests_are_held() -> None:
    world = with_v1()
    refused: list[str] = []

    def another() -> None:
        with pytest.raises(Locked) as locked:
            world.begin(world.plan("v3"))
        refused.append(locked.value.message)

    world.interrupt(lambda name, _: name == "migrations.apply", another)

    assert world.deploy("v2").state is RunState.ACCEPTED
    assert refused and "locked by run 2" in refused[0]
    assert world.migrations.done == {"002_titles": 1}


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
