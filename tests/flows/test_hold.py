"""Requests are held while a schema moves that the release before cannot live with; and which way leads back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.proven import Stopped, stop_the_runner, ways_taken, with_v1
from mobius.adapters.checks.memory import bad
from mobius.errors import Locked
from mobius.flows.by_hand import abort, resume
from mobius.flows.status import status
from mobius.model.plan import Way
from mobius.model.run import RunState
from mobius.rules.choosing import AFTER
from world import Script, World


def effects(world: World, *ports: str) -> list[str]:
    return [effect for effect in world.effects if effect.split(".")[0] in ports]


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


@pytest.mark.parametrize("tried", [True, False], ids=["the old release fails", "it was not tried"])
def test_inside_the_hold_a_migration_that_fails_half_way_is_left_to_a_person_who_is_told_what_is_half(
    tried: bool,
) -> None:
    """A way down was proven, but of the whole migration, and code alone would start v1 on half of it."""
    world = with_v1(tried=tried)
    world.migrations.broken_half.add("002_titles")

    run = world.deploy("v2")

    assert (run.state, run.exit_code, ways_taken(world, run)) == (RunState.NEEDS_OPERATOR, 4, [])
    assert run.sentence == (
        "002_titles failed: no such table; migration 002_titles was left in the middle;"
        " no way back may be taken without asking"
    )
    [page] = world.events(run, "page")
    assert page.data["choices"] == [
        "mend it and do it again: mobius resume -e production --again; or go back with the data of a backup"
        " (restore, 20 s, loses every write since the backup): mobius rollback -e production --backup run2.zip"
    ]
    assert not world.traffic.held
    aborted = abort(world.ports, who="ann")
    assert "migration 002_titles was left in the middle, so no way back may be taken" in aborted.sentence
    assert world.rollback(backup="run2.zip").state is RunState.ACCEPTED
    assert "half" not in world.data
    world.assert_serves("v1")


def test_inside_the_hold_half_a_migration_goes_back_with_its_data_where_that_may_go_unasked() -> None:
    world = with_v1(auto_restore=True)
    world.migrations.broken_half.add("002_titles")

    run = world.deploy("v2")

    assert (run.state, ways_taken(world, run)) == (RunState.ROLLED_BACK, ["restore"])
    assert "half" not in world.data
    world.assert_serves("v1")


def test_half_a_migration_goes_back_by_code_alone_where_the_release_before_was_seen_to_work_on_all_of_it() -> (
    None
):
    world = with_v1(old_works=True)
    world.migrations.broken_half.add("002_titles")

    run = world.deploy("v2")

    assert (run.state, ways_taken(world, run)) == (RunState.ROLLED_BACK, ["code alone"])
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


def test_a_lock_is_waited_for_no_longer_than_the_hold_lasts_and_the_run_goes_back() -> None:
    world = with_v1(down=False)
    world.migrations.sleep, world.migrations.lock_is_held_s = world.clock.wait, 60.0
    world.interrupt(lambda name, _: name == "traffic.drain", lambda: world.clock.wait(10))

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert ways_taken(world, run) == ["code alone"]
    assert run.sentence.startswith("a lock was not had in ")
    [held] = world.events(run, "held")
    assert 20.0 < held.data["seconds"] < 35.0, "the hold is 30 s; what follows is the start of v1"
    assert any("locks are waited for until the hold ends, in " in line for line in world.log)
    [waited] = world.events(run, "waiting")
    assert waited.message.startswith("a lock was not had"), "whoever looks on sees why nothing moves"
    assert world.data.get("migrations", []) == []
    assert not world.traffic.held
    world.assert_serves("v1")


def test_a_lock_that_is_free_before_the_hold_ends_is_waited_for() -> None:
    world = with_v1()
    world.migrations.sleep, world.migrations.lock_is_held_s = world.clock.wait, 15.0

    assert world.deploy("v2").state is RunState.ACCEPTED
    world.assert_serves("v2")


def test_where_nobody_is_held_a_lock_is_waited_for_as_long_as_the_settings_say() -> None:
    world = with_v1(old_works=True)
    world.migrations.sleep, world.migrations.lock_is_held_s = world.clock.wait, 60.0

    assert world.deploy("v2").state is RunState.ACCEPTED
    assert not any("until the hold ends" in line for line in world.log)


def test_once_something_of_the_migration_is_applied_the_hold_bounds_no_lock_any_more() -> None:
    world = with_v1()
    world.migrations.sleep = world.clock.wait
    [titles] = world.migrations.offered["v2"]
    more = replace(titles, version="003", name="003_more")
    world.migrations.offered["v2"] = (titles, more)
    run = world.begin(world.plan("v2"))
    world.interrupt(
        lambda name, _: name == "migrations.apply",
        lambda: (world.data.update(migrations=[titles]), stop_the_runner()),
    )
    with pytest.raises(Stopped):
        world.carry_on(run)
    world.migrations.lock_is_held_s = 60.0

    assert world.carry_on(world.journal.run(run.id)).state is RunState.ACCEPTED
    assert [one.name for one in world.data["migrations"]] == ["002_titles", "003_more"]


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


@pytest.mark.parametrize("broken", ["the way down", "the release before"])
def test_a_way_down_that_cannot_be_finished_leaves_the_release_live_that_was_with_its_schema(
    broken: str,
) -> None:
    world = with_v1()
    world.scripts["v2"] = Script(bad_after=2)
    run = world.begin(world.plan("v2"))
    if broken == "the way down":
        down = run.plan.way_back(AFTER, Way.DOWN)
        assert down is not None
        world.break_step = next(step.id for step in down.steps if step.action == "down")
    else:
        world.interrupt(
            lambda name, _: name == "migrations.down", lambda: world.scripts.update(v1=Script(healthy=False))
        )

    ended = world.carry_on(run)

    assert (ended.state, ended.exit_code) == (RunState.FAILED, 13)
    assert ended.sentence.endswith("runs again, with the data as it was")
    assert world.live_tag == "v2" and world.web_tags() == {"v2"}
    assert [one.name for one in world.data["migrations"]] == ["002_titles"]
    assert not world.traffic.held


def test_where_nothing_comes_back_inside_the_hold_a_person_gets_the_backup_and_it_brings_the_release_back() -> (
    None
):
    world = with_v1()
    world.scripts.update(v1=Script(healthy=False), v2=Script(healthy=False))

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.FAILED, 13)
    assert status(world.ports).next == "mobius report -e production", "code alone did not come back either"
    assert not world.traffic.held
    assert world.events(run, "page")[-1].data["choices"] == [
        "see what is there: mobius status -e production",
        "go back with the data of a backup (restore, 20 s, loses every write since the backup):"
        " mobius rollback -e production --backup run2.zip",
    ]
    world.scripts.clear()
    assert world.rollback(backup="run2.zip").state is RunState.ACCEPTED
    world.assert_serves("v1")


def test_a_window_that_ends_without_a_verdict_names_the_ways_back_that_would_not_be_refused() -> None:
    world = with_v1(down=False)
    world.scripts["v2"] = Script(blind_after=2)
    run = world.deploy("v2")
    assert (run.state, run.exit_code) == (RunState.INCONCLUSIVE, 4)
    choices = world.events(run, "page")[-1].data["choices"]
    assert choices[0] == "keep it: mobius accept -e production"
    assert choices[1].endswith(": mobius rollback -e production --backup run2.zip")
