"""Which query broke, as servers, drivers and services say it; and no value of anybody's comes along."""

from __future__ import annotations

import pytest

from mobius.model.trial import Broken
from mobius.rules.broken_queries import from_server, from_service, without_literals

LOG = """\
2026-11-21 21:00:01.001 UTC [70] LOG:  database system is ready to accept connections
2026-11-21 21:00:02.001 UTC [71] ERROR:  column "nick" does not exist at character 8
2026-11-21 21:00:02.001 UTC [72] ERROR:  null value in column "born" of relation "users" violates not-null constraint
2026-11-21 21:00:02.001 UTC [72] DETAIL:  Failing row contains (7, hunter2, null).
2026-11-21 21:00:02.001 UTC [71] HINT:  Perhaps you meant to reference the column "users.name".
2026-11-21 21:00:02.001 UTC [71] STATEMENT:  SELECT nick
\tFROM users -- of hunter2
\tWHERE id = 7 AND name = 'hunter2'
2026-11-21 21:00:02.001 UTC [72] STATEMENT:  INSERT INTO users (id, name) VALUES ($1, $2)
2026-11-21 21:00:03.001 UTC [71] ERROR:  column "nick" does not exist at character 8
2026-11-21 21:00:03.001 UTC [71] STATEMENT:  SELECT nick FROM users WHERE id = 8 AND name = 'secret'
2026-11-21 21:00:04.001 UTC [73] ERROR:  invalid input syntax for type integer: "hunter2"
"""


def test_the_log_of_a_server_says_each_query_once_and_no_value() -> None:
    assert from_server(LOG) == (
        Broken("SELECT nick FROM users WHERE id = ? AND name = ?", 'column "nick" does not exist'),
        Broken(
            "INSERT INTO users (id, name) VALUES ($1, $2)",
            'null value in column "born" of relation "users" violates not-null constraint',
        ),
        Broken("", "invalid input syntax for type integer"),
    )


@pytest.mark.parametrize(
    ("lines", "broken"),
    [
        (["sqlite3.OperationalError: no such column: nick"], Broken("", "no such column: nick")),
        (
            ["api: sqlite3.IntegrityError: NOT NULL constraint failed: users.born"],
            Broken("", "NOT NULL constraint failed: users.born"),
        ),
        (
            ["OperationalError: table users has no column named nick"],
            Broken("", "table users has no column named nick"),
        ),
        (
            [
                "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such column: users.nick",
                "[SQL: SELECT users.nick FROM users WHERE users.id = 7]",
                "[parameters: ('hunter2',)]",
            ],
            Broken("SELECT users.nick FROM users WHERE users.id = ?", "no such column: users.nick"),
        ),
        (
            [
                'psycopg.errors.UndefinedColumn: column "nick" does not exist',
                "LINE 1: SELECT nick FROM users WHERE name = 'hunter2'",
                "               ^",
            ],
            Broken("SELECT nick FROM users WHERE name = ?", 'column "nick" does not exist'),
        ),
        (
            ["error: operator does not exist: text + integer"],
            Broken("", "operator does not exist: text + integer"),
        ),
        (
            ['error: relation "public.users" does not exist'],
            Broken("", 'relation "public.users" does not exist'),
        ),
    ],
)
def test_the_words_of_a_service_say_it_too(lines: list[str], broken: Broken) -> None:
    assert from_service(lines) == (broken,)


def test_words_about_other_things_are_no_query() -> None:
    assert from_service(["ready", "GET / 200", "file config.json does not exist", "no such host"]) == ()


def test_what_is_told_twice_is_told_with_its_query() -> None:
    lines = ["no such column: nick", *["-"] * 9, "no such column: nick", "[SQL: SELECT nick FROM users]"]
    assert from_service(lines) == (Broken("SELECT nick FROM users", "no such column: nick"),)


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT  1.5,\n 'it''s' /* hunter2 */ FROM t", "SELECT ?, ? FROM t"),
        ("SELECT E'a\\'b', $$hunter2$$, $1", "SELECT ?, ?, $1"),
        ("SELECT 'never ends, hunter2", "SELECT"),
        ("SELECT " + "x," * 200 + "y", None),
    ],
)
def test_a_query_is_shown_without_its_values(sql: str, shown: str | None) -> None:
    told = without_literals(sql)
    assert told == shown if shown is not None else len(told) == 200 and told.endswith("…")
