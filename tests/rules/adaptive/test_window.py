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


def limited(baseline: Baseline | None, *, blip_s: float = 30.0) -> WindowTests:
    return WindowTests({"traffic": baseline}, OPENED, 3600.0, blip_s, most_errors=0.05)


def calm(many: int, failed: int = 0, of: int = 100) -> list[Block]:
    return [Block(of, failed)] * many


def test_twenty_seconds_in_which_most_fail_are_forgiven_also_where_nothing_is_known_of_before() -> None:
    for baseline in (None, Baseline.of([Block(600, 1)] * 60, 30.0)):
        blip = [*calm(60), *calm(4, 60), *calm(200)]
        assert limited(baseline).feed(samples(blip)) is None


def test_a_quiet_service_that_fails_two_percent_stays_below_a_limit_of_five() -> None:
    for seed in range(100):
        chance = random.Random(seed)
        quiet = [Block(3, sum(chance.random() < 0.02 for _ in range(3))) for _ in range(720)]
        assert limited(None).feed(samples(quiet)) is None, seed


@pytest.mark.parametrize(("failed", "within_s"), [(100, 35), (20, 70), (8, 160)])
def test_what_fails_more_than_the_limit_is_found_where_nothing_is_known_of_before(
    failed: int, within_s: float
) -> None:
    watched = limited(None)
    found = next(
        (one.at - OPENED for one in samples(calm(60, failed)) if watched.feed([one]) is not None), None
    )
    assert found is not None and found <= within_s
    assert watched.found is not None and watched.found.message.startswith(
        "700 of the last 700 requests failed, for 35 s" if failed == 100 else f"errors: {failed} % of 1,"
    )


def test_a_limit_that_forgives_nothing_is_met_within_seconds() -> None:
    watched = limited(None, blip_s=0.0)
    assert watched.feed(samples(calm(5, 50))) is not None


def test_nothing_counts_against_the_limit_while_the_release_before_fails_as_much() -> None:
    both = [
        each
        for sample in samples(calm(60, 20))
        for each in (sample, Sample("control", sample.at, requests=100, errors=20))
    ]
    alone = limited(None)
    assert alone.feed(both) is None
    assert limited(None).feed(samples(calm(60, 20))) is not None


def test_little_history_makes_the_limit_no_wider() -> None:
    short = Baseline.of([Block(30, 0)] * 5, 30.0)
    [with_limit] = limited(short)._tests["traffic"].ceilings
    [without] = WindowTests({"traffic": short}, OPENED, 3600.0)._tests["traffic"].ceilings
    assert with_limit.share == 0.05 < without.share < 0.1


def test_a_release_before_that_failed_as_much_is_its_own_measure() -> None:
    usual_three = Baseline.of([Block(600, 18)] * 60, 30.0)
    assert limited(usual_three).feed(samples(calm(700, 3))) is None
    assert limited(usual_three).feed(samples(calm(60, 8))) is not None


def test_requests_that_do_not_come_any_more_are_told_and_accuse_nobody() -> None:
    before = Baseline.of([Block(900, 1)] * 60, 30.0)
    watched = WindowTests({"traffic": before}, OPENED, 3600.0)
    watched.feed(samples(calm(59, of=45)))
    assert watched.remark == "", "not yet five minutes"
    hung = WindowTests({"traffic": before}, OPENED, 3600.0)
    assert hung.feed(samples(calm(61, of=45))) is None
    assert hung.remark == "requests fell to 30 % of before (9/s in the last 5 min, 30/s before)"


@pytest.mark.parametrize(
    ("quiet", "now"), [(900, 100), (240, 24), (2, 0)], ids=["two thirds", "as in its quiet minutes", "few"]
)
def test_what_was_as_quiet_before_is_no_fall(quiet: int, now: int) -> None:
    before = Baseline.of([*[Block(900, 1)] * 58, *[Block(quiet, 0)] * 4], 30.0)
    watched = WindowTests({"traffic": before}, OPENED, 3600.0)
    watched.feed(samples(calm(100, of=now)))
    assert watched.remark == ""


def test_what_the_release_before_answers_meanwhile_is_no_fall_either() -> None:
    before = Baseline.of([Block(900, 1)] * 60, 30.0)
    watched = WindowTests({"traffic": before}, OPENED, 3600.0)
    for sample in samples(calm(100, of=15)):
        watched.feed([sample, Sample("control", sample.at, requests=135)])
    assert watched.remark == ""
