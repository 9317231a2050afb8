"""A watcher that is killed, suspended, or whose clock is set, comes to no other verdict than one that never was."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.model.baseline import Baseline
from mobius.model.sample import Sample
from mobius.rules.adaptive.gauges import Usual
from mobius.rules.adaptive.window import WindowTests
from rules.adaptive.streams import blocks, usual

OPENED, TICK_S, TICKS = 1_800_000_000.0, 5.0, 42


@cache
def baseline() -> Baseline:
    return usual(random.Random(0))


def a_window() -> WindowTests:
    gauges = {"memory": Usual((30.0,) * 60), "gauge:queue": Usual((2.0,) * 60)}
    return WindowTests({"traffic": baseline(), "route:/api": baseline()}, OPENED, 3600.0, gauges=gauges)


@cache
def ticks(seed: int, errors: float, memory: float = 30.0) -> tuple[tuple[Sample, ...], ...]:
    """Everything a window reads, tick by tick; in its middle part the release before answers, too."""
    chance = random.Random(seed)
    whole = blocks(chance, TICKS, seconds=TICK_S, errors=errors)
    route = blocks(chance, TICKS, seconds=TICK_S, per_s=10.0)
    control = blocks(chance, TICKS, seconds=TICK_S, per_s=50.0)
    return tuple(
        (
            *(
                Sample(
                    signal,
                    OPENED + TICK_S * number,
                    requests=b.requests,
                    errors=b.errors,
                    histogram=b.histogram,
                )
                for signal, b in zip(("traffic", "route:/api", "control"), there, strict=True)
                if signal != "control" or 10 < number <= 30
            ),
            *([Sample("memory", OPENED + TICK_S * number, value=memory)] if number % 6 == 0 else []),
            *(
                [Sample("gauge:queue", OPENED + TICK_S * number, missing="refused")]
                if number % 6 == 0
                else []
            ),
        )
        for number, there in enumerate(zip(whole, route, control, strict=True), 1)
    )


def verdicts(there: Sequence[Sequence[Sample]]) -> list[str]:
    watched = a_window()
    return [found.message if (found := watched.feed(tick)) else "" for tick in there]


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 3),
    bad=st.sampled_from([(0.001, 30.0), (0.012, 30.0), (0.03, 30.0), (0.001, 90.0)]),
    restarts=st.lists(st.integers(0, TICKS), max_size=4),
)
def test_a_watcher_restarted_at_any_moments_says_tick_by_tick_what_one_says_that_never_stopped(
    seed: int, bad: tuple[float, float], restarts: list[int]
) -> None:
    there = ticks(seed, *bad)
    told: list[str] = []
    for start, end in zip([0, *sorted(restarts)], [*sorted(restarts), TICKS], strict=True):
        watched = a_window()
        watched.feed([sample for tick in there[:start] for sample in tick])  # what the journal holds
        told += [found.message if (found := watched.feed(tick)) else "" for tick in there[start:end]]
    assert told == verdicts(there)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 3), twice=st.sets(st.integers(0, TICKS - 1), max_size=20))
def test_a_tick_that_comes_twice_counts_once(seed: int, twice: set[int]) -> None:
    there = ticks(seed, 0.012)
    doubled = [tick * 2 if number in twice else tick for number, tick in enumerate(there)]
    assert verdicts(doubled) == verdicts(there)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 3),
    jumps=st.lists(
        st.tuples(
            st.integers(1, TICKS - 1), st.sampled_from([-86_400.0, -600.0, -1.0, 1.0, 600.0, 86_400.0])
        ),
        max_size=4,
    ),
)
def test_a_clock_that_is_set_takes_no_healthy_release_for_bad(
    seed: int, jumps: list[tuple[int, float]]
) -> None:
    assert not any(verdicts(moved(ticks(seed, 0.001), jumps)))


@pytest.mark.parametrize("jump_s", [-86_400.0, -600.0, 600.0, 86_400.0])
def test_a_clock_that_is_set_hides_no_bad_release(jump_s: float) -> None:
    found = verdicts(moved(ticks(1, 0.05), [(4, jump_s)]))
    assert next(number for number, message in enumerate(found, 1) if message) <= 18


@pytest.mark.parametrize("errors", [0.001, 1.0])
def test_a_machine_that_slept_for_ten_minutes_in_a_bad_moment_judges_by_what_came_before_and_after(
    errors: float,
) -> None:
    there = list(ticks(2, 0.001))
    slept = [
        Sample(s.signal, s.at + 600, requests=s.requests * 120, errors=round(s.requests * 120 * errors))
        for s in there[20]
        if s.signal == "traffic"
    ]
    after = moved(there[21:], [(0, 600.0)])
    assert not any(verdicts([*there[:20], slept, *after]))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 3), gone=st.sets(st.integers(0, TICKS - 1), max_size=40))
def test_ticks_that_are_missing_are_neither_good_nor_bad(seed: int, gone: set[int]) -> None:
    there = ticks(seed, 0.001)
    holes = [
        tuple(Sample(s.signal, s.at, missing="the counters cannot be read") for s in tick)
        if number in gone
        else tick
        for number, tick in enumerate(there)
    ]
    assert not any(verdicts(holes))


def test_half_a_minute_that_fails_as_a_whole_is_forgiven_though_the_clock_jumps_in_it() -> None:
    good, bad = ticks(3, 0.001), ticks(3, 1.0)
    there = [*good[:8], *bad[8:12], *good[12:]]
    assert not any(verdicts(moved(there, [(10, 3600.0)])))


def moved(there: Sequence[Sequence[Sample]], jumps: Sequence[tuple[int, float]]) -> list[tuple[Sample, ...]]:
    """With a clock that is set by so much before those ticks."""
    found = []
    for number, tick in enumerate(there):
        by = sum(jump for place, jump in jumps if place <= number)
        found.append(
            tuple(
                Sample(s.signal, s.at + by, s.ok, s.value, s.requests, s.errors, s.histogram, s.missing)
                for s in tick
            )
        )
    return found
