"""A validation as a tree, as lines, as JSON, as Markdown and as a page: what is no yes looks like none."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from xml.etree import ElementTree

from mobius.model.premerge import Premerge, Skip, StepResult, StepState
from mobius.model.verdict import CheckResult, Outcome
from mobius.report.premerge import premerge_json, premerge_junit, premerge_sarif, premerge_summary
from mobius.report.premerge_html import premerge_html
from mobius.report.premerge_live import PremergeJson, PremergeText

FAILED = CheckResult("npm", Outcome.FAIL, "<b>1</b> | known @ada", 1.0, "take lodash 4.17.21", group="lock")
STEPS = (
    StepResult("smoke", StepState.PASS, "2 passed", 12.0, (CheckResult("health", Outcome.PASS, "200", 3.0),)),
    StepResult("scan", StepState.FAIL, "npm: 1 known", 2.0, (FAILED,), ("scan.json",)),
    StepResult("backup", StepState.SKIPPED, "moved", skipped=Skip("ada@host", "the node is moved")),
    StepResult("tests", StepState.WAITING),
)
GOING = Premerge("r1", "dhash", "staging", "c" * 40, "main", True, 100.0, ("backup",), STEPS)
DONE = replace(GOING, steps=STEPS[:3], ended_at=130.0)


def test_the_json_says_of_each_step_how_it_ended_and_who_skipped_it() -> None:
    told = json.loads(json.dumps(premerge_json(DONE)))
    assert (told["schema_version"], told["outcome"], told["mergeable"], told["dirty"]) == (
        1,
        "FAIL",
        False,
        True,
    )
    assert [(each["name"], each["outcome"], each["skipped_by"]) for each in told["steps"]] == [
        ("smoke", "PASS", ""), ("scan", "FAIL", ""), ("backup", "SKIPPED", "ada@host"),
    ]  # fmt: skip
    assert premerge_json(GOING)["outcome"] == "INCOMPLETE"


def test_what_was_skipped_or_has_not_ended_passes_in_no_junit_file() -> None:
    cases = ElementTree.fromstring(premerge_junit(GOING)).iter("testcase")
    inside = {case.get("classname"): [child.tag for child in case] for case in cases}
    assert inside == {
        "premerge.smoke": [],
        "premerge.scan": ["failure"],
        "premerge.backup": ["error"],
        "premerge.tests": ["error"],
    }
    optional = replace(GOING, required=())
    skipped = list(ElementTree.fromstring(premerge_junit(optional)).iter("testcase"))
    assert [child.tag for child in skipped[2]] == ["skipped"]


def test_the_summary_draws_nothing_that_others_wrote() -> None:
    text = premerge_summary(DONE)
    assert "## Pre-merge validation: ❌ must not be merged; skipped: backup\n" in text
    assert "skipped by ada@\u200bhost" in text and "the node is moved" in text
    assert "<b>" not in text and " @ada" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") == 5 for line in rows)
    assert "⏳ incomplete" in premerge_summary(GOING)


def test_the_page_escapes_and_says_the_verdict() -> None:
    page = premerge_html(DONE)
    assert (
        "Must not be merged; skipped: backup." in page
        and "&lt;b&gt;1&lt;/b&gt;" in page
        and "<b>1</b>" not in page
    )
    assert "Incomplete" in premerge_html(GOING)


def test_a_step_that_a_person_left_out_stands_beside_the_verdict_and_before_the_steps() -> None:
    optional = replace(DONE, steps=(STEPS[0], STEPS[2]), required=())
    assert optional.outcome is Outcome.PASS
    assert "✅ may be merged; skipped: backup\n" in premerge_summary(optional)
    page = premerge_html(optional)
    assert "<h2>backup: skipped</h2>" in page and "by ada@host: the node is moved" in page
    assert "May be merged; skipped: backup." in page and "it is required" not in page
    needed = premerge_html(replace(optional, required=("backup",)))
    assert "Not known whether it may be merged; skipped: backup." in needed
    assert "it is required: without it nothing may be merged" in needed


def test_what_the_configuration_has_nothing_of_is_named_first_where_it_is_required() -> None:
    nothing = StepResult(
        "tests", StepState.SKIPPED, skipped=Skip("mobius.toml", "premerge.tests names no command")
    )
    done = replace(DONE, steps=(STEPS[0], nothing), required=())
    assert "<h2>tests" not in premerge_html(done) and "may be merged\n" in premerge_summary(done)
    assert "<h2>tests: skipped</h2>" in premerge_html(replace(done, required=("tests",)))


def test_in_sarif_a_scan_that_found_nothing_out_is_a_finding_also_where_it_left_no_file() -> None:
    check = CheckResult("scan", Outcome.ERROR, "not done within 900 s, ended", 1.0)
    lost = StepResult("scan", StepState.ERROR, "not done within 900 s, ended", 900.0, (check,))
    skipped = StepResult("scan", StepState.SKIPPED, "no network", skipped=Skip("ada@host", "no network"))
    for step in (lost, replace(lost, files=("scan.sarif",)), skipped):
        results = premerge_sarif(replace(DONE, steps=(STEPS[0], step)))["runs"][0]["results"]
        assert [each["ruleId"] for each in results] == ["scan/scan"]


def test_sarif_of_a_validation_that_goes_on_did_not_end_well() -> None:
    assert premerge_sarif(GOING)["runs"][0]["invocations"][0]["executionSuccessful"] is False
    results = premerge_sarif(DONE)["runs"][0]["results"]
    assert [each["ruleId"] for each in results] == ["scan/lock: npm", "backup/backup"]
    told = (STEPS[0], replace(STEPS[1], files=("scan.sarif",)), STEPS[2])
    results = premerge_sarif(replace(DONE, steps=told))["runs"][0]["results"]
    assert [each["ruleId"] for each in results] == ["backup/backup"]  # the scan tells its own


def test_in_a_pipe_each_step_is_one_line_when_it_has_ended_and_the_reasons_follow() -> None:
    out = io.StringIO()
    view = PremergeText(out, color=False, tty=False, width=60)
    view(replace(GOING, steps=(STEPS[3], STEPS[0])), {})
    view(GOING, {"tests": "$ npm test"})
    view(DONE, {})
    assert out.getvalue().splitlines() == [
        "  ✓ smoke       2 passed 12 s",
        "  ✗ scan        npm: 1 known 2 s",
        "  - backup      skipped by ada@host: the node is moved",
        "  scan: npm: <b>1</b> | known @ada",
        "    take lodash 4.17.21",
        "cccccccccccc must not be merged; skipped: backup",
    ]


def test_on_a_terminal_the_tree_stands_in_place_and_no_row_wraps() -> None:
    out = io.StringIO()
    view = PremergeText(out, color=False, tty=True, width=60)
    running = replace(STEPS[3], state=StepState.RUNNING)
    view(replace(GOING, steps=(*STEPS[:3], running)), {"tests": "x" * 200})
    drawn = out.getvalue().split("\n")
    assert len(drawn) == 4 and all(len(line) < 60 for line in drawn)
    view(DONE, {})
    assert "\x1b[3A\x1b[J" in out.getvalue()


def test_as_json_each_change_is_one_object_and_the_report_is_the_last() -> None:
    out = io.StringIO()
    view = PremergeJson(out)
    view(GOING, {})
    view(GOING, {})
    view(DONE, {})
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [each["event"] for each in told] == ["step", "step", "step", "premerge"]
    assert all(each["schema_version"] == 1 for each in told) and told[-1]["outcome"] == "FAIL"
