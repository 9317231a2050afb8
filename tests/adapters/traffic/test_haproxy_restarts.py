"""HAProxy is killed and started, or reloaded, in every state: who gets requests stays as it was."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from adapters.contracts.conftest import Ground, wait_for
from adapters.contracts.haproxy_ground import haproxy_ground, serve
from adapters.traffic.haproxies import Haproxy, free_of_haproxy
from mobius.adapters.traffic.haproxy import HaproxyTraffic

STATES: dict[str, Callable[[HaproxyTraffic], object]] = {
    "nothing live": lambda traffic: traffic.switch({}),
    "one live": lambda traffic: traffic.switch({"blue": 100}),
    "mid-canary": lambda traffic: traffic.switch({"blue": 75, "green": 25}),
    "the other live": lambda traffic: traffic.switch({"green": 100}),
    "held": lambda traffic: (traffic.switch({"blue": 100}), traffic.hold(20.0, 10, 1_000_000)),
    "switched while held": lambda traffic: (
        traffic.switch({"blue": 100}),
        traffic.hold(20.0, 10, 1_000_000),
        traffic.switch({"green": 100}),
    ),
}


@pytest.fixture(scope="module")
def house() -> Iterator[tuple[Ground, Haproxy]]:
    with haproxy_ground(master=True) as made:
        serve(made[0], ("blue", "r1"), ("green", "r2"))
        yield made


@pytest.fixture
def fresh(house: tuple[Ground, Haproxy]) -> Iterator[tuple[Ground, Haproxy, HaproxyTraffic]]:
    ground, haproxy = house
    assert isinstance(ground.traffic, HaproxyTraffic)
    try:
        yield ground, haproxy, ground.traffic
    finally:
        ground.traffic.release_hold()
        ground.traffic.switch({})


@pytest.mark.parametrize("how", ["restart", "reload"])
@pytest.mark.parametrize("state", STATES)
def test_traffic_stays_where_it_was_over_a_new_process_of_haproxy(
    fresh: tuple[Ground, Haproxy, HaproxyTraffic], state: str, how: str
) -> None:
    ground, haproxy, traffic = fresh
    STATES[state](traffic)
    weights, servers, generation = dict(traffic.weights()), haproxy.state(), traffic.switch(traffic.weights())
    getattr(haproxy, how)()
    assert haproxy.state() == servers
    assert dict(traffic.weights()) == weights
    assert traffic.switch(weights).generation == generation.generation, "nothing had to be put right"
    if "held" in state:
        told: list[tuple[int, str]] = []
        waits = ground.in_background("/", told)
        wait_for("it to wait", lambda: ground.site.client.status().door.waiting == 1)  # type: ignore[union-attr]
        traffic.release_hold()
        waits.join(30)
        assert told == [(200, "r2" if state == "switched while held" else "r1")]
    answers = [ground.get()[1] for _ in range(8)] if weights else []
    shares = {slot: answers.count(release) for slot, release in (("blue", "r1"), ("green", "r2"))}
    assert shares == {slot: 8 * weights.get(slot, 0) // 100 for slot in ("blue", "green")}


@pytest.mark.parametrize("how", ["missing", "torn", "stale", "not ours", "empty"])
def test_a_state_file_that_cannot_be_used_is_seen_and_put_right_by_switching_again(
    fresh: tuple[Ground, Haproxy, HaproxyTraffic], how: str
) -> None:
    ground, haproxy, traffic = fresh
    path = haproxy.place.state_file
    traffic.switch({"blue": 100})
    stale = path.read_text()
    before = traffic.switch({"green": 100})
    whole = path.read_text()
    match how:
        case "missing":
            path.unlink()
        case "torn":
            path.write_text(whole[: whole.index("green") + 7])
        case "stale":
            path.write_text(stale)
        case "not ours":
            path.write_bytes(os.urandom(4096))
        case "empty":
            path.write_text("")
    haproxy.restart()
    came_back_to = {"blue": 100} if how == "stale" else {}
    assert dict(traffic.weights()) == came_back_to, "what is, not what should be"
    assert ground.get() == (200, "r1") if came_back_to else ground.get()[0] == 503
    assert traffic.switch({"green": 100}).generation > before.generation
    assert (dict(traffic.weights()), ground.get()) == ({"green": 100}, (200, "r2"))
    haproxy.restart()
    assert (dict(traffic.weights()), ground.get()) == ({"green": 100}, (200, "r2")), "it is written again"


@pytest.mark.parametrize("how", ["missing", "torn", "stale"])
@pytest.mark.parametrize("state", ["the other live", "mid-canary", "held"])
def test_whoever_looks_puts_a_new_process_right_that_began_from_something_older(
    fresh: tuple[Ground, Haproxy, HaproxyTraffic], state: str, how: str
) -> None:
    _, haproxy, traffic = fresh
    path = haproxy.place.state_file
    traffic.switch({"blue": 50, "green": 50})
    stale = path.read_text()
    STATES[state](traffic)
    weights, servers = dict(traffic.weights()), haproxy.state()
    match how:
        case "missing":
            path.unlink()
        case "torn":
            path.write_text(stale[: stale.index("green") + 7])
        case "stale":
            path.write_text(stale)
    haproxy.restart()
    assert haproxy.state() != servers
    traffic.counters()  # as the window and `mobius serve` do
    assert dict(traffic.weights()) == weights
    haproxy.restart()
    assert dict(traffic.weights()) == weights, "the file is right again, too"


def test_what_was_changed_by_hand_and_seen_is_kept_over_a_start_from_an_older_file(
    fresh: tuple[Ground, Haproxy, HaproxyTraffic],
) -> None:
    _, haproxy, traffic = fresh
    traffic.switch({"blue": 100})
    stale = haproxy.place.state_file.read_text()
    traffic.switch({"blue": 50, "green": 50})
    haproxy.tell("set", "server", "app/green", "weight", "10")
    traffic.counters()
    haproxy.place.state_file.write_text(stale)
    haproxy.restart()
    traffic.counters()
    assert dict(traffic.weights()) == {"blue": 50, "green": 10}


def test_a_look_at_a_process_that_goes_on_changes_nothing_of_what_somebody_did_by_hand(
    fresh: tuple[Ground, Haproxy, HaproxyTraffic],
) -> None:
    _, haproxy, traffic = fresh
    traffic.switch({"blue": 100})
    haproxy.tell("set", "server", "app/blue", "state", "maint")
    traffic.counters()
    assert dict(traffic.weights()) == {}


def test_counts_add_up_over_processes_of_haproxy(fresh: tuple[Ground, Haproxy, HaproxyTraffic]) -> None:
    ground, haproxy, traffic = fresh
    traffic.switch({"blue": 100})
    began = traffic.counters()["r1"]
    for restart in (haproxy.restart, haproxy.reload, lambda: None):
        for path in ("/", "/status/503", "/garbled"):
            ground.get(path)
        seen = traffic.counters()["r1"]  # what is counted after the last look is lost with the process
        restart()
        again = traffic.counters()["r1"]
        assert (again.requests, again.errors) >= (seen.requests, seen.errors)
    ended = traffic.counters()["r1"]
    assert (ended.requests - began.requests, ended.errors - began.errors) == (9, 6)


def test_a_reload_in_the_middle_of_a_request_does_not_lose_it(
    fresh: tuple[Ground, Haproxy, HaproxyTraffic],
) -> None:
    ground, haproxy, traffic = fresh
    traffic.switch({"blue": 100})
    told: list[tuple[int, str]] = []
    waits = ground.in_background("/wait/1", told)
    wait_for("it to be in flight", lambda: traffic.counters()["r1"].in_flight == 1)
    old = haproxy.pid
    haproxy.reload()
    traffic.switch({"green": 100})
    assert ground.get() == (200, "r2")
    waits.join(30)
    assert told == [(200, "r1")]
    free_of_haproxy(old)
