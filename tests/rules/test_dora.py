"""The four figures, each with its interval and its sample; what cannot be known is said and never a number."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mobius.model.dora import Change
from mobius.rules.dora import DAY_S, dora

END = 1_700_000_000.0


def change(number: int, **more: float | str) -> Change:
    at = END - number * DAY_S / 2
    given = {"reached_at": at, "live_at": at + 5, "committed_at": at - 3600 * (number + 1), **more}
    return Change(run_id=number, release_id=f"r{number}", **given)  # type: ignore[arg-type]


def test_nothing_deployed_is_nothing_known_but_the_rate() -> None:
    told = dora([], since=END - 10 * DAY_S, until=END, stopped=2)
    assert (told.deployments, told.failed, told.stopped) == (0, 0, 2)
    assert (told.per_day.value, told.per_day.low) == (0.0, 0.0)
    assert told.per_day.high == pytest.approx(-math.log(0.025) / 10, rel=1e-6)
    for figure in (told.lead_s, told.failed_pct, told.recovery_s):
        assert figure.value is None
        assert figure.why_not


def test_ten_deployments_of_which_one_failed() -> None:
    changes = [change(n) for n in range(1, 10)]
    at = END - 5 * DAY_S
    changes.append(Change(10, "bad", at, at + 5, at - 7200, "it was taken back", at + 90))
    told = dora(changes, since=END - 20 * DAY_S, until=END)
    assert told.per_day.value == 0.5
    assert (told.per_day.low, told.per_day.high) == (
        pytest.approx(0.2398, abs=1e-4), pytest.approx(0.9195, abs=1e-4),
    )  # fmt: skip
    assert told.failed_pct.value == pytest.approx(10.0)
    assert (told.failed_pct.low, told.failed_pct.high) == (
        pytest.approx(0.2529, abs=1e-3), pytest.approx(44.502, abs=1e-3),
    )  # fmt: skip
    assert (told.recovery_s.value, told.recovery_s.low, told.recovery_s.sample) == (90.0, None, 1)
    assert told.lead_s.sample == 10
    assert told.lead_s.low is not None and told.lead_s.low < told.lead_s.value < told.lead_s.high  # type: ignore[operator]
    assert told.notes == ("only 10 deployments: the intervals say how little that is",)


def test_without_the_time_of_a_commit_the_lead_time_is_not_known_and_says_why() -> None:
    told = dora([change(n, committed_at=0.0) for n in range(1, 4)], since=END - 9 * DAY_S, until=END)
    assert told.lead_s.value is None
    assert "no time of a commit" in told.lead_s.why_not
    some_known = dora([change(1), change(2, committed_at=0.0)], since=END - 9 * DAY_S, until=END)
    assert some_known.lead_s.sample == 1
    assert any("of 1 deployments the time of the commit is not known" in note for note in some_known.notes)


def test_a_commit_later_than_its_deployment_is_a_clock_that_was_wrong_and_no_lead_time() -> None:
    told = dora([change(1, committed_at=END + 999)], since=END - 9 * DAY_S, until=END)
    assert told.lead_s.value is None


def test_what_lies_outside_of_the_period_counts_nothing() -> None:
    told = dora([change(1), change(100)], since=END - 3 * DAY_S, until=END)
    assert told.deployments == 1


def test_a_rate_of_less_than_a_day_is_none() -> None:
    told = dora([change(0)], since=END - 3600, until=END)
    assert told.per_day.value is None
    assert told.per_day.why_not == "less than a day is known"


def test_of_five_there_is_a_median_and_of_six_an_interval() -> None:
    for count, has in ((5, False), (6, True)):
        told = dora([change(n) for n in range(1, count + 1)], since=END - 30 * DAY_S, until=END)
        assert (told.lead_s.low is not None) is has


@given(
    some.lists(
        some.tuples(some.floats(0, 40), some.floats(-1e6, 1e7), some.booleans(), some.floats(-100, 1e6)),
        max_size=40,
    )
)
def test_every_figure_lies_in_its_interval(rows: list[tuple[float, float, bool, float]]) -> None:
    changes = [
        Change(n, f"r{n}", END - days * DAY_S, END - days * DAY_S + 1, END - days * DAY_S - lead,
               "bad" if bad else "", END - days * DAY_S + back)
        for n, (days, lead, bad, back) in enumerate(rows)
    ]  # fmt: skip
    told = dora(changes, since=END - 30 * DAY_S, until=END)
    for figure in (told.per_day, told.lead_s, told.failed_pct, told.recovery_s):
        if figure.value is None:
            assert figure.why_not
        elif figure.low is not None and figure.high is not None:
            assert figure.low - 1e-9 <= figure.value <= figure.high + 1e-9
    assert told.failed <= told.deployments <= len(rows)


def test_thousands_of_deployments_have_their_figures_too() -> None:
    changes = [
        Change(
            n,
            f"r{n}",
            END - n,
            END - n + 5,
            END - n - 600,
            "it was taken back" if n % 10 == 0 else "",
            END - n + 60,
        )
        for n in range(1, 2_001)
    ]
    told = dora(changes, since=END - 2 * DAY_S, until=END)
    assert (told.deployments, told.failed) == (2_000, 200)
    assert (told.lead_s.value, told.lead_s.low, told.lead_s.high) == (605.0, 605.0, 605.0)
    assert told.failed_pct.low is not None and 8.5 < told.failed_pct.low < 10.0
