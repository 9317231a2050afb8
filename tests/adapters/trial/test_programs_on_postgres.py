"""A program of the project's own migrates PostgreSQL: onlookers tell of its statements, locks, rewrites and waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.trial.programs import Local, program
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.source import Target
from mobius.adapters.trial.trying import tried
from mobius.model.trial import Booted, Rows, Trial, TrialStatement
from mobius.rules.trials import judge_trial
from postgres_server import Database

WORKS = Booted(True, True, seconds=1.0)


@pytest.fixture
def shop(new_database: Callable[..., Database]) -> Database:
    """Users with their orders."""
    database = new_database("shop")
    for sql in (
        "CREATE TABLE users (id int PRIMARY KEY, name varchar(20), nick text, score int)",
        "CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users ON DELETE CASCADE, qty int)",
        "INSERT INTO users SELECT i, 'user' || i, 'nick' || i, i % 100 FROM generate_series(1, 4000) i",
        "INSERT INTO orders SELECT i, 1 + i % 4000, 1 + i % 5 FROM generate_series(1, 4000) i",
    ):
        database.execute(sql)
    return database


def run(
    database: Database,
    folder: Path,
    up: str,
    down: str | None = None,
    *,
    fast: bool = True,
    within_s: float = 60.0,
) -> Trial:
    source = program(folder, up, down, postgres=True)
    target = Target("postgresql", address=parsed("shop", database.url))
    with tried(
        source,
        folder,
        target,
        fast=fast,
        runner=Local(),
        place=folder,
        progress=lambda _: None,
        within_s=within_s,
    ) as found:
        return found.trial


def about(trial: Trial, text: str) -> TrialStatement:
    return next(each for each in trial.statements if text in each.text)


def modes(statement: TrialStatement, relation: str) -> list[str]:
    return [lock.mode.removesuffix("Lock") for lock in statement.locks if lock.relation == relation]


def rows_of(trial: Trial, table: str) -> Rows:
    return next(rows for rows in trial.rows if rows.table == table)


SEEN = (
    ("CREATE INDEX by_user ON orders (user_id)", "orders", "Share", ()),
    ("ALTER TABLE users ADD COLUMN paid boolean NOT NULL DEFAULT false", "users", "AccessExclusive", ()),
    ("UPDATE users SET score = score + 1", "users", "RowExclusive", ()),
    ("TRUNCATE tags", "tags", "AccessExclusive", ("tags", "tags_pkey")),
    (
        "ALTER TABLE orders ALTER COLUMN id TYPE bigint",
        "orders",
        "AccessExclusive",
        ("orders", "orders_pkey"),
    ),
    ("ALTER TABLE users DROP COLUMN nick", "users", "AccessExclusive", ()),
    ("ALTER TABLE users RENAME TO people", "users", "AccessExclusive", ()),
)


def test_locks_and_rewrites_of_its_statements_are_seen(shop: Database, tmp_path: Path) -> None:
    shop.execute("CREATE TABLE tags (id int PRIMARY KEY)")
    shop.execute("INSERT INTO tags VALUES (1)")
    trial = run(shop, tmp_path, "\n".join(f"db.execute({sql!r})" for sql, *_ in SEEN))
    found = [
        (sql, table, modes(about(trial, sql), table), about(trial, sql).rewrites) for sql, table, *_ in SEEN
    ]
    # The index by_user is made by the program itself: that it is written anew with its table hurts nobody.
    assert found == [(sql, table, [mode], rewrites) for sql, table, mode, rewrites in SEEN]
    assert trial.opaque and trial.warnings == ()


def test_a_quick_change_of_rows_is_named_and_one_by_a_cascade_is_not(shop: Database, tmp_path: Path) -> None:
    trial = run(shop, tmp_path, 'db.execute("DELETE FROM users WHERE id = %s", (7,))')
    assert (rows_of(trial, "users").touched, rows_of(trial, "orders").touched) == (True, False)
    assert (
        judge_trial(trial, old=WORKS, new=WORKS)
        .stops[0]
        .startswith("1 row of orders is gone, though no statement names it")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sql", "table", "mode"),
    [
        ("CREATE INDEX CONCURRENTLY by_user ON orders (user_id)", "orders", "ShareUpdateExclusive"),
        ("VACUUM FULL users", "users", "AccessExclusive"),
    ],
)
def test_what_commits_by_itself_is_seen_by_another_session(
    shop: Database, tmp_path: Path, sql: str, table: str, mode: str
) -> None:
    shop.execute("INSERT INTO users SELECT i, 'u', 'n', 1 FROM generate_series(4001, 300000) i")
    shop.execute("INSERT INTO orders SELECT i, 1 + i % 4000, 1 FROM generate_series(4001, 300000) i")
    statement = about(run(shop, tmp_path, f"db.execute({sql!r})"), sql)
    assert mode in modes(statement, table)
    assert ("users" in statement.rewrites) is (table == "users")


@pytest.mark.slow
def test_who_waits_behind_it_is_felt(shop: Database, tmp_path: Path) -> None:
    shop.execute("INSERT INTO users SELECT i, 'u', 'n', 1 FROM generate_series(4001, 250000) i")
    up = """with db.transaction():
    db.execute("ALTER TABLE users ADD COLUMN grade int")
    db.execute("UPDATE users SET grade = score")"""
    update = about(run(shop, tmp_path, up), "UPDATE")
    assert update.read_blocked_s > 0.8 * update.seconds > 0.1
    assert update.wal_bytes > 10_000_000


def test_its_own_way_down_is_tried(shop: Database, tmp_path: Path) -> None:
    trial = run(
        shop,
        tmp_path,
        'db.execute("ALTER TABLE users DROP COLUMN nick")',
        'db.execute("ALTER TABLE users ADD COLUMN nick text")',
    )
    assert trial.down.there and not trial.down.error
    assert judge_trial(trial, old=WORKS, new=WORKS).ways[1].why.startswith("the way down loses data: users")


def test_readers_queue_behind_it_when_it_waits(shop: Database, tmp_path: Path) -> None:
    trial = run(shop, tmp_path, 'db.execute("ALTER TABLE users ADD COLUMN a int")', fast=False)
    assert trial.queue_blocked_s is not None
    assert trial.queue_blocked_s > 1.0


def test_nothing_of_ours_is_compared_or_stays(shop: Database, tmp_path: Path) -> None:
    trial = run(shop, tmp_path, 'db.execute("CREATE TABLE more (id int)")')
    assert "mobius" not in trial.schema_diff
    assert "CREATE TABLE public.more" in trial.schema_diff
    assert [name for name in shop.server.databases() if "mobius" in name] == []
    assert shop.server.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'mobius_trial%'") == []


def test_one_that_hangs_is_ended_and_its_statement_named(shop: Database, tmp_path: Path) -> None:
    trial = run(shop, tmp_path, 'db.execute("SELECT pg_sleep(600) /* the slow one */")', within_s=3.0)
    assert trial.seconds < 20
    error = trial.statements[-1].error
    assert error.startswith("it was not done in 3 s, and was ended: ")
    assert "the slow one" in error


def test_one_that_is_killed_half_way_is_told_with_what_it_left(shop: Database, tmp_path: Path) -> None:
    up = """db.execute("ALTER TABLE users ADD COLUMN half int")
import signal; os.kill(os.getpid(), signal.SIGKILL)"""
    trial = run(shop, tmp_path, up)
    assert "ended by signal 9" in trial.statements[-1].error
    assert "half integer" in trial.schema_diff
    assert judge_trial(trial, old=WORKS, new=WORKS).stops
