from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from mobius.host.door_traffic import Hold, choose_slot


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


def test_a_hold_admits_within_its_limits_of_count_and_bytes() -> None:
    hold = Hold(until=0.0, max_requests=3, max_bytes=1000)
    requests: list[Any] = [SimpleNamespace(held_bytes=0) for _ in range(5)]
    assert [hold.admit(one, 400) for one in requests[:3]] == [True, True, False]  # 1200 bytes are too many
    assert hold.admit(requests[2], 200)
    assert not hold.admit(requests[3], 0)  # a fourth is too many
    hold.forget(requests[0])
    assert (hold.bytes, hold.admit(requests[3], 400)) == (600, True)
    hold.expired = True
    hold.forget(requests[1])
    assert not hold.admit(requests[4], 0)
