"""The rollback that a person asks for: warm, cold, with data, with the journal lost, at three in the morning."""

from __future__ import annotations

import pytest

from mobius.errors import Locked
from mobius.flows.plan_return import plan_rollback
from mobius.model.release import ReleaseState
from mobius.model.run import RunState
from world import Script, World


def with_v2(warm: bool = False) -> World:
    """v1, then v2 with its migration; `warm` leaves v1's processes up."""
    world = World()
    world.deploy("v1")
    world.data["rows"].append("before v2")
    world.scripts["v2"] = Script(blind_after=0) if warm else Script()
    assert world.deploy("v2").state is (RunState.INCONCLUSIVE if warm else RunState.ACCEPTED)
    world.scripts.clear()
    world.data["rows"].append("after v2")
    return world


def test_the_warm_way_back_is_one_switch_before_anything_else() -> None:
    world = with_v2(warm=True)
    started = world.effects.count("target.start")

    run = world.rollback()

    assert [step.action for step in run.plan.rollout][:2] == ["ensure_up", "switch"]
    assert run.state is RunState.ACCEPTED
    world.assert_serves("v1")
    assert world.effects.count("target.start") == started + 1, "only its workers were started"
    assert world.web_tags() == {"v1"}
    assert world.state_of("v2") is ReleaseState.FAILED


@pytest.mark.parametrize("surprise", [OSError("broken pipe"), KeyboardInterrupt()])
def test_a_surprise_in_the_command_leaves_the_rollback_to_its_runner(surprise: BaseException) -> None:
    world = with_v2(warm=True)

    def happen() -> None:
        raise surprise

    world.interrupt(lambda name, _: name == "traffic.switch", happen)
    with pytest.raises(type(surprise)):
        world.begin(plan_rollback(world.ports, tool_version="0"))

    run = world.journal.active_run("production")
    assert run is not None and world.launcher.alive(run)
    assert world.carry_on(run).state is RunState.ACCEPTED
    world.assert_serves("v1")


def test_the_cold_way_back_starts_the_old_release_and_waits_until_it_is_healthy() -> None:
    world = with_v2()

    run = world.rollback()

    actions = [step.action for step in run.plan.rollout]
    assert actions[: actions.index("switch")] == ["stop", "ensure_up"]
    world.assert_serves("v1")


def test_code_alone_keeps_the_data_and_the_migrated_schema() -> None:
    world = with_v2()

    world.rollback()

    assert world.data["rows"] == ["first", "before v2", "after v2"]
    assert [migration.name for migration in world.migrations.applied()] == ["002_titles"]


def test_a_backup_brings_back_code_and_data_and_what_would_be_lost_is_kept_first() -> None:
    world = with_v2()
    backup = next(a.record for a in world.backups.archives if a.record.release_id.startswith("v1"))

    run = world.rollback(backup=backup.name)

    assert run.state is RunState.ACCEPTED
    world.assert_serves("v1")
    assert world.data["rows"] == ["first", "before v2"]
    assert world.migrations.applied() == ()
    assert world.backups.restored == [backup.name]
    [emergency] = [a for a in world.backups.archives if a.record.kind == "emergency"]
    assert emergency.data["rows"] == ["first", "before v2", "after v2"]
    order = [step.action for step in run.plan.rollout]
    assert order.index("emergency_backup") < order.index("hold") < order.index("restore_data")
    assert order.index("restore_data") < order.index("switch") < order.index("release_hold")


def test_a_damaged_backup_is_refused_with_exit_11_and_nothing_touched() -> None:
    world = with_v2()
    backup = next(a.record for a in world.backups.archives if a.record.release_id.startswith("v1"))
    world.backups.damaged.add(backup.name)
    there, moves = world.target.processes(), list(world.traffic.moves)

    run = world.rollback(backup=backup.name)

    assert (run.state, run.exit_code) == (RunState.REFUSED, 11)
    assert run.sentence == f"{backup.name} does not match its SHA-256"
    assert (world.target.processes(), world.traffic.moves) == (there, moves)
    world.assert_serves("v2")


def test_a_release_tree_that_was_removed_comes_back_out_of_its_backup() -> None:
    world = with_v2()
    backup = next(a.record for a in world.backups.archives if a.record.release_id.startswith("v1"))
    world.releases.remove(backup.release_id)

    assert world.rollback(backup=backup.name).state is RunState.ACCEPTED
    world.assert_serves("v1")


@pytest.mark.parametrize("warm", [True, False])
def test_a_lost_journal_does_not_stop_a_rollback_and_learns_of_the_releases_again(warm: bool) -> None:
    world = with_v2(warm=warm)
    world.lose_journal()

    run = world.rollback()

    assert run.state is RunState.ACCEPTED
    world.assert_serves("v1")
    assert world.state_of("v2") is ReleaseState.FAILED


def test_a_full_disk_does_not_stop_a_rollback() -> None:
    world = with_v2(warm=True)
    run = world.begin(plan_rollback(world.ports, tool_version="0"))

    def fill_up() -> None:
        world.journal_down = world.disk_full = world.backups.disk_full = True

    world.interrupt(lambda name, _: name == "traffic.switch", fill_up)
    world.clock.in_s(1000, lambda: setattr(world, "journal_down", False))
    run = world.carry_on(run)

    assert world.live_tag == "v1"
    assert world.working_tags() == {"v1"}
    assert run.state is RunState.ACCEPTED


def test_a_rollback_at_three_in_the_morning_wins_over_a_run_that_only_observes() -> None:
    world = World()
    world.deploy("v1")
    asked: list[int] = []

    def somebody_wakes_up() -> None:
        asked.append(world.begin(plan_rollback(world.ports, emergency=True, tool_version="0")).id)

    world.clock.in_s(3000, somebody_wakes_up)
    observed = world.deploy("v2")
    run = world.carry_on(world.journal.run(asked[0]))

    assert observed.state is RunState.SUPERSEDED
    assert run.state is RunState.ACCEPTED
    world.assert_serves("v1")


def test_a_rollback_that_finds_another_one_under_way_is_told_so() -> None:
    world = with_v2()
    world.begin(plan_rollback(world.ports, tool_version="0"))

    with pytest.raises(Locked, match="locked by run 3"):
        world.begin(plan_rollback(world.ports, tool_version="0"))


def test_what_came_back_is_watched_for_two_hours_and_bad_news_only_pages() -> None:
    world = with_v2(warm=True)
    world.scripts["v1"] = Script(bad_after=world.looks["v1"] + 2)

    run = world.rollback()

    assert run.window_deadline - run.window_opened_at == 7200
    assert (run.state, run.exit_code) == (RunState.INCONCLUSIVE, 3)
    assert world.events(run, "page")
    assert world.live_tag == "v1"


@pytest.mark.parametrize("action", ["switch", "ensure_up", "await_healthy"])
def test_a_rollback_that_breaks_in_the_middle_is_exit_13_and_pages(action: str) -> None:
    world = with_v2()
    plan = plan_rollback(world.ports, tool_version="0")
    if action == "await_healthy":
        world.target.dying_releases.add(plan.release_id)
    else:
        world.break_step = next(step.id for step in plan.rollout if step.action == action)

    run = world.carry_on(world.begin(plan))

    assert (run.state, run.exit_code) == (RunState.FAILED, 13)
    assert world.events(run, "page")[0].message.startswith("going back failed: ")
    assert world.live_tag == "v2", "traffic stays where it was answered"


def test_a_restore_that_breaks_lets_the_held_requests_go() -> None:
    world = with_v2()
    backup = next(a.record for a in world.backups.archives if a.record.release_id.startswith("v1"))
    plan = plan_rollback(world.ports, backup=backup.name, tool_version="0")
    world.break_step = next(step.id for step in plan.rollout if step.action == "restore_data")

    run = world.carry_on(world.begin(plan))

    assert (run.state, run.exit_code) == (RunState.FAILED, 13)
    assert not world.traffic.held


def test_a_failed_way_back_is_exit_13_and_says_how_to_try_again() -> None:
    world = World()
    world.deploy("v1")
    world.scripts["v2"] = Script(bad_after=0)
    plan = world.plan("v2")
    way = plan.way_back("after traffic")
    assert way is not None
    world.break_step = next(step.id for step in way.steps if step.action == "switch")

    run = world.carry_on(world.begin(plan))

    assert (run.state, run.exit_code) == (RunState.FAILED, 13)
    assert world.events(run, "page")[-1].data["choices"] == [
        "see what is there: mobius status -e production",
        "go back again: mobius rollback -e production --emergency",
    ]
    world.scripts.clear()
    assert world.rollback(emergency=True).state is RunState.ACCEPTED
    world.assert_serves("v1")
