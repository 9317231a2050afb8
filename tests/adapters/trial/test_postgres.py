"""Migrations tried on a real PostgreSQL: locks, rewrites, waits, rows and the way down are as they were measured."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.adapters.trial.trying import tried as trying
from mobius.model.linting import Impact
from mobius.model.plan import Way
from mobius.model.trial import Booted, Rows, Trial, TrialStatement
from mobius.rules.migrations import lint
from mobius.rules.trials import judge_trial
from postgres_server import Database

WORKS = Booted(True, True, seconds=1.0)
NOT_TRIED = Booted(False, why="not asked")


@pytest.fixture
def shop(new_database: Callable[..., Database]) -> Database:
    """Users with their orders and a few tags."""
    database = new_database("shop")
    for sql in (
        "CREATE TABLE users (id int PRIMARY KEY, name varchar(20), nick text, score int, at timestamptz DEFAULT now())",
        "CREATE TABLE orders (id int PRIMARY KEY, user_id int, qty int NOT NULL, note text)",
        "CREATE TABLE tags (id int PRIMARY KEY, name varchar(20))",
        "INSERT INTO users SELECT i, 'user' || i, 'nick' || i, i % 100 FROM generate_series(1, 4000) i",
        "INSERT INTO orders SELECT i, 1 + i % 4000, 1 + i % 5, 'note' FROM generate_series(1, 4000) i",
        "INSERT INTO tags SELECT i, 'tag' || i FROM generate_series(1, 50) i",
        "ANALYZE",
    ):
        database.execute(sql)
    return database


def tried(
    database: Database,
    up: str,
    down: str | None = None,
    *,
    fast: bool = True,
    within_s: float = 120.0,
    live_version: str = "",
) -> Trial:
    target = Target("postgresql", address=parsed("shop", database.url))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "003_step.sql").write_text(up)
        if down is not None:
            (folder / "003_step.down.sql").write_text(down)
        with trying(
            SqlSource(),
            folder,
            target,
            fast=fast,
            runner=None,
            place=folder,
            progress=lambda _: None,
            within_s=within_s,
            live_version=live_version,
        ) as found:
            return found.trial


def first(trial: Trial) -> TrialStatement:
    return trial.statements[0]


def modes(statement: TrialStatement, relation: str) -> list[str]:
    return [lock.mode.removesuffix("Lock") for lock in statement.locks if lock.relation == relation]


def rows_of(trial: Trial, table: str) -> Rows:
    return next(rows for rows in trial.rows if rows.table == table)


@pytest.mark.parametrize(
    ("up", "table", "mode", "rewrites"),
    [
        (
            "ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (user_id) REFERENCES users (id)",
            "users",
            "ShareRowExclusive",
            (),
        ),
        ("ALTER TABLE users DROP COLUMN nick", "users", "AccessExclusive", ()),
        ("ALTER TABLE users RENAME TO people", "users", "AccessExclusive", ()),
        ("TRUNCATE orders", "orders", "AccessExclusive", ("orders", "orders_pkey")),
    ],
)
def test_the_locks_and_rewrites_of_a_statement_are_seen(
    shop: Database, up: str, table: str, mode: str, rewrites: tuple[str, ...]
) -> None:
    statement = first(tried(shop, up))
    assert statement.error == ""
    assert modes(statement, table) == [mode]
    assert statement.rewrites == rewrites


@pytest.mark.slow
@pytest.mark.parametrize(
    ("up", "table", "mode"),
    [
        ("CREATE INDEX CONCURRENTLY by_user ON orders (user_id)", "orders", "ShareUpdateExclusive"),
        ("VACUUM FULL users", "users", "AccessExclusive"),
    ],
)
def test_what_commits_by_itself_is_seen_by_another_session(
    shop: Database, up: str, table: str, mode: str
) -> None:
    shop.execute("INSERT INTO orders SELECT i, 1 + i % 4000, 1, 'x' FROM generate_series(4001, 300000) i")
    shop.execute("INSERT INTO users SELECT i, 'u', 'n', 1 FROM generate_series(4001, 300000) i")
    statement = first(tried(shop, up))
    assert mode in modes(statement, table)
    assert ("users" in statement.rewrites) is (table == "users")


def test_validating_a_constraint_blocks_nobody(shop: Database) -> None:
    shop.execute("ALTER TABLE orders ADD CONSTRAINT c CHECK (qty > 0) NOT VALID")
    statement = first(tried(shop, "ALTER TABLE orders VALIDATE CONSTRAINT c"))
    assert modes(statement, "orders") == ["ShareUpdateExclusive"]


@pytest.mark.slow
def test_a_column_filled_in_the_transaction_that_added_it_keeps_readers_out_all_the_while(
    shop: Database,
) -> None:
    shop.execute("INSERT INTO users SELECT i, 'u', 'n', 1 FROM generate_series(4001, 250000) i")
    trial = tried(shop, "ALTER TABLE users ADD COLUMN grade int; UPDATE users SET grade = score;")
    update = trial.statements[1]
    assert update.read_blocked_s > 0.8 * update.seconds
    verdict = judge_trial(trial, old=WORKS, new=WORKS)
    assert any("nobody can read for" in reason for reason in verdict.reasons)
    assert verdict.impact >= Impact.MEDIUM


@pytest.mark.slow
def test_an_index_keeps_writers_out_and_readers_not(shop: Database) -> None:
    shop.execute("INSERT INTO orders SELECT i, 1 + i % 4000, 1, 'x' FROM generate_series(4001, 300000) i")
    index = first(tried(shop, "CREATE INDEX by_note ON orders (note, user_id)"))
    assert index.write_blocked_s > 0.6 * index.seconds
    assert index.read_blocked_s < 0.5 * index.seconds


def test_behind_an_open_query_a_migration_waits_as_long_as_a_live_one_does_and_gives_way(
    shop: Database,
) -> None:
    plain = tried(shop, "ALTER TABLE users ADD COLUMN a int", fast=False)
    assert (plain.queue_blocked_s, plain.gives_way) == (5.0, True), "migrations.lock_timeout"
    verdict = judge_trial(plain, old=WORKS, new=WORKS)
    assert (verdict.impact, verdict.reasons[-1][:56]) == (
        Impact.MEDIUM,
        "behind an open query, readers wait 5 s at most: then it ",
    )


def test_one_with_a_shorter_lock_timeout_of_its_own_gives_way_sooner(shop: Database) -> None:
    with_one = tried(shop, "SET LOCAL lock_timeout = '150ms'; ALTER TABLE users ADD COLUMN b int", fast=False)
    assert with_one.queue_blocked_s is not None and with_one.gives_way
    assert with_one.queue_blocked_s < 4.0, "of 5 s without it"


def test_one_that_waits_for_locks_without_end_keeps_readers_waiting_and_weighs_high(shop: Database) -> None:
    endless = tried(shop, "SET LOCAL lock_timeout = 0; ALTER TABLE users ADD COLUMN b int", fast=False)
    assert endless.queue_blocked_s is not None and not endless.gives_way
    assert endless.queue_blocked_s > 1.0
    assert judge_trial(endless, old=WORKS, new=WORKS).impact is Impact.HIGH


def test_a_constraint_that_the_data_violates_fails_on_the_copy(shop: Database) -> None:
    trial = tried(shop, "ALTER TABLE orders ADD CONSTRAINT c CHECK (qty > 3)")
    assert first(trial).error == 'check constraint "c" of relation "orders" is violated by some row'
    assert (
        judge_trial(trial, old=WORKS, new=WORKS).stops[0].startswith("the migration fails on the copy: check")
    )


@pytest.mark.parametrize(
    ("up", "down", "why"),
    [
        ("ALTER TABLE users ADD COLUMN a int", "ALTER TABLE users DROP COLUMN a", ""),
        (
            "ALTER TABLE users RENAME COLUMN nick TO handle",
            "ALTER TABLE users RENAME COLUMN handle TO nick",
            "",
        ),
        (
            "ALTER TABLE users ALTER COLUMN score TYPE bigint",
            "ALTER TABLE users ALTER COLUMN score TYPE int",
            "",
        ),
        (
            "ALTER TABLE orders ALTER qty TYPE text",
            "ALTER TABLE orders ALTER qty TYPE int USING qty::int",
            "",
        ),
        ("ALTER TABLE orders ALTER note SET NOT NULL", "ALTER TABLE orders ALTER note DROP NOT NULL", ""),
        (
            "ALTER TABLE users DROP COLUMN nick",
            "ALTER TABLE users ADD COLUMN nick text",
            "the way down loses data: users has as many rows, and other values in them",
        ),
        (
            "DELETE FROM orders WHERE qty = 5; ALTER TABLE orders ADD CONSTRAINT few CHECK (qty < 5)",
            "ALTER TABLE orders DROP CONSTRAINT few",
            "the way down loses data: 800 rows of orders are gone",
        ),
        ("INSERT INTO tags VALUES (100, 'new')", "SELECT 1", ""),  # what came and stays is no loss
        (
            "INSERT INTO tags VALUES (100, 'new'); UPDATE tags SET name = 'other' WHERE id = 7",
            "SELECT 1",
            "the way down loses data: tags has 1 row more",
        ),
        ("ALTER TABLE users ADD COLUMN a int", "SELECT 1", "the way down leaves another schema: "),
        (
            "ALTER TABLE users ADD COLUMN a int",
            "DROP TABLE nowhere",
            'the way down fails: migration 003_step.down.sql failed at line 1: table "nowhere" does not',
        ),
    ],
)
def test_a_way_down_is_open_when_it_gives_everything_back(
    shop: Database, up: str, down: str, why: str
) -> None:
    way = judge_trial(tried(shop, up, down), old=NOT_TRIED, new=NOT_TRIED).ways[1]
    assert way.way is Way.DOWN
    assert (way.is_open, way.why.startswith(why) if why else way.why) == (not why, True if why else "")


def test_rows_that_a_cascade_takes_along_are_found(shop: Database) -> None:
    shop.execute("ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE")
    trial = tried(shop, "DELETE FROM users WHERE id <= 10")
    assert (rows_of(trial, "orders").before, rows_of(trial, "orders").after) == (4000, 3990)
    assert judge_trial(trial, old=WORKS, new=WORKS).stops == (
        "10 rows of orders are gone, though no statement names it",
    )


def test_values_that_a_trigger_changes_where_no_statement_names_them_are_found(shop: Database) -> None:
    shop.execute(
        "CREATE FUNCTION sly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE users SET nick = 'x' WHERE id ="
        " new.user_id; RETURN new; END $$"
    )
    shop.execute("CREATE TRIGGER sly AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION sly()")
    trial = tried(shop, "UPDATE orders SET qty = qty WHERE id < 10")
    assert not rows_of(trial, "users").touched
    stops = judge_trial(trial, old=WORKS, new=WORKS).stops
    assert stops[0].startswith(
        "users has as many rows, and other values in them, though no statement names it"
    )


def test_a_migration_that_hangs_is_ended_and_its_statement_named(shop: Database) -> None:
    trial = tried(shop, "ALTER TABLE users ADD COLUMN a int; SELECT pg_sleep(600) /* slow */", within_s=2.0)
    assert trial.seconds < 30
    assert trial.statements[-1].error == (
        "it was not done in 2 s, and was ended: SELECT pg_sleep(600) /* slow */"
    )
    assert trial.schema_diff == ""


def test_another_major_version_than_the_live_server_has_is_told(shop: Database) -> None:
    trial = tried(shop, "SELECT 1", live_version="9.6.24")
    assert trial.warnings == (
        f"tried on PostgreSQL {trial.version}, while the live server has 9.6.24: locks and times may differ",
    )


def test_the_facts_of_the_copy_take_back_what_the_text_alone_must_say(shop: Database) -> None:
    shop.execute("ALTER TABLE users ADD CONSTRAINT nick_there CHECK (nick IS NOT NULL)")
    text = """SET lock_timeout = '1s';
    ALTER TABLE users ALTER COLUMN name TYPE varchar(60);
    ALTER TABLE users ALTER COLUMN nick SET NOT NULL;
    ALTER TABLE tags ALTER COLUMN name SET NOT NULL;"""
    known = tried(shop, "SELECT 1").known
    assert {each.hazard for each in lint(text).findings} == {"column-type-change", "set-not-null-scans"}
    assert [(each.hazard, each.line, each.severity) for each in lint(text, known=known).findings] == [
        ("set-not-null-scans", 4, Impact.LOW)
    ]


def test_copies_are_gone_at_the_end_also_when_it_fails(shop: Database) -> None:
    tried(shop, "ALTER TABLE users ADD COLUMN a int", "ALTER TABLE users DROP COLUMN a", fast=False)
    tried(shop, "this is no SQL", fast=False)
    assert [name for name in shop.server.databases() if "trial" in name] == []


def test_schemas_and_names_in_quotes_are_told_apart(shop: Database) -> None:
    shop.execute('CREATE SCHEMA "Back Office"')
    shop.execute('CREATE TABLE "Back Office"."Übersicht" (id int)')
    shop.execute('CREATE TABLE "Back Office".users (id int)')
    trial = tried(shop, 'DROP TABLE "Back Office"."Übersicht"')
    assert rows_of(trial, "Back Office.Übersicht") == Rows("Back Office.Übersicht", 0, -1, touched=True)
    assert rows_of(trial, "Back Office.users").before == 0
