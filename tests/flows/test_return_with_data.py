"""Going back with data: who else it concerns, what waits, what is lost and listed, and what happens when it fails."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mobius.adapters.checks.memory import bad
from mobius.errors import GateFailed, UsageError
from mobius.flows.plan_return import plan_rollback
from mobius.model.release import BackupRecord
from mobius.model.run import Run, RunState
from mobius.model.settings import DoorSettings, GateCommand
from mobius.ports import NotAllTold
from world import SETTINGS, Killed, Script, World

SHARED = replace(SETTINGS, backup=replace(SETTINGS.backup, shared_with=("billing", "search")))


def with_v2(settings: object = SETTINGS) -> tuple[World, BackupRecord]:
    """v1, a row, v2 with its migration, another row; and the backup of v1 that was taken in between."""
    world = World(settings=settings)  # type: ignore[arg-type]
    world.deploy("v1")
    world.data["rows"].append("before v2")
    world.deploy("v2")
    world.data["rows"].append("after v2")
    [backup] = [a.record for a in world.backups.archives if a.record.release_id.startswith("v1")]
    return world, backup


def test_what_would_be_lost_is_in_the_plan_and_not_in_its_hash() -> None:
    world, backup = with_v2()

    plain = plan_rollback(world.ports, backup=backup.name, tool_version="0")
    compared = plan_rollback(world.ports, backup=backup.name, compare=True, tool_version="0")

    assert "losing" not in plain.facts
    [table] = [t for t in compared.facts["losing"]["tables"] if t["table"] == "rows"]
    assert (table["rows_then"], table["rows_now"], table["added"]) == (2, 3, 1)
    assert compared.hash == plain.hash


def test_data_is_laid_out_before_anybody_waits() -> None:
    world, backup = with_v2()

    run = world.rollback(backup=backup.name)

    order = [step.action for step in run.plan.rollout]
    assert order.index("emergency_backup") < order.index("prepare_data") < order.index("hold")
    assert world.backups.laid_out == [(backup.name, f"run-{run.id}-{int(run.started_at)}")]


def test_what_was_written_since_is_listed_once_users_are_served() -> None:
    world, backup = with_v2()

    run = world.rollback(backup=backup.name)

    rows = [json.loads(line) for line in world.artifacts["lost-rows.jsonl"].splitlines()]
    assert ("added", {"row": "after v2"}, False) in [(r["change"], r["key"], r["late"]) for r in rows]
    [lost] = world.events(run, "lost")
    [emergency] = [a.record.name for a in world.backups.archives if a.record.kind == "emergency"]
    assert lost.message == (
        f"not in the live data any more: {len(rows)} rows added, listed in lost-rows.jsonl; {emergency} has it"
    )
    assert lost.data["get_back"] == f"mobius backup restore {emergency} -e production --only data/data"
    kinds = [event.kind for event in world.journal.events(run_id=run.id)]
    assert kinds.index("rolled back") < kinds.index("lost") < kinds.index("window opened")


def test_both_time_limits_are_told() -> None:
    world, backup = with_v2()

    run = world.rollback(backup=backup.name, emergency=True)

    [told] = world.events(run, "rolled back")
    assert (told.data["rollback_within_s"], told.data["emergency_within_s"]) == (600.0, 300.0)
    assert run.plan.facts["within_s"] == 300.0


def test_services_that_share_the_data_must_each_be_named() -> None:
    world, backup = with_v2(SHARED)

    with pytest.raises(GateFailed) as refused:
        world.rollback(backup=backup.name, also=("billing",))

    assert refused.value.exit_code == 3
    assert refused.value.details == ("shared data: search uses the same data, and would go back with it",)
    assert refused.value.hint == (
        f"mobius rollback -e production --backup {backup.name} --also billing --also search"
    )
    assert world.rollback(backup=backup.name, also=("search", "billing")).state is RunState.ACCEPTED


def test_code_alone_asks_nobody_who_shares_the_data() -> None:
    world, _ = with_v2(SHARED)
    assert world.rollback().state is RunState.ACCEPTED


def test_naming_a_service_that_shares_nothing_is_a_slip() -> None:
    world, backup = with_v2(SHARED)

    with pytest.raises(UsageError, match="bling shares no data with dhash"):
        world.rollback(backup=backup.name, also=("bling", "billing", "search"))


def test_data_that_another_process_has_open_is_refused_unless_that_is_said() -> None:
    world, backup = with_v2()
    world.backups.users = ("process 77 (python3) has /data/app.db open",)

    with pytest.raises(GateFailed) as refused:
        world.rollback(backup=backup.name)

    assert refused.value.details == ("open files: process 77 (python3) has /data/app.db open",)
    assert refused.value.hint == (
        f"end it, or: mobius rollback -e production --backup {backup.name} --even-if-open"
    )
    assert world.rollback(backup=backup.name, even_if_open=True).state is RunState.ACCEPTED


def test_data_that_somebody_opens_meanwhile_is_not_replaced_and_the_service_comes_back() -> None:
    world, backup = with_v2()
    plan = plan_rollback(world.ports, backup=backup.name, tool_version="0")
    run = world.begin(plan)
    world.backups.users = ("process 77 (sqlite3) has /data/app.db open",)

    run = world.carry_on(run)

    assert (run.state, run.exit_code) == (RunState.FAILED, 13)
    assert run.sentence.startswith(
        "the data was not replaced: process 77 (sqlite3) has /data/app.db open; v2-"
    )
    assert run.sentence.endswith(" runs again, with the data as it was")
    assert world.data["rows"] == ["first", "before v2", "after v2"]
    assert not world.traffic.held
    world.assert_serves("v2")


def test_a_release_that_does_not_come_up_on_its_data_gives_way_to_what_was_live() -> None:
    world, backup = with_v2()
    plan = plan_rollback(world.ports, backup=backup.name, tool_version="0")
    world.target.dying_releases.add(plan.release_id)

    run = world.carry_on(world.begin(plan))

    assert (run.state, run.exit_code) == (RunState.FAILED, 13)
    assert run.sentence.endswith(" runs again, with the data as it was")
    assert world.data["rows"] == ["first", "before v2", "after v2"]
    assert [migration.name for migration in world.migrations.applied()] == ["002_titles"]
    world.assert_serves("v2")


def test_a_runner_killed_anywhere_while_putting_back_ends_with_what_was_live() -> None:
    for effects in range(1, 200):
        world, backup = with_v2()
        plan = plan_rollback(world.ports, backup=backup.name, tool_version="0")
        world.target.dying_releases.add(plan.release_id)
        run = world.begin(plan)
        world.die_after(effects)
        try:
            run = world.carry_on(run)
            world.die_after(None)
            assert effects > 20
            return
        except Killed:
            world.die_after(None)
        run = world.carry_on(world.journal.run(run.id))
        assert run.state is RunState.FAILED, effects
        assert world.data["rows"] == ["first", "before v2", "after v2"], effects
        world.assert_serves("v2")
        assert not world.traffic.held


def test_the_gates_of_the_window_are_asked_of_what_came_back_and_a_no_calls_a_person() -> None:
    world, backup = with_v2(replace(SETTINGS, checks=(GateCommand("golden", ("check",), when="both"),)))
    world.gates["golden"] = bad("golden", "SSIM 0.97")

    run = world.rollback(backup=backup.name)

    [page] = world.events(run, "page")
    assert page.message == "after going back the gate golden says FAIL: SSIM 0.97"
    world.assert_serves("v1")


def test_a_hold_that_will_be_too_short_is_said_before_anything_is_asked() -> None:
    world, backup = with_v2(replace(SETTINGS, door=DoorSettings(hold_max_s=2.0)))

    plan = plan_rollback(world.ports, backup=backup.name, tool_version="0")

    [hold] = [check for check in plan.checks if check.name == "hold"]
    assert (hold.outcome, hold.answer) == (
        "PASS",
        "laying the data out took 2.0 s when rehearsed, and nobody waits for it; then it takes about 4 s,"
        " longer than the 2 s that requests may wait: from then on clients get 503 with Retry-After",
    )


def test_the_replaced_data_goes_when_the_window_is_accepted_and_the_emergency_backup_has_it_all() -> None:
    world, backup = with_v2()

    run = world.rollback(backup=backup.name)

    [let_go] = [s for s in world.journal.steps(run.id) if s.step_id.endswith("-let-go")]
    assert let_go.result == {"let_go": ["memory"]}


@pytest.mark.parametrize(
    ("late", "let_go"),
    [({}, ["memory"]), ({"log in app.db": "no time left to compare"}, [])],
)
def test_the_replaced_data_stays_while_the_emergency_backup_may_not_have_it_all(
    late: dict[str, str], let_go: list[str]
) -> None:
    world, backup = with_v2()
    world.backups.not_all_told = NotAllTold({"word in app.db": "it has no primary key"}, late)

    run = world.rollback(backup=backup.name)

    [step] = [s for s in world.journal.steps(run.id) if s.step_id.endswith("-let-go")]
    assert step.result == {"let_go": let_go}
    [lost] = world.events(run, "lost")
    assert (lost.data["whole"], lost.data["late_known"]) == (False, not late)
    assert "rows added and more, listed in lost-rows.jsonl" in lost.message
    assert "; not listed: word in app.db (it has no primary key)" in lost.message


def test_the_latest_good_backup_is_that_of_the_release_before_and_not_of_what_is_live() -> None:
    world = World()
    world.deploy("v1")
    world.scripts["v2"] = Script(blind_after=0)
    world.deploy("v2")
    world.scripts.clear()

    run = world.rollback(latest=True)

    assert run.state is RunState.ACCEPTED
    world.assert_serves("v1")


def test_a_damaged_candidate_is_passed_over_with_the_reason() -> None:
    world, backup = with_v2()
    world.backups.damaged.add(backup.name)

    with pytest.raises(UsageError) as none_left:
        world.rollback(latest=True)

    assert none_left.value.message == "there is no good backup of production to go back to"
    assert f"{backup.name} does not hold: {backup.name} does not match its SHA-256" in none_left.value.details


def test_with_the_journal_lost_the_archives_say_which_is_the_latest_good_one() -> None:
    world, _ = with_v2()
    world.rollback()
    world.deploy("v2")
    world.lose_journal()

    plan = plan_rollback(world.ports, latest=True, tool_version="0")

    assert plan.release_id.startswith("v1")
    assert "emergency" not in str(plan.facts["backup"])


def test_what_an_earlier_way_back_replaced_goes_with_the_retention_of_a_deployment() -> None:
    world, _ = with_v2()
    world.backups.let_go_before = 0.0

    world.deploy("v3")

    assert world.backups.let_go_before == pytest.approx(world.clock.now() - 30 * 86_400, abs=10_000)


def a_bad_v2_on_whose_data_v1_does_not_come_up(**settings: object) -> tuple[World, Run]:
    """v2 will turn bad in its window; v1 answers only once its data is back."""
    world = World(settings=replace(SETTINGS, **settings))  # type: ignore[arg-type]
    world.deploy("v1")
    world.data["rows"].append("before v2")
    world.scripts["v2"] = Script(bad_after=1)
    run = world.begin(world.plan("v2"))
    unwell, well = Script(healthy=False), Script()
    world.interrupt(lambda name, _: name == "traffic.switch", lambda: world.scripts.update(v1=unwell))
    world.interrupt(lambda name, _: name == "backups.restore_data", lambda: world.scripts.update(v1=well))
    return world, run


def test_with_auto_restore_data_goes_back_by_itself_where_code_alone_does_not_come_up() -> None:
    world, run = a_bad_v2_on_whose_data_v1_does_not_come_up(auto_restore=True)

    run = world.carry_on(run)

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert [event.data["way"] for event in world.events(run, "rollback begun")] == ["code alone", "restore"]
    assert world.migrations.applied() == ()
    assert world.data["rows"] == ["first", "before v2"]
    world.assert_serves("v1")


def test_a_runner_killed_anywhere_in_it_ends_with_v1_its_data_and_nobody_waiting() -> None:
    for effects in range(1, 400, 3):
        world, run = a_bad_v2_on_whose_data_v1_does_not_come_up(auto_restore=True)
        world.die_after(effects)
        try:
            world.carry_on(run)
            assert effects > 100
            return
        except Killed:
            world.die_after(None)
        run = world.carry_on(world.journal.run(run.id))
        assert run.state is RunState.ROLLED_BACK, effects
        assert world.data["rows"] == ["first", "before v2"], effects
        world.assert_serves("v1")
        assert not world.traffic.held, effects


@pytest.mark.parametrize("shared", [(), ("billing",)])
def test_without_it_or_where_data_is_shared_a_person_is_called_instead(shared: tuple[str, ...]) -> None:
    backup = replace(SETTINGS.backup, shared_with=shared)
    world, run = a_bad_v2_on_whose_data_v1_does_not_come_up(auto_restore=bool(shared), backup=backup)

    assert world.carry_on(run).sentence.startswith("going back failed: ")
    assert world.backups.restored == []
    assert [migration.name for migration in world.migrations.applied()] == ["002_titles"]
