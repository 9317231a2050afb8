"""A finding refuses, and so does not knowing, until a person answers for it by name, with a reason, for a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from mobius.model.scan import Asked, Judged, Known, Level, NotKnown, ScanSettings, Vulnerability, Waiver
from mobius.model.verdict import Outcome
from mobius.rules.scanning.judging import judge

NOW = 1_795_305_600.0  # 2026-11-22
LODASH = Vulnerability("GHSA-1", "lodash", "4.17.4", Level.HIGH, "Pollution", "4.17.21", ("CVE-2019-1",))
NO_DATA = NotKnown("npm audit got no answer: 405", "try again")
GOOD = Waiver("npm", "Ada", "the mirror is being moved", date(2026, 11, 22))


def judged(answer: Known | NotKnown, *waivers: Waiver, **settings: Any) -> tuple[Judged, tuple[str, ...]]:
    made = ScanSettings(waivers=waivers, **settings)
    found, remarks = judge([Asked("npm", "package-lock.json", answer)], made, NOW)
    return found[0], remarks


def test_nothing_found_by_a_source_that_knows_is_a_pass() -> None:
    found, remarks = judged(Known((), 0.0, 12))
    assert (found.outcome, found.message, remarks) == (
        Outcome.PASS, "nothing that refuses, of 12 looked at", (),
    )  # fmt: skip


def test_a_vulnerability_refuses_and_says_what_to_take() -> None:
    found, _ = judged(Known((LODASH,), 0.0, 12))
    assert found.outcome is Outcome.FAIL
    assert found.message == "1 known vulnerability, the worst high: GHSA-1 in lodash 4.17.4"
    assert found.advice == "take lodash 4.17.21"


def test_one_below_the_limit_passes_and_is_named() -> None:
    found, _ = judged(Known((replace(LODASH, level=Level.MODERATE),), 0.0, 12))
    assert found.outcome is Outcome.PASS
    assert "1 below the limit: GHSA-1" in found.message
    assert judged(Known((found.below[0],), 0.0, 12), severity="moderate")[0].outcome is Outcome.FAIL


def test_one_of_which_nobody_says_how_bad_it_is_refuses_at_every_limit() -> None:
    unrated = Known((replace(LODASH, level=Level.UNKNOWN),), 0.0, 1)
    assert judged(unrated, severity="critical")[0].outcome is Outcome.FAIL


def test_no_answer_is_no_pass() -> None:
    found, _ = judged(NO_DATA)
    assert (found.outcome, found.message) == (Outcome.ERROR, "not known: npm audit got no answer: 405")
    assert found.data_age_s is None


def test_data_that_is_too_old_or_of_the_future_is_no_answer() -> None:
    day = 86_400.0
    assert (
        judged(Known((), 8 * day, 1))[0].message == "not known: its data is 8.0 days old, more than 7.0 days"
    )
    assert judged(Known((), -2 * day, 1))[0].outcome is Outcome.ERROR
    assert judged(Known((), 8 * day, 1), max_age_s=9 * day)[0].outcome is Outcome.PASS


def test_a_person_answers_for_what_is_not_known_until_a_day() -> None:
    found, remarks = judged(NO_DATA, GOOD)
    assert found.outcome is Outcome.PASS and found.waived == GOOD and not remarks
    assert "Ada answers for it until 2026-11-22: the mirror is being moved" in found.message


@pytest.mark.parametrize(
    ("waiver", "why"),
    [
        (replace(GOOD, name=" "), "nobody's name is on it"),
        (replace(GOOD, name="TODO"), "TODO is a placeholder, and nobody's name"),
        (replace(GOOD, name="<your name>"), "<your name> is a placeholder, and nobody's name"),
        (replace(GOOD, reason=""), "it gives no reason"),
        (replace(GOOD, until=None), "it has no end: until is missing"),
        (replace(GOOD, until=date(2026, 11, 21)), "it expired on 2026-11-21"),
    ],
)
def test_a_waiver_that_lacks_something_counts_for_nothing_and_is_named(waiver: Waiver, why: str) -> None:
    found, remarks = judged(NO_DATA, waiver)
    assert found.outcome is Outcome.ERROR
    assert remarks == (f'the waiver of "npm" counts for nothing: {why}',)


def test_a_waiver_that_ends_in_more_than_a_year_counts_and_is_told_each_time() -> None:
    assert judged(NO_DATA, replace(GOOD, until=date(2027, 11, 23)))[1] == ()
    found, remarks = judged(NO_DATA, replace(GOOD, until=date(9999, 12, 31)))
    assert found.outcome is Outcome.PASS
    assert remarks == ('the waiver of "npm" ends on 9999-12-31, in more than a year: that is hardly an end',)


def test_the_waiver_of_a_source_accepts_no_vulnerability() -> None:
    found, remarks = judged(Known((LODASH,), 0.0, 1), GOOD)
    assert found.outcome is Outcome.FAIL
    assert remarks == ('the waiver of "npm" is not needed: nothing of this name is open',)


def test_one_vulnerability_is_accepted_by_any_of_its_names_and_no_other() -> None:
    mine = replace(GOOD, of="cve-2019-1")
    other = replace(LODASH, id="GHSA-2", aliases=())
    assert judged(Known((LODASH,), 0.0, 1), mine)[0].outcome is Outcome.PASS
    both, _ = judged(Known((LODASH, other), 0.0, 1), mine)
    assert (both.outcome, both.refused) == (Outcome.FAIL, (other,))


def test_a_vulnerability_that_was_named_refuses_also_where_the_rest_is_not_known() -> None:
    found, _ = judged(replace(NO_DATA, found=(LODASH,)), GOOD)
    assert found.outcome is Outcome.FAIL and "not all is known" in found.message


def test_a_project_that_says_nothing_of_its_dependencies_is_not_known() -> None:
    found, _ = judge([], ScanSettings(), NOW)
    assert [each.outcome for each in found] == [Outcome.ERROR]
    waived, _ = judge([], ScanSettings(waivers=(replace(GOOD, of="dependencies"),)), NOW)
    assert waived[0].outcome is Outcome.PASS
