"""Gauges with a limit of their own, what users report, and how long nothing may be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mobius.model.policies import ADAPTIVE, PolicySettings
from mobius.model.sample import Sample
from mobius.model.settings import MonitorSettings, SignalSettings
from mobius.model.verdict import Outcome, Verdict
from mobius.rules.health import judge

OPENED, WINDOW_S = 1_800_000_000.0, 3600.0
QUEUE = SignalSettings("queue", max=1000.0, for_s=120.0)


def judged(
    samples: Sequence[Sample],
    *,
    at: float,
    signals: tuple[SignalSettings, ...] = (QUEUE,),
    policy: PolicySettings = ADAPTIVE,
    monitor: MonitorSettings | None = None,
) -> Verdict:
    return judge(
        samples,
        policy,
        monitor or MonitorSettings(),
        opened_at=OPENED,
        now=OPENED + at,
        deadline=OPENED + WINDOW_S,
        signals=signals,
    )


def queue(*values: float | None) -> list[Sample]:
    return [
        Sample(
            "gauge:queue", OPENED + 30.0 * number, value=value, missing="" if value is not None else "refused"
        )
        for number, value in enumerate(values, 1)
    ]


def probes(until: float, every: float = 30.0) -> list[Sample]:
    return [
        Sample("probe", OPENED + every * number, ok=True, value=5.0)
        for number in range(1, int(until / every) + 1)
    ]


def test_a_queue_above_its_limit_for_as_long_as_it_may_rolls_back() -> None:
    verdict = judged(queue(10, 1001, 1500, 1200, 1400, 1204), at=180)
    assert (verdict.outcome, verdict.rule) == (Outcome.FAIL, "gauges")
    assert verdict.sentence == "queue 1,204 for 2 min (more than 1,000 for 2 min)"


def test_one_reading_at_the_limit_or_one_that_failed_for_long_ends_it() -> None:
    assert judged(queue(1001, 1500, 1000, 1400, 1204), at=150).outcome is Outcome.INCONCLUSIVE
    assert judged(queue(1001, None, None, None, 1204), at=150).outcome is Outcome.INCONCLUSIVE


def test_a_gauge_without_a_limit_of_its_own_is_only_compared() -> None:
    assert (
        judged(queue(*[9999.0] * 9), at=270, signals=(replace(QUEUE, max=None),)).outcome is not Outcome.FAIL
    )


def test_a_gauge_that_is_required_and_was_not_read_is_not_a_pass() -> None:
    required = (replace(QUEUE, required=True),)
    fine = probes(WINDOW_S)
    assert judged(fine, at=WINDOW_S).outcome is Outcome.PASS
    never = judged(fine, at=WINDOW_S, signals=required)
    assert (never.outcome, never.rule) == (Outcome.INCONCLUSIVE, "coverage")
    assert never.sentence.startswith("queue was never read: ")
    half = judged([*fine, *queue(*[1.0, None] * 60)], at=WINDOW_S, signals=required)
    assert half.sentence.startswith("queue could not be measured 60 of 120 times (refused): ")
    assert judged([*fine, *queue(*[1.0] * 120)], at=WINDOW_S, signals=required).outcome is Outcome.PASS


def issue(at: float, text: str = "no video at all") -> Sample:
    return Sample("issue", OPENED + at, ok=False, note=text)


def test_what_users_report_is_told_and_takes_nothing_back_unless_the_policy_says_so() -> None:
    reported = [issue(60), issue(120), issue(180, "the picture is green")]
    assert judged(reported, at=200).outcome is not Outcome.FAIL
    two = replace(ADAPTIVE, max_issues=2)
    verdict = judged(reported, at=200, policy=two)
    assert (verdict.outcome, verdict.rule) == (Outcome.FAIL, "issues")
    assert verdict.sentence == "3 issues reported within 10 min (more than 2): the picture is green"
    assert judged(reported[:2], at=200, policy=two).outcome is not Outcome.FAIL
    assert judged(reported, at=661, policy=two).outcome is not Outcome.FAIL


def test_nothing_measured_for_as_long_as_was_said_is_an_error_until_something_is_again() -> None:
    said = MonitorSettings(blind_after_s=300.0)
    seen = probes(60)
    assert judged(seen, at=359, monitor=said).outcome is Outcome.INCONCLUSIVE
    blind = judged(seen, at=361, monitor=said)
    assert (blind.outcome, blind.rule) == (Outcome.ERROR, "blind")
    assert blind.sentence == "nothing measured for 5 min 1 s (more than 5 min)"
    again = [*seen, Sample("probe", OPENED + 362, ok=True, value=5.0)]
    assert judged(again, at=363, monitor=said).outcome is Outcome.INCONCLUSIVE
    assert judged(seen, at=211).outcome is Outcome.ERROR  # five intervals, where nothing is said
