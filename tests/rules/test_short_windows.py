"""Windows hardly longer than what is forgiven: what is bad from the first second on is never accepted at their end."""

from __future__ import annotations

import pytest

from mobius.model.baseline import Baseline, Block
from mobius.model.policies import ADAPTIVE
from mobius.model.sample import Sample
from mobius.model.settings import MonitorSettings
from mobius.model.verdict import Outcome, Verdict
from mobius.rules.adaptive.window import WindowTests
from mobius.rules.judging import Judging

MONITOR = MonitorSettings(interval_s=1.0)
UNKNOWN: Baseline | None = None
WELL = Baseline.of([Block(1500, 1)] * 60, 30.0)
AS_BAD = Baseline.of([Block(1500, 300)] * 60, 30.0)


def end_of(
    window_s: float, failing: float, before: Baseline | None = UNKNOWN, *, from_s: float = 0.0
) -> tuple[float, Verdict]:
    """When it was decided, and how; 50 requests a second, whose checks are all well."""
    blip_s = MONITOR.within(window_s).blip_tolerance_s
    tests = WindowTests({"traffic": before}, 0.0, window_s, blip_s, most_errors=0.05)
    judging = Judging(ADAPTIVE, MONITOR, 0.0, window_s, tests)
    samples: list[Sample] = []
    for second in range(1, int(window_s) + 1):
        now, bad = float(second), int(50 * failing) if second > from_s else 0
        fresh = [Sample("probe", now, True, 5.0), Sample("traffic", now, requests=50, errors=bad)]
        samples += fresh
        judging.feed(fresh, ())
        verdict = judging.verdict(samples, now, ())
        if verdict.outcome is Outcome.FAIL:
            break
    return now, verdict


@pytest.mark.parametrize("before", [UNKNOWN, WELL])
@pytest.mark.parametrize("window_s", [10, 20, 60, 120])
def test_what_fails_altogether_is_found_within_a_window_however_short(
    window_s: int, before: Baseline | None
) -> None:
    after_s, verdict = end_of(window_s, 1.0, before)
    assert verdict.outcome is Outcome.FAIL
    assert after_s <= window_s / 4 + 3, verdict.sentence


@pytest.mark.parametrize("before", [UNKNOWN, WELL])
@pytest.mark.parametrize("failing", [0.2, 0.5])
@pytest.mark.parametrize("window_s", [10, 20, 30, 60, 120])
def test_a_release_that_fails_many_requests_is_never_accepted(
    window_s: int, failing: float, before: Baseline | None
) -> None:
    assert end_of(window_s, failing, before)[1].outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE)


def test_why_it_was_not_accepted_is_said_in_numbers() -> None:
    verdict = end_of(20, 0.2)[1]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    told = "errors: 20 % of 1,000 requests in the last minute (more than 5 %), too short a time to be sure"
    assert verdict.sentence.startswith(told)


def test_what_turns_bad_in_the_last_seconds_of_an_hour_is_not_accepted() -> None:
    after_s, verdict = end_of(3600, 0.5, WELL, from_s=3590.0)
    assert (after_s, verdict.outcome) == (3600, Outcome.INCONCLUSIVE)


@pytest.mark.parametrize(("before", "failing"), [(UNKNOWN, 0.02), (WELL, 0.0), (AS_BAD, 0.2)])
def test_what_is_well_or_as_it_was_before_is_accepted(before: Baseline | None, failing: float) -> None:
    assert end_of(60, failing, before)[1].outcome is Outcome.PASS


def test_of_a_long_window_as_much_is_forgiven_as_is_said() -> None:
    assert MONITOR.within(120.0).blip_tolerance_s == MONITOR.within(3600.0).blip_tolerance_s == 30.0
    assert MONITOR.within(60.0).blip_tolerance_s == 15.0
    assert MonitorSettings(blip_tolerance_s=0.0).within(60.0).blip_tolerance_s == 0.0
