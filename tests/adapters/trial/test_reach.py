"""A migration that means harm reaches nothing beyond its copy: not the scratch server, not its machine."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from adapters.trial.programs import Local, program
from mobius.adapters.databases.postgres_address import Address, parsed
from mobius.adapters.databases.postgres_cluster import Cluster
from mobius.adapters.databases.postgres_programs import program as server_program
from mobius.adapters.databases.scratch_place import scratch_place
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.adapters.trial.postgres_copies import copies_of
from mobius.adapters.trial.trying import tried
from mobius.errors import MobiusError
from postgres_server import Database, programs

HARM = (
    "DROP DATABASE {scratch}",
    "DROP DATABASE {scratch} WITH (FORCE)",
    "ALTER DATABASE {scratch} RENAME TO gone",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "CREATE ROLE evil SUPERUSER",
    "ALTER ROLE {user} SUPERUSER",
    "GRANT {admin} TO {user}",
    "SET ROLE {admin}",
    "SET SESSION AUTHORIZATION {admin}",
    "CREATE DATABASE evil",
    "COPY (SELECT 1) TO PROGRAM 'touch {file}'",
    "COPY (SELECT 1) TO '{file}'",
    "COPY stolen FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_export(lo_from_bytea(0, 'x'), '{file}')",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION postgres_fdw",
    "CREATE FUNCTION c() RETURNS int LANGUAGE c AS '/lib/x86_64-linux-gnu/libc.so.6', 'getpid'",
    "LOAD '/tmp/evil.so'",
    "DROP EVENT TRIGGER mobius_trial_ended",
    "DROP SCHEMA mobius_trial CASCADE",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{admin}' AND pid <> pg_backend_pid()",
    "CREATE SUBSCRIPTION s CONNECTION 'host=/var/run/postgresql' PUBLICATION p",
)
TRY = """
import json
said = {}
db.execute("CREATE TABLE stolen (line text)")
for sql in json.load(open("harm.json")):
    sql = sql.replace("{user}", db.info.user)
    try:
        db.execute(sql)
        said[sql] = "done"
    except psycopg.Error as error:
        said[sql] = str(error.sqlstate)
json.dump(said, open("said.json", "w"))
"""


@contextlib.contextmanager
def own_cluster(root: Path) -> Iterator[Address]:
    """A scratch cluster as a rehearsal makes one, with one database of an owner as on a live server."""
    home = programs()
    if home is None:
        pytest.skip("PostgreSQL is not installed")
    with scratch_place(root) as place:
        cluster = Cluster(place, server_program("postgres", int(home.parent.name)).major)
        cluster.make()
        with cluster.started() as postgres:
            ask(postgres, "CREATE ROLE app")
            ask(postgres, "CREATE DATABASE app OWNER app")
            address = cluster.address("app")
            ask(address, "SET ROLE app; CREATE TABLE users (id int PRIMARY KEY)")
            yield address


def ask(address: Address, sql: str) -> list[tuple[object, ...]]:
    with contextlib.closing(psycopg.connect(**address.parameters, **address.secrets, autocommit=True)) as db:  # type: ignore[arg-type]
        cursor = db.execute(sql)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


def world(address: Address) -> list[object]:
    """All that a migration must not change."""
    return [
        ask(address, "SELECT datname FROM pg_database ORDER BY 1"),
        ask(address, "SELECT rolname, rolsuper FROM pg_roles ORDER BY 1"),
        ask(address, "SELECT name, setting FROM pg_file_settings"),
        ask(address, "SELECT id FROM users"),
    ]


def do_harm(address: Address, folder: Path) -> dict[str, str]:
    """What the server said to each of them."""
    admin = address.parameters["user"]
    evil = folder / "evil"
    harm = [
        sql.replace("{scratch}", address.database).replace("{admin}", admin).replace("{file}", str(evil))
        for sql in HARM
    ]
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    (folder / "harm.json").write_text(json.dumps(harm))
    source = program(folder, TRY, postgres=True)
    before = world(address)
    target = Target("postgresql", address=address)
    with tried(
        source, folder, target, fast=True, runner=Local(), place=folder, progress=lambda _: None
    ) as found:
        assert [each.error for each in found.trial.statements if each.error] == []
    assert world(address) == before
    assert not evil.exists()
    return {str(sql): str(state) for sql, state in json.loads((folder / "said.json").read_text()).items()}


@pytest.fixture
def given(new_database: Callable[..., Database]) -> Address:
    """A database on a server that was given for rehearsals, by its superuser."""
    database = new_database("given")
    database.execute("CREATE TABLE users (id int PRIMARY KEY)")
    return parsed("given", database.url)


def test_nothing_is_reached_on_a_server_that_was_given(given: Address, tmp_path: Path) -> None:
    said = do_harm(given, tmp_path / "harm")
    done = [sql for sql, state in said.items() if state == "done"]
    assert [sql for sql in done if "pg_terminate_backend" not in sql] == []


@pytest.mark.slow
def test_nothing_is_reached_on_a_cluster_of_our_own(tmp_path: Path) -> None:
    with own_cluster(tmp_path / "root") as address:
        said = do_harm(address, tmp_path / "harm")
        done = [sql for sql, state in said.items() if state == "done"]
        assert [sql for sql in done if "pg_terminate_backend" not in sql] == []


def test_a_database_that_leads_outside_is_not_tried_on(given: Address, tmp_path: Path) -> None:
    ask(given, "CREATE FUNCTION dblink_connect(text) RETURNS text LANGUAGE sql AS 'SELECT $1'")
    (tmp_path / "001_step.sql").write_text("SELECT 1;")
    target = Target("postgresql", address=given)
    with (
        pytest.raises(NotProvenError, match="dblink_connect"),
        tried(SqlSource(), tmp_path, target, fast=True, runner=None, place=tmp_path, progress=lambda _: None),
    ):
        raise AssertionError


def test_a_role_with_no_superuser_behind_it_looks_on_as_far_as_it_may(given: Address, tmp_path: Path) -> None:
    ask(given, "CREATE ROLE only_makes LOGIN CREATEDB")
    try:
        ask(given, f"ALTER DATABASE {given.database} OWNER TO only_makes")
        ask(given, "ALTER TABLE users OWNER TO only_makes")
        plain = Address("given", {**given.parameters, "user": "only_makes"})
        source = program(tmp_path / "up", 'db.execute("INSERT INTO users VALUES (1)")', postgres=True)
        target = Target("postgresql", address=plain)
        with tried(
            source,
            tmp_path / "up",
            target,
            fast=True,
            runner=Local(),
            place=tmp_path,
            progress=lambda _: None,
        ) as found:
            trial = found.trial
        assert [rows.touched for rows in trial.rows] == [True]
        assert len(trial.warnings) == 1
        assert trial.warnings[0].startswith(
            "no event trigger could look on (the user of the scratch server is no"
        )
    finally:
        ask(given, f"ALTER DATABASE {given.database} OWNER TO CURRENT_USER")
        ask(given, "DROP OWNED BY only_makes CASCADE")
        ask(given, "DROP ROLE only_makes")


def test_copies_and_roles_of_a_process_that_was_killed_are_swept(given: Address) -> None:
    mark = "mobius_trial_0123456789ab"
    ask(given, f"CREATE DATABASE {mark}_migrated")
    ask(given, f"CREATE ROLE {mark}")
    with copies_of(given) as mine, mine.copy("one") as copy, copies_of(given):
        names = {str(row[0]) for row in ask(given, "SELECT datname FROM pg_database")}
        assert copy.database in names
        assert f"{mark}_migrated" not in names
    assert ask(given, "SELECT rolname FROM pg_roles WHERE starts_with(rolname, 'mobius_trial')") == []


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_disk_that_is_full_is_said(tmp_path: Path) -> None:
    # Short, and outside of pytest's private folders: the server's user comes here.
    small = Path(tempfile.mkdtemp(prefix="full-", dir="/tmp"))
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=220m", "tmpfs", str(small)], check=False, capture_output=True
    ).returncode:
        small.rmdir()
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        small.chmod(0o755)
        folder = tmp_path / "step"
        folder.mkdir()
        (folder / "001_step.sql").write_text(
            "CREATE TABLE much AS SELECT repeat(md5(i::text), 30) AS text FROM generate_series(1, 900000) i;"
        )
        with own_cluster(small) as address:
            target = Target("postgresql", address=address)
            try:
                with tried(
                    SqlSource(), folder, target, fast=True, runner=None, place=folder, progress=lambda _: None
                ) as found:
                    told = " ".join(each.error for each in found.trial.statements)
            except MobiusError as problem:
                told = problem.message
        assert "the disk of the scratch server is full: could not" in told
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
        small.rmdir()
