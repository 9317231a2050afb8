"""Facts over guesses: which alarms of the text a rehearsal takes back, and what it says of each."""

from __future__ import annotations

from typing import Any

from mobius.model.linting import Known
from mobius.model.migrating import PendingMigration
from mobius.rules.known_facts import judge_with_facts, known_of, pg_major, without_lock_timeouts


def judged(
    *texts: str, dialect: Any = "postgresql", **known: Any
) -> tuple[list[list[str]], list[tuple[str, str]]]:
    """(hazards of each file, what was taken back with its reason), the missing timeouts left aside."""
    pending = [
        PendingMigration(f"{number:03}", f"{number:03}_x", f"{number:03}_x.sql", "", text)
        for number, text in enumerate(texts, 1)
    ]
    facts = {"known": known, "rows": [{"table": "public.users", "before": 12}]}
    reports, taken = judge_with_facts(pending, dialect=dialect, pg_version=15, facts=facts)
    aside = "missing-lock-or-statement-timeout"
    found = [[each.hazard for each in report.findings if each.hazard != aside] for report in reports]
    return found, [(each.found.hazard, each.because) for each in taken if each.found.hazard != aside]


def weights(text: str, **known: Any) -> list[tuple[str, str]]:
    """(what it weighed, what it weighs now) of what the facts made lighter."""
    pending = [PendingMigration("1", "x", "x.sql", "", text)]
    _, taken = judge_with_facts(pending, dialect="postgresql", pg_version=15, facts={"known": known})
    return [(each.found.severity.name, each.becomes.name if each.becomes else "") for each in taken]


def test_a_validated_check_proves_that_nothing_is_null() -> None:
    text = "ALTER TABLE users ALTER COLUMN nick SET NOT NULL;"
    assert judged(text) == ([["set-not-null-scans"]], [])
    assert judged(text, not_null_checks=[["users", "nick"]]) == (
        [[]],
        [("set-not-null-scans", "a validated CHECK proves that no users.nick is null")],
    )


def test_a_varchar_that_only_grows_keeps_its_rows() -> None:
    text = "ALTER TABLE users ALTER COLUMN nick TYPE varchar(60);"
    assert judged(text)[0] == [["column-type-change"]]
    wider = judged(text, columns={"users": {"nick": "character varying(20)"}})
    assert wider == (
        [[]],
        [("column-type-change", "users.nick is character varying(20): its rows stay as they are")],
    )
    narrower = judged(text, columns={"users": {"nick": "character varying(90)"}})
    assert narrower == ([["column-type-change"]], [])


def test_a_table_with_few_rows_is_scanned_at_once_and_the_report_says_how_many() -> None:
    text = "ALTER TABLE users ADD CONSTRAINT c CHECK (age > 0);"
    assert judged(text)[0] == [["constraint-validated-under-lock"]]
    assert judged(text, small=["users"])[1] == [
        ("constraint-validated-under-lock", "users has 12 rows: a scan is over at once")
    ]
    assert weights(text, small=["users"]) == [("HIGH", "LOW")]


def test_a_table_that_an_earlier_pending_migration_makes_is_nobodys_yet() -> None:
    made, used = "CREATE TABLE orders (id bigint PRIMARY KEY);", "CREATE INDEX o ON orders (id);"
    assert judged(used)[0] == [["index-build-blocks-writes"]]
    assert judged(made, used)[1] == [
        ("index-build-blocks-writes", "orders is new: an earlier pending migration makes it")
    ]


def test_a_foreign_key_added_step_by_step_is_told_of_where_the_database_has_no_index_for_it() -> None:
    text = "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;"
    columns = {"orders": {"id": "integer", "user_id": "integer"}}
    assert judged(text) == ([[]], [])
    assert judged(text, columns=columns, indexed=[["orders", "id"]])[0] == [["foreign-key-without-index"]]
    assert judged(text, columns=columns, indexed=[["orders", "user_id"]])[0] == [[]]
    assert judged(text, columns=columns, small=["orders"])[0] == [[]]


def test_what_no_fact_disproves_stays() -> None:
    text = "ALTER TABLE users DROP COLUMN email;"
    facts = {"small": ["users"], "columns": {"users": {"email": "text"}}, "indexed": [["users", "email"]]}
    assert judged(text, **facts) == ([["drop-column"]], [])


def test_facts_that_are_not_what_they_should_be_are_not_known() -> None:
    assert known_of({}) == Known()
    broken = {"small": "users", "columns": [1], "indexed": [["one"], 3, "ab"], "primary_keys": {"a": 1}}
    assert known_of(broken) == Known()


def test_the_version_of_a_server_is_its_first_number() -> None:
    assert [pg_major(text) for text in ("15.20", "17", "18beta1", "", "odd")] == [15, 17, 15, 15, 15]


def test_a_missing_lock_timeout_is_no_risk_where_the_deployment_sets_one() -> None:
    pending = [PendingMigration("1", "x", "x.sql", "", "ALTER TABLE users ADD COLUMN a int;")]
    reports, _ = judge_with_facts(pending, dialect="postgresql", pg_version=15, facts={})
    left, taken = without_lock_timeouts(reports, 5.0)
    assert [found.hazard for found in left[0].findings] == []
    assert [(each.found.hazard, each.because) for each in taken] == [
        (
            "missing-lock-or-statement-timeout",
            "a deployment sets lock_timeout = 5 s for it, and tries it again",
        )
    ]
    assert without_lock_timeouts(reports, 0.0) == (reports, ()), "none is set"
