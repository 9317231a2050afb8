"""Who is told next of an alert that nobody acknowledged."""

from __future__ import annotations

from typing import Any

import pytest

from mobius.model.notices import EscalationSettings, EscalationStep
from mobius.model.run import Event
from mobius.rules.notices.escalating import Alert, Due, is_answer, next_due, unanswered

STEPS = EscalationSettings(
    (
        EscalationStep("deploy lead", wait_s=300.0),
        EscalationStep("ops on call", wait_s=600.0),
        EscalationStep("media engineering", wait_s=600.0),
        EscalationStep("engineering manager", wait_s=900.0),
    )
)
ALERT = Alert(7, 70, 1, 1000.0, "5 % fail")
REPEAT_S = 14_400.0


def told(step: int, at: float, *, alert: int = 7, again: int = 0) -> Event:
    return Event(100 + step, 0, at, "escalated", "", {"alert": alert, "step": step, "again": again})


def event(kind: str, *, seq: int = 200, run: int = 1, message: str = "", **data: Any) -> Event:
    return Event(seq, run, 0.0, kind, message, data)


def test_each_has_its_time_then_the_next_is_told_and_the_last_again() -> None:
    at, steps = 1000.0, []
    events: list[Event] = []
    for _ in range(6):
        due, later = next_due([ALERT], events, STEPS, REPEAT_S, at)
        if due is None:
            at = later
            due, _ = next_due([ALERT], events, STEPS, REPEAT_S, at)
        assert due is not None
        steps.append((at - 1000.0, due.step, due.again))
        events.append(
            Event(
                200 + len(events), 0, at, "escalated", "", {"alert": 7, "step": due.step, "again": due.again}
            )
        )
    assert steps == [(0, 0, 0), (300, 1, 0), (900, 2, 0), (1500, 3, 0), (15900, 3, 1), (30300, 3, 2)]


def test_nobody_is_told_before_the_one_before_has_had_their_time() -> None:
    assert next_due([ALERT], [told(0, 1000.0)], STEPS, REPEAT_S, 1299.0) == (None, 1300.0)
    assert next_due([ALERT], [told(0, 1000.0)], STEPS, REPEAT_S, 1300.0) == (Due(ALERT, 1), 0.0)


def test_a_sender_that_was_away_tells_one_after_the_other() -> None:
    """Not everybody at once because the machine was off for a day."""
    assert next_due([ALERT], [told(0, 1000.0)], STEPS, REPEAT_S, 90_000.0) == (Due(ALERT, 1), 0.0)
    assert next_due([ALERT], [told(0, 1000.0), told(1, 90_000.0)], STEPS, REPEAT_S, 90_001.0)[0] is None


def test_without_steps_it_comes_again_after_a_while() -> None:
    none = EscalationSettings()
    assert next_due([ALERT], [], none, REPEAT_S, 1001.0) == (None, 15_400.0)
    assert next_due([ALERT], [], none, REPEAT_S, 15_400.0) == (Due(ALERT, 0), 0.0)
    assert next_due([ALERT], [told(0, 15_400.0)], none, REPEAT_S, 15_401.0) == (None, 29_800.0)


def test_no_open_alert_asks_nobody() -> None:
    assert next_due([], [], STEPS, REPEAT_S, 1000.0) == (None, 0.0)


@pytest.mark.parametrize(
    ("said", "is_one"),
    [
        (event("acknowledged", of_run=1), True),
        (event("disarmed"), True),
        (event("accepted", by="ann@box"), True),
        (event("accepted", by="the window"), False),
        (event("run queued", run=2), True),  # a rollback by hand
        (event("run queued", run=3), False),  # the watch over what came back: the runner's own
        (event("rollback begun", message="aborted by ann"), True),
        (event("rollback begun", message="going back to v1: errors", because="errors"), False),
        (event("run ended", message="refused"), False),
        (event("page", message="cannot measure"), False),
        (event("run begun", message="a person answered for the step"), True),
        (event("switched"), False),
    ],
)
def test_what_people_do_is_an_answer_and_what_a_runner_does_is_none(said: Event, is_one: bool) -> None:
    assert is_answer(said, {1: "deploy", 2: "rollback", 3: "monitor"}) is is_one


def test_an_acknowledgement_is_of_one_run_and_of_what_came_before_it() -> None:
    other, later = Alert(8, 71, 2, 1001.0, "x"), Alert(9, 300, 1, 1002.0, "y")
    acknowledged = event("acknowledged", of_run=1)
    assert unanswered([ALERT, other, later], [acknowledged]) == (other, later)
    assert unanswered([ALERT, other, later], [event("disarmed")]) == (later,)
