"""A release is held against the one before: what is worse is found within a minute, what is not is left alone."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from mobius.model.baseline import Baseline, Block, added
from mobius.rules.adaptive import THRESHOLD, Adaptive, Judged
from mobius.rules.adaptive.ceilings import ceilings
from rules.adaptive.streams import blocks, usual

TICK_S = 5.0


def first_alarm(adaptive: Adaptive, ticks: Iterable[Block]) -> tuple[float, Judged] | None:
    for number, tick in enumerate(ticks, 1):
        judged = adaptive.observe(tick.requests, tick.errors, tick.histogram, TICK_S)
        if judged.is_bad:
            return number * TICK_S, judged
    return None


def watching(baseline: Baseline | None) -> Adaptive:
    return Adaptive(baseline, window_s=3600.0)


def test_a_healthy_release_is_left_alone() -> None:
    chance = random.Random(1)
    adaptive = watching(usual(chance))
    assert first_alarm(adaptive, blocks(chance, 240, seconds=TICK_S)) is None


@pytest.mark.parametrize(("errors", "within_s"), [(0.01, 100), (0.05, 45), (1.0, 40)])
def test_more_errors_are_found_soon(errors: float, within_s: float) -> None:
    chance = random.Random(2)
    found = first_alarm(watching(usual(chance)), blocks(chance, 40, seconds=TICK_S, errors=errors))
    assert found is not None
    assert found[0] <= within_s
    assert found[1].channel == "errors"


def test_slower_answers_are_found_and_said_with_their_numbers() -> None:
    chance = random.Random(3)
    found = first_alarm(watching(usual(chance)), blocks(chance, 40, seconds=TICK_S, slower=1.6))
    assert found is not None
    at_s, judged = found
    assert at_s <= 100
    assert judged.sentence.startswith("answers slower than p")
    assert "the chance of a false alarm is below 1 in 1,000" in judged.sentence


def test_an_error_that_comes_late_is_found_as_well() -> None:
    chance = random.Random(4)
    healthy = blocks(chance, 120, seconds=TICK_S)
    bad = blocks(chance, 40, seconds=TICK_S, errors=0.02)
    found = first_alarm(watching(usual(chance)), [*healthy, *bad])
    assert found is not None
    assert 600 < found[0] <= 680


def test_half_a_minute_of_total_failure_is_forgiven_and_a_little_more_is_not() -> None:
    chance = random.Random(5)
    baseline = usual(chance)
    before, after = (list(blocks(chance, 60, seconds=TICK_S)) for _ in range(2))
    broken = list(blocks(chance, 7, seconds=TICK_S, errors=1.0))
    assert first_alarm(watching(baseline), [*before, *broken[:6], *after]) is None
    found = first_alarm(watching(baseline), [*before, *broken, *after])
    assert found is not None
    assert found[0] == 300 + 35


def test_a_slow_start_of_a_minute_is_forgiven() -> None:
    chance = random.Random(6)
    baseline = usual(chance)
    start = [tick for minute in (4.0, 3.0, 2.0) for tick in blocks(chance, 4, seconds=TICK_S, slower=minute)]
    assert first_alarm(watching(baseline), [*start, *blocks(chance, 60, seconds=TICK_S)]) is None


def test_without_a_baseline_only_what_fails_as_a_whole_is_found() -> None:
    chance = random.Random(7)
    assert first_alarm(watching(None), blocks(chance, 40, seconds=TICK_S, errors=0.3)) is None
    found = first_alarm(watching(None), blocks(chance, 40, seconds=TICK_S, errors=1.0))
    assert found is not None
    assert found[0] == 35


def test_one_failed_request_an_hour_is_no_failure_as_a_whole() -> None:
    lonely = [Block(1, 1), *[Block(0, 0)] * 20, Block(1, 0), *[Block(0, 0)] * 20, Block(1, 1)]
    assert first_alarm(watching(None), lonely) is None


def test_ticks_without_requests_are_neither_good_nor_bad() -> None:
    chance = random.Random(8)
    adaptive = watching(usual(chance))
    quiet = [adaptive.observe(0, 0, (), TICK_S).evidence for _ in range(100)]
    assert max(quiet) < 1


def test_times_that_nobody_took_leave_the_errors_to_judge_by() -> None:
    chance = random.Random(9)
    untimed = Baseline.of(
        [Block(block.requests, block.errors) for block in blocks(chance, 20, seconds=30)], 30.0
    )
    adaptive = watching(untimed)
    assert [ceiling.name for ceiling in adaptive.ceilings] == ["errors"]
    ticks = [Block(tick.requests, tick.errors) for tick in blocks(chance, 40, seconds=TICK_S, errors=0.02)]
    assert first_alarm(adaptive, ticks) is not None


def test_a_baseline_in_bursts_makes_one_burst_count_less_and_the_sentence_say_so() -> None:
    chance = random.Random(10)
    steady = usual(chance)
    bursts = [
        Block(block.requests, block.errors * (8 if number % 5 == 0 else 0), block.histogram)
        for number, block in enumerate(steady.blocks)
    ]
    calm, bursty = (watching(Baseline.of(there, 30.0)).ceilings[0] for there in (steady.blocks, bursts))
    assert calm.clumping < 0.3 < bursty.clumping
    found = first_alarm(watching(Baseline.of(bursts, 30.0)), blocks(chance, 200, seconds=TICK_S, errors=0.05))
    assert found is not None
    assert found[1].sentence.endswith("(approximately: errors came in bursts before)")


def test_answers_that_wandered_before_may_wander_on() -> None:
    chance = random.Random(11)
    wander = [1.0, 1.2, 1.5, 1.7, 1.5, 1.2, 1.0, 0.9, 0.8, 0.9] * 2
    there = [block for slower in wander for block in blocks(chance, 2, seconds=30.0, slower=slower)]
    adaptive = watching(Baseline.of(there, 30.0))
    assert all(ceiling.wanders for ceiling in adaptive.ceilings[1:])
    later = [tick for slower in wander[:8] for tick in blocks(chance, 12, seconds=TICK_S, slower=slower)]
    assert first_alarm(adaptive, later) is None


def pausing(chance: random.Random, *, slower: float = 1.0) -> list[Block]:
    """Half an hour of a release that stands still for five seconds each three minutes or so, as for its garbage."""
    return [
        tick
        for _ in range(360)
        for tick in blocks(
            chance, 1, seconds=TICK_S, per_s=40.0, slower=20.0 if chance.random() < 1 / 40 else slower
        )
    ]


def test_pauses_that_the_release_before_had_too_are_left_alone_and_what_is_twice_as_slow_is_found() -> None:
    chance = random.Random(3)
    ticks = pausing(chance)
    baseline = Baseline.of([added(ticks[at : at + 6]) for at in range(0, len(ticks), 6)], 30.0)
    assert first_alarm(watching(baseline), pausing(chance)) is None
    found = first_alarm(watching(baseline), pausing(chance, slower=2.0))
    assert found is not None
    assert found[0] <= 180.0


def test_where_several_tests_share_the_bound_each_needs_more_evidence() -> None:
    baseline = usual(random.Random(12))
    alone, one_of_four = (
        Adaptive(baseline, window_s=3600),
        Adaptive(baseline, window_s=3600, share_of_alpha=0.25),
    )
    assert alone.threshold == THRESHOLD
    assert one_of_four.threshold == 4 * THRESHOLD
    pairs = zip(alone.ceilings, one_of_four.ceilings, strict=True)
    assert all(higher.share >= one.share for one, higher in pairs)


def test_whoever_starts_again_from_the_same_samples_decides_the_same() -> None:
    chance = random.Random(13)
    baseline = usual(chance)
    ticks = list(blocks(chance, 60, seconds=TICK_S, errors=0.004))
    straight = watching(baseline)
    whole = [straight.observe(t.requests, t.errors, t.histogram, TICK_S) for t in ticks]
    for restart in (1, 7, 23, 59):
        again = watching(baseline)
        told = [again.observe(t.requests, t.errors, t.histogram, TICK_S) for t in ticks[:restart]]
        carried_on = watching(baseline)
        for tick in ticks[:restart]:
            carried_on.observe(tick.requests, tick.errors, tick.histogram, TICK_S)
        told += [carried_on.observe(t.requests, t.errors, t.histogram, TICK_S) for t in ticks[restart:]]
        assert told == whole


def test_outages_that_nobody_wants_forgiven_are_found_sooner() -> None:
    chance = random.Random(14)
    baseline = usual(chance)
    ticks = list(blocks(chance, 12, seconds=TICK_S, errors=0.05))
    forgiving, strict = (Adaptive(baseline, window_s=3600.0, blip_s=blip_s) for blip_s in (30.0, 0.0))
    found, sooner = first_alarm(forgiving, ticks), first_alarm(strict, ticks)
    assert found is not None
    assert sooner is not None
    assert sooner[0] <= 10 < found[0]
    assert sooner[1].sentence.endswith("the chance of a false alarm is below 1 in 1,000")


def wandering(chance: random.Random, many: int) -> list[float]:
    """Response times of half minutes that wander by a twentieth, for minutes."""
    off, found = 0.0, []
    for _ in range(many):
        found.append(math.exp(off))
        off = 0.74 * off + 0.67 * chance.gauss(0, 0.05)
    return found


def test_an_hour_in_which_answers_hardly_wandered_excuses_no_release_that_is_half_as_slow_again() -> None:
    chance = random.Random(8)
    hour = [
        one for by in wandering(chance, 120) for one in blocks(chance, 1, seconds=30.0, slower=by, per_s=40)
    ]
    baseline = Baseline.of(hour, 30.0)
    slow, good = Adaptive(baseline, window_s=3600.0), Adaptive(baseline, window_s=3600.0)
    assert slow.ceilings[1].wanders
    found = [
        slow.observe(one.requests, one.errors, one.histogram, TICK_S).is_bad
        for by in wandering(chance, 30)
        for one in blocks(chance, 6, seconds=TICK_S, slower=1.5 * by, per_s=40)
    ]
    assert any(found)
    assert TICK_S * found.index(True) < 600.0
    assert not any(
        good.observe(one.requests, one.errors, one.histogram, TICK_S).is_bad
        for by in wandering(chance, 30)
        for one in blocks(chance, 6, seconds=TICK_S, slower=by, per_s=40)
    )


def test_where_the_release_before_was_twice_as_fast_as_the_gate_no_wander_excuses_more() -> None:
    chance = random.Random(15)
    wander = [0.3, 0.36, 0.45, 0.5, 0.45, 0.36, 0.3, 0.27, 0.24, 0.27] * 2
    there = [block for slower in wander for block in blocks(chance, 2, seconds=30.0, slower=slower)]
    baseline = Baseline.of(there, 30.0)
    gated = Adaptive(baseline, window_s=3600.0, slow_ms=200.0)
    assert gated.ceilings[-1].name == "slower than 200 ms"
    found = first_alarm(gated, blocks(chance, 120, seconds=TICK_S, slower=1.6))
    assert found is not None
    assert Adaptive(baseline, window_s=3600.0, slow_ms=90.0).ceilings == watching(baseline).ceilings
    usual_one = Adaptive(usual(chance), window_s=3600.0, slow_ms=200.0)
    assert not any(ceiling.is_gate for ceiling in usual_one.ceilings)  # its p95 is 200 ms as it is


def hours(*failed: tuple[int, int]) -> Baseline:
    """Hours of 600 requests each half minute, the last of them the baseline: so many bursts of so many errors each."""
    found = []
    for bursts, errors in failed:
        every = 120 // bursts if bursts else 0
        marks = {place * every + 5 for place in range(bursts)}
        found.append(tuple(Block(600, errors if place in marks else 0) for place in range(120)))
    return replace(Baseline.of(found[-1], 30.0), hours=tuple(found))


def test_bursts_that_spared_the_last_hour_are_known_from_the_hours_before() -> None:
    calm = hours(*[(6, 30)] * 5, (0, 0))
    assert ceilings(calm)[0].clumping > 5
    assert ceilings(replace(calm, hours=()))[0].clumping == 0


def test_one_incident_of_the_day_tells_nothing_of_bursts() -> None:
    calm = hours((0, 0), (1, 500), (0, 0), (0, 0), (0, 0))
    assert ceilings(calm)[0].clumping == 0


def test_of_two_hours_nobody_knows_what_is_usual() -> None:
    assert ceilings(hours((6, 30), (0, 0)))[0].clumping == 0
