"""What every `Clock` promises."""

from __future__ import annotations

import threading
import time

import pytest

from mobius.adapters.clocks.memory import MemoryClock
from mobius.adapters.clocks.system import SystemClock
from mobius.ports import Clock


@pytest.fixture(params=[MemoryClock, SystemClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_waiting_takes_that_long_on_both_clocks(clock: Clock) -> None:
    now, monotonic = clock.now(), clock.monotonic()
    clock.wait(0.05)
    assert clock.monotonic() - monotonic >= 0.049
    assert clock.now() - now >= 0.04


def test_waiting_for_nothing_or_less_returns_at_once(clock: Clock) -> None:
    before = clock.monotonic()
    for seconds in (0.0, -20.0, -1e9):
        clock.wait(seconds)
    assert 0 <= clock.monotonic() - before < 10


def test_the_monotonic_one_never_goes_backwards(clock: Clock) -> None:
    seen = [clock.monotonic() for _ in range(1000)]
    assert seen == sorted(seen)


def test_the_systems_clock_says_unix_seconds() -> None:
    before = time.time()
    assert before <= SystemClock().now() <= time.time()


def test_the_systems_wait_ends_early_when_it_is_asked_to_stop() -> None:
    clock = SystemClock()
    began = time.monotonic()
    threading.Timer(0.05, clock.stop).start()
    clock.wait(30)
    clock.wait(30)
    assert time.monotonic() - began < 10


def test_in_memory_what_was_to_happen_happens_during_the_wait_and_in_order() -> None:
    clock = MemoryClock(now=100.0)
    told: list[tuple[str, float]] = []
    clock.in_s(2.0, lambda: told.append(("second", clock.now())))
    clock.in_s(1.0, lambda: told.append(("first", clock.now())))
    clock.in_s(5.0, lambda: told.append(("later", clock.now())))
    clock.wait(3.0)
    assert told == [("first", 101.0), ("second", 102.0)]
    clock.jump(-50.0)
    assert (clock.now(), clock.monotonic()) == (53.0, 1003.0)
