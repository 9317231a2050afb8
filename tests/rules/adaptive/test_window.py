"""The tests of a window: fed with samples as they come, or all at once after a restart."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from mobius.model.baseline import Baseline, Block
from mobius.model.sample import Sample
from mobius.rules.adaptive.window import WindowTests, is_enough
from rules.adaptive.streams import blocks, usual

OPENED = 1_800_000_000.0


def samples(ticks: Iterable[Block], signal: str = "traffic") -> list[Sample]:
    return [
        Sample(
            signal,
            OPENED + 5.0 * number,
            requests=tick.requests,
            errors=tick.errors,
            histogram=tick.histogram,
        )
        for number, tick in enumerate(ticks, 1)
    ]


def window_of(**baselines: Baseline | None) -> WindowTests:
    named = {"route:/api" if name == "api" else name: there for name, there in baselines.items()}
    return WindowTests(named, OPENED, 3600.0)


def test_a_worse_release_is_a_finding_with_its_sentence() -> None:
    chance = random.Random(1)
    watched = window_of(traffic=usual(chance))
    found = watched.feed(samples(blocks(chance, 20, seconds=5.0, errors=0.05)))
    assert found is not None
    assert (found.check, str(found.severity)) == ("adaptive", "FAIL")
    assert found.message.startswith("errors: ")


def test_one_route_that_fails_is_named_though_the_whole_is_well() -> None:
    chance = random.Random(2)
    watched = window_of(traffic=usual(chance), api=usual(chance, per_s=5.0))
    whole = samples(blocks(chance, 60, seconds=5.0))
    api = samples(blocks(chance, 60, seconds=5.0, per_s=5.0, errors=0.3), "route:/api")
    found = watched.feed(sorted([*whole, *api], key=lambda sample: sample.at))
    assert found is not None
    assert found.message.startswith("/api: errors: ")


@pytest.mark.parametrize("stopped_after", [0, 1, 5, 12, 30])
def test_a_watcher_that_was_restarted_decides_as_if_it_had_never_stopped(stopped_after: int) -> None:
    chance = random.Random(3)
    baseline = usual(chance)
    all_of_them = samples(blocks(chance, 40, seconds=5.0, errors=0.012))
    straight, again = window_of(traffic=baseline), window_of(traffic=baseline)
    whole = [straight.feed([sample]) for sample in all_of_them]
    again.feed(all_of_them[:stopped_after])
    assert [again.feed([sample]) for sample in all_of_them[stopped_after:]] == whole[stopped_after:]


def test_a_sample_that_is_missing_and_a_clock_that_was_set_back_count_for_nothing() -> None:
    chance = random.Random(4)
    watched = window_of(traffic=usual(chance))
    assert watched.feed([Sample("traffic", OPENED + 1, missing="the counters cannot be read")] * 50) is None
    bad = samples(blocks(chance, 20, seconds=5.0, errors=1.0))
    assert watched.feed(bad[::-1]) is None  # each a little before the one before: no time went by


def test_too_little_seen_before_is_no_measure() -> None:
    assert not is_enough(None)
    assert not is_enough(Baseline.of([Block(20, 0)] * 4, 30.0))
    assert not is_enough(Baseline.of([Block(2, 0)] * 20, 30.0))
    assert is_enough(Baseline.of([Block(20, 0)] * 5, 30.0))
