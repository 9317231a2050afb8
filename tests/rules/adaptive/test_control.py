"""The release before beside the new one: what befalls both is no fault of the new one, what befalls it alone is."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from math import comb, exp

import pytest

from mobius.model.baseline import Baseline, Block
from mobius.model.sample import Sample
from mobius.rules.adaptive import Adaptive, Judged
from mobius.rules.adaptive.control import Control, is_control
from mobius.rules.adaptive.evidence import ODDS
from mobius.rules.adaptive.window import WindowTests
from rules.adaptive.streams import blocks, usual

TICK_S = 5.0


def first_alarm(adaptive: Adaptive, pairs: Iterable[tuple[Block, Block]]) -> tuple[float, Judged] | None:
    for number, (new, old) in enumerate(pairs, 1):
        judged = adaptive.observe(new.requests, new.errors, new.histogram, TICK_S, old)
        if judged.is_bad:
            return number * TICK_S, judged
    return None


def both(
    chance: random.Random, many: int, *, new_per_s: float = 50.0, old_per_s: float = 50.0, **how: float
) -> Iterator[tuple[Block, Block]]:
    """Two releases that do the same."""
    new = blocks(chance, many, seconds=TICK_S, per_s=new_per_s, **how)
    return zip(new, blocks(chance, many, seconds=TICK_S, per_s=old_per_s, **how), strict=True)


def one_worse(
    chance: random.Random, many: int, *, new_per_s: float = 50.0, old_per_s: float = 50.0, **how: float
) -> Iterator[tuple[Block, Block]]:
    """The new one does this, the one before what it always did."""
    new = blocks(chance, many, seconds=TICK_S, per_s=new_per_s, **how)
    return zip(new, blocks(chance, many, seconds=TICK_S, per_s=old_per_s), strict=True)


def watching(baseline: Baseline | None) -> Adaptive:
    return Adaptive(baseline, window_s=3600.0)


@pytest.mark.parametrize("times", [1.0, 1.3])
@pytest.mark.parametrize("more", [0.0, 0.01])
@pytest.mark.parametrize("requests", [(1, 1), (6, 4), (3, 12), (12, 2)])
def test_no_bet_grows_on_average_for_a_release_at_the_edge_of_what_is_tolerated(
    times: float, more: float, requests: tuple[int, int]
) -> None:
    new_of, old_of = requests
    for known in (0.001, 0.05, 0.4):
        bets = Control(times, more, ODDS, bad=known * 100, of=100.0).bets(new_of / old_of)
        for old_share in (0.0, 0.001, 0.05, 0.3, 0.7):
            share = min(times * old_share + more, 1.0)
            for bet in bets:
                mean = sum(
                    chance_of(x, new_of, share)
                    * chance_of(y, old_of, old_share)
                    * exp(bet.log_ratio((x, new_of), (y, old_of)))
                    for x in range(new_of + 1)
                    for y in range(old_of + 1)
                )
                assert mean <= 1 + 1e-9


def chance_of(bad: int, of: int, share: float) -> float:
    return comb(of, bad) * share**bad * (1 - share) ** (of - bad)


@pytest.mark.parametrize("has_baseline", [True, False])
def test_what_befalls_both_is_no_fault_of_the_new_one(has_baseline: bool) -> None:
    chance = random.Random(1)
    baseline = usual(chance) if has_baseline else None
    worse = [*both(chance, 40), *both(chance, 80, errors=0.05, slower=2.0), *both(chance, 40, errors=1.0)]
    assert first_alarm(watching(baseline), worse) is None


@pytest.mark.parametrize("has_baseline", [True, False])
@pytest.mark.parametrize(
    ("errors", "slower", "within_s"), [(0.05, 1.0, 90), (1.0, 1.0, 35), (0.001, 1.6, 150)]
)
def test_what_befalls_the_new_one_alone_is_found(
    has_baseline: bool, errors: float, slower: float, within_s: float
) -> None:
    chance = random.Random(2)
    baseline = usual(chance) if has_baseline else None
    found = first_alarm(watching(baseline), one_worse(chance, 60, errors=errors, slower=slower))
    assert found is not None
    assert found[0] <= within_s


def test_the_sentence_says_what_it_is_on_either_side() -> None:
    chance = random.Random(3)
    found = first_alarm(watching(usual(chance)), one_worse(chance, 60, errors=0.05))
    assert found is not None
    assert found[1].sentence.startswith("errors: ")
    assert " % of the release before beside it (0." in found[1].sentence
    assert found[1].sentence.endswith("below 1 in 1,000, even without the worst 30 s")


def test_a_tenth_of_the_traffic_is_enough_to_find_what_is_bad() -> None:
    chance = random.Random(4)
    found = first_alarm(watching(None), one_worse(chance, 60, new_per_s=10.0, old_per_s=90.0, errors=0.05))
    assert found is not None
    assert found[0] <= 100


def test_a_few_late_requests_of_the_release_before_do_not_blind_the_watch() -> None:
    assert not is_control(500, 3)
    chance = random.Random(5)
    found = first_alarm(
        watching(usual(chance)), one_worse(chance, 60, new_per_s=100.0, old_per_s=0.5, errors=0.01)
    )
    assert found is not None
    assert found[0] <= 100


def test_errors_that_come_in_clumps_on_one_side_count_less() -> None:
    chance = random.Random(6)
    clumped = [
        (Block(new.requests, min(new.errors * 12, new.requests), new.histogram), old)
        if number % 3 == 0
        else (Block(new.requests, 0, new.histogram), old)
        for number, (new, old) in enumerate(both(chance, 300, errors=0.004))
    ]
    control = watching(usual(chance, errors=0.004))
    for new, old in clumped:
        control.observe(new.requests, new.errors, new.histogram, TICK_S, old)
    assert control.channels[0][0].control.phi > 1.5


def pausing(chance: random.Random, many: int) -> Iterator[Block]:
    """One that stands still for a whole tick each minute or so."""
    for _ in range(many):
        slower = 6.0 if chance.random() < 1 / 12 else 1.0
        yield from blocks(chance, 1, seconds=TICK_S, per_s=30.0, slower=slower)


@pytest.mark.parametrize("seed", [1, 2])
def test_pauses_that_each_side_has_at_its_own_times_are_no_fault_where_nothing_is_known_of_before(
    seed: int,
) -> None:
    chance = random.Random(seed)
    pairs = zip(pausing(chance, 240), pausing(chance, 240), strict=True)
    assert first_alarm(watching(None), pairs) is None
    slower = one_worse(chance, 60, new_per_s=30.0, old_per_s=30.0, slower=3.0)
    assert first_alarm(watching(None), slower) is not None


def test_a_window_takes_the_two_sides_of_a_tick_together_in_any_order() -> None:
    chance = random.Random(7)
    baseline = usual(chance)
    opened = 1_800_000_000.0
    pairs = list(both(chance, 80, errors=0.05))
    whole = [
        sample for number, pair in enumerate(pairs, 1) for sample in _samples(opened + 5.0 * number, *pair)
    ]
    turned = [
        sample
        for number, pair in enumerate(pairs, 1)
        for sample in _samples(opened + 5.0 * number, *pair)[::-1]
    ]
    alone = [sample for sample in whole if sample.signal == "traffic"]
    route = [
        Sample(
            {"traffic": "route:/api", "control": "control:/api"}[sample.signal],
            sample.at,
            requests=sample.requests,
            errors=sample.errors,
            histogram=sample.histogram,
        )
        for sample in whole
    ]
    assert WindowTests({"traffic": baseline}, opened, 3600.0).feed(whole) is None
    assert WindowTests({"traffic": baseline}, opened, 3600.0).feed(turned) is None
    assert WindowTests({"traffic": baseline}, opened, 3600.0).feed(alone) is not None
    assert WindowTests({"traffic": baseline, "route:/api": baseline}, opened, 3600.0).feed(route) is None


def _samples(at: float, new: Block, old: Block) -> list[Sample]:
    return [
        Sample("traffic", at, requests=new.requests, errors=new.errors, histogram=new.histogram),
        Sample("control", at, requests=old.requests, errors=old.errors, histogram=old.histogram),
    ]
