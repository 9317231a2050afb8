"""What every `Traffic` promises, in memory, through the real front door, and through real proxies before it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.contracts.conftest import Ground, wait_for
from adapters.contracts.haproxy_ground import haproxy_ground
from adapters.contracts.live_socket_ground import live_socket_ground
from mobius.adapters.traffic.memory import MemoryTraffic
from mobius.errors import MobiusError
from mobius.model.verdict import Outcome
from mobius.ports import Traffic

KINDS = ("door", "haproxy", "nginx", "nginx-direct", "caddy", "caddy-direct")
WITHOUT_HISTOGRAM = ("haproxy",)  # latency comes from the proxy's access log there


@pytest.fixture(scope="module")
def grounds(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Ground]]:
    """By the kind of traffic: two slots with releases r1 and r2 behind it, shared by the tests of this module."""
    made: dict[str, Ground] = {}
    with contextlib.ExitStack() as stack:

        def ground(kind: str) -> Ground:
            if kind not in made:
                match kind:
                    case "haproxy":
                        found = stack.enter_context(haproxy_ground())[0]
                    case "nginx" | "nginx-direct" | "caddy" | "caddy-direct":
                        proxy, _, way = kind.partition("-")
                        found = stack.enter_context(live_socket_ground(proxy, direct=bool(way)))[0]
                    case _:
                        found = request.getfixturevalue("ground")
                for slot, release_id in (("blue", "r1"), ("green", "r2")):
                    found.target.start(slot, release_id, Path("/"), found.settings.processes)
                    found.site.wait_running(slot)
                made[kind] = found
            return made[kind]

        yield ground


@pytest.fixture(params=["memory", *KINDS])
def traffic(request: pytest.FixtureRequest, grounds: Callable[[str], Ground]) -> Iterator[Traffic]:
    if request.param == "memory":
        yield MemoryTraffic(lambda: ("blue", "green"))
        return
    served = grounds(request.param)
    try:
        yield served.traffic
    finally:
        served.traffic.release_hold()
        served.traffic.switch({})


def test_nothing_is_live_until_it_is_switched_to(traffic: Traffic) -> None:
    assert {slot: weight for slot, weight in traffic.weights().items() if weight} == {}


def test_a_switch_moves_all_weights_and_the_same_again_changes_nothing(traffic: Traffic) -> None:
    first = traffic.switch({"blue": 100})
    assert dict(traffic.weights()) == {"blue": 100}
    again = traffic.switch({"blue": 100})
    assert again.generation == first.generation
    moved = traffic.switch({"green": 90, "blue": 10})
    assert moved.generation > first.generation
    assert dict(traffic.weights()) == {"green": 90, "blue": 10}
    assert moved.took_ms >= 0
    assert moved.failed_requests == 0
    traffic.switch({})
    assert not any(traffic.weights().values())


def test_requests_can_be_shared_out_between_two_slots_and_it_says_who_keeps_a_client(
    traffic: Traffic,
) -> None:
    traffic.switch({"blue": 100})
    before = dict(traffic.weights())
    checked = traffic.check_split()
    assert (checked.name, checked.outcome) == ("canary", Outcome.PASS)
    assert checked.message
    assert dict(traffic.weights()) == before, "looking changes nothing"


def test_a_slot_that_does_not_exist_is_refused_and_nothing_changes(traffic: Traffic) -> None:
    traffic.switch({"blue": 100})
    with pytest.raises(MobiusError, match="slot purple"):
        traffic.switch({"green": 50, "purple": 50})
    assert dict(traffic.weights()) == {"blue": 100}


def test_draining_an_idle_slot_cuts_nothing(traffic: Traffic) -> None:
    traffic.switch({"blue": 100})
    assert traffic.drain("green", 1.0) == 0


def test_a_slot_that_still_gets_requests_cannot_be_drained(traffic: Traffic) -> None:
    traffic.switch({"blue": 100})
    with pytest.raises(MobiusError, match="blue still gets new requests"):
        traffic.drain("blue", 0.1)
    traffic.hold(5.0, 10, 1000)
    assert traffic.drain("blue", 0.1) == 0


def test_a_hold_may_be_released_twice_and_without_being_held(traffic: Traffic) -> None:
    traffic.release_hold()
    traffic.switch({"blue": 100})
    for _ in range(2):
        traffic.hold(5.0, 10, 1000)
    for _ in range(2):
        traffic.release_hold()


def test_no_request_has_failed_because_of_switches(traffic: Traffic) -> None:
    before = traffic.failed_because_of_switches()  # of other tests
    generation = traffic.switch({"blue": 100}).generation
    traffic.switch({"green": 100})
    assert traffic.failed_because_of_switches() == before
    assert traffic.failed_because_of_switches(since=generation) == 0


# Only with real requests


@pytest.fixture(params=KINDS)
def real(request: pytest.FixtureRequest, grounds: Callable[[str], Ground]) -> Iterator[Ground]:
    served = grounds(request.param)
    try:
        yield served
    finally:
        served.traffic.release_hold()
        served.traffic.switch({})


def test_after_the_switch_every_new_request_goes_to_the_new_release(real: Ground) -> None:
    for slot, release_id in (("blue", "r1"), ("green", "r2"), ("blue", "r1")):
        real.traffic.switch({slot: 100})
        assert [real.get() for _ in range(5)] == [(200, release_id)] * 5


def test_each_slot_gets_its_share_of_the_requests(real: Ground) -> None:
    for green in (10, 50):
        real.traffic.switch({"green": green, "blue": 100 - green})
        answers = [real.get() for _ in range(100)]
        assert {status for status, _ in answers} == {200}
        assert abs(sum(release == "r2" for _, release in answers) - green) <= 2
    real.traffic.switch({"blue": 100})
    assert [real.get() for _ in range(5)] == [(200, "r1")] * 5


def test_draining_waits_for_what_is_in_flight(real: Ground) -> None:
    real.traffic.switch({"blue": 100})
    told: list[tuple[int, str]] = []
    thread = real.in_background("/wait/2", told)
    wait_for("the request to be in flight", lambda: real.in_flight("blue", "r1") == 1)
    real.traffic.switch({"green": 100})
    assert real.traffic.drain("blue", 10.0) == 0
    thread.join(30)
    assert told == [(200, "r1")]


def test_draining_cuts_and_counts_what_is_left_at_the_timeout(real: Ground) -> None:
    real.traffic.switch({"blue": 100})
    threads = [real.in_background("/wait/20", []) for _ in range(2)]
    wait_for("both to be in flight", lambda: real.in_flight("blue", "r1") == 2)
    real.traffic.switch({"green": 100})
    began = time.monotonic()
    assert real.traffic.drain("blue", 0.2) == 2
    assert time.monotonic() - began < 15
    for thread in threads:
        thread.join(30)


def test_held_requests_go_on_and_those_beyond_the_limit_are_told_to_come_back(real: Ground) -> None:
    real.traffic.switch({"blue": 100})
    real.traffic.hold(10.0, 1, 1_000_000)
    told: list[tuple[int, str]] = []
    thread = real.in_background("/", told)
    wait_for("it to wait", lambda: real.site.client.status().door.waiting == 1)  # type: ignore[union-attr]
    assert real.get()[0] == 503
    assert told == []
    real.traffic.switch({"green": 100})
    real.traffic.release_hold()
    thread.join(30)
    assert told == [(200, "r2")]


def test_a_hold_ends_by_itself(real: Ground) -> None:
    real.traffic.switch({"blue": 100})
    real.traffic.hold(0.2, 10, 1_000_000)
    assert real.get()[0] == 503


def test_counters_rise_with_requests_and_errors_by_release(real: Ground) -> None:
    real.traffic.switch({"blue": 100})
    real.get()
    if real.is_direct:
        with pytest.raises(MobiusError, match="the proxy dials blue itself, so only its access log counts"):
            real.traffic.counters()
        return
    before = real.traffic.counters()["r1"]
    for path in ("/", "/status/404", "/status/503", "/garbled"):
        real.get(path)
    wait_for("all to be counted", lambda: real.traffic.counters()["r1"].requests == before.requests + 4)
    after = real.traffic.counters()["r1"]
    assert after.errors - before.errors == 2, "a 5xx and a broken answer; a 404 is none"
    if real.settings.traffic.kind not in WITHOUT_HISTOGRAM:
        assert sum(after.histogram) - sum(before.histogram) == 4
    assert after.in_flight == 0
