"""What only HAProxy can do wrong, or be asked to do: cookies, checks, ports, tunnels, other people's changes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import pytest

from adapters.contracts.conftest import Ground, wait_for, web
from adapters.contracts.haproxy_ground import haproxy_ground, serve
from adapters.traffic.haproxies import Haproxy
from mobius.adapters.traffic.haproxy import HaproxyTraffic
from mobius.adapters.traffic.haproxy_checks import haproxy_checks
from mobius.adapters.traffic.history import read_history
from mobius.errors import MobiusError
from mobius.host.client import HostClient
from mobius.model.verdict import Outcome
from mobius.ports import CountsPartial

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture(scope="module")
def house() -> Iterator[tuple[Ground, Haproxy]]:
    with haproxy_ground() as made:
        serve(made[0], ("blue", "r1"), ("green", "r2"))
        yield made


@pytest.fixture
def ground(house: tuple[Ground, Haproxy]) -> Iterator[Ground]:
    ground, haproxy = house
    try:
        yield ground
    finally:
        for server in ("blue", "green"):
            haproxy.tell("set", "server", f"app/{server}", "state", "maint")
        ground.traffic.release_hold()
        ground.traffic.switch({})


@pytest.fixture
def haproxy(house: tuple[Ground, Haproxy]) -> Haproxy:
    return house[1]


@pytest.fixture
def traffic(ground: Ground) -> HaproxyTraffic:
    assert isinstance(ground.traffic, HaproxyTraffic)
    return ground.traffic


# -- who gets requests -----------------------------------------------------------------------------------------


def test_a_canary_gets_its_share_of_requests(ground: Ground, traffic: HaproxyTraffic) -> None:
    traffic.switch({"blue": 90, "green": 10})
    answers = [ground.get()[1] for _ in range(100)]
    assert (answers.count("r1"), answers.count("r2")) == (90, 10)


def test_what_somebody_else_told_haproxy_is_seen_and_put_right(
    ground: Ground, haproxy: Haproxy, traffic: HaproxyTraffic
) -> None:
    first = traffic.switch({"blue": 100})
    for state in ("drain", "maint"):
        haproxy.tell("set", "server", "app/green", "weight", "100")
        haproxy.tell("set", "server", "app/green", "state", "ready")
        haproxy.tell("set", "server", "app/blue", "state", state)
        assert dict(traffic.weights()) == {"green": 100}
        second = traffic.switch({"blue": 100})
        assert second.generation > first.generation
        assert dict(traffic.weights()) == {"blue": 100}
        assert ground.get() == (200, "r1")
        first = second


def test_a_slot_that_came_up_on_another_port_is_reached_there(
    ground: Ground, haproxy: Haproxy, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    before = haproxy.state()
    ground.target.stop("green")
    serve(ground, ("green", "r3"))
    try:
        traffic.switch({"green": 100})
        assert ground.get() == (200, "r3")
        assert [row.split()[2] for row in haproxy.state()] != [row.split()[2] for row in before]
        assert traffic.counters()["r3"].requests == 1, "the counts of r2 are not those of r3"
    finally:
        traffic.switch({"blue": 100})
        ground.target.stop("green")
        serve(ground, ("green", "r2"))


def test_a_server_that_leads_to_a_port_that_nobody_has_any_more_counts_as_none(
    ground: Ground, haproxy: Haproxy, traffic: HaproxyTraffic
) -> None:
    first = traffic.switch({"blue": 100})
    haproxy.tell("set", "server", "app/blue", "addr", "127.0.0.1", "port", "9")
    assert dict(traffic.weights()) == {}
    assert ground.get()[0] == 503
    assert traffic.switch({"blue": 100}).generation > first.generation
    assert (dict(traffic.weights()), ground.get()) == ({"blue": 100}, (200, "r1"))


def test_a_server_whose_slot_is_empty_counts_as_none(
    ground: Ground, haproxy: Haproxy, traffic: HaproxyTraffic
) -> None:
    """As when HAProxy forgot everything, and its file sends requests to the unit that was adopted, long stopped."""
    traffic.switch({"green": 100})
    ground.site.client.stop_slot("blue")
    ground.site.client.place_slot("blue", "r0", port=9)
    ground.site.client.remove_slot("blue")
    haproxy.tell("set", "server", "app/green", "state", "maint")
    haproxy.tell("set", "server", "app/blue", "state", "ready")
    try:
        assert dict(traffic.weights()) == {}
        traffic.switch({"green": 100})
        assert (dict(traffic.weights()), ground.get()) == ({"green": 100}, (200, "r2"))
    finally:
        serve(ground, ("blue", "r1"))


def test_a_slot_without_a_web_process_is_refused_and_nothing_changes(
    ground: Ground, haproxy: Haproxy, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    before = haproxy.state()
    ground.target.stop("green")
    try:
        with pytest.raises(MobiusError) as refused:
            traffic.switch({"green": 100})
        assert refused.value.message == "slot green has no web process with a port that HAProxy could be told"
        assert haproxy.state() == before
    finally:
        serve(ground, ("green", "r2"))


@pytest.mark.parametrize("weight", [-1, 257])
def test_a_weight_that_haproxy_cannot_have_is_refused_and_nothing_changes(
    haproxy: Haproxy, traffic: HaproxyTraffic, weight: int
) -> None:
    traffic.switch({"blue": 100})
    before = haproxy.state()
    with pytest.raises(MobiusError, match=rf"slot green cannot have the weight {weight} in HAProxy"):
        traffic.switch({"blue": 100, "green": weight})
    assert haproxy.state() == before


def test_two_who_switch_at_once_leave_one_of_their_wishes_and_not_a_mixture(traffic: HaproxyTraffic) -> None:
    wishes: list[dict[str, int]] = [{"blue": 100}, {"green": 100}, {"blue": 60, "green": 40}]
    problems: list[Exception] = []

    def insist(wish: dict[str, int]) -> None:
        try:
            for _ in range(10):
                traffic.switch(wish)
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=insist, args=(wish,)) for wish in wishes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert dict(traffic.weights()) in wishes


def test_every_switch_is_written_down_with_the_releases(ground: Ground, traffic: HaproxyTraffic) -> None:
    traffic.switch({"blue": 100})
    traffic.switch({"blue": 50, "green": 50})
    newest = read_history(ground.site.root)[-1]
    assert newest.is_done
    assert newest.via == "haproxy"
    assert newest.releases == {"blue": "r1", "green": "r2"}


# -- what is in flight -----------------------------------------------------------------------------------------


def test_a_websocket_lives_through_the_switch_and_is_waited_for(
    ground: Ground, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    with socket.create_connection(("127.0.0.1", ground.site.port), timeout=30) as line:
        line.sendall(UPGRADE)
        assert line.recv(4096).startswith(b"HTTP/1.1 101")
        traffic.switch({"green": 100})
        assert ground.get() == (200, "r2")
        line.sendall(b"still here")
        assert line.recv(100) == b"still here"
        drained: list[int] = []
        thread = threading.Thread(target=lambda: drained.append(traffic.drain("blue", 10.0)))
        thread.start()
        thread.join(0.3)
        assert drained == [], "it waits"
    thread.join(30)
    assert drained == [0]


def test_a_websocket_that_stays_is_cut_at_the_timeout_counted_and_no_failure_of_the_switch(
    ground: Ground, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    with socket.create_connection(("127.0.0.1", ground.site.port), timeout=30) as line:
        line.sendall(UPGRADE)
        assert line.recv(4096).startswith(b"HTTP/1.1 101")
        generation = traffic.switch({"green": 100}).generation
        assert traffic.drain("blue", 0.2) == 1
        assert line.recv(100) == b""
    assert traffic.failed_because_of_switches(generation) == 0
    assert traffic.drain("blue", 0.2) == 0


def test_a_request_that_its_old_release_drops_after_the_switch_failed_because_of_the_switch(
    ground: Ground, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    told: list[tuple[int, str]] = []
    waits = ground.in_background("/wait/20", told)
    wait_for("it to be in flight", lambda: traffic.counters()["r1"].in_flight == 1)
    before = traffic.failed_because_of_switches()
    generation = traffic.switch({"green": 100}).generation
    ground.target.stop("blue")
    try:
        waits.join(30)
        assert told[0][0] == 502
        assert traffic.failed_because_of_switches(generation) == 1
        assert traffic.failed_because_of_switches() == before + 1
        later = traffic.switch({"green": 60}).generation
        assert traffic.failed_because_of_switches(later) == 0
    finally:
        serve(ground, ("blue", "r1"))


def test_a_new_release_that_dies_answers_by_no_other_and_is_not_the_fault_of_the_switch(
    ground: Ground, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    generation = traffic.switch({"green": 100}).generation
    before = traffic.counters()["r2"]
    assert ground.get("/garbled")[0] == 502
    after = traffic.counters()["r2"]
    assert (after.requests - before.requests, after.errors - before.errors) == (1, 1)
    assert traffic.failed_because_of_switches(generation) == 0


# -- the hold --------------------------------------------------------------------------------------------------


def test_a_hold_without_a_front_door_is_refused_and_requests_go_on(
    ground: Ground, haproxy: Haproxy, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    before = haproxy.state()
    ground.site.client.configure_door(f"unix:{ground.site.root}/run/elsewhere.sock")
    try:
        with pytest.raises(MobiusError) as refused:
            traffic.hold(1.0, 1, 1)
    finally:
        ground.target.prepare()
    assert refused.value.message == (
        f"the front door, where requests wait, is not reached on unix:{ground.site.root}/run/elsewhere.sock (serving)"
    )
    assert (haproxy.state(), ground.get()) == (before, (200, "r1"))


def test_a_hold_that_was_cut_short_before_haproxy_was_told_does_not_shorten_the_next_one(
    ground: Ground, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    ground.site.client.hold(0.01, 1, 1)  # as far as a killed one may have come
    assert ground.get() == (200, "r1")
    traffic.hold(10.0, 5, 1_000_000)
    told: list[tuple[int, str]] = []
    thread = ground.in_background("/", told)
    wait_for("it to wait", lambda: ground.site.client.status().door.waiting == 1)  # type: ignore[union-attr]
    traffic.release_hold()
    thread.join(30)
    assert told == [(200, "r1")]


def test_what_was_held_is_counted_for_the_release_that_answered(
    ground: Ground, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    before = traffic.counters()["r1"].requests
    traffic.hold(10.0, 5, 1_000_000)
    told: list[tuple[int, str]] = []
    threads = [ground.in_background("/", told) for _ in range(3)]
    wait_for("three to wait", lambda: ground.site.client.status().door.waiting == 3)  # type: ignore[union-attr]
    traffic.release_hold()
    for thread in threads:
        thread.join(30)
    assert told == [(200, "r1")] * 3
    wait_for("all to be counted", lambda: traffic.counters()["r1"].requests == before + 3)


def test_while_the_front_door_cannot_say_all_a_switch_goes_on_and_only_the_counts_are_missing(
    ground: Ground, traffic: HaproxyTraffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic.switch({"blue": 100})
    traffic.hold(10.0, 5, 1_000_000)
    traffic.release_hold()
    failed = traffic.failed_because_of_switches()
    real = HostClient.counters
    monkeypatch.setattr(HostClient, "counters", lambda client: replace(real(client), partial=True))
    traffic.switch({"green": 100})
    assert traffic.drain("blue", 1.0) == 0
    assert traffic.failed_because_of_switches() == failed
    for counts in (traffic.counters, traffic.turned_away):
        with pytest.raises(CountsPartial):
            counts()


def test_what_went_through_the_hold_is_waited_for_and_cut_when_its_slot_is_drained(
    ground: Ground, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    traffic.hold(10.0, 5, 1_000_000)
    told: list[tuple[int, str]] = []
    thread = ground.in_background("/wait/20", told)
    wait_for("it to wait", lambda: ground.site.client.status().door.waiting == 1)  # type: ignore[union-attr]
    traffic.release_hold()
    wait_for("it to be under way", lambda: traffic.counters()["r1"].in_flight == 1)
    traffic.switch({"green": 100})
    assert traffic.drain("blue", 0.3) == 1
    thread.join(30)
    assert told[0][0] in (502, 503, 0)


# -- how people run HAProxy ------------------------------------------------------------------------------------


def test_a_client_with_a_cookie_of_the_old_server_goes_to_the_new_one() -> None:
    with haproxy_ground() as (ground, haproxy):
        text = haproxy.config.read_text()
        for server in ("blue", "green"):
            text = text.replace(
                f"  server {server} 127.0.0.1:1", f"  server {server} 127.0.0.1:1 cookie {server}"
            )
        haproxy.write(text.replace("  balance roundrobin", "  balance roundrobin\n  cookie SRV insert"))
        haproxy.restart()
        serve(ground, ("blue", "r1"), ("green", "r2"))
        ground.traffic.switch({"blue": 100})
        line = HTTPConnection("127.0.0.1", ground.site.port, timeout=30)
        line.request("GET", "/")
        answer = line.getresponse()
        cookie = (answer.headers["Set-Cookie"] or "").partition(";")[0]
        assert (answer.read(), cookie) == (b"r1", "SRV=blue")
        ground.traffic.switch({"green": 100})
        line.request("GET", "/", headers={"Cookie": cookie})
        assert line.getresponse().read() == b"r2"
        line.close()


def test_a_listen_section_is_as_good_as_a_frontend_and_a_backend() -> None:
    with haproxy_ground() as (ground, haproxy):
        text = haproxy.config.read_text().replace("  default_backend app\n", "")
        haproxy.write(text.replace("frontend app-front\n", "listen app\n").replace("backend app\n", ""))
        haproxy.restart()
        checks = haproxy_checks(replace(haproxy.place, config=haproxy.config), haproxy.api)
        assert [check.outcome for check in checks] == [Outcome.PASS] * 4
        serve(ground, ("blue", "r1"), ("green", "r2"))
        ground.traffic.switch({"blue": 100})
        assert ground.get() == (200, "r1")
        ground.traffic.switch({"green": 100})
        assert ground.get() == (200, "r2")
        assert ground.traffic.drain("blue", 1.0) == 0
        assert {name: count.requests for name, count in ground.traffic.counters().items()} == {
            "r1": 1,
            "r2": 1,
        }
        haproxy.restart()
        assert ground.get() == (200, "r2")


def test_a_slot_whose_checks_found_it_dead_gets_requests_at_once_when_it_is_switched_to() -> None:
    with haproxy_ground() as (ground, haproxy):
        # Seldom while it is well: each look has as long as the time to the next, also on a machine that is busy.
        checks = "check inter 2s fastinter 100ms downinter 100ms rise 50"
        haproxy.write(
            haproxy.config.read_text().replace("pool-purge-delay 2s", f"pool-purge-delay 2s {checks}")
        )
        haproxy.restart()
        serve(ground, ("blue", "r1"), ("green", "r2"))
        ground.traffic.switch({"green": 100})
        haproxy.tell("set", "server", "app/green", "state", "drain")
        haproxy.tell("set", "server", "app/blue", "state", "ready")
        ground.target.stop("green")
        wait_for("HAProxy to find it dead", lambda: haproxy.state()[1].split()[3] == "0")
        serve(ground, ("green", "r3"))
        ground.traffic.switch({"green": 100})
        assert ground.get() == (200, "r3")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can chroot")
def test_a_chrooted_haproxy_of_another_user_switches_holds_and_restarts_as_any_other() -> None:
    with haproxy_ground() as (ground, haproxy):
        jail = haproxy.config.parent / "jail"
        jail.mkdir()
        text = haproxy.config.read_text()
        haproxy.write(
            text.replace("global\n", f"global\n  chroot {jail}\n  user nobody\n  group nogroup\n", 1)
        )
        haproxy.restart()
        serve(ground, ("blue", "r1"), ("green", "r2"))
        ground.traffic.switch({"blue": 100})
        ground.traffic.hold(10.0, 5, 1_000_000)
        told: list[tuple[int, str]] = []
        thread = ground.in_background("/", told)
        wait_for("it to wait", lambda: ground.site.client.status().door.waiting == 1)  # type: ignore[union-attr]
        ground.traffic.switch({"green": 100})
        ground.traffic.release_hold()
        thread.join(30)
        assert told == [(200, "r2")]
        haproxy.restart()
        assert ground.get() == (200, "r2")


def test_a_service_on_unix_sockets_is_switched_without_any_port(tmp_path: Path) -> None:
    process = replace(web(), start=(*web().start, "--socket"), listen="socket")
    with haproxy_ground(process=process) as (ground, haproxy):
        serve(ground, ("blue", "r1"), ("green", "r2"), process=process)
        for slot, release in (("blue", "r1"), ("green", "r2"), ("blue", "r1")):
            ground.traffic.switch({slot: 100})
            assert [ground.get() for _ in range(3)] == [(200, release)] * 3
        haproxy.restart()
        assert ground.get() == (200, "r1")


def test_a_state_file_that_cannot_be_written_is_taken_away_and_going_back_goes_on(
    ground: Ground, haproxy: Haproxy, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    blocked = haproxy.place.state_file.with_name(f".{haproxy.place.state_file.name}.new")
    blocked.mkdir()
    try:
        with pytest.raises(OSError):
            blocked.unlink()
        traffic.switch({"green": 100})
        assert ground.get() == (200, "r2")
        assert not haproxy.place.state_file.exists(), "an old one would lead back to r1"
    finally:
        blocked.rmdir()
    traffic.switch({"green": 100})
    assert "green" in haproxy.place.state_file.read_text(), "it is made good as soon as it can be"


def test_what_we_remember_may_be_lost_and_traffic_is_still_moved(
    ground: Ground, traffic: HaproxyTraffic
) -> None:
    before = traffic.switch({"blue": 100}).generation
    memory = ground.site.root / "run" / "haproxy.json"
    memory.write_text('{"schema_version": 1, "generation": ')
    moved = traffic.switch({"green": 100})
    assert moved.generation > before
    assert json.loads(memory.read_text())["releases"] == {"green": "r2"}
    assert ground.get() == (200, "r2")


def test_its_log_says_in_json_which_slot_answered_what(
    ground: Ground, haproxy: Haproxy, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"green": 100})
    ground.get("/status/404?token=secret")
    wait_for("the line", lambda: ":404," in haproxy.log.read_text())
    lines = [line for line in haproxy.log.read_text().splitlines() if line.startswith("{")]
    told = next(told for told in map(json.loads, lines) if told["status"] == 404)
    assert (told["server"], told["status"], told["method"], told["path"]) == (
        "green",
        404,
        "GET",
        "/status/404",
    )
    assert told["total_ms"] >= told["response_ms"] >= 0
    assert told["time_ms"] > 1_700_000_000_000
    assert "secret" not in haproxy.log.read_text()


def test_a_switch_killed_before_its_state_was_written_is_kept_by_whoever_looks_next(
    ground: Ground, haproxy: Haproxy, traffic: HaproxyTraffic
) -> None:
    path = haproxy.place.state_file
    traffic.switch({"blue": 100})
    old = path.read_text()
    looks = (
        lambda: traffic.switch({"green": 100}),
        lambda: traffic.counters(),
        lambda: traffic.drain("blue", 1.0),
    )
    for look in looks:
        traffic.switch({"green": 100})
        path.write_text(old)
        look()
        haproxy.restart()
        assert dict(traffic.weights()) == {"green": 100}


SWITCHER = """
import sys, types, pathlib
from mobius.adapters.traffic.haproxy import HaproxyTraffic
from mobius.model.haproxy import HaproxyPlace
from mobius.ports import ProcessStatus

root, socket, state, blue, green = sys.argv[1:]
urls = {"blue": blue, "green": green}
target = types.SimpleNamespace(
    slot_url=urls.get,
    processes=lambda: tuple(ProcessStatus("api", "web", s, s, "running", url=u) for s, u in urls.items()),
)
place = HaproxyPlace(pathlib.Path(socket), "app", pathlib.Path(state), pathlib.Path("/none"))
traffic = HaproxyTraffic(place, pathlib.Path(root), target)
print("ready", flush=True)
while True:
    for slot in urls:
        traffic.switch({slot: 100})
"""


def test_killed_at_any_moment_a_switch_leaves_one_live_and_the_next_one_goes_on(
    ground: Ground, haproxy: Haproxy, traffic: HaproxyTraffic
) -> None:
    traffic.switch({"blue": 100})
    argv = [ground.site.root, haproxy.place.socket, haproxy.place.state_file]
    argv += [ground.target.slot_url(slot) for slot in ("blue", "green")]
    answers: list[tuple[int, str]] = []
    stopping = threading.Event()

    def ask_on() -> None:
        while not stopping.is_set():
            try:
                answers.append(ground.get())
            except OSError as problem:
                answers.append((0, repr(problem)))

    asking = threading.Thread(target=ask_on)
    asking.start()
    try:
        for number in range(12):
            switcher = subprocess.Popen(
                [sys.executable, "-c", SWITCHER, *map(str, argv)], stdout=subprocess.PIPE, text=True
            )
            assert switcher.stdout is not None
            with switcher, switcher.stdout:
                assert switcher.stdout.readline() == "ready\n"
                switcher.stdout.close()
                threading.Event().wait(0.013 * number)
                switcher.kill()
                switcher.wait(30)
            live = dict(traffic.weights())
            assert live in ({"blue": 100}, {"green": 100}, {"blue": 100, "green": 100})
            after = traffic.switch({"green": 100})
            assert traffic.switch({"green": 100}).generation == after.generation
    finally:
        stopping.set()
        asking.join(30)
    assert len(answers) > 50
    assert {status for status, _ in answers} == {200}
    haproxy.restart()
    assert dict(traffic.weights()) == {"green": 100}
