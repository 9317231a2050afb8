"""Numbers that are read now and then: worse than the worst before, for minutes, is bad; anything else is not."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

import pytest

from mobius.model.sample import Sample
from mobius.rules.adaptive.gauges import Gauge, Usual
from mobius.rules.adaptive.window import WindowTests


def found_after(gauge: Gauge, values: Iterable[float], every_s: float = 30.0) -> tuple[float, str] | None:
    for number, value in enumerate(values, 1):
        if sentence := gauge.observe(value, every_s):
            return number * every_s, sentence
    return None


def watching(values: Iterable[float], signal: str = "memory", tolerance: float = 1.25) -> Gauge:
    return Gauge(signal, Usual(tuple(values), tolerance), window_s=3600.0, share_of_alpha=0.02)


def noisy(chance: random.Random, many: int, mean: float = 30.0) -> list[float]:
    return [chance.gauss(mean, 2.0) for _ in range(many)]


def test_a_memory_that_grows_and_grows_is_found_some_minutes_after_it_passed_what_is_usual() -> None:
    chance = random.Random(1)
    gauge = watching(noisy(chance, 120))
    leak = [30.0 + 0.5 * half_minute for half_minute in range(120)]
    found = found_after(gauge, leak)
    assert found is not None
    passed_at = next(number for number, value in enumerate(leak, 1) if value > gauge.limit) * 30.0
    assert passed_at < found[0] <= passed_at + 360
    assert found[1].startswith(f"memory: {leak[int(found[0] / 30) - 1]:.4g} % now, never more than ")


def test_an_encoder_that_was_always_busy_may_be_busy() -> None:
    assert found_after(watching([88.0, 95.0, 92.0] * 20, "cpu"), [99.0] * 120) is None


@pytest.mark.parametrize(
    ("signal", "worst", "limit"), [("cpu", 2, 35), ("cpu", 40, 50), ("disk", 60, 80), ("disk", 90, 112.5)]
)
def test_more_work_and_a_fuller_disk_do_no_harm_until_they_are_much(
    signal: str, worst: float, limit: float
) -> None:
    gauge = watching([worst] * 60, signal)
    assert gauge.limit == limit
    assert found_after(gauge, [limit] * 120) is None


def test_a_percentage_that_is_small_may_be_twice_as_large() -> None:
    assert found_after(watching([0.4, 0.5] * 20), [1.1] * 120) is None


def test_one_half_minute_above_all_is_forgiven_and_three_apart_are_too() -> None:
    chance = random.Random(2)
    values = [95.0 if number in (5, 50, 90) else 30.0 for number in range(120)]
    assert found_after(watching(noisy(chance, 60)), values) is None


def test_readings_that_come_every_second_count_half_a_minute_at_a_time() -> None:
    chance = random.Random(3)
    fast = found_after(watching(noisy(chance, 60)), [80.0] * 600, every_s=1.0)
    slow = found_after(watching(noisy(random.Random(3), 60)), [80.0] * 20)
    assert fast is not None
    assert slow is not None
    assert fast[0] == slow[0] >= 180


def test_a_queue_that_was_empty_may_not_fill_up() -> None:
    found = found_after(watching([0.0] * 60, "gauge:queue"), [3.0] * 40)
    assert found is not None
    assert found[1].startswith(
        "queue: 3 now, never more than 0 before (0.25 tolerated); the chance of a false alarm"
    )


@pytest.mark.parametrize("history", [30, 60, 2880])
def test_a_release_like_the_one_before_is_left_alone_however_long_the_history(history: int) -> None:
    for seed in range(200):
        chance = random.Random(seed)
        gauge = watching(noisy(chance, history), tolerance=1.0)
        gauge.limit = gauge.worst  # nothing but the ranks
        assert found_after(gauge, noisy(chance, 120)) is None


def test_a_window_reads_them_beside_the_traffic() -> None:
    opened = 1_800_000_000.0
    tests = WindowTests({}, opened, 3600.0, gauges={"memory": Usual((30.0,) * 60), "cpu": Usual((1.0,) * 5)})
    samples = [
        Sample(signal, opened + 30.0 * tick, value=90.0)
        for tick in range(1, 40)
        for signal in ("memory", "cpu")
    ]
    unread = [Sample("memory", opened + 15.0 + 30.0 * tick, missing="no such process") for tick in range(40)]
    found = tests.feed(sorted([*samples, *unread], key=lambda sample: sample.at))
    assert found is not None
    assert found.message.startswith("memory: 90 % now, never more than 30 % before (37.5 % tolerated)")
    assert WindowTests({}, opened, 3600.0, gauges={"cpu": Usual((1.0,) * 5)}).feed(samples) is None


def leaking(start: float, to: float, half_minutes: int) -> list[float]:
    step = (to - start) / half_minutes
    return [min(start + step * number, to) for number in range(1, 60)]


def test_a_leak_that_has_come_far_is_found_within_five_minutes() -> None:
    gauge = Gauge("memory", Usual((0.09,) * 60), window_s=360.0, share_of_alpha=0.025)
    found = found_after(gauge, leaking(0.09, 10.5, 1))
    assert found is not None
    assert found[0] <= 300.0


def test_three_minutes_of_history_are_enough_to_find_a_leak_and_not_a_third_more() -> None:
    usual = Usual((2.0, 2.1, 2.0, 1.9, 2.0, 2.1))
    assert usual.is_enough("memory")
    assert not usual.is_enough("cpu")
    leak = found_after(Gauge("memory", usual, window_s=360.0, share_of_alpha=0.025), leaking(2.0, 40.0, 1))
    assert leak is not None
    assert leak[0] <= 360.0
    more = Gauge("memory", Usual((20.0,) * 6), window_s=3600.0, share_of_alpha=0.025)
    assert found_after(more, [27.0] * 120) is None


@pytest.mark.parametrize("many", [10, 20, 60])
def test_a_memory_that_fills_up_after_each_start_is_no_leak(many: int) -> None:
    """The release before was young when it was read."""
    for seed in range(20):
        chance = random.Random(seed)
        fills = chance.uniform(10, 60)

        def used(half_minute: int, fills: float = fills, chance: random.Random = chance) -> float:
            return 20.0 * (1 - 0.5 * math.exp(-half_minute / fills)) * chance.gauss(1.0, 0.02)

        gauge = watching([used(number) for number in range(many)])
        assert found_after(gauge, [used(number) for number in range(120)]) is None


def test_of_a_processor_that_is_busy_for_minutes_it_does_not_matter_how_busy() -> None:
    twice = found_after(watching([20.0, 21.0] * 60, "cpu"), [45.0] * 40)
    most = found_after(watching([20.0, 21.0] * 60, "cpu"), [99.0] * 40)
    assert twice is not None
    assert most is not None
    assert twice[0] == most[0]
