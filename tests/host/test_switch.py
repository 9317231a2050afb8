"""Traffic that moves, waits, drains, and outlives its door: what clients under load see of it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from host.sites import Site, wait_for
from host.talking import Line, get
from mobius.adapters.signals.traffic import TrafficDelta
from mobius.adapters.traffic.door import DoorTraffic
from mobius.host.client import HostRefused, ensure_running
from mobius.host.counters import SWITCHES_KEPT

pytestmark = pytest.mark.journey


class Load:
    """Clients that send without a pause and never retry: whatever is not 200 with the right body is a failure."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.failures: list[str] = []
        self.answers: Counter[str] = Counter()
        self.done = threading.Event()
        # Two of each: kept connections and new ones, GETs, POSTs with a body that is checked, slow requests.
        acts = [self.keep_getting, self.keep_posting, self.get_anew, self.post_anew, self.keep_waiting]
        self.threads = [threading.Thread(target=self.run, args=(act,)) for act in acts * 2]

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join()

    def run(self, act: Callable[[], Iterator[str]]) -> None:
        try:
            for release in act():
                self.answers[release] += 1
                if self.done.is_set():
                    return
        except (OSError, AssertionError, ValueError) as error:
            self.failures.append(f"{act.__name__}: {error!r}")

    def keep_getting(self) -> Iterator[str]:
        yield from self.kept(lambda line: self.checked(line, "/"))

    def keep_waiting(self) -> Iterator[str]:
        yield from self.kept(lambda line: self.checked(line, "/slow"))

    def get_anew(self) -> Iterator[str]:
        while True:
            with Line(self.port) as line:
                yield self.checked(line, "/")

    def keep_posting(self) -> Iterator[str]:
        yield from self.kept(self.posted)

    def post_anew(self) -> Iterator[str]:
        while True:
            with Line(self.port) as line:
                yield self.posted(line)

    def kept(self, act: Callable[[Line], str]) -> Iterator[str]:
        """On one connection, until the door says that it ends; only then on another."""
        while True:
            with Line(self.port) as line:
                while not line.is_ending:
                    yield act(line)

    def checked(self, line: Line, path: str) -> str:
        answer = line.get(path)
        assert answer.status == 200, answer
        return answer.body.decode()

    def posted(self, line: Line) -> str:
        body = os.urandom(3000)
        answer = line.post("/echo", body)
        assert answer.status == 200, answer
        seen = json.loads(answer.body)
        assert seen["sha256"] == hashlib.sha256(body).hexdigest()
        return str(seen["release"])


@pytest.fixture
def two(site: Site) -> Site:
    """Slots blue (r1) and green (r2) behind an open door; traffic goes to blue."""
    site.client.start_slot("blue", "r1", site.root, [site.web()])
    site.start("green", "r2")
    site.wait_running("blue")
    site.client.configure_door(site.listen)
    site.client.route({"blue": 1})
    return site


def test_20_switches_under_load_lose_nothing(two: Site) -> None:
    _switch(two, 20)


@pytest.mark.slow
def test_200_switches_under_load_lose_nothing(two: Site) -> None:
    _switch(two, 200)


def _switch(two: Site, times: int) -> None:
    with Load(two.port) as load:
        for turn in range(times):
            slot, other = ("green", "blue") if turn % 2 == 0 else ("blue", "green")
            routed = two.client.route({slot: 1})
            assert routed.changed and routed.previous == {other: 1}
            assert get(two.port).body == (b"r2" if slot == "green" else b"r1")
            drained = two.client.drain(other, 5.0)
            assert (drained.in_flight_left, drained.cut) == (0, 0)
            two.client.stop_slot(other)
            two.start(other, "r1" if other == "blue" else "r2")
    assert load.failures == []
    counters = two.client.counters()
    assert counters.failed_because_of_switches == 0
    assert len(counters.switches) == min(times + 1, SWITCHES_KEPT)
    assert min(load.answers["r1"], load.answers["r2"]) > times
    for release in ("r1", "r2"):
        counts = counters.releases[release]
        assert (counts.errors_5xx, counts.errors_door, counts.in_flight) == (0, 0, 0)
        assert counts.status == {"2xx": counts.requests}
        assert counts.requests >= load.answers[release]


def test_routing_what_holds_already_changes_nothing_and_says_so(two: Site) -> None:
    first = two.client.route({"green": 1})
    again = two.client.route({"green": 1, "blue": 0})
    assert (first.changed, again.changed) == (True, False)
    assert first.generation == again.generation == 2
    with pytest.raises(HostRefused, match="traffic cannot go to slot red: there is no such slot"):
        two.client.route({"red": 1})


def test_traffic_cannot_go_to_a_slot_that_has_nothing_to_answer(two: Site) -> None:
    two.client.start_slot("jobs", "r3", two.root, [two.other("queue")])
    with pytest.raises(HostRefused, match="it has no web process to answer"):
        two.client.route({"jobs": 1})


def test_a_door_that_cannot_move_stays_where_it_is(two: Site) -> None:
    with pytest.raises(HostRefused, match=r"cannot listen on '127\.0\.0\.1:70000'"):
        two.client.configure_door("127.0.0.1:70000")
    with pytest.raises(HostRefused, match="cannot listen on 'nonsense'"):
        two.client.configure_door("nonsense")
    status = two.client.status()
    assert status.door is not None and status.door.listen == two.listen
    assert get(two.port).body == b"r1"


def test_a_canary_gets_its_share(two: Site) -> None:
    two.client.route({"blue": 90, "green": 10})
    with Line(two.port) as line:
        answers = Counter(line.get("/").body for _ in range(200))
    assert 18 <= answers[b"r2"] <= 22


def test_a_kept_connection_moves_at_once_and_is_never_closed(two: Site) -> None:
    with Line(two.port) as line:
        for slot, release in (("green", b"r2"), ("blue", b"r1"), ("green", b"r2")):
            two.client.route({slot: 1})
            assert line.get("/").body == release


def test_a_request_in_flight_finishes_where_it_is(two: Site) -> None:
    with Line(two.port) as line:
        line.send(b"GET /wait/2.1 HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for("it to arrive", lambda: "/wait/2.1" in two.log("blue"))
        two.client.route({"green": 1})
        drained = two.client.drain("blue", 20.0)
        assert (drained.in_flight_left, drained.cut) == (0, 0)
        assert drained.waited_s > 0.1
        assert line.answer().body == b"r1"
        assert line.get("/").body == b"r2"


def test_what_does_not_finish_in_time_is_cut_and_counted(two: Site) -> None:
    with Line(two.port) as waiting, Line(two.port) as tunnel:
        waiting.send(b"GET /wait/60 HTTP/1.1\r\nHost: a\r\n\r\n")
        tunnel.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert tunnel.answer().status == 101
        wait_for("it to arrive", lambda: "GET /wait/60" in two.log("blue"))
        with pytest.raises(HostRefused, match="slot blue still gets new requests"):
            two.client.drain("blue", 1.0)
        two.client.route({"green": 1})
        drained = two.client.drain("blue", 0.3)
        assert (drained.in_flight_left, drained.cut) == (0, 2)
        assert waiting.answer().status == 503
        assert tunnel.is_closed()
    switches = two.client.counters().switches
    assert [one.failed_because_of_switch for one in switches] == [0, 1]
    assert two.client.counters().failed_because_of_switches == 1


def test_a_slot_without_a_process_that_answers_fails_because_of_the_switch(two: Site) -> None:
    two.client.stop_slot("green")
    two.client.route({"green": 1})
    assert get(two.port).status == 502
    assert two.client.counters().switches[-1].failed_because_of_switch == 1


def test_traffic_goes_to_the_other_slot_with_weight_when_one_does_not_accept(two: Site) -> None:
    two.client.route({"blue": 1, "green": 1})
    two.client.stop_slot("green")
    with Line(two.port) as line:
        assert [line.get("/").body for _ in range(20)] == [b"r1"] * 20
        assert [line.post("/", b"x").body for _ in range(20)] == [b"r1"] * 20


def test_a_process_that_is_restarted_is_waited_for(two: Site) -> None:
    with Line(two.port) as line:
        assert line.get("/").body == b"r1"
        os.kill(two.pid_of("blue"), signal.SIGKILL)
        wait_for("it to be restarted", lambda: two.client.status().slots["blue"].processes[0].restarts == 1)
        assert line.post("/", b"x").status == 200


# -- holding -----------------------------------------------------------------------------------------------


def test_held_requests_wait_and_go_on_where_traffic_goes_then(two: Site) -> None:
    held = two.client.hold(10.0)
    assert held.held and not held.already
    assert two.client.hold(99.0).already
    with Line(two.port) as first, Line(two.port) as second:
        first.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        second.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n")
        sender = threading.Thread(target=second.send, args=(bytes(300_000),))
        sender.start()
        first.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            first.answer()
        assert two.client.drain("blue", 1.0).cut == 0  # with a hold, a slot that has weight can be drained
        two.client.route({"green": 1})
        wait_for("both to wait", lambda: _waiting(two) == 2)
        assert two.client.release_hold().released == 2
        first.socket.settimeout(5)
        assert first.answer().body == b"r2"
        seen = json.loads(second.answer().body)
        assert (seen["release"], seen["size"]) == ("r2", 300_000)
        sender.join()
    assert two.client.release_hold().already


def test_beyond_the_limits_of_a_hold_clients_are_told_to_come_back(two: Site) -> None:
    two.client.hold(5.0, max_requests=2)
    lines = [Line(two.port) for _ in range(3)]
    try:
        for line in lines[:2]:
            line.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for("two to wait", lambda: _waiting(two) == 2)
        answer = lines[2].get("/")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert [line.answer().status for line in lines[:2]] == [503, 503]  # after max_s
        assert lines[2].get("/").status == 503  # and new ones too, until released
        two.client.release_hold()
        assert [line.get("/").body for line in lines] == [b"r1"] * 3
    finally:
        for line in lines:
            line.socket.close()
    assert two.client.counters().refused["hold_overflow"] == 4


def _waiting(site: Site) -> int:
    status = site.client.status()
    assert status.door is not None
    return status.door.waiting


# -- the door's own death and renewal ----------------------------------------------------------------------


def test_a_killed_door_comes_back_on_its_socket_and_nobody_is_refused(two: Site) -> None:
    two.client.route({"green": 1})
    with Line(two.port) as line:
        for _ in range(5):
            line.get("/")
    status = two.client.status()
    assert status.door is not None and status.door.pid is not None
    written = two.root.glob
    wait_for("the counts to be written", lambda: any(
        '"requests": 5' in one.read_text() for one in written("run/door-*.counters.json")
    ))  # fmt: skip
    os.kill(status.door.pid, signal.SIGKILL)
    assert [get(two.port).body for _ in range(5)] == [b"r2"] * 5  # the first waits in the kernel's queue
    after = two.client.status()
    assert after.door is not None and after.door.pid != status.door.pid
    assert after.door.weights == {"green": 1}
    counters = two.client.counters()
    assert counters.releases["r2"].requests == 10
    assert counters.incomplete


@pytest.mark.slow
def test_a_door_that_does_not_answer_for_a_while_loses_no_count_and_none_is_counted_twice(two: Site) -> None:
    status = two.client.status()
    assert status.door is not None and status.door.pid is not None
    assert [get(two.port).status for _ in range(5)] == [200] * 5
    delta = TrafficDelta(DoorTraffic(two.root).counters, "r1")
    assert get(two.port).status == 200
    os.kill(status.door.pid, signal.SIGSTOP)
    try:
        [silent] = delta.samples(1.0)
    finally:
        os.kill(status.door.pid, signal.SIGCONT)
    assert silent.missing == "a front door process did not answer, so what it counted is missing"
    assert [(one.requests, one.errors, one.missing) for one in delta.samples(2.0)] == [(1, 0, "")]


def test_what_a_door_told_before_it_was_killed_stays_counted(two: Site) -> None:
    """Also what it had not written down yet."""
    status = two.client.status()
    assert status.door is not None and status.door.pid is not None
    for _ in range(3):
        get(two.port)
    told = two.client.counters().releases["r1"].requests
    os.kill(status.door.pid, signal.SIGKILL)
    get(two.port)
    wait_for("its successor to answer", lambda: not two.client.counters().partial)
    assert (told, two.client.counters().releases["r1"].requests) == (3, 4)


def test_door_and_supervisor_killed_come_back_with_the_slots_untouched(two: Site) -> None:
    before = {slot: two.pid_of(slot) for slot in ("blue", "green")}
    door = two.client.status().door
    assert door is not None and door.pid is not None
    supervisor = two.client.ping().pid
    os.kill(supervisor, signal.SIGKILL)
    os.kill(door.pid, signal.SIGKILL)
    wait_for("the port to be closed", lambda: not _accepts(two.port))
    two.client = ensure_running(two.root)
    assert get(two.port).body == b"r1"
    assert {slot: two.pid_of(slot) for slot in ("blue", "green")} == before


def test_the_supervisor_comes_up_while_a_stranger_has_the_port_and_opens_when_it_is_free(two: Site) -> None:
    door = two.client.status().door
    assert door is not None and door.pid is not None
    os.kill(two.client.ping().pid, signal.SIGKILL)
    os.kill(door.pid, signal.SIGKILL)
    wait_for("the port to be closed", lambda: not _accepts(two.port))
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", two.port))
        stranger.listen()
        two.client = ensure_running(two.root)
        status = two.client.status()
        assert status.door is not None and status.door.state == "restarting"
        assert status.slots["blue"].processes[0].state in ("starting", "running")
    wait_for("the door to open", lambda: two.client.status().door.state == "serving")  # type: ignore[union-attr]
    assert get(two.port).body == b"r1"


def test_a_new_door_takes_over_under_load_without_a_failed_request(two: Site) -> None:
    idle = Line(two.port)
    assert idle.get("/").body == b"r1"
    with Load(two.port) as load:
        upgraded = two.client.upgrade_door()
        assert upgraded.old_pid is not None and upgraded.new_pid != upgraded.old_pid
        two.client.route({"green": 1})
        answer = idle.get("/")  # the old door answers on, by the new weights, and says goodbye
        assert (answer.body, answer.headers["connection"]) == (b"r2", "close")
        wait_for("the load to go on", lambda: load.answers["r2"] > 100)
    idle.socket.close()
    assert load.failures == []
    wait_for("the old door to leave", lambda: two.client.status().door.leaving == ())  # type: ignore[union-attr]
    counters = two.client.counters()
    assert not counters.incomplete
    assert all(one.errors_door == 0 and one.errors_5xx == 0 for one in counters.releases.values())
    assert sum(one.requests for one in counters.releases.values()) >= sum(load.answers.values())


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
