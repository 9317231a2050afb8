"""Somebody else's deployment inside our gates: their commands, our backup, health gate, window and way back."""

from __future__ import annotations

import pytest

from elsewhere import Elsewhere, settings
from mobius.errors import GateUnknown, MobiusError, UsageError
from mobius.flows.by_hand import abort, resume
from mobius.flows.releases import releases
from mobius.flows.restart import plan_restart
from mobius.flows.status import status
from mobius.model.plan import Plan, Way
from mobius.model.release import ReleaseState
from mobius.model.run import RunState
from world import Killed, Script, bad


def with_v1(**command: object) -> Elsewhere:
    world = Elsewhere(settings=settings(**command))
    assert world.deploy("v1").state is RunState.ACCEPTED
    return world


def actions(plan: Plan) -> list[str]:
    return [step.action for step in plan.rollout]


def test_a_deployment_is_their_command_between_our_gates_and_our_window() -> None:
    world = with_v1()

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ACCEPTED, 0)
    assert actions(run.plan) == [
        *("gate", "register", "register", "backup", "verify", "rehearse"),
        *("command", "await_healthy", "see_version", "mark_live", "smoke"),
    ]
    assert world.commands.ran == [("deploy", "v1", "v0"), ("deploy", "v2", "v1")]
    assert world.state_of("v2") is ReleaseState.LIVE
    assert world.state_of("v1") is ReleaseState.PREVIOUS
    assert world.traffic.moves == []


def test_the_release_before_the_first_deployment_is_known_by_the_version_command() -> None:
    world = Elsewhere()

    plan = world.plan("v1")

    assert plan.previous_id == "v0-seen"
    assert plan.way_back("after traffic") is not None
    assert status(world.ports).warnings == ("v0 was not deployed by mobius",)


def test_a_bad_release_is_taken_back_by_their_rollback_command_held_to_the_same_gate() -> None:
    world = with_v1()
    world.scripts["v2"] = Script(bad_after=1)

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert world.commands.ran[-1] == ("rollback", "v1", "v2")
    assert world.live_tag == "v1"
    assert (world.state_of("v1"), world.state_of("v2")) == (ReleaseState.LIVE, ReleaseState.FAILED)


@pytest.mark.parametrize("how", ["breaks", "half_done"])
def test_a_deploy_command_that_failed_after_it_began_is_taken_back(how: str) -> None:
    world = with_v1()
    getattr(world.commands, how).add("deploy")

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert run.sentence == "the deploy command (./deploy) failed: exit code 3"
    assert world.commands.ended == [f"run-{run.id}-go-"]
    assert world.live_tag == "v1"


def test_a_deploy_command_that_says_well_but_leaves_the_old_version_is_taken_back() -> None:
    world = with_v1()
    world.commands.breaks.add("deploy")
    known = world.commands.run

    def says_well(name: str, *rest: object, **more: object) -> object:
        try:
            return known(name, *rest, **more)  # type: ignore[arg-type]
        except MobiusError:
            return {}

    world.commands.run = says_well  # type: ignore[method-assign,assignment]

    run = world.deploy("v2")

    assert run.state is RunState.ROLLED_BACK
    assert run.sentence == "v2 is not live: the version command says v1, not v2"


def test_a_rollback_command_that_leaves_the_service_sick_is_a_failed_way_back() -> None:
    world = with_v1()
    world.scripts.update(v1=Script(healthy=False), v2=Script(bad_after=1))

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.FAILED, 13)
    assert "was not healthy within" in run.sentence


def test_without_a_rollback_command_a_failed_deployment_calls_a_person_and_restores_nothing() -> None:
    world = with_v1(rollback=())
    world.commands.half_done.add("deploy")

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.NEEDS_OPERATOR, 4)
    assert run.sentence == (
        "the deploy command (./deploy) failed: exit code 3; no way back may be taken without asking"
    )
    [page] = world.events(run, "page")
    assert page.data["choices"] == [
        "mend it and do it again: mobius resume -e production --again;"
        " or go back with the data of a backup: mobius rollback -e production --backup run2.zip"
    ]
    assert [ran[0] for ran in world.commands.ran] == ["deploy", "deploy"]
    world.commands.half_done.clear()
    world.commands._known.clear()
    assert world.carry_on(resume(world.ports, step_done=False)).state is RunState.ACCEPTED


def test_with_auto_restore_the_data_comes_back_between_their_stop_and_start() -> None:
    from dataclasses import replace

    world = Elsewhere(settings=replace(settings(rollback=(), version=()), auto_restore=True))
    world.deploy("v1")
    world.scripts["v2"] = Script(bad_after=1)

    run = world.deploy("v2")

    assert run.state is RunState.ROLLED_BACK
    assert [ran[0] for ran in world.commands.ran] == ["deploy", "deploy", "stop", "start"]
    assert "backups.restore_data" in world.effects


def test_with_neither_rollback_nor_stop_and_start_the_plan_has_no_way_back() -> None:
    world = with_v1(rollback=(), stop=())

    assert world.plan("v2").ways_back == ()


def test_the_ways_back_that_their_commands_give() -> None:
    plan = with_v1().plan("v2")

    assert [(way.phase, way.way) for way in plan.ways_back] == [
        ("after traffic", Way.CODE_ALONE),
        ("after traffic", Way.RESTORE),
    ]
    first = plan.ways_back[0].steps
    assert [step.action for step in first] == [
        *(
            "end_commands",
            "command",
            "await_healthy",
            "see_version",
            "mark_live",
            "emergency_backup",
            "smoke",
        ),
    ]


def test_a_gate_that_says_no_runs_no_command() -> None:
    world = with_v1()
    world.gates["lint"] = bad("lint")

    run = world.deploy("v2")

    assert run.state is RunState.REFUSED
    assert len(world.commands.ran) == 1


def test_when_the_version_cannot_be_asked_nothing_is_deployed() -> None:
    world = with_v1()
    world.commands.blind = "it hangs"

    with pytest.raises(GateUnknown) as refused:
        world.deploy("v2")

    assert refused.value.details == ("live release: what is live cannot be asked: it hangs",)


def test_a_rollback_by_hand_runs_their_command() -> None:
    world = with_v1()
    world.deploy("v2")

    run = world.rollback()

    assert run.state is RunState.ACCEPTED
    assert world.commands.ran[-1] == ("rollback", "v1", "v2")
    assert world.live_tag == "v1"
    assert world.state_of("v1") is ReleaseState.LIVE


def test_a_rollback_with_the_data_of_a_backup_stops_restores_and_starts() -> None:
    world = with_v1()
    world.deploy("v2")
    archive = world.backups.archives[-1].record.path

    run = world.rollback(backup=archive)

    assert run.state is RunState.ACCEPTED
    assert [ran[0] for ran in world.commands.ran[-3:]] == ["stop", "rollback", "start"]
    assert world.live_tag == "v1"


def test_without_the_commands_for_it_going_back_is_refused_with_what_to_do() -> None:
    world = with_v1(rollback=())
    world.deploy("v2")

    with pytest.raises(UsageError) as refused:
        world.rollback()

    assert refused.value.message == "production has no rollback command"
    assert "mobius rollback -e production --backup " in refused.value.hint


def test_the_releases_say_that_the_way_back_is_their_command() -> None:
    world = with_v1()
    world.deploy("v2")

    assert releases(world.ports)[0].way_back == "live"
    assert {row.way_back for row in releases(world.ports)} == {"live", "command"}


def test_a_restart_is_not_ours_to_make() -> None:
    with pytest.raises(UsageError, match="are not ours to restart: its target is command"):
        plan_restart(with_v1().ports, tool_version="0")


@pytest.mark.parametrize("effects", range(1, 34))
def test_a_runner_killed_anywhere_runs_the_deploy_command_once(effects: int) -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    world.die_after(effects)
    with pytest.raises(Killed):
        world.carry_on(run)
    world.die_after(None)

    ended = world.carry_on(run)

    assert ended.state in (RunState.ACCEPTED, RunState.INCONCLUSIVE)
    assert world.commands.ran == [("deploy", "v1", "v0"), ("deploy", "v2", "v1")]
    assert world.live_tag == "v2"
    assert world.state_of("v2") is ReleaseState.LIVE


def test_a_command_that_was_lost_is_done_when_the_version_says_so() -> None:
    world = with_v1()
    world.commands.loses.add("deploy")

    run = world.deploy("v2")

    assert run.state is RunState.ACCEPTED
    step = next(step for step in run.plan.rollout if step.action == "command")
    [done] = [e for e in world.events(run, "step done") if e.data["step"] == step.id]
    assert done.data["result"] == {"observed": "the version command says v2"}


def test_a_command_that_was_lost_and_left_nothing_to_see_stops_for_a_person() -> None:
    world = with_v1(version=())
    world.commands.loses.add("deploy")

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.NEEDS_OPERATOR, 4)
    assert run.sentence == (
        '"run the deploy command for v2" was begun and it is unknown whether it happened: the deploy command was'
        " interrupted, and nobody saw how it ended; no version command tells what is live"
    )
    assert len(world.commands.ran) == 2
    world.commands.loses.clear()

    again = world.carry_on(resume(world.ports, step_done=False))

    assert again.state is RunState.ACCEPTED
    assert [ran[0] for ran in world.commands.ran] == ["deploy"] * 3


def test_a_person_who_saw_that_it_happened_says_so_and_it_is_not_run_again() -> None:
    world = with_v1(version=())
    world.commands.loses.add("deploy")
    world.deploy("v2")

    run = world.carry_on(resume(world.ports, step_done=True))

    assert run.state is RunState.ACCEPTED
    assert len(world.commands.ran) == 2


def test_an_abort_ends_the_command_and_goes_back() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    killed_in_command(world, run.id)

    back = world.carry_on(abort(world.ports, who="ann"))

    assert back.state is RunState.ROLLED_BACK
    assert world.commands.ended == [f"run-{run.id}-go-"]
    assert world.commands.ran[-1] == ("rollback", "v1", "v2")


def test_an_abort_without_a_way_back_says_what_stays() -> None:
    world = with_v1(rollback=(), stop=(), version=())
    run = world.begin(world.plan("v2"))
    killed_in_command(world, run.id)

    ended = abort(world.ports, who="ann")

    assert (ended.state, ended.exit_code) == (RunState.ABORTED, 1)
    assert ended.sentence == (
        "aborted by ann; what was begun is not taken back: no way back may be taken without asking"
    )
    assert world.commands.ended == [f"run-{run.id}-"]


def killed_in_command(world: Elsewhere, run_id: int) -> None:
    """The runner dies right after their deploy command."""
    ran = len(world.commands.ran)
    for effects in range(1, 40):
        world.die_after(effects)
        with pytest.raises(Killed):
            world.carry_on(world.journal.run(run_id))
        world.die_after(None)
        if len(world.commands.ran) > ran:
            return
    raise AssertionError("their command was never reached")


def test_the_report_of_a_release_that_was_taken_back_says_what_is_live_after_it() -> None:
    from mobius.report.headline import headline
    from mobius.report.run import run_report

    world = with_v1()
    world.scripts["v2"] = Script(bad_after=1)
    run = world.deploy("v2")

    journal = world.journal
    made = run_report(
        run, journal.steps(run.id), journal.events(run_id=run.id), journal.samples(run.id), version_markers={}
    )

    assert (made["release_after"], made["received_traffic"]) == (run.plan.previous_id, True)
    assert headline(made).startswith("v2 was taken back; v1 is live in production")


def test_a_way_back_that_no_journal_was_told_of_is_finished_and_their_command_not_run_again() -> None:
    world = with_v1()
    world.scripts["v2"] = Script(blind_after=0)
    run = world.begin(world.plan("v2"))

    def die() -> None:
        raise Killed

    world.interrupt(lambda name, _: name == "journal.add_samples", die)
    with pytest.raises(Killed):
        world.carry_on(run)
    assert world.journal.run(run.id).state is RunState.OBSERVING
    way = run.plan.way_back("after traffic")
    assert way is not None
    step = next(step for step in way.steps if step.action == "command")
    told = {"MOBIUS_TAG": "v1", "MOBIUS_PREVIOUS_TAG": "v2"}
    world.commands.run("rollback", ["x"], key=f"run-{run.id}-{step.id}", told=told, progress=print)

    ended = world.carry_on(run)

    assert (ended.state, world.live_tag) == (RunState.ROLLED_BACK, "v1")
    assert [ran[0] for ran in world.commands.ran].count("rollback") == 1
