"""How long to wait, and when to give up."""

from __future__ import annotations

from mobius.model.notices import Delivery, NotifySettings, NotSent, Sent
from mobius.rules.notices.backing_off import pause_s, settled

S = NotifySettings(attempts=3, give_up_after_s=1000.0)


def one(attempts: int = 0, at: float = 0.0) -> list[Delivery]:
    return [Delivery(5, "ops", "waiting", "alert", {}, at, attempts=attempts)]


def test_pauses_grow_to_five_minutes_and_no_two_senders_come_back_in_step() -> None:
    assert [pause_s(n, 0.0, 0.0) for n in (1, 2, 3, 8, 9, 1000)] == [2, 4, 8, 256, 300, 300]
    assert pause_s(9, 0.0, 1.0) == 150.0


def test_never_sooner_than_the_receiver_asked_for_and_never_later_than_an_hour_or_so() -> None:
    assert pause_s(1, 60.0, 0.0) == 60.0
    assert round(pause_s(1, 1e9, 1.0)) == 3960


def test_what_was_confirmed_is_sent() -> None:
    made = settled(one(), Sent("ok"), S, failures=4, luck=0.0, now=10.0)
    assert (made.sent, made.failures, made.next_at, made.answer) == ((5,), 0, 0.0, "ok")


def test_what_was_not_is_tried_again_until_it_is_dead() -> None:
    made = settled(one(1), NotSent("500"), S, failures=1, luck=0.0, now=10.0)
    assert (made.failed, made.dead, made.next_at) == ((5,), (), 14.0)
    assert settled(one(2), NotSent("500"), S, failures=2, luck=0.0, now=10.0).dead == (5,)
    assert settled(one(0), NotSent("500"), S, failures=0, luck=0.0, now=1001.0).dead == (5,)


def test_a_refusal_for_good_is_dead_at_once_and_holds_up_nothing() -> None:
    made = settled(one(), NotSent("404", final=True), S, failures=0, luck=0.0, now=10.0)
    assert (made.dead, made.next_at) == ((5,), 10.0)


def test_what_is_missing_here_is_no_attempt() -> None:
    made = settled(one(2), NotSent("no variable", ours=True), S, failures=2, luck=0.0, now=10.0)
    assert (made.failed, made.dead, made.failures) == ((), (), 2)
