"""A window over three hosts: a bad host is taken out and told once, however often its runner is killed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.many_hosts import HOSTS, ON_HOSTS, FleetWorld
from mobius.errors import GateFailed, UsageError
from mobius.flows.bad_hosts import resume_hosts
from mobius.flows.look_on import LookingOn
from mobius.flows.status import status
from mobius.model.fleet import FleetSettings, OnHosts
from mobius.model.run import Run, RunState
from world import Killed


def world(budget: int = 1, **changed: object) -> FleetWorld:
    """v1 is live on all hosts."""
    made = FleetWorld(replace(ON_HOSTS, fleet=FleetSettings(failure_budget=budget), **changed))  # type: ignore[arg-type]
    assert made.deploy("v1").state is RunState.ACCEPTED
    return made


def serving(made: FleetWorld) -> dict[str, str]:
    """The tag that each host answers with, "" where it gets no requests."""
    slots = {host: next(iter(weights), "") for host, weights in made.traffic.there.items()}
    return {host: made.release_in(slot).split("-")[0] for host, slot in slots.items()}


def test_a_bad_host_is_taken_out_and_the_release_is_accepted_on_the_others() -> None:
    made = world()
    made.errors["v2", "web2"] = 0.5
    run = made.deploy("v2")
    assert run.state is RunState.ACCEPTED, run.sentence
    assert serving(made) == {"web1": "v2", "web2": "", "web3": "v2"}
    told = made.events(run, "host taken out")
    assert [event.data["hosts"] for event in told] == [["web2"]]
    assert "web2 is bad by itself and gets no requests any more: " in told[0].message
    assert "mobius resume -e production" in str(told[0].data["choices"])
    assert any(
        row.topic == "alert" and row.payload["kind"] == "host taken out" for row in made.journal.outbox()
    )
    assert status(made.ports).next == "mobius resume -e production"


def test_a_bad_release_is_taken_back_on_all_hosts() -> None:
    made = world()
    made.errors["v2", ""] = 0.5
    run = made.deploy("v2")
    assert run.state is RunState.ROLLED_BACK
    assert serving(made) == dict.fromkeys(HOSTS, "v1")
    assert made.events(run, "host taken out") == []


def test_a_second_bad_host_is_one_more_than_the_budget_allows() -> None:
    made = world()
    made.errors["v2", "web2"] = made.errors["v2", "web3"] = 0.5
    run = made.deploy("v2")
    assert run.state is RunState.ROLLED_BACK
    assert "v2" not in serving(made).values()


def test_without_a_budget_one_bad_host_takes_the_release_back_and_is_named() -> None:
    made = world(budget=0)
    made.interrupt(lambda name, _: name == "traffic.switch", lambda: made.sick.add("web3"))
    run = made.deploy("v2")
    assert run.state is RunState.ROLLED_BACK
    assert run.sentence.startswith(
        "web3 of 3 hosts is bad, and none may be left out (fleet.failure_budget): "
    )
    assert serving(made) == {"web1": "v1", "web2": "v1", "web3": ""}, "what is sick there stops no way back"


def test_a_host_that_is_not_healthy_before_traffic_is_left_out_within_the_budget() -> None:
    made = world()
    made.sick.add("web3")
    run = made.deploy("v2")
    assert run.state is RunState.ACCEPTED, run.sentence
    assert serving(made) == {"web1": "v2", "web2": "v2", "web3": ""}
    assert [event.data["hosts"] for event in made.events(run, "host taken out")] == [["web3"]]


def test_without_a_budget_a_host_that_is_not_healthy_before_traffic_stops_the_deployment() -> None:
    made = world(budget=0)
    made.sick.add("web3")
    run = made.deploy("v2")
    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert "web3: 503" in run.sentence
    assert serving(made) == dict.fromkeys(HOSTS, "v1")


def test_where_nothing_acts_by_itself_a_person_is_called_once() -> None:
    made = world(auto_rollback=False)
    made.errors["v2", "web2"] = 0.5
    run = made.deploy("v2")
    assert serving(made) == dict.fromkeys(HOSTS, "v2")
    pages = [event.message for event in made.events(run, "page") if "web2 is bad by itself" in event.message]
    assert len(pages) == 1
    assert "nothing is done by itself: auto_rollback is off" in pages[0]


@pytest.mark.parametrize("effects", range(1, 14))
def test_killed_after_any_effect_the_host_is_out_and_it_was_told_once(effects: int) -> None:
    made = world()
    made.errors["v2", "web2"] = 0.5
    run = made.begin(made.plan("v2"))
    made.interrupt(lambda name, _: name == "target.leave_out", lambda: made.die_after(effects))
    try:
        run = made.carry_on(run)
    except Killed:
        run = made.carry_on(run)
    assert run.state is RunState.ACCEPTED, run.sentence
    assert serving(made) == {"web1": "v2", "web2": "", "web3": "v2"}
    assert [event.data["hosts"] for event in made.events(run, "host taken out")] == [["web2"]]


def test_a_host_is_put_back_once_it_is_healthy_and_not_before() -> None:
    made = world()
    made.interrupt(lambda name, _: name == "traffic.switch", lambda: made.sick.add("web2"))
    made.deploy("v2")
    with pytest.raises(GateFailed, match="web2: not put back"):
        resume_hosts(made.ports)
    assert serving(made)["web2"] == ""
    made.sick.clear()
    assert resume_hosts(made.ports) == ("web2",)
    assert serving(made) == dict.fromkeys(HOSTS, "v2")
    assert made.target.mended == {"web2"}
    assert resume_hosts(made.ports) is None


def test_the_next_deployment_begins_with_every_host_that_is_well() -> None:
    made = world()
    made.errors["v2", "web2"] = 0.5
    made.deploy("v2")
    assert made.deploy("v3").state is RunState.ACCEPTED
    assert serving(made) == dict.fromkeys(HOSTS, "v3")


def test_whoever_looks_on_sees_the_window_without_the_host_that_was_taken_out() -> None:
    made = world()
    made.errors["v2", "web2"] = 0.5
    run = made.deploy("v2")
    looking = LookingOn(made.journal.run(run.id), made.ports)
    looking.add(made.journal.samples(run.id))
    assert "so far so good" in looking.verdict(run.window_deadline - 60).sentence


def staged(made: FleetWorld, tag: str, number: int) -> Run:
    return made.carry_on(made.begin(made.plan(tag, canary=OnHosts(number))))


def test_a_canary_by_host_begins_with_one_and_goes_on_with_the_others() -> None:
    made = world()
    plan = made.plan("v2", canary=OnHosts(1))
    assert plan.facts["stage_hosts"] == ["web1"]
    assert [step.title for step in plan.rollout if step.action == "split"] == [
        "send all requests of web1 to green"
    ]
    run = staged(made, "v2", 1)
    assert run.state is RunState.ACCEPTED, run.sentence
    assert [event.data["hosts"] for event in made.events(run, "split")] == [["web1"]]
    assert len(made.events(run, "stage")) == 1
    assert serving(made) == dict.fromkeys(HOSTS, "v2")


def test_a_canary_by_host_that_is_bad_goes_back_before_any_other_host_has_it() -> None:
    made = world()
    made.errors["v2", ""] = 0.5
    run = staged(made, "v2", 1)
    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert "in the stage of web1: v2 50.0 % of" in run.sentence
    assert serving(made) == dict.fromkeys(HOSTS, "v1")
    assert made.events(run, "window opened") == []


def test_a_canary_by_host_is_killed_after_its_split_and_carried_on() -> None:
    made = world()
    run = made.begin(made.plan("v2", canary=OnHosts(1)))
    made.interrupt(lambda name, _: name == "traffic.switch_hosts", lambda: made.die_after(1))
    with pytest.raises(Killed):
        made.carry_on(run)
    assert serving(made) == {"web1": "v2", "web2": "v1", "web3": "v1"}
    run = made.carry_on(run)
    assert run.state is RunState.ACCEPTED
    assert len(made.events(run, "split")) == 1


def test_a_canary_on_every_host_is_refused() -> None:
    made = world()
    with pytest.raises(UsageError, match="3 of 3 hosts first leaves none with the release before"):
        made.plan("v2", canary=OnHosts(3))
