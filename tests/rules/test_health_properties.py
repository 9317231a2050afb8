"""What the judgement never does, whatever the samples are."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.model.policies import CONSERVATIVE, STRICT
from mobius.model.sample import BUCKETS, Sample
from mobius.model.settings import MonitorSettings
from mobius.model.verdict import Outcome
from mobius.rules.health import judge
from mobius.rules.health.facts import Streak, streak

times = st.floats(-1e5, 1e5, allow_nan=False)
histograms = st.just(()) | st.lists(st.integers(0, 500), min_size=BUCKETS, max_size=BUCKETS).map(tuple)
percentages = st.none() | st.floats(0, 100)
monitors = st.builds(
    MonitorSettings,
    interval_s=st.sampled_from([0.5, 1.0, 30.0, 600.0]),
    warmup_s=st.none() | st.just(0.0),
)
policies = st.sampled_from([CONSERVATIVE, STRICT])

any_sample = st.builds(
    Sample,
    st.sampled_from(["probe", "traffic", "cpu", "memory", "gate:a", "smoke", "unheard of"]),
    times,
    st.none() | st.booleans(),
    st.none() | st.floats(0, 1e6),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    histograms,
    st.sampled_from(["", "", "blind"]),
)
good_sample = st.one_of(
    st.builds(Sample, st.just("probe"), times, st.just(True), st.floats(0, 499)),
    st.builds(
        Sample,
        st.just("traffic"),
        times,
        requests=st.integers(0, 9999),
        histogram=st.just((5, *[0] * (BUCKETS - 1))),
    ),
    st.builds(Sample, st.sampled_from(["cpu", "memory"]), times, value=st.floats(0, 90)),
    st.builds(Sample, st.sampled_from(["smoke", "gate:a"]), times, st.just(True)),
    st.builds(
        Sample, st.sampled_from(["probe", "traffic", "smoke", "gate:a", "cpu"]), times, missing=st.just("?")
    ),
)


@given(st.lists(any_sample, max_size=60), policies, monitors, times)
@settings(max_examples=80, deadline=None)
def test_any_samples_are_judged_and_never_passed_before_the_deadline(samples, policy, monitor, now) -> None:  # type: ignore[no-untyped-def]
    verdict = judge(samples, policy, monitor, opened_at=0.0, now=now, deadline=3600.0)

    assert verdict.sentence and "\n" not in verdict.sentence and not math.isnan(now)
    assert verdict.outcome is not Outcome.PASS or now >= 3600.0


@given(st.lists(good_sample, max_size=60), policies, monitors, times)
@settings(max_examples=80, deadline=None)
def test_nothing_bad_measured_is_never_a_failure_whatever_the_clock_did(
    samples, policy, monitor, now
) -> None:  # type: ignore[no-untyped-def]
    verdict = judge(samples, policy, monitor, opened_at=0.0, now=now, deadline=3600.0)

    assert verdict.outcome is not Outcome.FAIL, verdict


@given(st.lists(good_sample, max_size=20), policies, monitors)
@settings(max_examples=80, deadline=None)
def test_a_window_in_which_no_probe_was_made_is_never_a_pass(samples, policy, monitor) -> None:  # type: ignore[no-untyped-def]
    blind = [sample for sample in samples if sample.signal != "probe"]

    assert (
        judge(blind, policy, monitor, opened_at=0.0, now=4000.0, deadline=3600.0).outcome
        is Outcome.INCONCLUSIVE
    )


@given(st.lists(st.booleans(), max_size=40), monitors)
def test_a_row_of_checks_is_the_same_counted_one_by_one_or_all_at_once(
    answers: list[bool], monitor: MonitorSettings
) -> None:
    row = Streak()
    for number, ok in enumerate(answers):
        row = row.after(ok, monitor)
        assert row == streak(
            [Sample("probe", float(n), one) for n, one in enumerate(answers[: number + 1])], monitor
        )
