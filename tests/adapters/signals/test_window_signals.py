"""The signals of the window: each a measurement or the reason there is none, never an exception, never a wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mobius.adapters.checks.memory import MemoryChecks, bad, good, unknown
from mobius.adapters.clocks.system import SystemClock
from mobius.adapters.signals.memory import BAD, BLIND, GOOD, MemorySignals
from mobius.adapters.signals.traffic import TrafficDelta
from mobius.adapters.signals.window import WindowSignals
from mobius.adapters.traffic.door import DoorTraffic
from mobius.adapters.traffic.haproxy_door import HoldingDoor
from mobius.host import messages as host_messages
from mobius.model.sample import Sample
from mobius.model.settings import EnvironmentSettings, GateCommand, MonitorSettings, SmokeSettings
from mobius.model.verdict import CheckResult
from mobius.ports import Counters

SETTINGS = EnvironmentSettings("staging", "http://127.0.0.1:1", Path("root"))


class HandClock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += seconds


def of(samples: Sequence[Sample], signal: str) -> list[Sample]:
    return [sample for sample in samples if sample.signal == signal]


# Probes


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (good(), Sample("probe", 7.0, ok=True, value=1.0)),
        (bad(), Sample("probe", 7.0, ok=False, value=1.0, note="[status == 200] was 503")),
        (unknown(), Sample("probe", 7.0, missing="too many open files here")),
    ],
)
def test_a_probe_is_good_failed_or_missing(result: CheckResult, expected: Sample) -> None:
    signals = WindowSignals(SETTINGS, MemoryChecks([result]), clock=HandClock())

    assert of(signals.sample(7.0), "probe") == [expected]


def test_checks_that_break_their_promise_are_missing_samples() -> None:
    class Broken(MemoryChecks):
        def health(self, base_url: str) -> CheckResult:
            raise OSError("boom")

    signals = WindowSignals(SETTINGS, Broken(), clock=HandClock())

    assert of(signals.sample(7.0), "probe") == [
        Sample("probe", 7.0, missing="the check broke: OSError('boom')")
    ]


def test_a_release_beside_another_is_probed_where_it_itself_is_reached() -> None:
    asked: list[str] = []
    where = ["http://127.0.0.1:7", ""]

    class Noting(MemoryChecks):
        def health(self, base_url: str) -> CheckResult:
            asked.append(base_url)
            return good()

    signals = WindowSignals(SETTINGS, Noting(), clock=HandClock(), own_url=lambda: where.pop(0))

    assert of(signals.sample(7.0), "probe") == [Sample("probe", 7.0, ok=True, value=1.0)]
    assert of(signals.sample(8.0), "probe") == [
        Sample("probe", 8.0, ok=False, note="its web process is not up")
    ]
    assert asked == ["http://127.0.0.1:7"]


# Traffic


def door(*readings: Mapping[str, Counters] | Exception) -> Callable[[], Mapping[str, Counters]]:
    left = list(readings)

    def read() -> Mapping[str, Counters]:
        reading = left.pop(0)
        if isinstance(reading, Exception):
            raise reading
        return reading

    return read


def traffic(*readings: Mapping[str, Counters] | Exception) -> list[Sample]:
    """What every reading after the first, made when the window opens, adds."""
    signals = WindowSignals(
        SETTINGS, MemoryChecks(), clock=HandClock(), release_id="green", counters=door(*readings)
    )
    return [of(signals.sample(float(tick)), "traffic")[0] for tick in range(1, len(readings))]


def green(requests: int, errors: int, *histogram: int) -> Mapping[str, Counters]:
    return {"blue": Counters(9999, 999, (9999, 0, 0)), "green": Counters(requests, errors, histogram)}


def test_traffic_is_what_was_added_since_the_reading_before_of_the_watched_release_only() -> None:
    assert traffic(green(100, 7, 90, 10, 0), green(130, 8, 110, 15, 5), green(130, 8, 110, 15, 5)) == [
        Sample("traffic", 1.0, requests=30, errors=1, histogram=(20, 5, 5)),
        Sample("traffic", 2.0, requests=0, errors=0, histogram=(0, 0, 0)),
    ]


def test_counters_that_start_anew_are_never_negative() -> None:
    assert traffic(green(100, 7, 100, 0), green(12, 1, 10, 2), green(20, 1, 18, 2)) == [
        Sample("traffic", 1.0, requests=12, errors=1, histogram=(10, 2)),
        Sample("traffic", 2.0, requests=8, errors=0, histogram=(8, 0)),
    ]


def test_a_restart_that_already_counted_more_requests_is_seen_by_its_other_counters() -> None:
    assert traffic(green(100, 7, 60, 40), green(150, 2, 150, 0)) == [
        Sample("traffic", 1.0, requests=150, errors=2, histogram=(150, 0))
    ]


def test_one_counter_that_wraps_alone_makes_no_tick_of_all_that_was_ever_counted() -> None:
    wrapped = traffic(
        green(4_294_967_290, 7, 4_000_000, 10), green(104, 7, 4_000_110, 10), green(204, 8, 4_000_209, 10)
    )
    assert wrapped == [
        Sample("traffic", 1.0, missing="one of the counters began anew, and the others did not"),
        Sample("traffic", 2.0, requests=100, errors=1, histogram=(99, 0)),
    ]


def test_a_release_without_traffic_yet_counts_from_nothing() -> None:
    assert traffic({}, {}, green(3, 0, 3)) == [
        Sample("traffic", 1.0),
        Sample("traffic", 2.0, requests=3, histogram=(3,)),
    ]


def test_counters_that_cannot_be_read_are_missing_and_what_they_counted_is_not_lost() -> None:
    assert traffic(green(100, 0, 100), OSError("door is gone\nsecond line"), green(140, 4, 140)) == [
        Sample("traffic", 1.0, missing="door is gone"),
        Sample("traffic", 2.0, requests=40, errors=4, histogram=(40,)),
    ]


class _Host:
    """A supervisor that says these counters of the front door, in turn: requests, errors, and whether partial."""

    def __init__(self, *said: tuple[int, int, bool]) -> None:
        self.said = iter(said)

    def counters(self) -> host_messages.Counters:
        requests, errors, is_partial = next(self.said)
        count = host_messages.ReleaseCounts(requests, errors, histogram=[requests])
        return host_messages.Counters(1, 0.0, 1, {"green": count}, {}, (), partial=is_partial)


@pytest.mark.parametrize("through", [DoorTraffic.counters, HoldingDoor.counts])
def test_a_door_that_did_not_answer_once_adds_nothing_from_before_the_window(
    through: Callable[[Any], Mapping[str, Counters]],
) -> None:
    asked = SimpleNamespace(_host=_Host((5000, 900, False), (10, 0, True), (5020, 901, False)))
    delta = TrafficDelta(partial(through, asked), "green")

    silent, after = delta.samples(1.0), delta.samples(2.0)

    assert silent == (
        Sample("traffic", 1.0, missing="a front door process did not answer, so what it counted is missing"),
    )
    assert [(sample.requests, sample.errors) for sample in after] == [(20, 1)]


def test_what_the_release_before_answers_meanwhile_stands_beside_at_the_same_time() -> None:
    route = {"/pay": Counters(2, 1, (2,))}
    readings = [
        {"blue": Counters(100, 1, (100,), routes=route), "green": Counters(0, 0, (0,))},
        {
            "blue": Counters(190, 2, (190,), routes={"/pay": Counters(5, 1, (5,))}),
            "green": Counters(10, 5, (10,)),
        },
    ]
    delta = TrafficDelta(lambda: readings.pop(0), "green", routes=("/pay",), beside="blue")

    assert delta.samples(7.0) == (
        Sample("traffic", 7.0, requests=10, errors=5, histogram=(10,)),
        Sample("control", 7.0, requests=90, errors=1, histogram=(90,)),
        Sample("control:/pay", 7.0, requests=3, errors=0, histogram=(3,)),
    )


def test_where_nobody_can_count_neither_side_was_measured() -> None:
    def broken() -> dict[str, Counters]:
        raise OSError("no door")

    assert TrafficDelta(broken, "green", beside="blue").samples(7.0) == (
        Sample("traffic", 7.0, missing="no door"),
        Sample("control", 7.0, missing="no door"),
    )


def test_what_was_counted_before_the_window_is_not_of_the_window() -> None:
    assert traffic(OSError("not yet"), green(5000, 900, 5000), green(5001, 900, 5001)) == [
        Sample("traffic", 1.0, missing="first reading: nothing to compare it with"),
        Sample("traffic", 2.0, requests=1, histogram=(1,)),
    ]


def test_without_a_front_door_there_is_no_traffic_signal() -> None:
    assert of(WindowSignals(SETTINGS, MemoryChecks(), clock=HandClock()).sample(1.0), "traffic") == []


def on_render(requests: int, *histogram: int, errors: int = 0, other: int = 0) -> Mapping[str, Counters]:
    """The watched release, with one critical route of two that was asked for."""
    route = {"/api/render": Counters(requests, errors, histogram)}
    return {"green": Counters(requests + other, errors, histogram, routes=route)}


def with_routes(*readings: Mapping[str, Counters] | Exception) -> list[list[Sample]]:
    settings = with_gates(critical_routes=("/api/render", "/upload"))
    signals = WindowSignals(
        settings, MemoryChecks(), clock=HandClock(), release_id="green", counters=door(*readings)
    )
    ticks = [signals.sample(float(tick)) for tick in range(1, len(readings))]
    return [[s for s in tick if s.signal == "traffic" or s.signal.startswith("route:")] for tick in ticks]


def test_critical_routes_are_samples_of_their_own_beside_all_traffic() -> None:
    assert with_routes(
        on_render(10, 10, 0), on_render(14, 11, 3, errors=1, other=5), on_render(14, 11, 3, errors=1, other=5)
    ) == [
        [
            Sample("traffic", 1.0, requests=9, errors=1, histogram=(1, 3)),
            Sample("route:/api/render", 1.0, requests=4, errors=1, histogram=(1, 3)),
        ],
        [
            Sample("traffic", 2.0, requests=0, histogram=(0, 0)),
            Sample("route:/api/render", 2.0, requests=0, histogram=(0, 0)),
        ],
    ]


def test_a_route_counts_from_nothing_the_first_time_and_a_reading_that_failed_loses_none_of_it() -> None:
    nobody_yet = {"green": Counters(5, 0, (5,))}

    assert [
        [s for s in tick if s.signal != "traffic"]
        for tick in with_routes(
            nobody_yet, nobody_yet, on_render(2, 2, other=5), OSError("gone"), on_render(6, 6, other=5)
        )
    ] == [
        [],
        [Sample("route:/api/render", 2.0, requests=2, histogram=(2,))],
        [],
        [Sample("route:/api/render", 4.0, requests=4, histogram=(4,))],
    ]


def test_what_the_counters_leave_out_is_noted_on_the_sample() -> None:
    signals = WindowSignals(
        SETTINGS,
        MemoryChecks(),
        clock=HandClock(),
        release_id="green",
        counters=door(green(1, 0, 1), green(3, 0, 3)),
        remark=lambda: "2 lines could not be read",
    )

    assert of(signals.sample(1.0), "traffic") == [
        Sample("traffic", 1.0, requests=2, histogram=(2,), note="2 lines could not be read")
    ]


# Gates and smoke tests in the background


def settled(signals: WindowSignals, *wanted: str) -> list[Sample]:
    """The next sample of each of these background signals; bounded."""
    until, found = time.monotonic() + 30, {}
    while time.monotonic() < until:
        found = {sample.signal: sample for sample in signals.sample(time.time())} | found
        if all(signal in found for signal in wanted):
            return [found[signal] for signal in wanted]
        threading.Event().wait(0.005)
    raise AssertionError(f"no {wanted} within 30 s")


def with_gates(*gates: GateCommand, **changes: object) -> EnvironmentSettings:
    return EnvironmentSettings("staging", "http://x", Path("root"), checks=gates, **changes)  # type: ignore[arg-type]


def test_gates_of_the_window_are_run_and_those_before_the_deployment_are_not() -> None:
    settings = with_gates(
        GateCommand("golden", ("x",), when="window"),
        GateCommand("audio", ("x",), when="both"),
        GateCommand("lint", ("x",), when="before"),
    )
    checks = MemoryChecks(
        gates={"golden": [bad("golden", "exit code 3")], "audio": [unknown("audio", "no node")]}
    )
    signals = WindowSignals(settings, checks, clock=SystemClock())

    golden, audio = settled(signals, "gate:golden", "gate:audio")

    assert (golden.ok, golden.note, golden.missing) == (False, "exit code 3", "")
    assert (audio.ok, audio.missing) == (None, "no node")
    assert ("gate", "lint") not in checks.asked


def test_a_slow_gate_never_holds_the_probe_up_and_is_not_run_twice_at_once() -> None:
    go_on, running = threading.Event(), []

    class Slow(MemoryChecks):
        def gate(self, name: str) -> CheckResult:
            running.append(name)
            go_on.wait(30)
            return good(name)

    clock = HandClock()
    signals = WindowSignals(with_gates(GateCommand("golden", ("x",), when="both")), Slow(), clock=clock)
    try:
        begun = time.monotonic()
        for _ in range(8):
            samples = signals.sample(clock.now())
            assert of(samples, "probe")[0].ok
            clock.at += 30
        assert time.monotonic() - begun < 20
        assert running == ["golden"]

        clock.at += 100
        stuck = of(signals.sample(clock.now()), "gate:golden")
        assert stuck == [Sample("gate:golden", clock.now(), missing="still running after 340 s")]
    finally:
        go_on.set()
    assert settled(signals, "gate:golden")[0].ok


def test_a_gate_rests_for_as_long_as_the_interval_and_longer_when_it_is_slow() -> None:
    clock = HandClock()

    class Slow(MemoryChecks):
        def gate(self, name: str) -> CheckResult:
            clock.at += 20
            return MemoryChecks.gate(self, name)

    checks = Slow()
    signals = WindowSignals(with_gates(GateCommand("golden", ("x",), when="both")), checks, clock=clock)
    settled(signals, "gate:golden")
    ended = clock.at

    clock.at = ended + 79
    signals.sample(0.0)
    assert checks.asked.count(("gate", "golden")) == 1
    clock.at = ended + 80
    settled(signals, "gate:golden")
    assert checks.asked.count(("gate", "golden")) == 2


def test_smoke_tests_are_repeated_and_one_failure_breaks_the_round() -> None:
    settings = with_gates(smoke=(SmokeSettings("a", url="/"),))
    rounds = [
        [good("a"), bad("b", "was 503"), bad("c"), unknown("d")],
        [good("a"), unknown("d", "no net")],
        [good("a")],
    ]
    clock = HandClock()
    checks = MemoryChecks(smokes=rounds)
    settings = replace(settings, monitor=replace(settings.monitor, smoke_interval_s=60))
    signals = WindowSignals(settings, checks, clock=clock)

    assert of(signals.sample(0.0), "smoke") == [] and ("smoke", "http://x") not in checks.asked
    found = []
    for _ in rounds:
        clock.at += 60
        found += settled(signals, "smoke")

    assert [(s.ok, s.note, s.missing) for s in found] == [
        (False, "b: was 503 (and 1 more)", ""),
        (None, "", "d: no net"),
        (True, "", ""),
    ]


# The twin


def test_scripted_signals_play_their_script_and_stay_at_its_end() -> None:
    signals = MemorySignals([GOOD, BAD, BLIND])

    assert [signals.sample(at)[0].at for at in (5.0, 6.0)] == [5.0, 6.0]
    assert [signals.sample(0.0)[0].missing for _ in range(2)] == ["too many open files here"] * 2


def test_scripted_checks_answer_in_turn_and_by_address() -> None:
    checks = MemoryChecks([good(), bad()], by_url={"http://slot": [bad("health", "starting"), good()]})

    assert [checks.health("http://live").message for _ in range(3)] == [
        "200 in 1 ms",
        "[status == 200] was 503",
        "[status == 200] was 503",
    ]
    assert [checks.health("http://slot").message for _ in range(2)] == ["starting", "200 in 1 ms"]


def test_the_interval_is_the_pace_of_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_gates(GateCommand("g", ("x",), when="both"), monitor=MonitorSettings(interval_s=1.0))
    clock, checks = HandClock(), MemoryChecks()
    signals = WindowSignals(settings, checks, clock=clock)
    settled(signals, "gate:g")
    clock.at += 1.0
    settled(signals, "gate:g")

    assert checks.asked.count(("gate", "g")) == 2
