"""What is told of migrations: on a terminal, as JSON, JUnit and SARIF, and which exit code they amount to."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from mobius.model.verdict import Outcome
from mobius.report.junit import junit
from mobius.report.migrating import PLAN, migration_sarif
from mobius.report.migrating_checks import exit_code_of_plan, exit_code_of_rehearsal, migration_checks
from mobius.report.migrating_text import migration_text, next_of
from mobius.report.migrating_words import rehearsed_words
from report.migrations_told import FACTS, INDEX, LOOK, NICK, NOON, looked_at, rehearsed, report

LONG = "ALTER TABLE a_table_with_a_name ADD COLUMN a_column_with_a_name text DEFAULT 'x', ADD COLUMN b text"
NOT_TRIED = {
    "tried": False,
    "works": False,
    "why": "bubblewrap is not installed",
    "seconds": 0.0,
    "query": "",
}
FAILS = {
    "tried": True,
    "works": False,
    "why": "search: 500",
    "seconds": 1.0,
    "query": "SELECT nick FROM users",
    "broken": [
        {"query": "SELECT nick FROM users", "error": "no such column: nick"},
        {"query": "", "error": "broken pipe"},
    ],
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("color", [False, True])
def test_no_line_is_wider_than_the_terminal(width: int, color: bool) -> None:
    statements = [
        *FACTS["statements"],
        {**FACTS["statements"][0], "text": LONG * 3, "error": "it broke " * 30},
    ]
    for look in (looked_at(), rehearsed(), rehearsed({"statements": statements, "old": FAILS})):
        text = migration_text(report(look), width, color=color)
        plain = re.sub("\x1b\\[[0-9]*m", "", text)
        assert max(len(line) for line in plain.splitlines()) <= width
        assert ("\x1b" in text) is color


def test_the_verdict_of_a_rehearsal_comes_first_with_its_time_and_what_it_loses() -> None:
    lines = migration_text(report(rehearsed()), 100).splitlines()
    assert lines[0] == "The way back is code alone, in 1.2 s, nothing lost; the migrated schema stays"
    assert lines[1] == "2 migrations of v2.1.0 for production: risk HIGH"
    assert "  code alone  open; 1.2 s; nothing lost; the migrated schema stays" in lines
    assert "  restore     open; 2.4 s; loses every write since the backup" in lines


def test_each_statement_says_who_waited_and_what_was_locked_and_written_anew() -> None:
    text = migration_text(report(rehearsed()), 100)
    assert f"    0.7 s      -  0.7 s  400 kB  {INDEX}\n" in text
    assert "stops writers: orders\n" in text
    assert "stops everybody: users; writes anew: users, users_pkey\n" in text


def test_rows_that_went_are_told_before_those_that_stayed() -> None:
    lines = [line.split() for line in migration_text(report(rehearsed()), 100).splitlines()]
    users, orders = (
        next(i for i, line in enumerate(lines) if line[:1] == [name]) for name in ("users", "orders")
    )
    assert users < orders and lines[users][1:] == ["300", "before,", "299", "after"]


def test_both_releases_the_queue_and_every_warning_are_told() -> None:
    text = migration_text(report(rehearsed({"old": FAILS, "new": NOT_TRIED})), 100)
    refused = "SELECT nick FROM users: no such column: nick; broken pipe"
    assert f"v2.0.0-9f8e7d6c FAILS: search: 500. Its database refused: {refused} " in " ".join(text.split())
    assert "v2.1.0-1a2b3c4d  NOT PROVEN: bubblewrap is not installed" in text
    assert "behind an open query, readers wait 0.4 s" in text
    assert "the scratch server is PostgreSQL 15, the live one 14" in text


def test_what_the_facts_took_back_is_told_with_the_fact() -> None:
    assert migration_text(report(rehearsed()), 200).endswith(
        "column-type-change at migrations/002_orders.sql line 2, no longer HIGH: users.nick is character varying(20):"
        " its rows stay as they are"
    )


def test_nothing_pending_says_so_and_ends_well() -> None:
    told = report(replace(LOOK, pending=()))
    assert migration_text(told, 100).startswith(
        "No migration pending in v2.1.0 for production; nothing to fear"
    )
    assert (exit_code_of_plan(told, "HIGH"), exit_code_of_rehearsal(told, asked_to_boot=True)) == (0, 0)
    assert next_of(told)[1] == "mobius plan -e production --tag v2.1.0"


def test_hostile_names_cannot_draw_on_a_terminal() -> None:
    evil = "\x1b[31m\u202eDROP"
    facts = {
        "statements": [{**FACTS["statements"][0], "text": evil, "locks": [[evil, evil]]}],
        "warnings": [evil],
    }
    look = replace(rehearsed({**facts, "schema_diff": f"+{evil}"}), tag=evil, remarks=(evil,))
    text = migration_text(report(look), 100)
    assert "\x1b" not in text and "\u202e" not in text


def test_the_event_of_a_rehearsal_is_one_line_with_the_verdict() -> None:
    assert rehearsed_words("x.zip", FACTS) == (
        "2 migrations in 4.1 s on x.zip: the way back is code alone, in 1.2 s, nothing lost; the migrated schema stays;"
        " impact MEDIUM"
    )


# -- exit codes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "limit", "code"),
    [
        ({}, "HIGH", 3),
        ({}, None, 0),
        ({"pending": (), "config": ()}, "LOW", 0),
        ({"pending": (replace(NICK, sql=None),), "config": (), "reports": ()}, "HIGH", 4),
        ({"pending": (), "reports": (), "config": (), "doubts": (("no database", "make it"),)}, "HIGH", 4),
    ],
)
def test_a_plan_ends_with_3_for_what_is_bad_and_4_for_what_is_not_known(
    changes: dict[str, Any], limit: str | None, code: int
) -> None:
    assert exit_code_of_plan(report(replace(looked_at(), **changes)), limit) == code


def test_what_a_rehearsal_ran_needs_no_reading() -> None:
    look = replace(rehearsed(), pending=(replace(NICK, sql=None),), reports=(), config=())
    assert exit_code_of_plan(report(look, PLAN), "HIGH") == 0


@pytest.mark.parametrize(
    ("facts", "boot", "code"),
    [
        ({}, True, 0),
        ({"stops": ["rows are gone"]}, True, 3),
        ({"failed": "it does not start"}, True, 3),
        ({"old": FAILS}, True, 0),  # a hold covers it, else it were in `stops`
        ({"old": NOT_TRIED}, True, 4),
        ({"new": NOT_TRIED}, True, 4),
        ({"old": NOT_TRIED, "new": NOT_TRIED}, False, 0),
        ({"not_tried": "no extension postgis"}, False, 4),
        ({"stops": ["rows are gone"], "new": NOT_TRIED}, True, 3),
    ],
)
def test_a_rehearsal_ends_with_3_for_a_no_and_4_for_what_was_not_proven(
    facts: dict[str, Any], boot: bool, code: int
) -> None:
    assert exit_code_of_rehearsal(report(rehearsed(facts)), asked_to_boot=boot) == code


def test_where_nothing_is_live_no_old_release_has_to_be_tried() -> None:
    look = rehearsed({"old": NOT_TRIED}, live_id="")
    assert exit_code_of_rehearsal(report(look), asked_to_boot=True) == 0


# -- for machines -------------------------------------------------------------------------------------------------


def test_the_document_is_json_and_keeps_what_a_reviewer_asks_for() -> None:
    told = json.loads(json.dumps(report(rehearsed())))
    assert (told["schema_version"], told["kind"], told["risk"]) == (1, "migration rehearsal", "HIGH")
    assert told["restore"]["sha256"] == FACTS["sha256"]
    first = told["migrations"][0]
    assert (first["name"], first["seconds"], first["write_blocked_s"], first["has_down"]) == (
        "002_orders",
        0.7,
        0.71,
        True,
    )
    assert "known" not in told["rehearsal"] and "log" not in told["rehearsal"]


def test_junit_has_a_case_for_each_migration_the_configuration_and_what_was_tried() -> None:
    results = migration_checks(report(rehearsed({"new": NOT_TRIED})))
    told = {(each.group, each.name): each.outcome for each in results}
    assert told == {
        ("text", "002_orders"): Outcome.FAIL,
        ("text", "003_nick"): Outcome.FAIL,
        ("configuration", "configuration"): Outcome.FAIL,
        ("rehearsal", "migrations"): Outcome.PASS,
        ("rehearsal", "release before"): Outcome.PASS,
        ("rehearsal", "new release"): Outcome.ERROR,
        ("rehearsal", "way back"): Outcome.PASS,
    }
    assert 'failures="3" errors="1"' in junit("migrations", results, at=NOON)


def test_a_release_before_that_fails_under_a_hold_is_neither_a_pass_nor_a_failure() -> None:
    told = {each.name: each for each in migration_checks(report(rehearsed({"old": FAILS})))}
    assert told["release before"].outcome is Outcome.INCONCLUSIVE
    stopped = {
        each.name: each for each in migration_checks(report(rehearsed({"old": FAILS, "stops": ["no hold"]})))
    }
    assert stopped["release before"].outcome is Outcome.FAIL


def test_sarif_keeps_what_was_taken_back_suppressed_with_the_fact() -> None:
    results = migration_sarif(rehearsed())["runs"][0]["results"]
    suppressed = [each for each in results if each.get("suppressions")]
    assert [each["ruleId"] for each in suppressed] == ["column-type-change"]
    assert suppressed[0]["suppressions"][0]["kind"] == "external"
    uris = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results}
    assert uris == {"migrations/002_orders.sql", "migrations/003_nick.sql"}


def test_what_weighs_low_is_counted_beside_what_weighs_more_and_told_where_everything_is() -> None:
    told = report(rehearsed())
    told["reasons"] = [
        {"impact": "HIGH", "where": "", "text": "drops users.nick", "advice": ""},
        {"impact": "LOW", "where": "", "text": "one key more", "advice": ""},
    ]
    text = migration_text(told, 100)
    assert "one key more" not in text and "  … and 1 more: migrate-dryrun.log, or --html FILE\n" in text
    assert "one key more" in migration_text(told, 100, whole=True)
    told["reasons"] = told["reasons"][1:]
    assert "one key more" in migration_text(told, 100)


def test_after_a_rehearsal_that_could_not_start_a_release_nobody_is_sent_round_in_circles() -> None:
    assert next_of(report(rehearsed({"old": NOT_TRIED})))[1] == "mobius plan -e production --tag v2.1.0"
    empty = {**NOT_TRIED, "why": "the backup holds no release"}
    assert next_of(report(rehearsed({"old": empty})))[1] == (
        "mobius migrate rehearse -e production --tag v2.1.0 --fresh"
    )
