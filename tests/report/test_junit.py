"""Smoke results as JUnit XML and as text: whole documents, and hostile ones."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from mobius.model.verdict import CheckResult, Outcome
from mobius.report.junit import junit
from mobius.report.smoke import smoke_text

RESULTS = (
    CheckResult("health", Outcome.PASS, "200 in 12 ms", 12.4, group="http"),
    CheckResult(
        "version", Outcome.FAIL, '[status == 200] was 503; [json.status == "OK"] was not JSON', 8.0,
        "try: curl -i http://127.0.0.1:5001/version", "<html>down & out</html>", "http",
    ),
    CheckResult("partner", Outcome.ERROR, "no network to reach it by", 1.0, group="http"),
    CheckResult("trend", Outcome.INCONCLUSIVE, "only 3 samples", 0.0),
)  # fmt: skip


def test_junit_has_failures_errors_and_skipped_each_in_its_place() -> None:
    assert junit("smoke", RESULTS, at=1_700_000_000, properties={"release": "v2", "a<b": '"q"'}) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuites tests="4" failures="1" errors="1" skipped="1" time="0.021">\n'
        '  <testsuite name="smoke" tests="4" failures="1" errors="1" skipped="1" time="0.021"'
        ' timestamp="2023-11-14T22:13:20">\n'
        "    <properties>\n"
        '      <property name="a&lt;b" value=\'"q"\'/>\n'
        '      <property name="release" value="v2"/>\n'
        "    </properties>\n"
        '    <testcase name="health" classname="smoke.http" time="0.012"/>\n'
        '    <testcase name="version" classname="smoke.http" time="0.008">\n'
        '      <failure message=\'[status == 200] was 503; [json.status == "OK"] was not JSON\' type="failed">'
        '[status == 200] was 503; [json.status == "OK"] was not JSON\n'
        "try: curl -i http://127.0.0.1:5001/version</failure>\n"
        "      <system-out>&lt;html&gt;down &amp; out&lt;/html&gt;</system-out>\n"
        "    </testcase>\n"
        '    <testcase name="partner" classname="smoke.http" time="0.001">\n'
        '      <error message="no network to reach it by" type="could not measure">'
        "no network to reach it by</error>\n"
        "    </testcase>\n"
        '    <testcase name="trend" classname="smoke" time="0.000">\n'
        '      <skipped message="only 3 samples"/>\n'
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )


@given(st.text(), st.text(), st.text(), st.sampled_from(list(Outcome)))
def test_junit_can_be_read_back_whatever_is_in_it(
    name: str, message: str, output: str, outcome: Outcome
) -> None:
    result = CheckResult(name, outcome, message, 1.0, output=output)

    document = junit(message, [result], at=0, properties={name: output}).encode()

    case = ElementTree.fromstring(document).find("testsuite/testcase")
    assert case is not None
    if all(c.isprintable() for c in name):
        assert case.get("name") == name


def test_smoke_text_lines_up_explains_what_failed_and_ends_with_the_summary() -> None:
    assert smoke_text(RESULTS) == (
        "ok       health      12 ms  200 in 12 ms\n"
        "FAILED   version      8 ms\n"
        '         [status == 200] was 503; [json.status == "OK"] was not JSON\n'
        "         try: curl -i http://127.0.0.1:5001/version\n"
        "         | <html>down & out</html>\n"
        "unknown  partner      1 ms\n"
        "         no network to reach it by\n"
        "unsure   trend        0 ms\n"
        "         only 3 samples\n"
        "\n"
        "1 of 4 passed, 1 FAILED, 1 unknown, 1 unsure; slowest: health, 12 ms\n"
    )


def test_smoke_text_without_tests_does_not_look_like_a_success() -> None:
    assert smoke_text([]) == "no smoke tests were made\n"


@given(st.lists(st.builds(CheckResult, st.text(), st.sampled_from(Outcome), st.text(), st.floats(0, 1e7),
                          st.text(), st.text())), st.sampled_from([40, 80]))  # fmt: skip
def test_smoke_text_fits_its_width(results: list[CheckResult], width: int) -> None:
    lines = smoke_text(results, width=width).split("\n")

    assert all(len(line) <= width for line in lines[:-2])
    assert "\x1b" not in "".join(lines)
