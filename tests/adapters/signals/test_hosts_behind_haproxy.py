"""What each host of a fleet answers, and how fast: by the counters and the log of a real HAProxy."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.signals.hosts_behind_haproxy import NAMES, ROUTE, Scene, behind_haproxy
from mobius.model.sample import BUCKETS, HISTOGRAM_EDGES_MS, Sample
from mobius.model.settings import MonitorSettings
from mobius.ports import Signals
from mobius.rules.hosts.streams import HOST
from mobius.rules.hosts.worse import HostTests

pytestmark = pytest.mark.journey

TICK_S = 5.0


@pytest.fixture
def scene() -> Iterator[Scene]:
    folder = Path(tempfile.mkdtemp(prefix="mobius-hb-"))  # short: HAProxy's socket lies in it
    try:
        with behind_haproxy(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder)


class Window:
    """Looks at the hosts, five seconds apart as far as it says."""

    def __init__(self, signals: Signals) -> None:
        self._signals, self._now = signals, time.time()

    def look(self) -> dict[str, Sample]:
        """By signal."""
        self._now += TICK_S
        return {sample.signal: sample for sample in self._signals.sample(self._now)}

    def until(self, is_there: Callable[[dict[str, Sample]], bool]) -> dict[str, Sample]:
        """Added up over looks, until HAProxy has written down what is waited for."""
        whole: dict[str, Sample] = {}
        end = time.monotonic() + 60
        while True:
            for signal, one in self.look().items():
                had = whole.get(signal)
                whole[signal] = one if had is None else _both(had, one)
            if is_there(whole):
                return whole
            assert time.monotonic() < end, whole
            time.sleep(0.05)


def _both(one: Sample, other: Sample) -> Sample:
    longest = max(len(one.histogram), len(other.histogram))
    pad = [(*h, *[0] * (longest - len(h))) for h in (one.histogram, other.histogram)]
    return Sample(
        one.signal,
        other.at,
        requests=one.requests + other.requests,
        errors=one.errors + other.errors,
        histogram=tuple(a + b for a, b in zip(*pad, strict=True)),
    )


def timed(sample: Sample) -> int:
    return sum(sample.histogram)


def slower_than(sample: Sample, limit_ms: float) -> int:
    first = sum(edge <= limit_ms for edge in HISTOGRAM_EDGES_MS)
    return sum(sample.histogram[first:])


def all_timed(number: int) -> Callable[[dict[str, Sample]], bool]:
    def is_there(whole: dict[str, Sample]) -> bool:
        return sum(timed(whole[f"{HOST}{name}"]) for name in NAMES if f"{HOST}{name}" in whole) >= number

    return is_there


def test_requests_errors_and_times_are_of_the_host_that_answered(scene: Scene) -> None:
    scene.start("green")
    window = Window(scene.signals())
    scene.there["web2"].delay_s = 0.12
    scene.there["web3"].fails = True
    asked = scene.ask(90)
    told = window.until(all_timed(90))
    for name in NAMES:
        one = told[f"{HOST}{name}"]
        assert (one.requests, timed(one)) == (asked[name], asked[name]), name
        assert one.errors == (asked[name] if name == "web3" else 0)
        assert len(one.histogram) == BUCKETS
    # Not of every one: HAProxy takes a moment in which it got no processor for a clock that was set.
    assert slower_than(told[f"{HOST}web2"], 100) > 0.8 * asked["web2"]
    assert slower_than(told[f"{HOST}web1"], 100) < asked["web1"] / 2


def test_a_critical_route_is_timed_by_host_too(scene: Scene) -> None:
    scene.start("green")
    window = Window(scene.signals())
    scene.ask(30)
    asked = scene.ask(30, f"{ROUTE}?id=7")
    told = window.until(all_timed(60))
    routes = {name: told[f"{HOST}{name}:{ROUTE}"] for name in NAMES}
    assert {name: one.requests for name, one in routes.items()} == dict(asked)
    assert {name: timed(one) for name, one in routes.items()} == dict(asked)


def test_a_host_that_is_slow_by_itself_is_found_and_named(scene: Scene) -> None:
    scene.start("green")
    signals = scene.signals()
    for one in scene.there.values():
        one.delay_s = 0.02
    scene.there["web2"].delay_s = 0.25
    now = time.time()
    tests = HostTests(NAMES, opened_at=now, window_s=600.0, monitor=MonitorSettings(interval_s=TICK_S))
    for _ in range(40):
        scene.ask(60)
        now += TICK_S
        tests.feed(signals.sample(now))
        if tests.bad():
            break
    assert list(tests.bad()) == ["web2"]
    assert "slower" in tests.bad()["web2"]


def test_nothing_of_the_release_before_counts_for_the_new_one(scene: Scene) -> None:
    scene.ask(30)  # of v1
    window = Window(scene.signals())
    before = scene.ask(30)
    scene.start("green")
    asked = scene.ask(30)
    told = window.until(all_timed(30))
    assert {name: told[f"{HOST}{name}"].requests for name in NAMES} == dict(asked)
    assert sum(timed(told[f"{HOST}{name}"]) for name in NAMES) == 30
    assert sum(before.values()) == 30


def test_without_the_log_requests_and_errors_are_counted_and_nothing_is_said_of_times(scene: Scene) -> None:
    scene.start("green")
    window = Window(scene.signals(log=False))
    scene.there["web1"].fails = True
    asked = scene.ask(60)
    told = window.look()
    assert {name: told[f"{HOST}{name}"].requests for name in NAMES} == dict(asked)
    assert told[f"{HOST}web1"].errors == asked["web1"]
    assert all(told[f"{HOST}{name}"].histogram == () for name in NAMES)


def test_a_log_that_cannot_be_read_any_more_takes_the_times_away_and_not_the_counts(scene: Scene) -> None:
    scene.start("green")
    window = Window(scene.signals())
    scene.ask(30)
    window.until(all_timed(30))
    log = scene.settings.traffic.access_log
    assert log is not None
    log.rename(log.with_name("away"))
    log.mkdir()  # not even root reads that as a file
    asked = scene.ask(30)
    told = window.look()
    assert {name: told[f"{HOST}{name}"].requests for name in NAMES} == dict(asked)
    assert all(timed(told[f"{HOST}{name}"]) == 0 for name in NAMES)


def test_an_haproxy_that_is_started_again_in_the_window_takes_nothing_away(scene: Scene) -> None:
    scene.start("green")
    window = Window(scene.signals())
    first = scene.ask(45)
    told = window.until(all_timed(45))
    scene.haproxy.restart()
    second = scene.ask(45)
    more = window.until(all_timed(45))
    for name in NAMES:
        assert (told[f"{HOST}{name}"].requests, more[f"{HOST}{name}"].requests) == (first[name], second[name])
        assert timed(more[f"{HOST}{name}"]) == second[name]


def test_hosts_get_their_requests_back_after_a_start_from_an_older_file(scene: Scene) -> None:
    stale = scene.haproxy.place.state_file.read_text()
    scene.start("green")
    window = Window(scene.signals())
    scene.haproxy.place.state_file.write_text(stale)  # it says that v1 is live
    scene.haproxy.restart()
    assert dict(scene.traffic.weights()) == {"blue": 100}
    window.look()
    assert scene.traffic.host_weights() == {name: {"green": 100} for name in NAMES}
    before = {name: host.answered["blue"] for name, host in scene.there.items()}
    scene.ask(30)
    assert {name: host.answered["blue"] for name, host in scene.there.items()} == before
