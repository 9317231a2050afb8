from __future__ import annotations

from collections import Counter

from mobius.host.door_traffic import choose_slot


def test_nothing_is_chosen_when_nothing_has_weight() -> None:
    assert choose_slot((), 1) is None


def test_one_slot_gets_everything() -> None:
    assert {choose_slot((("blue", 1),), turn) for turn in range(50)} == {"blue"}


def test_a_canary_gets_its_share_of_every_hundred_requests() -> None:
    weights = (("blue", 95), ("green", 5))
    for start in range(0, 1000, 100):
        chosen = Counter(choose_slot(weights, turn) for turn in range(start, start + 100))
        assert 4 <= chosen["green"] <= 6


def test_three_slots_share_by_weight() -> None:
    chosen = Counter(choose_slot((("a", 1), ("b", 2), ("c", 1)), turn) for turn in range(4000))
    assert abs(chosen["a"] - 1000) < 10 and abs(chosen["b"] - 2000) < 10
