"""What the transactions of rows tell spares reading them, and hides nothing that a migration of PostgreSQL changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.trial.postgres_copies import onlooker
from mobius.adapters.trial.postgres_rows import Compared
from mobius.adapters.trial.postgres_written import never_written, transaction_now
from mobius.adapters.trial.tried import SAME
from mobius.model.trial import Rows
from postgres_server import Database

ENDED = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"

Rowing = Callable[..., dict[str, Rows]]


@pytest.fixture
def rows(new_database: Callable[..., Database]) -> Iterator[Rowing]:
    """Rows of a shop beside those of a copy of it that `sql` changed."""
    shop = new_database("rows")
    for sql in (
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE TABLE users (id int PRIMARY KEY, name text, nick text, score int)",
        "CREATE TABLE moods (id int PRIMARY KEY, mood mood)",
        "CREATE TABLE parts (id int, at date) PARTITION BY RANGE (id)",
        "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100)",
        "INSERT INTO users SELECT i, 'name' || i, 'nick' || i, i FROM generate_series(1, 500) i",
        "INSERT INTO moods SELECT i, 'sad' FROM generate_series(1, 20) i",
        "INSERT INTO parts SELECT i, '2026-01-01' FROM generate_series(1, 20) i",
        "ALTER TABLE users ADD COLUMN tier text DEFAULT 'low'",  # held by no row that is there
    ):
        shop.execute(sql)
    with closing(onlooker(parsed("rows", shop.url).at("postgres"))) as admin:

        def compared(*changes: str, fast: bool = False, touched: tuple[str, ...] = ()) -> dict[str, Rows]:
            copy = Database(shop.server, f"{shop.name}_copy")
            admin.execute(f'CREATE DATABASE "{copy.name}" TEMPLATE "{shop.name}"')
            with closing(onlooker(parsed("rows", shop.url))) as old:
                since = transaction_now(old)
                for sql in changes:
                    copy.execute(sql)
                gone = admin.execute(ENDED, (copy.name,)).fetchall()
                with closing(onlooker(parsed("rows", copy.url))) as new:
                    found = Compared(old, touched, (), fast, since).rows(
                        new, all_gone=all(row[0] for row in gone)
                    )
            return {each.table: each for each in found}

        yield compared


def is_known_to_be_the_same(rows: Rows) -> bool:
    """Without a sum over its values."""
    return not rows.is_changed and rows.checksum_before == SAME


def test_rows_that_nobody_wrote_are_the_same_and_not_read(rows: Rowing) -> None:
    found = rows("CREATE INDEX by_name ON users (name)", "ALTER TABLE users ADD COLUMN more int DEFAULT 7")
    assert is_known_to_be_the_same(found["users"])
    assert found["users"].before == found["users"].after == 500


def test_other_tables_than_the_one_that_was_written_are_known_to_be_the_same(rows: Rowing) -> None:
    found = rows("UPDATE moods SET mood = 'glad' WHERE id = 7")
    assert found["moods"].is_changed
    assert is_known_to_be_the_same(found["users"])


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        ("UPDATE users SET nick = 'other' WHERE id = 7",),
        ("DELETE FROM users WHERE id = 7", "INSERT INTO users VALUES (7, 'name7', 'other', 7)"),
        ("BEGIN; SAVEPOINT s; UPDATE users SET nick = 'other' WHERE id = 7; RELEASE s; COMMIT",),
        ("ALTER TABLE users DROP COLUMN nick", "ALTER TABLE users ADD COLUMN nick text DEFAULT 'other'"),
        ("ALTER TABLE users RENAME name TO was", "ALTER TABLE users RENAME nick TO name",
         "ALTER TABLE users RENAME was TO nick"),
        ("ALTER TABLE users DROP COLUMN tier", "ALTER TABLE users ADD COLUMN tier text DEFAULT 'top'"),
        ("CREATE TABLE built AS SELECT id, name, upper(nick) AS nick, score, tier FROM users",
         "DROP TABLE users", "ALTER TABLE built RENAME TO users"),
        ("ALTER TABLE users ALTER score TYPE oid USING (score + 1)::oid",),
    ],
)  # fmt: skip
def test_values_that_changed_are_seen_however_it_was_done(
    rows: Rowing, changes: tuple[str, ...], fast: bool
) -> None:
    users = rows(*changes, fast=fast, touched=("users",))["users"]
    assert (users.before, users.after, users.is_changed) == (500, 500, True)


def test_a_value_of_an_enum_with_another_name_is_another_value_though_no_row_was_written(
    rows: Rowing,
) -> None:
    assert rows("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'")["moods"].is_changed


def test_a_row_of_a_part_that_changed_is_seen(rows: Rowing) -> None:
    assert rows("UPDATE parts_1 SET at = '2027-01-01' WHERE id = 3")["parts"].is_changed


def test_rows_of_a_part_that_was_taken_away_are_gone(rows: Rowing) -> None:
    parts = rows("ALTER TABLE parts DETACH PARTITION parts_1")["parts"]
    assert (parts.before, parts.after) == (20, 0)


@pytest.mark.parametrize(
    "changes",
    [
        ("VACUUM FULL users",),
        ("ALTER TABLE users ALTER id TYPE bigint",),
        ("UPDATE users SET nick = nick",),
        (
            "BEGIN; CREATE TEMP TABLE t ON COMMIT DROP AS TABLE users; TRUNCATE users;"
            " INSERT INTO users TABLE t; COMMIT",
        ),
    ],
)
def test_rows_that_were_written_anew_as_they_were_are_the_same(
    rows: Rowing, changes: tuple[str, ...]
) -> None:
    users = rows(*changes)["users"]
    assert not users.is_changed
    assert users.checksum_before not in ("", SAME)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO moods VALUES (99, 'sad'); DELETE FROM moods WHERE id = 99",
        "DELETE FROM moods WHERE id = 7",
        "UPDATE moods SET mood = 'glad' WHERE id = 7",
        "BEGIN; DELETE FROM moods; ROLLBACK",
        "TRUNCATE moods",
        "COPY moods FROM PROGRAM 'echo 99,sad' WITH (FORMAT csv)",
    ],
)
def test_the_server_says_of_a_table_that_it_was_written_to_and_of_no_other(
    new_database: Callable[..., Database], sql: str
) -> None:
    shop = new_database("counted")
    for name in ("users", "moods"):
        shop.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, mood text)")
        shop.execute(f"INSERT INTO {name} SELECT i, 'sad' FROM generate_series(1, 20) i")
    copy = Database(shop.server, f"{shop.name}_copy")
    with closing(onlooker(parsed("counted", shop.url).at("postgres"))) as admin:
        admin.execute(f'CREATE DATABASE "{copy.name}" TEMPLATE "{shop.name}"')
        with closing(onlooker(parsed("counted", copy.url))) as db:
            oids = {
                name: db.execute(f"SELECT '{name}'::regclass::oid").fetchone()[0]
                for name in ("users", "moods")
            }
            assert never_written(db, list(oids.values())) == frozenset(oids.values())
            copy.execute(sql)
            admin.execute(f"{ENDED} AND pid <> %s", (copy.name, db.info.backend_pid))
            written = frozenset(oids.values()) - never_written(db, list(oids.values()))
            is_rewritten = "TRUNCATE" in sql  # another file, which is looked at as well
            assert written == (frozenset() if is_rewritten else {oids["moods"]})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_stat_reset()",
        "SELECT pg_stat_reset_single_table_counters('users'::regclass)",
        "ALTER DATABASE {} SET track_counts = off",
    ],
)
def test_a_server_that_does_not_count_or_forgot_says_nothing(
    new_database: Callable[..., Database], sql: str
) -> None:
    shop = new_database("forgotten")
    shop.execute("CREATE TABLE users (id int PRIMARY KEY)")
    shop.execute(sql.format(f'"{shop.name}"'))
    with closing(onlooker(parsed("forgotten", shop.url))) as db:
        oid = db.execute("SELECT 'users'::regclass::oid").fetchone()[0]
        assert never_written(db, [oid]) == frozenset()


def test_a_null_that_became_an_empty_text_or_a_nought_is_another_value(rows: Rowing) -> None:
    nulls = (
        "ALTER TABLE users ALTER id TYPE bigint",
        "UPDATE users SET nick = NULL, score = NULL WHERE id = 7",
    )
    assert rows(*nulls, fast=True, touched=("users",))["users"].is_changed


@pytest.mark.parametrize(
    "swap",
    [
        "UPDATE users SET nick = CASE id WHEN 1 THEN 'nick2' ELSE 'nick1' END WHERE id IN (1, 2)",
        "UPDATE users SET name = nick, nick = name WHERE id = 7",
    ],
)
def test_values_that_changed_places_between_rows_or_columns_are_seen(rows: Rowing, swap: str) -> None:
    assert rows(swap, fast=True, touched=("users",))["users"].is_changed


def test_a_table_that_nobody_named_is_read_all_the_same_where_its_rows_were_written(rows: Rowing) -> None:
    assert rows("UPDATE users SET nick = 'x' WHERE id = 1", fast=True)["users"].is_changed
