"""What the test can see, and how soon: said in words, and true of made-up traffic."""

from __future__ import annotations

import random
import re
from math import inf
from statistics import median

import pytest

from mobius.model.baseline import Baseline, Block
from mobius.model.sample import Sample
from mobius.rules.adaptive import Adaptive
from mobius.rules.adaptive.power import Pace, least_share_seen, requests_needed, seconds_until_seen
from mobius.rules.adaptive.window import WindowTests
from rules.adaptive.streams import blocks, poisson, usual

TICK_S = 5.0


def baseline_of(per_s: float, half_minutes: int = 60) -> Baseline:
    """Without times: errors alone are judged."""
    chance = random.Random(1)
    counts = [poisson(chance, per_s * 30) for _ in range(half_minutes)]
    return Baseline.of([Block(count, poisson(chance, count * 0.001)) for count in counts], 30.0)


def seen_after(baseline: Baseline, per_s: float, to: float, seed: int) -> float:
    chance = random.Random(seed)
    test = Adaptive(baseline, window_s=3600.0)
    for tick in range(1, 2000):
        requests = poisson(chance, per_s * TICK_S)
        errors = sum(chance.random() < to for _ in range(requests))
        if test.observe(requests, errors, (), TICK_S).is_bad:
            return tick * TICK_S
    return inf


@pytest.mark.parametrize(("per_s", "to"), [(0.3, 0.2), (1.0, 0.05), (2.0, 0.05), (10.0, 0.02), (10.0, 0.2)])
def test_what_is_said_of_how_soon_is_true_within_thirty_percent(per_s: float, to: float) -> None:
    baseline = baseline_of(per_s)
    test = Adaptive(baseline, window_s=3600.0)
    evidence, weight = test.channels[0]
    said = seconds_until_seen(evidence, to, Pace(per_s), weight=weight, threshold=test.threshold)
    seen = median(seen_after(baseline, per_s, to, seed) for seed in range(15))
    assert 0.7 * seen <= said <= 1.3 * seen


def test_the_more_traffic_the_sooner_and_the_smaller_a_rise_is_seen() -> None:
    test = Adaptive(baseline_of(100.0), window_s=3600.0)
    evidence, weight = test.channels[0]
    paces = [Pace(per_s) for per_s in (0.5, 5.0, 50.0)]
    times = [
        seconds_until_seen(evidence, 0.05, pace, weight=weight, threshold=test.threshold) for pace in paces
    ]
    least = [
        least_share_seen(evidence, pace, 3600.0, weight=weight, threshold=test.threshold) for pace in paces
    ]
    assert times == sorted(times, reverse=True)
    assert least == sorted(least, reverse=True)
    assert evidence.ceiling.share < least[-1] < 0.005
    needed = requests_needed(evidence, 0.05, paces[1], weight=weight, threshold=test.threshold)
    assert 5 * times[1] < needed < 10 * times[1]  # four in five are found, not half


def test_no_requests_and_nothing_known_are_never_seen() -> None:
    evidence, weight = Adaptive(baseline_of(10.0), window_s=3600.0).channels[0]
    unknown, _ = Adaptive(None, window_s=3600.0).channels[0]
    assert seconds_until_seen(evidence, 0.5, Pace(0.0), weight=weight, threshold=1250) == inf
    assert seconds_until_seen(unknown, 0.5, Pace(10.0), weight=weight, threshold=1250) == inf
    assert seconds_until_seen(unknown, 0.5, Pace(10.0, 90.0), weight=weight, threshold=1250) < 60


@pytest.mark.parametrize(
    ("per_s", "words"),
    [
        (
            2.0,
            "at 2 requests/s a rise of errors to 5 % is seen in about 2 min, and within 60 min one to 0.72 %",
        ),
        (
            0.05,
            "at 3 requests/min only a rise of errors to 17 % or more is seen within 60 min; what helps: a probe "
            "every 5 s (monitor.interval), synthetic load, or a canary with long stages",
        ),
    ],
)
def test_what_a_window_will_see_is_said_before_it_begins(per_s: float, words: str) -> None:
    even = Baseline.of([Block(round(per_s * 30 + 0.25 * (-1) ** at), 0) for at in range(120)], 30.0)
    even = Baseline(even.blocks, 30.0, Block(even.total.requests, max(1, even.total.requests // 1000)))
    assert WindowTests({"traffic": even}, 0.0, 3600.0).outlook() == words


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert WindowTests({"traffic": None}, 0.0, 3600.0).outlook() == ""


# -- stages of a canary ----------------------------------------------------------------------------------------


def stage(
    seconds: float, new_per_s: float, old_per_s: float, baseline: Baseline | None
) -> tuple[WindowTests, list[Sample]]:
    chance = random.Random(5)
    many = round(seconds / TICK_S)
    pairs = zip(
        blocks(chance, many, seconds=TICK_S, per_s=new_per_s),
        blocks(chance, many, seconds=TICK_S, per_s=old_per_s),
        strict=True,
    )
    samples = [
        Sample(signal, TICK_S * tick, requests=one.requests, errors=one.errors, histogram=one.histogram)
        for tick, pair in enumerate(pairs, 1)
        for signal, one in zip(("traffic", "control"), pair, strict=True)
    ]
    tests = WindowTests({"traffic": baseline}, 0.0, 3600.0)
    assert tests.feed(samples) is None
    return tests, samples


@pytest.mark.parametrize("has_baseline", [True, False])
def test_a_stage_has_seen_enough_when_a_harmful_release_would_have_been_found(has_baseline: bool) -> None:
    baseline = usual(random.Random(6)) if has_baseline else None
    tests, samples = stage(400, 10.0, 90.0, baseline)
    soon = tests.seen_enough(samples[:20], 0.0, 50)
    assert not soon.is_enough
    assert "needs" in soon.sentence
    assert soon.advice
    late = tests.seen_enough(samples, 0.0, 50)
    assert late.is_enough
    assert late.needed_s < 400
    assert late.sentence.endswith("and answers 1.5 times slower would have been found")


def test_a_stage_says_how_much_more_time_and_traffic_it_needs() -> None:
    tests, samples = stage(400, 10.0, 90.0, None)
    told = tests.seen_enough(samples[:20], 0.0, 50).sentence
    assert re.search(
        r" needs (\d+ \w+) \(about [\d,]+ requests\) at this pace: \d+ \w+ or [\d,]+ requests more$", told
    ), told


def test_what_a_stage_without_more_time_may_pass_with_is_said_with_what_it_would_not_have_found() -> None:
    tests, samples = stage(400, 10.0, 90.0, None)
    ends = [tests.seen_enough(samples[: 2 * ticks], 0.0, 50) for ticks in range(1, 80)]
    undecided = [one for one in ends if not one.is_enough]
    [first, *_] = [one for one in undecided if one.at_last]
    assert not undecided[0].at_last
    assert re.search(r"answers [23] times slower would have been found; ", first.at_last)
    assert re.search(
        r"answers 1\.5 times slower only after \d+ \w+ \(about [\d,]+ requests\)$", first.at_last
    )


def test_no_stage_passes_in_which_failed_requests_would_not_have_been_found() -> None:
    tests, samples = stage(60, 0.5, 4.5, None)
    found = tests.seen_enough(samples, 0.0, 50)
    assert (found.is_enough, found.at_last) == (False, "")


def test_the_larger_the_next_stage_the_more_has_to_be_seen() -> None:
    tests, samples = stage(400, 10.0, 90.0, None)
    needed = [tests.seen_enough(samples, 0.0, percent).needed_s for percent in (10, 50, 100)]
    assert needed == sorted(needed)
    assert needed[0] < needed[-1]


def test_what_came_before_the_stage_counts_for_nothing_in_it() -> None:
    tests, samples = stage(400, 10.0, 90.0, None)
    assert tests.seen_enough(samples, 390.0, 50).sentence.startswith(
        f"{_requests(samples, 390.0):,} requests in 10 s"
    )
    nothing = tests.seen_enough(samples, 400.0, 50)
    assert (nothing.is_enough, nothing.needed_s) == (False, inf)
    assert nothing.sentence == "no request has come to the new release in this stage"


def _requests(samples: list[Sample], since: float) -> int:
    return sum(s.requests for s in samples if s.signal == "traffic" and s.at > since)


def test_where_no_moment_counts_for_much_nothing_is_said_to_be_seen_sooner_than_it_is() -> None:
    pace = Pace(1000.0, 1000.0)
    unknown = Adaptive(None, window_s=3600.0)
    for new, old in zip(*(blocks(random.Random(seed), 4, seconds=5.0) for seed in (1, 2)), strict=True):
        unknown.observe(new.requests, new.errors, new.histogram, 5.0, old)
    slow, weight = unknown.channels[1]
    assert not slow.ceiling.is_known
    found_s = seconds_until_seen(slow, 0.99, pace, weight=weight, threshold=unknown.threshold)
    assert found_s >= slow.ceiling.blip_s + 15.0
