"""What the demo says of a request that was lost: which, how, and how long after a switch."""

from __future__ import annotations

from array import array

from mobius.adapters.load_report import Answers, Failure, FailureKind, LoadReport
from mobius.cli.demo import _lost, _told_of
from mobius.model.run import Event

REPORT = LoadReport(0.0, 60.0, 1_000.0, (), {}, Answers(array("d"), array("d"), array("i")), ())
LATE = Failure(31.5, 25.0, FailureKind.DOOR, "POST", "/notes", "status 502")


def switched(at: float) -> Event:
    return Event(1, 1, at, "switched", "traffic goes to blue")


def test_a_lost_request_is_told_with_the_switch_before_it() -> None:
    told = _told_of(_lost(LATE, REPORT, [switched(1_005.0), switched(1_020.0), switched(1_030.0)]))
    assert told == "POST /notes, sent 5.0 s after a switch: error by the door after 6.5 s (status 502)"


def test_a_request_that_was_lost_before_any_switch_is_told_as_that() -> None:
    lost = _lost(LATE, REPORT, [switched(1_030.0)])
    assert lost["after_switch_s"] is None
    assert "sent before any switch" in _told_of(lost)
