"""What of a window is not judged, and what that leaves of a verdict."""

from __future__ import annotations

from mobius.model.run import Event
from mobius.model.sample import Sample
from mobius.model.verdict import Outcome, Verdict
from mobius.rules.disarming import Span, at_the_end, closed_up, disarm_of, moved_up, spans_of


def said(at: float, kind: str, until: float = 0.0, reason: str = "r") -> Event:
    return Event(1, 0, at, kind, "", {"until": until, "reason": reason}, who="ann")


def test_it_ends_by_itself_or_by_a_person_and_a_clock_set_back_keeps_it() -> None:
    disarmed = said(100, "disarmed", 200)
    assert disarm_of(disarmed, 199.9) is not None
    assert disarm_of(disarmed, 50) is not None
    assert disarm_of(disarmed, 200) is None
    assert disarm_of(said(150, "armed"), 160) is None
    assert disarm_of(None, 0) is None


def test_spans_begin_no_earlier_than_the_window_and_end_by_time_by_a_person_or_now() -> None:
    events = (
        said(50, "disarmed", 120),
        said(200, "disarmed", 900),
        said(260, "armed"),
        said(300, "disarmed", 400),
    )
    assert spans_of(events, opened_at=100, now=320) == (
        Span(100, 120, "r"),
        Span(200, 260, "r"),
        Span(300, 320, "r"),
    )
    assert spans_of(events, opened_at=500, now=600) == ()


def test_disarmed_again_before_its_end_is_one_time_and_not_two() -> None:
    events = (said(100, "disarmed", 200), said(150, "disarmed", 300))
    spans = spans_of(events, opened_at=0, now=500, and_s=5)
    assert [(span.start, span.end) for span in spans] == [(100, 155), (155, 305)]
    assert sum(span.seconds for span in spans) == 205


def test_what_comes_after_is_moved_up_to_what_was_before() -> None:
    spans = (Span(100, 160), Span(200, 210))
    samples = [Sample("probe", at, ok=True) for at in (90.0, 100.0, 130.0, 160.0, 170.0, 205.0, 220.0)]
    assert [sample.at for sample in closed_up(samples, spans)] == [90.0, 100.0, 110.0, 150.0]
    assert moved_up(130, spans) == 100
    assert closed_up(samples, ()) is samples


def test_a_pass_needs_four_fifths_of_the_window_and_every_end_says_what_was_left_out() -> None:
    good = Verdict(Outcome.PASS, "healthy")
    bad = Verdict(Outcome.FAIL, "errors", "error_rate")
    assert at_the_end(good, (), 3600) is good
    little = at_the_end(good, (Span(0, 720, "dns"),), 3600)
    assert (little.outcome, little.sentence) == (
        Outcome.PASS,
        "healthy; disarmed for 12 min of 1 h, which is not judged: dns",
    )
    assert at_the_end(good, (Span(0, 721, "dns"),), 3600).outcome is Outcome.INCONCLUSIVE
    assert at_the_end(bad, (Span(0, 3000, "dns"),), 3600).outcome is Outcome.FAIL
