"""Which messages go out now: alone, together, later; a storm is a few messages, and order is kept."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.model.notices import Delivery, NotifySettings
from mobius.rules.notices.grouping import Batch, Later, Repeated, next_batch

S = NotifySettings(group_wait_s=5.0, group_interval_s=300.0, repeat_interval_s=3600.0)


def waits(number: int, topic: str, at: float, *, run: int = 1, words: str = "") -> Delivery:
    payload = {"run_id": run, "kind": "page", "message": words or f"message {number}"}
    return Delivery(number, "ops", "waiting", topic, payload, at)


def went(delivery: Delivery, at: float) -> Delivery:
    return replace(delivery, state="sent", sent_at=at, batch=delivery.id)


def ids(batch: object) -> list[int]:
    assert isinstance(batch, Batch), batch
    return [delivery.id for delivery in batch.deliveries]


def test_nothing_to_say_is_nothing() -> None:
    assert next_batch([], [], S, 20, 100.0) is None


def test_what_happens_to_a_deployment_goes_out_at_once_one_by_one_in_order() -> None:
    waiting = [waits(1, "started", 100.0), waits(2, "rolled back", 101.0)]
    assert ids(next_batch(waiting, [], S, 20, 101.0)) == [1]
    assert ids(next_batch(waiting[1:], [went(waiting[0], 101.0)], S, 20, 101.0)) == [2]


def test_an_alert_waits_a_moment_for_others_about_the_same() -> None:
    waiting = [waits(1, "alert", 100.0), waits(2, "alert", 103.0), waits(3, "alert", 103.0, run=2)]
    assert next_batch(waiting, [], S, 20, 103.0) == Later(105.0)
    assert ids(next_batch(waiting, [], S, 20, 105.0)) == [1, 2]


def test_about_the_same_thing_there_is_one_message_in_an_interval() -> None:
    told = went(waits(1, "alert", 90.0), 100.0)
    waiting = [waits(2, "alert", 110.0)]
    assert next_batch(waiting, [told], S, 20, 120.0) == Later(400.0)
    assert ids(next_batch(waiting, [told], S, 20, 400.0)) == [2]


def test_what_came_after_an_alert_does_not_overtake_it() -> None:
    waiting = [waits(1, "alert", 100.0), waits(2, "rolled back", 101.0)]
    assert ids(next_batch(waiting, [], S, 20, 101.0)) == [1]


def test_an_alert_that_was_told_a_moment_ago_holds_up_nothing() -> None:
    told = went(waits(1, "alert", 90.0), 100.0)
    waiting = [waits(2, "alert", 101.0), waits(3, "rolled back", 102.0)]
    assert ids(next_batch(waiting, [told], S, 20, 102.0)) == [3]


def test_the_same_words_are_not_said_again_before_the_interval_is_over() -> None:
    told = went(waits(1, "alert", 90.0, words="5 % fail"), 100.0)
    again = waits(2, "alert", 500.0, words="5 % fail")
    assert next_batch([again], [told], S, 20, 600.0) == Repeated((again,))
    assert ids(next_batch([again], [told], S, 20, 3701.0)) == [2]


def test_a_backlog_goes_out_as_one() -> None:
    waiting = [waits(number, "failed", 100.0) for number in range(1, 8)]
    assert ids(next_batch(waiting, [], S, 20, 100.0)) == [1, 2, 3, 4, 5, 6, 7]


def test_no_channel_gets_more_than_its_share_in_a_minute() -> None:
    sent = [went(waits(number, "started", 100.0), 100.0 + number) for number in range(1, 4)]
    waiting = [waits(9, "failed", 110.0)]
    assert next_batch(waiting, sent, S, 3, 110.0) == Later(161.0)
    assert ids(next_batch(waiting, sent, S, 3, 161.5)) == [9]


def test_a_clock_that_was_set_back_keeps_nothing_waiting_for_ever() -> None:
    told = went(waits(1, "alert", 9_000.0), 9_000.0)
    later = next_batch([waits(2, "alert", 9_100.0)], [told], S, 20, 105.0)
    assert isinstance(later, Later) and later.at <= 110.0


def test_a_thousand_alerts_are_a_few_messages() -> None:
    """In ten minutes, no two with the same words."""
    sent: list[Delivery] = []
    waiting: list[Delivery] = []
    messages = 0
    for second in range(700):
        now = 1000.0 + second
        waiting += [waits(2 * second + n, "alert", now) for n in range(2) if second < 500]
        while isinstance(choice := next_batch(waiting, sent, S, 20, now), Batch):
            messages += 1
            first = choice.deliveries[0].id
            out = {delivery.id for delivery in choice.deliveries}
            sent += [replace(d, state="sent", sent_at=now, batch=first) for d in choice.deliveries]
            waiting = [delivery for delivery in waiting if delivery.id not in out]
    assert (messages, len(sent), waiting) == (3, 1000, [])


TOPICS = st.sampled_from(["started", "alert", "rolled back", "failed", "unsent", "planned"])


@settings(deadline=None)
@given(st.lists(st.tuples(TOPICS, st.integers(0, 2), st.integers(0, 400)), max_size=12), st.integers(0, 1000))
def test_everything_goes_out_once_whatever_comes(given_: list[tuple[str, int, int]], start: int) -> None:
    waiting = [waits(n, topic, float(at), run=run) for n, (topic, run, at) in enumerate(given_, start=1)]
    sent: list[Delivery] = []
    now = float(start)
    for _ in range(200):
        choice = next_batch(waiting, sent, S, 20, now)
        if choice is None:
            break
        if isinstance(choice, Later):
            assert choice.at > now
            now = choice.at
            continue
        out = {delivery.id for delivery in choice.deliveries}
        assert out
        state = "sent" if isinstance(choice, Batch) else "repeated"
        sent += [replace(d, state=state, sent_at=now, batch=min(out)) for d in choice.deliveries]
        waiting = [delivery for delivery in waiting if delivery.id not in out]
    assert not waiting and sorted(d.id for d in sent) == list(range(1, len(given_) + 1))
