"""Readiness as people, reviewers, programs and CI servers read it."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from mobius.model.ready import Answer, Point, Proof, Readiness, Subject
from mobius.model.verdict import Outcome
from mobius.report.junit import junit
from mobius.report.ready import next_of, ready_json, ready_markdown, ready_results, ready_text

PASS, FAIL, INCONCLUSIVE, ERROR = Outcome
NOW = 1_790_000_000.0
SEEN = Readiness(
    Subject("dhash", "production", "v2", "1a2b3c4d5e6f" + "0" * 28, "main"),
    NOW,
    (
        Answer(Point.CI, (Proof("golden-checks-ubuntu", PASS, "passed", "https://ci/7", NOW - 7200),)),
        Answer(
            Point.BACKUP,
            (
                Proof("backup", PASS, "SHA-256 abab", "a.zip", NOW - 60),
                Proof(
                    "restored", FAIL, "it was never restored", "a.zip", 0.0, "mobius rehearse -e production"
                ),
            ),
        ),
        Answer(Point.GATES, not_asked="mobius.toml has it in ready.without"),
        Answer(Point.LEAD, (Proof("confirmed", PASS, "by @ann: `rm` | <b>@all</b>", "journal", NOW - 5),)),
    ),
)


def test_the_table_has_every_proof_with_its_place_and_age_and_what_to_do() -> None:
    assert ready_text(SEEN).splitlines() == [
        "production v2 (1a2b3c4d5e6f): NOT READY, 1 of 3 points not passed: backup; 1 not",
        "  asked",
        "",
        "  ok           CI passed on Ubuntu/macOS/Windows                            [ci]",
        "               golden-checks-ubuntu: passed [https://ci/7, 2 h ago]",
        "  FAIL         Backup verified                                          [backup]",
        "               backup: SHA-256 abab [a.zip, 1 min ago]",
        "               FAIL restored: it was never restored [a.zip]",
        "               do: mobius rehearse -e production",
        "  not asked    Quality gates passed: mobius.toml has it in ready.without",
        "  ok           Deploy lead confirmed                                      [lead]",
        "               confirmed: by @ann: `rm` | <b>@all</b> [journal, 5 s ago]",
    ]
    assert max(map(len, ready_text(SEEN).splitlines())) <= 80


def test_what_a_reviewer_pastes_mentions_nobody_and_breaks_no_table() -> None:
    lines = ready_markdown(SEEN).splitlines()
    assert lines[0] == "### `dhash` `v2` in `production`: NOT READY"
    rows = [line for line in lines if line.startswith("|")][2:]
    assert rows[1] == (
        "| FAIL | Backup verified | `restored: it was never restored [a.zip]` | 1 min ago "
        "| `mobius rehearse -e production` |"
    )
    assert rows[3].startswith("| PASS | Deploy lead confirmed | `confirmed: by @ann: 'rm' \\| <b>@all</b> [")
    assert all(row.replace("\\|", "").count("|") == 6 for row in rows)


def test_programs_read_every_point_and_every_proof() -> None:
    told = json.loads(json.dumps(ready_json(SEEN)))
    assert (told["schema_version"], told["event"], told["outcome"]) == (1, "ready", "FAIL")
    assert [(point["point"], point["outcome"]) for point in told["points"]] == [
        ("ci", "PASS"),
        ("backup", "FAIL"),
        ("gates", None),
        ("lead", "PASS"),
    ]
    assert told["points"][0]["proofs"][0]["at"] == "2026-09-21T12:13:20Z"
    assert told["points"][1]["next"] == "mobius rehearse -e production"


def test_a_ci_server_sees_a_failure_and_what_was_not_asked() -> None:
    root = ElementTree.fromstring(junit("ready", ready_results(SEEN), at=NOW))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("5", "1", "1")


def test_the_last_line_says_what_to_do_next() -> None:
    assert next_of(SEEN) == "next, for backup: mobius rehearse -e production"
    good = Readiness(SEEN.subject, NOW, SEEN.answers[:1])
    assert next_of(good) == "next: mobius deploy -e production --tag v2"
    none = Readiness(SEEN.subject, NOW, SEEN.answers[2:3])
    assert "ready.without" in next_of(none)
