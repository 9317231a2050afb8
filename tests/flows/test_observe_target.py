"""A service that is deployed by other means: watched, backed up, and taken back to a proven backup."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elsewhere import Elsewhere, settings
from mobius.errors import UsageError
from mobius.flows.back_up import back_up
from mobius.flows.plan_return import plan_rollback
from mobius.flows.rehearse import rehearse
from mobius.flows.report_issue import report_issue
from mobius.flows.status import status
from mobius.model.run import RunState
from mobius.ports import nothing
from world import Script


def observed(*, auto_restore: bool = False, tag: str = "v1", **command: object) -> Elsewhere:
    asked = replace(settings("observe", deploy=(), rollback=(), **command), auto_restore=auto_restore)
    world = Elsewhere(settings=asked)
    world.commands.tag = tag
    return world


def with_proven_backup(world: Elsewhere) -> str:
    made = back_up(world.ports, progress=nothing)
    return rehearse(world.ports, "", progress=nothing)[0].name if made.kind == "release" else ""


def test_a_deployment_is_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError) as refused:
        observed().plan("v2")
    assert (refused.value.exit_code, refused.value.message) == (
        2,
        "production is only observed: mobius does not deploy there",
    )
    assert refused.value.hint == (
        'deploy by your own means, then: mobius monitor -e production; or set target = "command"'
    )


def test_a_service_of_which_nothing_is_known_is_watched_by_its_address() -> None:
    world = observed(version=())

    run = world.monitor()

    assert (run.state, run.exit_code) == (RunState.ACCEPTED, 0)
    [opened] = world.events(run, "window opened")
    assert opened.message == "watching what-runs-now by conservative"
    assert world.journal.releases("production") == ()


def test_what_users_report_of_a_service_of_which_nothing_is_known_is_shown() -> None:
    world = observed(version=())
    world.clock.in_s(100, lambda: report_issue(world.ports, "blank page", by="ann"))
    world.monitor()
    report_issue(world.ports, "still blank", by="ann")

    assert [issue.text for issue in status(world.ports).issues] == ["blank page", "still blank"]


def test_the_version_command_names_what_is_watched() -> None:
    run = observed().monitor()

    assert run.plan.tag == "v1"


def test_bad_news_calls_a_person_and_restores_nothing_by_itself() -> None:
    world = observed()
    with_proven_backup(world)
    world.scripts["v1"] = Script(bad_after=1)

    run = world.monitor()

    assert run.state is RunState.INCONCLUSIVE
    assert world.events(run, "page")
    assert world.commands.ran == []


def test_with_auto_restore_the_proven_backup_comes_back_between_stop_and_start() -> None:
    world = observed(auto_restore=True)
    name = with_proven_backup(world)
    world.scripts["v1"] = Script(bad_after=1)

    run = world.monitor()

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert run.plan.previous_id == name
    assert [ran[0] for ran in world.commands.ran] == ["stop", "start"]
    assert "backups.restore_data" in world.effects


def test_data_that_others_share_never_goes_back_by_itself() -> None:
    asked = settings("observe", deploy=(), rollback=())
    shared = replace(asked.backup, shared_with=("billing",))
    world = Elsewhere(settings=replace(asked, auto_restore=True, backup=shared))
    world.commands.tag = "v1"
    with_proven_backup(world)
    world.scripts["v1"] = Script(bad_after=1)

    assert world.monitor().state is RunState.INCONCLUSIVE
    assert world.commands.ran == []


def test_a_person_who_names_nothing_goes_back_to_the_latest_good_backup() -> None:
    world = observed()
    name = with_proven_backup(world)
    world.data["rows"].append("since")

    run = world.rollback()

    assert run.plan.facts["backup"].endswith(name)
    assert [ran[0] for ran in world.commands.ran] == ["stop", "start"]
    assert world.data["rows"] == ["first"]
    assert run.window_deadline - run.window_opened_at == 7200
    assert world.events(run, "lost")


def test_a_restore_that_fails_between_stop_and_start_starts_what_ran_again() -> None:
    world = observed()
    name = with_proven_backup(world)
    world.data["rows"].append("since")
    run = world.begin(plan_rollback(world.ports, backup=name, tool_version="0"))
    world.break_step = next(step.id for step in run.plan.rollout if step.action == "restore_data")

    run = world.carry_on(run)

    assert (run.state, run.exit_code) == (RunState.FAILED, 13)
    assert run.sentence.endswith("v1-seen runs again, with the data as it was")
    assert [ran[0] for ran in world.commands.ran] == ["stop", "start"]
    assert world.data["rows"] == ["first", "since"]


def test_without_a_backup_or_without_stop_and_start_there_is_no_way_back_to_take() -> None:
    assert observed(auto_restore=True).monitor().plan.ways_back == ()
    world = observed(auto_restore=True, stop=())
    with_proven_backup(world)
    assert world.monitor().plan.ways_back == ()


def test_a_person_goes_back_to_a_backup_by_name() -> None:
    world = observed()
    name = with_proven_backup(world)

    run = world.rollback(backup=name)

    assert run.state is RunState.ACCEPTED
    assert [ran[0] for ran in world.commands.ran] == ["stop", "start"]


def test_in_an_emergency_no_data_goes_back_that_nobody_named_but_it_is_said_which_there_is() -> None:
    world = observed()
    name = with_proven_backup(world)

    with pytest.raises(UsageError) as refused:
        world.rollback(emergency=True)

    assert refused.value.hint.endswith(f"mobius rollback -e production --backup {name}")


def test_a_backup_of_what_does_not_answer_is_none_to_go_back_to() -> None:
    world = observed()
    world.scripts["v1"] = Script(healthy=False)
    told: list[str] = []

    made = back_up(world.ports, progress=told.append)

    assert made.kind == "emergency"
    assert told[0].startswith("memory://live is not healthy")


def test_status_says_the_way_back_and_warns_of_no_supervisor() -> None:
    world = observed()
    name = with_proven_backup(world)

    now = status(world.ports)

    assert now.way_back is not None
    assert (now.way_back.to, now.way_back.proven_at > 0) == (name, True)
    assert now.warnings == ()
    assert now.next == "mobius monitor -e production"


def test_there_is_no_backup_to_rehearse_before_the_first() -> None:
    with pytest.raises(UsageError, match="there is no backup of production to rehearse") as refused:
        rehearse(observed().ports, "", progress=nothing)
    assert refused.value.hint == "mobius backup create -e production"
