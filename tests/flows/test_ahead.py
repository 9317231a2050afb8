"""Hosts that know a higher token than the journal: an emergency whose record is lost, or a journal of yesterday."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from flows.many_hosts import HOSTS, ON_HOSTS, FleetWorld, HostsTarget
from mobius.errors import Fenced, GateUnknown, MobiusError, UsageError
from mobius.flows.ahead import hosts_ahead, raise_above_hosts
from mobius.flows.by_hand import abort, accept_by_hand, resume
from mobius.flows.plan_return import plan_rollback
from mobius.flows.restart import plan_restart, restart_in_place
from mobius.flows.status import status
from mobius.model.emergency import Epoch
from mobius.model.fleet import HostSeen
from mobius.model.run import RunState
from world import Killed, World

EMERGENCY = Epoch(7 << 30, "ann@web9 (pid 12)", 1_717_000_000.0)
REFUSED = "an emergency of ann@web9"


class Remembering(HostsTarget):
    """Hosts that keep the highest token they saw. `cut`: who is not reached."""

    def __init__(self) -> None:
        super().__init__(budget=1)
        self.seen: dict[str, Epoch] = dict.fromkeys(HOSTS, Epoch())
        self.cut: set[str] = set()

    def fence(self, token: int, *, by: str = "") -> None:
        for host in sorted(set(HOSTS) - self.cut):
            if token < self.seen[host].token:
                raise Fenced(
                    f"{host}: an emergency of {self.seen[host].by} went past the journal", "mobius status"
                )
            self.seen[host] = Epoch(token, by or self.seen[host].by)

    def epoch(self) -> Epoch:
        there = [self.seen[host] for host in HOSTS if host not in self.cut]
        if not there:
            raise MobiusError("web1 is not reached", "look: ssh web1")
        return max(there, key=lambda one: one.token)

    def hosts(self) -> tuple[HostSeen, ...]:
        return tuple(
            HostSeen(host, False, "no route")
            if host in self.cut
            else HostSeen(host, True, token=one.token, emergency_by=one.by, emergency_at=one.at)
            for host, one in self.seen.items()
        )


@dataclass
class Lost(FleetWorld):
    """v1 is warm, v2 is watched, and an emergency that nobody wrote down went over `EMERGENCY` on every host."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.target: Remembering = Remembering()  # type: ignore[assignment]
        self.traffic._target = self.target

    def lose(self) -> None:
        self.target.seen = dict.fromkeys(HOSTS, EMERGENCY)


@pytest.fixture
def world() -> Lost:
    made = Lost(settings=replace(ON_HOSTS, checks=()))
    made.deploy("v1")
    made.deploy("v2")
    made.lose()
    return made


def raised(world: World) -> list[dict[str, object]]:
    found = world.journal.events(environment="production", kinds=("token raised",))
    return [dict(event.data) for event in found]


def test_a_deployment_is_refused_before_anything_is_written_with_what_to_do(world: Lost) -> None:
    runs = len(world.journal.runs("production"))
    with pytest.raises(Fenced, match=REFUSED) as refused:
        world.deploy("v3")
    assert refused.value.exit_code == 10
    assert "on the machine of that emergency: mobius resume -e production" in refused.value.hint
    assert 'mobius journal raise-token -e production --reason "TEXT"' in refused.value.hint
    assert len(world.journal.runs("production")) == runs
    assert world.live_tag == "v2"


def test_so_is_going_back_that_is_no_emergency(world: Lost) -> None:
    with pytest.raises(Fenced, match=REFUSED):
        world.rollback()
    assert world.live_tag == "v2"


def test_what_a_person_says_to_an_open_run_is_refused_too_and_ends_no_window(world: Lost) -> None:
    world.target.seen = dict.fromkeys(HOSTS, Epoch())
    window = world.begin(world.plan("v3"))
    world.interrupt(lambda name, _: name == "journal.add_samples", _kill)
    with pytest.raises(Killed):
        world.carry_on(window)
    world.launcher.stop_all()
    world.lose()
    for act in (
        resume,
        lambda ports: abort(ports, who="ann"),
        lambda ports: accept_by_hand(ports, who="ann"),
    ):
        with pytest.raises(Fenced, match=REFUSED):
            act(world.ports)
        assert world.journal.run(window.id).state is RunState.OBSERVING


def _kill() -> None:
    raise Killed


def test_an_emergency_goes_over_them_and_says_so_in_the_journal(world: Lost) -> None:
    run = world.rollback(emergency=True)
    assert (run.kind, run.state, world.live_tag) == ("rollback", RunState.ACCEPTED, "v1")
    (told,) = raised(world)
    assert (told["token"], told["by"]) == (EMERGENCY.token, EMERGENCY.by)
    assert run.token > EMERGENCY.token
    assert {one.token for one in world.target.seen.values()} == {run.token}


def test_a_person_raises_it_with_a_reason_and_then_everything_goes(world: Lost) -> None:
    seen = raise_above_hosts(world.ports, reason="web9 burned down", who="ben@desk")
    assert (seen.above, seen.silent, seen.highest) == (HOSTS, {}, EMERGENCY)
    (event,) = world.journal.events(environment="production", kinds=("token raised",))
    assert event.who == "ben@desk"
    assert event.data["reason"] == "web9 burned down"
    assert event.message.endswith("web9 burned down")
    assert world.deploy("v3").token > EMERGENCY.token
    assert world.live_tag == "v3"
    world.journal.verify_chain()


def test_raising_it_again_changes_nothing(world: Lost) -> None:
    raise_above_hosts(world.ports, reason="web9 burned down", who="ben")
    assert not raise_above_hosts(world.ports, reason="again", who="ben").is_so
    assert len(raised(world)) == 1


def test_it_is_not_raised_without_a_reason_nor_where_nobody_answers(world: Lost) -> None:
    with pytest.raises(UsageError, match="why is the token raised"):
        raise_above_hosts(world.ports, reason=" ", who="ben")
    world.target.cut = set(HOSTS)
    with pytest.raises(GateUnknown, match="none of 3 hosts is reached: no route") as unknown:
        raise_above_hosts(world.ports, reason="web9 burned down", who="ben")
    assert unknown.value.exit_code == 4
    assert raised(world) == []


def test_hosts_that_are_not_reached_are_named_and_keep_nobody(world: Lost) -> None:
    world.target.cut = {"web3"}
    seen = raise_above_hosts(world.ports, reason="web9 burned down", who="ben")
    assert (seen.above, dict(seen.silent)) == (("web1", "web2"), {"web3": "no route"})


def test_where_there_are_no_hosts_there_is_nothing_to_raise() -> None:
    with pytest.raises(UsageError, match="production has no hosts"):
        hosts_ahead(World().ports)


def test_status_says_that_nobody_may_act_and_what_to_type(world: Lost) -> None:
    said = status(world.ports)
    (warning,) = [one for one in said.warnings if "have seen token" in one]
    assert f"web1, web2, web3 have seen token {EMERGENCY.token}, of an emergency of ann@web9" in warning
    assert "mobius resume -e production; where its record is lost: mobius journal raise-token" in warning
    assert said.next == "mobius journal raise-token -e production --dry-run"
    raise_above_hosts(world.ports, reason="web9 burned down", who="ben")
    assert not any("have seen token" in one for one in status(world.ports).warnings)


def test_a_plan_says_before_anybody_acts_that_it_will_be_refused_and_what_to_type(world: Lost) -> None:
    for plan in (
        world.plan("v3"),
        plan_rollback(world.ports, tool_version="1"),
        plan_restart(world.ports, tool_version="1"),
    ):
        (told,) = [check for check in plan.checks if check.name == "token"]
        assert told.outcome == "FAIL"
        assert told.answer.startswith(f"web1, web2, web3 have seen token {EMERGENCY.token}, of an emergency")
        assert "where its record is lost: mobius journal raise-token -e production" in told.advice
    raise_above_hosts(world.ports, reason="web9 burned down", who="ben")
    (told,) = [check for check in world.plan("v3").checks if check.name == "token"]
    assert (told.outcome, told.answer) == ("PASS", "no host has seen a higher one than the journal gave")


def test_a_plan_asks_nothing_of_that_in_an_emergency_and_where_no_host_answers(world: Lost) -> None:
    emergency = plan_rollback(world.ports, emergency=True, tool_version="1")
    world.target.cut = set(HOSTS)
    for plan in (emergency, world.plan("v3"), World().plan("v1")):
        assert not any(check.name == "token" for check in plan.checks)


def test_a_process_is_not_restarted_below_what_the_hosts_have_seen(world: Lost) -> None:
    with pytest.raises(Fenced, match=REFUSED):
        restart_in_place(world.ports, "api", who="ann")


def test_a_journal_of_yesterday_is_told_apart_from_an_emergency(world: Lost) -> None:
    world.target.seen = dict.fromkeys(HOSTS, Epoch(57))
    with pytest.raises(Fenced) as refused:
        world.deploy("v3")
    assert refused.value.message.startswith(
        "web1, web2, web3 have seen token 57, and this journal has given "
    )
    assert "older copy" in refused.value.hint


def test_a_runner_that_a_host_refuses_tells_a_person_why_once(world: Lost) -> None:
    world.target.seen = dict.fromkeys(HOSTS, Epoch())
    run = world.begin(world.plan("v3"))
    world.lose()  # between the beginning and the runner
    for _ in range(2):
        with pytest.raises(Fenced):
            world.carry_on(run)
    (told,) = world.events(run, "behind the hosts")
    assert "went past the journal" in told.message
    assert any(row.topic == "alert" for row in world.journal.outbox())
    assert world.live_tag == "v2"
