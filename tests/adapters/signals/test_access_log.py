"""An access log as counters: told to releases by switches or by servers, added up with whoever counts, too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mobius.adapters.signals.access_log import AccessLog, LoggedTraffic
from mobius.adapters.signals.access_log_whose import ByServer, BySwitches, EveryLine
from mobius.adapters.signals.traffic import TrafficDelta
from mobius.adapters.traffic.faces import Face, Faces
from mobius.adapters.traffic.history import history_file, switching
from mobius.errors import MobiusError
from mobius.model.sample import HISTOGRAM_EDGES_MS, Sample
from mobius.ports import Counters
from mobius.rules.access_log import Seen, parse

T = 1_795_000_000.0
EDGES = {edge: index for index, edge in enumerate(HISTOGRAM_EDGES_MS)}


class Yard:
    """A root with a live socket, the log of the proxy that dials it, and a clock that moves when told to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faces = Faces(root)
        self.log = root / "access.log"
        self.log.write_text("")
        self.now = T

    def clock(self) -> float:
        return self.now

    def switch(self, via: str, releases: dict[str, str], *, at: float = 0.0, took: float = 0.01) -> None:
        """As LiveSocketTraffic does it, at this many seconds after T."""
        self.now = T + at
        times = iter((self.now, self.now + took))
        weights = dict.fromkeys(releases, 100 // len(releases))
        socket = str(self.root / "run" / f"{via}.sock")
        with switching(self.root, via=via, weights=weights, releases=releases, now=lambda: next(times)):
            self.faces.show(Face(via, socket, "", weights, releases))
        self.now += took

    def write(self, *lines: Mapping[str, object] | str, to: Path | None = None) -> None:
        with (to or self.log).open("a") as log:
            for line in lines:
                log.write((line if isinstance(line, str) else json.dumps(line)) + "\n")

    def line(
        self, at: float, ms: float = 5.0, status: int = 200, uri: str = "/", dials: str = ""
    ) -> dict[str, object]:
        """A request as our nginx snippet writes it, which ended `at` seconds after T."""
        took_s = str(ms / 1000)
        return {
            "time": f"{T + at:.3f}",
            "request_time": took_s,
            "upstream_response_time": took_s,
            "upstream_addr": dials or f"unix:{self.root}/live/web.sock",
            "status": str(status),
            "method": "GET",
            "uri": uri,
        }

    def reader(self, **how: object) -> AccessLog:
        return AccessLog(self.log, BySwitches(self.root), now=self.clock, **how)  # type: ignore[arg-type]

    def read(self, log: AccessLog, at: float) -> dict[str, tuple[int, int]]:
        """Requests and errors by release."""
        self.now = T + at
        return {release: (c.requests, c.errors) for release, c in log.counters().items()}


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    made = Yard(tmp_path.resolve())
    (made.root / "run").mkdir()
    made.switch("blue", {"blue": "v1"}, at=-1000)
    return made


# Whose a request was


def test_requests_are_told_to_the_release_that_was_dialled_when_they_came(yard: Yard) -> None:
    log = yard.reader()
    assert yard.read(log, 0) == {}
    yard.write(yard.line(1), yard.line(2, status=500))
    assert yard.read(log, 5) == {"v1": (2, 1)}
    yard.switch("green", {"green": "v2"}, at=10)
    yard.write(yard.line(9.5), yard.line(12, ms=3000), yard.line(11), yard.line(13, status=0))

    assert yard.read(log, 20) == {"v1": (4, 1), "v2": (2, 1)}
    assert log.remark() == ""


def test_a_request_dialled_while_live_moved_is_of_neither_release_and_that_is_said(yard: Yard) -> None:
    log = yard.reader()
    yard.switch("green", {"green": "v2"}, at=10, took=0.2)
    yard.write(
        *(yard.line(5) for _ in range(20)), yard.line(10.1), yard.line(10.03), yard.line(10.25), yard.line(11)
    )

    assert yard.read(log, 20) == {"v1": (20, 0), "v2": (1, 0)}
    assert log.remark() == "access.log: 3 of 24 lines not told to a release (a switch was near)"


def test_a_slow_upload_is_told_by_when_it_was_dialled_and_not_by_when_it_began(yard: Yard) -> None:
    log = yard.reader()
    yard.switch("green", {"green": "v2"}, at=10)
    upload = yard.line(15, ms=8000)
    yard.write(
        upload
        | {"upstream_response_time": "0.100"},  # dialled between 7 and 14.9: before or after the switch
        upload | {"upstream_response_time": "7.900"},  # dialled at 7
        *(yard.line(16) for _ in range(8)),
    )

    assert yard.read(log, 20) == {"v1": (1, 0), "v2": (8, 0)}


def test_what_went_by_the_front_door_is_not_counted_again(yard: Yard) -> None:
    log = yard.reader()
    yard.switch("door", {"blue": "v1", "green": "v2"}, at=10)  # a canary
    yard.switch("green", {"green": "v2"}, at=20)
    door = f"unix:{yard.root}/live/web.sock, unix:{yard.root}/run/door.sock"
    yard.write(yard.line(15), yard.line(16, status=500), yard.line(25), yard.line(26, dials=door))

    assert yard.read(log, 30) == {"v2": (1, 0)}
    assert log.remark() == ""


def test_other_sites_in_the_same_log_and_what_the_proxy_answered_itself_are_not_ours(yard: Yard) -> None:
    log = yard.reader()
    yard.write(
        yard.line(1, dials="unix:/srv/other/live/web.sock"),
        yard.line(1) | {"upstream_addr": ""},
        yard.line(1, status=500) | {"upstream_addr": ""},
        yard.line(1),
    )

    assert yard.read(log, 5) == {"v1": (1, 0)}
    assert log.remark() == "access.log: 1 requests failed before any release was asked"


MOVES = st.lists(
    st.tuples(st.sampled_from(["blue", "green", "door"]), st.floats(0.0, 2.0)), min_size=1, max_size=6
)
ASKED = st.lists(
    st.tuples(
        st.floats(0.0, 60.0),  # when it was dialled
        st.floats(
            0.0, 5.0
        ),  # how long its body took before that, how long its answer, how long until it was taken
        st.floats(0.0, 5.0),
        st.floats(0.0, 5.0),
        st.floats(-0.02, 0.02),  # how far the proxy's idea of now lags behind
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves=MOVES, asked=ASKED, data=st.data())
def test_no_request_is_ever_told_to_a_release_that_did_not_get_it(
    moves: list[tuple[str, float]],
    asked: list[tuple[float, ...]],
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    yard = Yard(tmp_path_factory.mktemp("yard").resolve())
    (yard.root / "run").mkdir()
    yard.switch("blue", {"blue": "r0"}, at=-1000)
    renamed = [(-1000.0, "r0")]  # when `live` really moved, and who it led to then
    for number, (via, took) in enumerate(moves):
        start = 10.0 * number + 5
        release = "-" if via == "door" else f"r{number + 1}"
        yard.switch(
            via,
            {"blue": "x", "green": "x"} | {via: release} if via != "door" else {"blue": "x"},
            at=start,
            took=took,
        )
        renamed.append((start + took * data.draw(st.floats(0.0, 1.0)), release))
    whose = BySwitches(yard.root)
    whose.look(T + 70)
    told = 0
    for dialled, body, answer, taken, lag in asked:
        ended = dialled + answer + taken + lag
        line = yard.line(ended, ms=1000 * (body + answer + taken)) | {
            "upstream_response_time": f"{answer:.3f}"
        }
        seen = parse(json.dumps(line).encode())
        assert isinstance(seen, Seen)
        got_it = [release for moved, release in renamed if moved <= dialled][-1]
        assert whose.of(seen) in (got_it, "")
        told += bool(whose.of(seen))
    event(f"{10 * told // len(asked) * 10} % told")


def combined(at: float, tail: str = "") -> str:
    """In another time zone, in whole seconds."""
    import time

    told = time.strftime("%d/%b/%Y:%H:%M:%S +0530", time.gmtime(T + at + 5.5 * 3600))
    return f'192.0.2.1 - - [{told}] "GET / HTTP/1.1" 200 2 "-" "curl"{tail}'


def test_a_log_without_durations_is_told_to_a_release_only_well_after_a_switch(yard: Yard) -> None:
    log = yard.reader()
    yard.write(*(combined(at) for at in range(5)))
    yard.switch("green", {"green": "v2"}, at=10)
    assert yard.read(log, 10.5) == {"v1": (5, 0)}
    yard.write(combined(15), combined(39))
    with pytest.raises(MobiusError) as caught:
        yard.read(log, 40)
    assert caught.value.message == (
        "access.log says too little: 2 of 2 lines not told to a release (a switch was near)"
    )
    yard.write(combined(41), combined(42))

    assert yard.read(log, 60) == {"v1": (5, 0), "v2": (2, 0)}
    assert log.counters()["v2"].histogram == (0,) * 49


def test_a_log_with_durations_and_another_time_zone_is_told_by_them(yard: Yard) -> None:
    log = yard.reader()
    yard.switch("green", {"green": "v2"}, at=10)
    yard.write(combined(5, " 0.010"), combined(15, " 0.010"), combined(20, " 2.000"))

    assert yard.read(log, 30) == {"v1": (1, 0), "v2": (2, 0)}
    assert sum(log.counters()["v2"].histogram) == 2


def test_times_that_do_not_fit_the_time_of_reading_are_of_no_release(yard: Yard) -> None:
    log = yard.reader()
    yard.read(log, 1000)
    yard.write(yard.line(500), yard.line(1900), *(yard.line(1010) for _ in range(5)))

    assert yard.read(log, 1030) == {"v1": (5, 0)}
    assert log.remark() == "access.log: 2 of 7 lines not told to a release (a switch was near)"


def test_a_clock_that_was_set_back_behind_the_last_switch_is_no_measurement(yard: Yard) -> None:
    log = yard.reader()
    yard.switch("green", {"green": "v2"}, at=100)
    yard.write(yard.line(50))

    with pytest.raises(MobiusError, match="the clock was set back behind the last switch"):
        yard.read(log, 50)


def test_without_a_history_nobody_can_tell_and_nothing_is_zero(yard: Yard) -> None:
    history_file(yard.root).unlink()
    log = yard.reader()
    yard.write(yard.line(1))

    with pytest.raises(MobiusError, match="nothing is known of who was live when"):
        yard.read(log, 5)


def test_a_history_that_does_not_fit_what_is_live_is_not_believed(yard: Yard) -> None:
    log = yard.reader()
    yard.faces.show(
        Face("green", "x", "", {"green": 100}, {"green": "v2"})
    )  # the disk was full: nothing written
    yard.write(yard.line(1))

    with pytest.raises(MobiusError, match="the history of switches says blue is live, and green is"):
        yard.read(log, 5)


def test_a_switch_that_was_killed_before_it_said_so_is_done_once_it_is_seen_to_be(yard: Yard) -> None:
    log = yard.reader()
    with (
        pytest.raises(KeyboardInterrupt),
        switching(
            yard.root, via="green", weights={"green": 100}, releases={"green": "v2"}, now=lambda: T + 10
        ),
    ):
        yard.faces.show(Face("green", "x", "", {"green": 100}, {"green": "v2"}))
        raise KeyboardInterrupt
    yard.write(*(yard.line(5) for _ in range(9)), yard.line(12))
    assert yard.read(log, 20) == {"v1": (9, 0)}
    yard.write(yard.line(25))

    assert yard.read(log, 30) == {"v1": (9, 0), "v2": (1, 0)}


def test_a_log_of_what_somebody_else_deploys_is_about_what_is_watched(yard: Yard) -> None:
    log = AccessLog(yard.log, EveryLine("v9"), routes=("/",), now=yard.clock)
    yard.write(combined(1), combined(2, " 0.010"), yard.line(3, dials="127.0.0.1:3000", status=500))
    yard.write(yard.line(3) | {"upstream_addr": "-"})

    assert yard.read(log, 5) == {"v9": (3, 1)}


def haproxy_line(server: str, status: int = 200, ms: int = 5, backend: str = "dhash") -> dict[str, object]:
    return {
        "server": server,
        "backend": backend,
        "status": status,
        "method": "GET",
        "path": "/",
        "total_ms": ms,
    }


def test_haproxy_names_the_slot_and_a_slot_that_got_another_release_is_left_out_once(yard: Yard) -> None:
    slots = {"blue": "v1", "green": "v2"}
    log = AccessLog(yard.log, ByServer("dhash", lambda: slots), now=yard.clock)
    yard.write(
        *(haproxy_line("blue") for _ in range(3)),
        haproxy_line("green", 500),
        haproxy_line("door"),
        haproxy_line("blue", backend="other"),
        haproxy_line("<NOSRV>", 503),
        'x [1] {"server":',
    )
    assert yard.read(log, 1) == {"v1": (3, 0), "v2": (1, 1)}
    assert log.remark() == (
        "access.log: 1 of 8 lines not understood (neither combined nor HAProxy's httplog nor JSON); "
        "1 requests failed before any release was asked"
    )
    slots["blue"] = "v3"
    yard.write(haproxy_line("blue"), haproxy_line("green"), haproxy_line("green"))
    assert yard.read(log, 2) == {"v1": (3, 0), "v2": (3, 1)}
    yard.write(haproxy_line("blue"))

    assert yard.read(log, 3) == {"v1": (3, 0), "v2": (3, 1), "v3": (1, 0)}


# What is counted


def test_response_times_and_critical_routes_are_counted_and_a_websocket_has_no_response_time(
    yard: Yard,
) -> None:
    log = yard.reader(routes=("/api", "/api/render/"))
    yard.write(
        yard.line(1, ms=1, uri="/api/render?id=1"),
        yard.line(1, ms=1.25, uri="/api/render/deep", status=502),
        yard.line(1, ms=1, uri="/api/other"),
        yard.line(1, ms=1, uri="/apiary"),
        yard.line(30, ms=29_000, status=101, uri="/api/socket"),
    )
    yard.read(log, 31)

    told = log.counters()["v1"]
    assert (told.requests, told.errors, told.histogram[:2], sum(told.histogram)) == (5, 1, (3, 1), 4)
    assert {route: (c.requests, c.errors, sum(c.histogram)) for route, c in told.routes.items()} == {
        "/api/render/": (2, 1, 2),
        "/api": (2, 0, 1),
    }


def test_a_log_in_another_format_than_said_is_no_measurement(yard: Yard) -> None:
    log = yard.reader(log_format="json")
    yard.write(combined(1), combined(2))

    with pytest.raises(MobiusError) as caught:
        yard.read(log, 5)
    assert caught.value.message == "access.log says too little: 2 of 2 lines not understood (not JSON)"
    assert caught.value.hint == "check access_log_format"


# Together with whoever counts


def counts(requests: int, errors: int = 0, *histogram: int) -> dict[str, Counters]:
    return {"v1": Counters(requests, errors, histogram, routes={"/api": Counters(requests, 0, histogram)})}


def told(traffic: LoggedTraffic, release: str = "v1") -> Callable[[float], list[Sample]]:
    delta = TrafficDelta(traffic.counters, release, routes=("/api",), remark=traffic.remark)
    return lambda now: list(delta.samples(now))


def test_requests_straight_and_by_the_front_door_are_added_up_and_none_is_counted_twice(yard: Yard) -> None:
    door = counts(100, 3, 100)
    tick = told(LoggedTraffic(yard.reader(routes=("/api",)), lambda: door))
    yard.switch("door", {"blue": "v1"}, at=10)
    yard.write(yard.line(5, ms=1, uri="/api"), yard.line(15, uri="/api"))
    door = counts(101, 3, 101)
    yard.now = T + 20
    whole, route = tick(20)

    assert (whole.requests, whole.errors, sum(whole.histogram)) == (2, 0, 2)
    assert (route.signal, route.requests) == ("route:/api", 2)


def test_a_log_that_is_gone_is_missing_while_requests_go_straight_and_not_while_the_door_has_them(
    yard: Yard,
) -> None:
    tick = told(LoggedTraffic(yard.reader(), lambda: counts(7)))
    yard.log.unlink()
    yard.now = T + 5
    assert tick(5) == [Sample("traffic", 5, missing=f"there is no access log {yard.log}")]
    yard.switch("door", {"blue": "v1"}, at=10)
    yard.now = T + 50
    assert tick(50)[0].missing == f"there is no access log {yard.log}"  # it was needed since the look before
    yard.now = T + 200
    tick(200)
    yard.now = T + 230
    [sample, _] = tick(230)

    assert (sample.missing, sample.requests) == ("", 0)
    assert sample.note == f"there is no access log {yard.log}"


def test_haproxy_counts_requests_and_its_log_adds_their_times(yard: Yard) -> None:
    slots, proxy = {"blue": "v1"}, {"v1": Counters(100, 5, ())}
    log = AccessLog(yard.log, ByServer("dhash", lambda: slots), routes=("/",), now=yard.clock)
    tick = told(LoggedTraffic(log, lambda: proxy, counts_all=True))
    proxy = {"v1": Counters(110, 6, ())}
    yard.write(*(haproxy_line("blue", ms=1) for _ in range(9)))  # one line is still on its way
    [sample] = tick(1)
    assert (sample.requests, sample.errors, sample.histogram[0], sum(sample.histogram)) == (10, 1, 9, 9)

    moved = yard.log.rename(yard.log.with_name("access.log.1"))
    proxy = {"v1": Counters(115, 6, ())}
    [sample] = tick(2)
    assert (sample.requests, sum(sample.histogram), sample.note) == (
        5,
        0,
        f"there is no access log {yard.log}",
    )

    yard.write(haproxy_line("blue"), to=moved)
    yard.write(haproxy_line("blue"))
    proxy = {"v1": Counters(117, 6, ())}
    [sample] = tick(3)
    assert (sample.requests, sum(sample.histogram), sample.note) == (2, 2, "")


def test_a_release_that_the_log_knows_and_the_door_does_not_is_counted(yard: Yard) -> None:
    traffic = LoggedTraffic(yard.reader(), lambda: {})
    yard.write(yard.line(1))
    yard.now = T + 5

    assert {release: c.requests for release, c in traffic.counters().items()} == {"v1": 1}
