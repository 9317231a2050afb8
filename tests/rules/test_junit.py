"""The JUnit of a project's own tests: only one that ran something, and adds up, is a pass."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.errors import GateUnknown
from mobius.model.verdict import CheckResult, Outcome
from mobius.report.junit import junit
from mobius.rules.junit import judge_junit, read_junit

PYTEST = (
    '<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">'
    '<testsuite name="pytest" errors="0" failures="0" skipped="1" tests="3" time="0.1">'
    '<testcase classname="a" name="one" time="0.01"/><testcase classname="a" name="two"/>'
    '<testcase classname="a" name="three"><skipped type="pytest.skip" message="not here">a.py:3</skipped></testcase>'
    "</testsuite></testsuites>"
)
NODE = (
    '<testsuites><testcase name="at the top" classname="test"/>'
    '<testsuite name="inner" tests="2" failures="0" errors="0"><testcase name="a"/><testcase name="b"/></testsuite>'
    "</testsuites>"
)
NESTED = (
    '<testsuites tests="3" failures="0"><testsuite tests="3"><testsuite tests="2"><testcase name="a"/>'
    '<testcase name="b"/></testsuite><testcase name="c"/></testsuite></testsuites>'
)


def judged(text: str | bytes) -> CheckResult:
    return judge_junit("reports/tests.xml", read_junit(text if isinstance(text, bytes) else text.encode()))


@pytest.mark.parametrize(
    ("text", "told"), [(PYTEST, "2 passed, 1 skipped"), (NODE, "3 passed"), (NESTED, "3 passed")]
)
def test_a_report_in_which_all_passed_passes(text: str, told: str) -> None:
    found = judged(text)
    assert (found.outcome, found.message) == (Outcome.PASS, told)


def test_a_report_in_utf_16_is_read_as_any_other() -> None:
    assert judged(PYTEST.replace("utf-8", "utf-16").encode("utf-16")).outcome is Outcome.PASS
    assert judged(b"\xef\xbb\xbf" + PYTEST.encode()).outcome is Outcome.PASS


def suite(inside: str, **said: object) -> str:
    counts = "".join(f' {key}="{value}"' for key, value in said.items())
    return f"<testsuite{counts}>{inside}</testsuite>"


GOOD = '<testcase name="good"/>'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (suite('<testcase name="x"><failure message="1 != 2"/></testcase>'), "1 of 1 failed: x: 1 != 2"),
        (suite('<testcase name="x"><error>no\n  such module</error></testcase>'), "x: no such module"),
        (suite('<testcase name="x"><skipped/><failure/></testcase>'), "1 of 1 failed: x"),
        (suite('<testcase name="x"><failure/><skipped/></testcase>'), "1 of 1 failed: x"),
        (suite('<testcase name="x" status="failed"/>'), "1 of 1 failed: x"),
        (suite(f'{GOOD}<error message="it crashed"/>'), "testsuite: it crashed"),
        (suite(GOOD, tests=1, failures=1), "a suite counts 1 that failed, and names 0"),
        (suite(GOOD, tests=1, errors=2), "a suite counts 2 that failed, and names 0"),
        (f'<testsuites failures="1">{suite(GOOD)}</testsuites>', "a suite counts 1 that failed, and names 0"),
        (suite(suite(suite('<testcase name="deep"><failure/></testcase>'))), "1 of 1 failed: deep"),
    ],
)
def test_a_test_that_failed_is_a_no_however_the_report_says_it(text: str, told: str) -> None:
    found = judged(text)
    assert found.outcome is Outcome.FAIL and told in found.message, found


@pytest.mark.parametrize(
    ("text", "outcome", "told"),
    [
        ("<testsuites/>", Outcome.INCONCLUSIVE, "it holds no test: nothing ran"),
        (suite("", tests=0), Outcome.INCONCLUSIVE, "it holds no test: nothing ran"),
        (suite("<testcase><skipped/></testcase>"), Outcome.INCONCLUSIVE, "all 1 tests were skipped"),
        (suite('<testcase name="x" status="notrun"/>'), Outcome.INCONCLUSIVE, "all 1 tests were skipped"),
        (suite(GOOD, tests=9), Outcome.ERROR, "a suite announces 9 tests, and 1 are there"),
        (suite("", tests=9), Outcome.ERROR, "a suite announces 9 tests, and 0 are there"),
        (suite(GOOD * 2, tests=1), Outcome.ERROR, "a suite announces 1 tests, and 2 are there"),
    ],
)
def test_a_report_in_which_nothing_ran_or_that_does_not_add_up_is_no_pass(
    text: str, outcome: Outcome, told: str
) -> None:
    found = judged(text)
    assert (found.outcome, found.message) == (outcome, told)
    assert found.advice


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no XML"),
        ("[]", "no XML"),
        (PYTEST[:-5], "no XML"),
        (PYTEST + "<more/>", "no XML"),
        (PYTEST.encode("utf-16-le"), "no XML"),
        (PYTEST.replace("utf-8", "no-such-encoding"), "no XML"),
        ("<testsuite>&b;</testsuite>", "no XML"),
        (LAUGHS + "<testsuite>&b;</testsuite>", "declares a document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuites/>', "declares a document type"),
        ("<html><body>please log in</body></html>", "begins with <html>"),
        ("<testcase/>", "begins with <testcase>"),
        ("<testsuite><properties><testcase/></properties></testsuite>", "stands in <properties>"),
        ("<testsuite>" * 500 + "</testsuite>" * 500, "nested more than 100 deep"),
        (suite(GOOD, tests="many"), "'many' is no count"),
        (suite(GOOD, tests=1, failures=-1), "'-1' is no count"),
        (suite(GOOD, errors="\u0661"), "is no count"),
        (suite(GOOD, tests="9" * 5000), "is no count"),
    ],
)
def test_what_is_no_report_of_tests_is_refused_with_its_reason(text: str | bytes, why: str) -> None:
    with pytest.raises(GateUnknown, match=why) as refused:
        judged(text)
    assert refused.value.hint


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(PYTEST) - 1), st.binary(max_size=6), st.integers(0, 30))
def test_a_report_that_is_spoilt_anywhere_is_answered_or_refused(at: int, put: bytes, over: int) -> None:
    text = PYTEST.encode()
    try:
        judged(text[:at] + put + text[at + over :])
    except GateUnknown:
        return


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(Outcome), max_size=4), st.text(max_size=20))
def test_what_mobius_writes_as_junit_is_read_as_it_was_meant(outcomes: list[Outcome], name: str) -> None:
    results = [CheckResult(name, outcome, name, 1.0) for outcome in outcomes]
    found = judged(junit("a suite", results, 0.0))
    if {Outcome.FAIL, Outcome.ERROR} & set(outcomes):
        assert found.outcome is Outcome.FAIL
    else:
        assert (found.outcome is Outcome.PASS) == (Outcome.PASS in outcomes)
