"""What the benchmark of rehearsals works on: a shop in PostgreSQL and in SQLite, and migrations with ways down."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg

from mobius.adapters.databases.postgres_address import Address
from mobius.adapters.databases.postgres_cluster import Cluster
from mobius.adapters.databases.postgres_programs import program
from mobius.adapters.databases.scratch_place import scratch_place

MAJORS = range(18, 12, -1)
# (name, up, down), as a team would write them; the file's number is added.
POSTGRES = (
    (
        "note",
        "ALTER TABLE users ADD COLUMN note text NOT NULL DEFAULT '';",
        "ALTER TABLE users DROP COLUMN note;",
    ),
    ("by_user", "CREATE INDEX orders_by_user ON orders (user_id, at);", "DROP INDEX orders_by_user;"),
    (
        "wider",
        "ALTER TABLE items ALTER COLUMN id TYPE bigint;",
        "ALTER TABLE items ALTER COLUMN id TYPE integer;",
    ),
    (
        "level",
        "ALTER TABLE users ADD COLUMN level int; UPDATE users SET level = score / 10;",
        "ALTER TABLE users DROP COLUMN level;",
    ),
)
SQLITE = (
    (
        "note",
        "ALTER TABLE users ADD COLUMN note TEXT NOT NULL DEFAULT '';",
        "ALTER TABLE users DROP COLUMN note;",
    ),
    ("by_user", "CREATE INDEX orders_by_user ON orders (user_id);", "DROP INDEX orders_by_user;"),
    (
        "level",
        "ALTER TABLE users ADD COLUMN level INTEGER; UPDATE users SET level = score / 10;",
        "ALTER TABLE users DROP COLUMN level;",
    ),
)


def written(folder: Path, migrations: tuple[tuple[str, str, str], ...]) -> Path:
    """The migrations as files."""
    folder.mkdir()
    for number, (name, up, down) in enumerate(migrations, 1):
        (folder / f"{number:03}_{name}.sql").write_text(up + "\n")
        (folder / f"{number:03}_{name}.down.sql").write_text(down + "\n")
    return folder


@contextlib.contextmanager
def cluster(root: Path) -> Iterator[Address]:
    """A scratch cluster as a rehearsal makes one."""
    major = next(major for major in MAJORS if _is_there(major))
    with scratch_place(root) as place:
        made = Cluster(place, major)
        made.make()
        with made.started() as postgres:
            yield postgres


def _is_there(major: int) -> bool:
    return Path(f"/usr/lib/postgresql/{major}/bin/initdb").exists()


def ask(address: Address, sql: str) -> None:
    """One statement that commits by itself."""
    with psycopg.connect(**address.parameters, **address.secrets, autocommit=True) as db:  # type: ignore[arg-type]
        db.execute(sql.encode())


def shop(postgres: Address, share: float) -> Address:
    """Orders, users and items: 2,000,000, 200,000 and 300,000 of them at a share of 1."""
    ask(postgres, "CREATE ROLE app")
    ask(postgres, "CREATE DATABASE shop OWNER app")
    address = postgres.at("shop")
    orders, users, items = (int(share * rows) for rows in (2_000_000, 200_000, 300_000))
    for sql in (
        "CREATE TABLE users (id int PRIMARY KEY, name varchar(20), nick text, score int)",
        "CREATE TABLE orders (id int PRIMARY KEY, user_id int, qty int, at timestamptz, note text)",
        "CREATE TABLE items (id int PRIMARY KEY, title text, price numeric(10, 2))",
        f"INSERT INTO users SELECT i, 'user' || i, md5(i::text), i % 100 FROM generate_series(1, {users}) i",
        f"INSERT INTO orders SELECT i, 1 + i * 7919 % {users}, 1 + i % 5, '2026-01-01'::timestamptz + i * interval"
        f" '1 s', md5(i::text) FROM generate_series(1::bigint, {orders}) i",
        f"INSERT INTO items SELECT i, md5(i::text), i % 1000 FROM generate_series(1, {items}) i",
    ):
        ask(address, f"SET ROLE app; {sql}")
    ask(address, "ANALYZE")
    return address


def dumped(address: Address, into: Path) -> Path:
    """As a backup has it."""
    _run("pg_dump", address, "-Fd", "-j", "2", "-f", str(into), "-d", address.conninfo())
    return into


def restored(dump: Path, address: Address) -> None:
    """Into a new database, with two processes."""
    ask(address.at("postgres"), f"CREATE DATABASE {address.database} TEMPLATE template0 OWNER app")
    _run("pg_restore", address, "-Fd", "-j", "2", "-d", address.conninfo(), str(dump))


def _run(name: str, address: Address, *words: str) -> None:
    major = next(major for major in MAJORS if _is_there(major))
    subprocess.run([program(name, major).path, *words], env=address.environment({}), check=True)


def file_shop(path: Path, share: float) -> Path:
    """The same in SQLite: 1,000,000 orders and 200,000 users at a share of 1."""
    orders, users = int(share * 1_000_000), int(share * 200_000)
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            f"""PRAGMA journal_mode = WAL;
            CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, nick TEXT, score INTEGER);
            CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, qty INTEGER, note TEXT);
            {numbers.format(users)} INSERT INTO users SELECT i, 'user' || i, hex(i * 7919), i % 100 FROM n;
            {numbers.format(orders)} INSERT INTO orders SELECT i, 1 + i * 7919 % {users}, 1 + i % 5,
              hex(i * 104729) || 'a note of some thirty bytes...' FROM n;"""
        )
    return path
