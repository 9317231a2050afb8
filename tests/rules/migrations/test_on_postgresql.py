"""What the rules say of locks and rewrites, held against a real PostgreSQL; and that it can read the advice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.postgres_server import Database
from tests.rules.migrations.test_cases import CASES, SQL, judged

from mobius.rules.migrations import lint
from mobius.rules.migrations.locks import locked_tables, locks_out_readers, locks_out_writers
from mobius.rules.migrations.reading import statement_of
from mobius.rules.migrations.tokens import statements

SETUP = """
CREATE TABLE users (id int PRIMARY KEY, email text, a int NOT NULL, state text);
INSERT INTO users SELECT g, 'e' || g, g, 's' FROM generate_series(1, 50) g;
CREATE TABLE orders (id int PRIMARY KEY, user_id int);
CREATE UNIQUE INDEX users_email ON users (email);
CREATE INDEX users_a ON users (a);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY own ON users USING (true);
CREATE TABLE events (id int, day int) PARTITION BY RANGE (day);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE TABLE events_2 (id int, day int);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE MATERIALIZED VIEW totals AS SELECT 1 AS n;
CREATE UNIQUE INDEX totals_n ON totals (n);
ALTER TABLE users ADD CONSTRAINT a_ok CHECK (a > 0) NOT VALID;
ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users NOT VALID;
"""
LOCKING = """
ALTER TABLE users ADD COLUMN q int
ALTER TABLE users ALTER COLUMN a SET DEFAULT 3
ALTER TABLE users ALTER COLUMN email SET STORAGE EXTERNAL
ALTER TABLE users ALTER COLUMN a SET STATISTICS 10
ALTER TABLE users ALTER COLUMN a SET (n_distinct = 5)
ALTER TABLE users SET (fillfactor = 80)
ALTER TABLE users RESET (fillfactor)
ALTER TABLE users CLUSTER ON users_pkey
ALTER TABLE users SET WITHOUT CLUSTER
ALTER TABLE users VALIDATE CONSTRAINT a_ok
ALTER TABLE orders VALIDATE CONSTRAINT of_user
ALTER TABLE users RENAME CONSTRAINT a_ok TO a_good
ALTER TABLE users RENAME COLUMN a TO b
ALTER TABLE users REPLICA IDENTITY FULL
ALTER TABLE users ENABLE ROW LEVEL SECURITY
ALTER TABLE users OWNER TO CURRENT_USER
ALTER TABLE users DISABLE TRIGGER ALL
ALTER TABLE users DISABLE TRIGGER touched
ALTER TABLE users ENABLE TRIGGER ALL
ALTER TABLE users ENABLE ALWAYS TRIGGER touched
ALTER TABLE orders ADD CONSTRAINT again FOREIGN KEY (user_id) REFERENCES users (id)
ALTER TABLE orders ADD CONSTRAINT again FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID
ALTER TABLE users ADD CONSTRAINT more CHECK (a < 1000) NOT VALID
ALTER TABLE users ADD CONSTRAINT email_key UNIQUE USING INDEX users_email
ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM (10) TO (20)
ALTER TABLE events DETACH PARTITION events_1
ALTER INDEX users_a SET (fillfactor = 70)
CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM (20) TO (30)
CREATE INDEX more ON users (state)
CREATE POLICY more ON users USING (true)
DROP POLICY own ON users
ALTER POLICY own ON users USING (false)
CREATE RULE more AS ON UPDATE TO users DO ALSO NOTHING
DROP TRIGGER touched ON users
CREATE TRIGGER more BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch()
REFRESH MATERIALIZED VIEW totals
TRUNCATE orders
LOCK TABLE users
LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE
CREATE VIEW seen AS SELECT * FROM users
COMMENT ON TABLE users IS 'people'
CREATE STATISTICS more ON a, email FROM users
"""
COLUMNS = """
q int
q int DEFAULT 5 NOT NULL
q text DEFAULT 'a' || 'b'
q timestamptz DEFAULT now()
q timestamp DEFAULT (now() AT TIME ZONE 'utc')
q timestamptz DEFAULT clock_timestamp()
q uuid DEFAULT gen_random_uuid()
q text DEFAULT md5(random()::text)
q text[] DEFAULT ARRAY[]::text[]
q interval DEFAULT ('1 day'::interval * 3)
q text DEFAULT to_char(now(), 'YYYY')
q text DEFAULT current_setting('work_mem')
q double precision DEFAULT extract(epoch FROM now())
q timestamptz DEFAULT timeofday()::timestamptz
q bigserial
q int GENERATED ALWAYS AS IDENTITY
q int GENERATED ALWAYS AS (a * 2) STORED
q positive
q int REFERENCES orders (id)
"""
SHUTS_READERS = {"AccessExclusiveLock"}
SHUTS_WRITERS = SHUTS_READERS | {"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock"}
LOCKS = """
SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND c.relnamespace = 'public'::regnamespace
"""


@pytest.fixture
def connection(new_database: Callable[..., Database]) -> Iterator[Any]:
    import psycopg

    database = new_database("locks")
    with psycopg.connect(database.url) as connection:
        connection.execute(SETUP)
        connection.commit()
        yield connection
        connection.rollback()


def test_the_locks_are_those_that_postgresql_takes(connection: Any) -> None:
    wrong = []
    for text in filter(None, LOCKING.splitlines()):
        statement = statement_of(next(statements(text)), text)
        connection.execute(text)
        modes = {mode for name, mode in connection.execute(LOCKS) if name in locked_tables(statement)}
        connection.rollback()
        expected = (bool(modes & SHUTS_READERS), bool(modes & SHUTS_WRITERS))
        if (locks_out_readers(statement), locks_out_writers(statement)) != expected:
            wrong.append((text, sorted(modes)))
    assert wrong == []


def test_a_new_column_is_said_to_rewrite_the_table_where_it_does(connection: Any) -> None:
    files = "SELECT relfilenode FROM pg_class WHERE relname = 'users'"
    wrong = []
    for column in filter(None, COLUMNS.splitlines()):
        text = f"CREATE DOMAIN positive AS int CHECK (VALUE > 0); ALTER TABLE users ADD COLUMN {column}"
        said = any(each.hazard == "add-column-rewrites-table" for each in lint(text).findings)
        before = connection.execute(files).fetchone()
        connection.execute(f"ALTER TABLE users ADD COLUMN {column}")
        rewritten = connection.execute(files).fetchone() != before
        connection.rollback()
        if said != rewritten:
            wrong.append((column, rewritten))
    assert wrong == []


def test_a_check_proves_not_null_where_postgresql_takes_it_for_a_proof(connection: Any) -> None:
    notices: list[str] = []
    connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    for check in (
        "email IS NOT NULL",
        "((email IS NOT NULL))",
        "a > 0 AND (email IS NOT NULL)",
        "email IS NOT NULL OR a > 0",
        "email <> ''",
        "a BETWEEN 1 AND 90 AND email IS NOT NULL",
    ):
        text = (
            f"ALTER TABLE users ADD CONSTRAINT c CHECK ({check}) NOT VALID;"
            "ALTER TABLE users VALIDATE CONSTRAINT c; ALTER TABLE users ALTER COLUMN email SET NOT NULL"
        )
        notices.clear()
        connection.execute(f"SET LOCAL client_min_messages = debug1; {text}")
        proven = any("sufficient to prove" in notice for notice in notices)
        connection.rollback()
        scans = any(each.hazard == "set-not-null-scans" for each in lint(text).findings)
        assert scans != proven, check


def test_postgresql_can_read_the_advice(connection: Any) -> None:
    """A block is parsed whole before any of it would run, and none of this does."""
    for path in CASES:
        report, says = judged(path.read_text())
        if says.get("dialect") == "sqlite" or int(says.get("pg-version", 15)) > 15:
            continue
        for advice in (each.advice for each in report.findings if each.advice.startswith(SQL)):
            whole = (
                advice.split(" -- ")[0].replace("${", '"${').replace("}.", '}".').replace("}_idx", '}_idx"')
            )
            connection.execute(f"DO $mobius$ BEGIN IF false THEN {whole} END IF; END $mobius$")
