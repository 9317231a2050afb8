"""Any text has a report: broken, huge, binary, or a script for psql."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.model.linting import Impact, Known
from mobius.rules.migrations import lint
from mobius.rules.migrations.tokens import statements

TEXT = """
ALTER TABLE ADD COLUMN DROP CONSTRAINT CREATE INDEX CONCURRENTLY IF NOT EXISTS UNIQUE ON t a ( ) , ; ' " $$ $x$ -- /*
*/ BEGIN COMMIT DO UPDATE SET = 1 WHERE CHECK NULL VALID REFERENCES DEFAULT now() :: text \\i E'\\ . CASE END ATOMIC
TRIGGER
"""
WORDS = TEXT.split()
NO_TIMEOUT = "missing-lock-or-statement-timeout"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_no_text_is_refused(text: str) -> None:
    for dialect in ("postgresql", "sqlite"):
        lint(text, dialect=dialect)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=60), st.booleans())
def test_no_heap_of_words_is_refused(words: list[str], inside: bool) -> None:
    text = " ".join(words)
    lint(text, assume_in_transaction=inside)
    lint(text, dialect="sqlite")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_are_refused(data: bytes) -> None:
    lint(data.decode("latin-1"))


def test_rows_by_the_million_are_read_over_in_one_pass() -> None:
    rows = ",\n".join(f"({n}, 'it''s {n}', E'a\\'b;')" for n in range(60_000))
    text = f"INSERT INTO users VALUES {rows};\nDROP TABLE teams;"
    last = lint(text).findings[0]
    assert (last.hazard, last.line) == ("drop-table", 60_001)
    kept = [len(raw.tokens) for raw in statements(text)]
    assert kept[0] <= 4000


def test_deep_brackets_and_comments_do_not_stop_it() -> None:
    assert lint("SELECT " + "(" * 50_000).findings == ()
    assert lint("/*" * 20_000).findings[0].hazard == "unreadable"
    assert lint("'" * 20_001).findings[0].hazard == "unreadable"


def test_deep_conditions_do_not_stop_it() -> None:
    deep = "(" * 900 + "id = 1" + " OR x)" * 900
    assert [each.hazard for each in lint(f"UPDATE t SET a = 1 WHERE {deep}").findings] == [
        "unbatched-backfill"
    ]
    check = "(" * 900 + "a IS NOT NULL" + " AND b > 0)" * 900
    text = f"SET lock_timeout = '1s'; ALTER TABLE t ADD CONSTRAINT c CHECK ({check}) NOT VALID"
    assert lint(text).findings == ()


def test_a_byte_order_mark_is_no_part_of_the_first_statement() -> None:
    assert [each.line for each in lint("\ufeffDROP TABLE t;").findings] == [1, 1]


def test_a_command_of_psql_ends_the_statement_before_it() -> None:
    report = lint("SELECT now() AS t \\gset\nDROP TABLE t;\n\\if :x\nSELECT 'a' \\gexec")
    assert [(each.hazard, each.line) for each in report.findings if each.hazard != NO_TIMEOUT] == [
        ("unreadable", 1),
        ("drop-table", 2),
        ("unreadable", 3),
        ("unreadable", 4),
    ]


def test_comments_of_sqlite_do_not_nest() -> None:
    text = "/* a /* b */ DROP TABLE t;"
    assert [each.hazard for each in lint(text, dialect="sqlite").findings] == ["drop-table"]
    assert [each.hazard for each in lint(text).findings] == ["unreadable"]


def test_a_danger_in_a_block_is_told_and_accepted_by_its_own_line() -> None:
    block = "-- the old table\nDO $$\nBEGIN\n{}  DROP TABLE t;\nEND $$;"
    found = lint("SET lock_timeout = '1s'; " + block.format("")).findings[0]
    assert (found.hazard, found.line, found.statement) == ("drop-table", 4, "DROP TABLE t")
    accepted = lint(block.format("  -- mobius: accept drop-table because it is empty\n")).accepted
    assert [(each.found.hazard, each.because) for each in accepted] == [("drop-table", "it is empty")]
    outer = lint(f"-- mobius: accept drop-table because it is empty\n{block.format('')}").accepted
    assert [each.found.line for each in outer] == [5]


FIFTY_MEGABYTES = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from mobius.rules.migrations import lint
rows = ",\\n".join(f"({n}, 'it''s {n}', E'a\\\\'b;')" for n in range(100_000))
text = f"INSERT INTO users VALUES {rows};\\n" * 15 + "INSERT INTO t VALUES (1, 'x');\\n" * 150_000 + "DROP TABLE t;"
assert len(text) > 50 << 20
report = lint(text)
print(report.statements, [found.hazard for found in report.findings])
"""


@pytest.mark.slow
def test_fifty_megabytes_are_judged_in_a_gigabyte() -> None:
    done = subprocess.run([sys.executable, "-c", FIFTY_MEGABYTES], capture_output=True, text=True)
    assert done.stdout == f"150016 ['drop-table', '{NO_TIMEOUT}']\n", done.stderr


def test_the_order_of_statements_is_their_line() -> None:
    pieces = ["DROP TABLE t;", "-- a\n", "/* b\n c */", "\n\n", "SELECT 'x\ny';"]
    for seed in range(30):
        text = "".join(random.Random(seed).choices(pieces, k=30))
        for found in lint(text).findings:
            assert text.splitlines()[found.line - 1].find("DROP TABLE t") >= 0 or found.hazard != "drop-table"


def test_facts_take_back_what_the_text_alone_must_say() -> None:
    text = """SET lock_timeout = '1s';
    ALTER TABLE tags ALTER COLUMN name TYPE varchar(60);
    ALTER TABLE tags ALTER COLUMN name SET NOT NULL;
    CREATE INDEX ON tags (name);"""
    assert lint(text).impact is Impact.HIGH
    known = Known(
        small=frozenset({"tags"}),
        columns={"tags": {"name": "character varying(20)"}},
        not_null_checks=frozenset({("tags", "name")}),
    )
    report = lint(text, known=known)
    assert [(each.hazard, each.severity) for each in report.findings] == [
        ("index-build-blocks-writes", Impact.LOW)
    ]


def test_a_limit_that_shrinks_or_a_type_that_differs_is_a_rewrite() -> None:
    for was, becomes in (
        ("character varying(60)", "varchar(20)"),
        ("integer", "bigint"),
        ("numeric(10,2)", "numeric(12,3)"),
        ("text", "varchar(10)"),
        ("character varying(20)", 'text COLLATE "C"'),
        ("character varying(20)", "text USING lower(c)"),
        ("timestamp without time zone", "timestamptz"),
    ):
        known = Known(columns={"t": {"c": was}})
        found = lint(f"SET lock_timeout='1s'; ALTER TABLE t ALTER c TYPE {becomes}", known=known).findings
        assert [each.hazard for each in found] == ["column-type-change"], (was, becomes)


def test_what_only_grows_keeps_its_rows() -> None:
    for was, becomes in (
        ("character varying(20)", "varchar(60)"),
        ("character varying(20)", "text"),
        ("character varying(20)", "text USING (c::text)"),
        ("numeric(10,2)", "numeric(12,2)"),
        ("numeric(10,2)", "decimal"),
        ("timestamp(3) without time zone", "timestamp"),
        ("cidr", "inet"),
    ):
        known = Known(columns={"t": {"c": was}})
        found = lint(f"SET lock_timeout='1s'; ALTER TABLE t ALTER c TYPE {becomes}", known=known).findings
        assert found == (), (was, becomes)
