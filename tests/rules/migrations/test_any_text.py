"""Any text has a report: broken, huge, binary, or a script for psql."""

from __future__ import annotations

import random

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
        ("timestamp without time zone", "timestamptz"),
    ):
        known = Known(columns={"t": {"c": was}})
        found = lint(f"SET lock_timeout='1s'; ALTER TABLE t ALTER c TYPE {becomes}", known=known).findings
        assert [each.hazard for each in found] == ["column-type-change"], (was, becomes)


def test_what_only_grows_keeps_its_rows() -> None:
    for was, becomes in (
        ("character varying(20)", "varchar(60)"),
        ("character varying(20)", "text"),
        ("numeric(10,2)", "numeric(12,2)"),
        ("numeric(10,2)", "decimal"),
        ("timestamp(3) without time zone", "timestamp"),
        ("cidr", "inet"),
    ):
        known = Known(columns={"t": {"c": was}})
        found = lint(f"SET lock_timeout='1s'; ALTER TABLE t ALTER c TYPE {becomes}", known=known).findings
        assert found == (), (was, becomes)
