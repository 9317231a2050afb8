"""A restart: the live release beside itself with the present configuration, and the way back from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.errors import GateFailed, MobiusError, UsageError
from mobius.flows.by_hand import abort
from mobius.flows.restart import is_in_place, plan_restart, restart_in_place
from mobius.flows.standing import standing
from mobius.model.plan import Way
from mobius.model.release import ReleaseState
from mobius.model.run import RunState
from world import CRON, WEB, WORKER, Killed, Script, World

NEW_WEB = replace(WEB, env={"WORKERS": "4"})


def with_v1(**script: object) -> World:
    world = World()
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.scripts["v1"] = Script(**script)  # type: ignore[arg-type]
    world.looks.clear()
    return world


def reconfigured(world: World) -> None:
    """Somebody edits mobius.toml."""
    world.settings = replace(world.settings, processes=(NEW_WEB, WORKER, CRON))


def live_id(world: World) -> str:
    live = standing(world.ports).live
    assert live is not None
    return live.id


def test_a_restart_moves_traffic_to_the_same_tree_in_the_other_slot() -> None:
    world = with_v1()
    before = live_id(world)

    run = world.restart()

    assert (run.state, run.exit_code, run.kind) == (RunState.ACCEPTED, 0, "restart")
    assert live_id(world) == f"{before}+2"
    assert [list(move) for move in world.traffic.moves] == [["blue"], ["green"]]
    assert world.releases.builds == [before], "nothing was built anew"
    world.assert_serves("v1")
    [begun] = world.events(run, "run begun")
    assert begun.message == "restarting v1"


def test_a_restart_starts_with_the_present_configuration_and_keeps_the_old_one_for_the_way_back() -> None:
    world = with_v1()
    before = live_id(world)
    reconfigured(world)

    world.restart()

    assert world.releases.processes(live_id(world))[0].env == {"WORKERS": "4"}
    assert world.releases.processes(before)[0].env == {}
    world.rollback()
    assert live_id(world) == before
    world.assert_serves("v1")


def test_a_restart_that_is_not_well_in_its_window_goes_back_to_the_process_that_ran_before() -> None:
    world = with_v1(bad_after=2)
    before = live_id(world)
    reconfigured(world)

    run = world.restart()

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert live_id(world) == before
    states = {release.id: release.state for release in world.journal.releases("production")}
    assert states == {before: ReleaseState.LIVE, f"{before}+2": ReleaseState.FAILED}


def test_a_configuration_that_does_not_become_healthy_is_taken_back_before_it_gets_traffic() -> None:
    world = with_v1(healthy=False)
    before = live_id(world)

    run = world.restart()

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert len(world.traffic.moves) == 1
    assert live_id(world) == before
    world.assert_serves("v1")


def test_every_further_restart_has_an_id_of_its_own() -> None:
    world = with_v1()
    before = live_id(world)

    for _ in range(3):
        world.restart()

    assert live_id(world) == f"{before}+4"
    world.assert_serves("v1")


def test_going_back_and_restarting_again_does_not_give_an_id_twice() -> None:
    world = with_v1()
    before = live_id(world)
    world.restart()
    world.rollback()
    assert live_id(world) == before

    world.restart()

    assert live_id(world) == f"{before}+3"


def test_a_restart_makes_no_backup_and_says_so() -> None:
    world = with_v1()
    archives = len(world.backups.archives)
    plan = plan_restart(world.ports, tool_version="0")

    [told] = [check for check in plan.checks if check.name == "backup"]
    assert told.answer == (
        "none is made, and none is rehearsed: neither code nor schema changes; the way back is the warm release"
    )
    [gates] = [check for check in plan.checks if check.name == "gates"]
    assert gates.answer == "not asked: they judge code, and the code stays: lint"
    assert {way.way for way in plan.ways_back} == {Way.CODE_ALONE}
    world.carry_on(world.begin(plan))
    assert len(world.backups.archives) == archives


def test_the_plan_says_which_settings_change_without_their_values() -> None:
    world = with_v1()
    reconfigured(world)

    [told] = [c for c in plan_restart(world.ports, tool_version="0").checks if c.name == "configuration"]

    assert told.answer == "api: env WORKERS"
    assert "4" not in told.answer


def test_the_plan_of_a_restart_changes_with_the_configuration_and_with_nothing_else() -> None:
    world = with_v1()
    first, again = (plan_restart(world.ports, tool_version="0").hash for _ in range(2))
    reconfigured(world)

    assert first == again
    assert plan_restart(world.ports, tool_version="0").hash != first


def test_of_one_named_web_process_only_the_configuration_of_that_one_is_taken() -> None:
    world = with_v1()
    noisy = replace(WORKER, env={"LOUD": "yes"})
    world.settings = replace(world.settings, processes=(NEW_WEB, noisy, CRON))

    world.restart(only="api")

    api, mailer, _ = world.releases.processes(live_id(world))
    assert (api.env, mailer.env) == ({"WORKERS": "4"}, {})


def test_what_is_live_already_is_not_deployed_again_under_its_first_id() -> None:
    world = with_v1()
    world.restart()

    refused = next(check for check in world.plan("v1").checks if check.outcome == "FAIL")

    assert refused.answer == f"{live_id(world)} is live already"
    assert refused.advice.startswith("to start it anew: mobius restart -e production;")


def test_another_tag_of_the_same_files_is_another_release() -> None:
    world = with_v1()
    world.releases.sources["v2"] = replace(world.releases.sources["v1"], tag="v2")

    assert [check.answer for check in world.plan("v2").checks if check.outcome == "FAIL"] == []


def test_there_is_nothing_to_restart_before_the_first_deployment() -> None:
    with pytest.raises(UsageError, match="nothing is live in production") as refused:
        plan_restart(World().ports, tool_version="0")
    assert refused.value.hint == "mobius deploy -e production --tag TAG"


def test_an_unknown_process_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match='no process "apy"') as refused:
        plan_restart(with_v1().ports, only="apy", tool_version="0")
    assert refused.value.hint == "there are: api, mailer, cron"


def test_a_release_whose_tree_is_gone_is_refused() -> None:
    world = with_v1()
    world.releases.remove(live_id(world))

    with pytest.raises(GateFailed, match="v1 was not restarted"):
        world.restart()
    world.assert_serves("v1")


def test_a_restart_in_its_window_can_be_aborted() -> None:
    world = with_v1()
    before = live_id(world)
    run = world.begin(plan_restart(world.ports, tool_version="0"))
    world.die_after(45)
    with pytest.raises(Killed):
        world.carry_on(run)
    assert world.journal.run(run.id).state is RunState.OBSERVING

    back = world.carry_on(abort(world.ports, who="ann"))

    assert back.state is RunState.ROLLED_BACK
    assert live_id(world) == before


@pytest.mark.parametrize("effects", range(1, 46))
def test_a_restart_killed_anywhere_ends_as_it_should(effects: int) -> None:
    world = with_v1()
    before = live_id(world)
    run = world.begin(plan_restart(world.ports, tool_version="0"))
    world.die_after(effects)
    with pytest.raises(Killed):
        world.carry_on(run)
    world.die_after(None)

    ended = world.carry_on(run)

    assert ended.state in (RunState.ACCEPTED, RunState.INCONCLUSIVE)
    assert live_id(world) == f"{before}+2"
    assert len(world.traffic.moves) == 2
    world.assert_serves("v1")


def test_a_worker_is_restarted_where_it_runs_and_an_open_window_goes_on() -> None:
    world = with_v1()
    assert is_in_place(world.ports, "mailer")
    assert not is_in_place(world.ports, "api")
    runs = world.journal.runs("production")
    before = {p.name: p.pid for p in world.target.processes()}

    up = restart_in_place(world.ports, "mailer", who="ann")

    after = {p.name: p.pid for p in world.target.processes()}
    assert up.pid == after["mailer"] != before["mailer"]
    assert after == {**before, "mailer": up.pid}
    assert world.journal.runs("production") == runs
    told = world.journal.last_event("production", ("process restarted",))
    assert told is not None
    assert (told.message, told.who) == (f"mailer of {live_id(world)} was restarted in blue", "ann")
    world.assert_serves("v1")


def test_a_worker_that_is_configured_otherwise_is_not_restarted_in_place() -> None:
    world = with_v1()
    world.settings = replace(world.settings, processes=(WEB, replace(WORKER, start=("mail", "-v")), CRON))

    with pytest.raises(GateFailed) as refused:
        restart_in_place(world.ports, "mailer", who="ann")

    assert refused.value.message == (
        "mailer was not restarted: its configuration changed (start), and a restart in place keeps the old one"
    )
    assert refused.value.hint == "restart the whole release: mobius restart -e production"


def test_a_worker_that_does_not_stay_up_is_told_with_the_end_of_its_log() -> None:
    world = with_v1()
    world.target.restart = lambda slot, name: world.target.stop(slot, ["worker"])  # type: ignore[method-assign]

    with pytest.raises(MobiusError, match="mailer was restarted in blue, but does not stay up"):
        restart_in_place(world.ports, "mailer", who="ann")
