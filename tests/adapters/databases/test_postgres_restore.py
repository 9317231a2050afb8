"""A dumped database takes the place of the live one by two renames at once; a kill at any point is finished later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from adapters.databases.test_postgres_dump import dumps_of, told
from mobius.adapters.databases.captures import Dumps
from mobius.adapters.databases.postgres_restore import LONGEST_NAME, Names
from mobius.errors import MobiusError
from mobius.model.settings import DatabaseSettings
from postgres_server import Database

NewDatabase = Callable[..., Database]


@pytest.fixture
def app(new_database: NewDatabase) -> Database:
    database = new_database("app")
    database.execute("CREATE TABLE post (id serial PRIMARY KEY, body text)")
    database.execute("INSERT INTO post (body) VALUES ('before the release')")
    return database


@pytest.fixture
def dumps(app: Database, tmp_path: Path) -> Dumps:
    return dumps_of(tmp_path, DatabaseSettings("app", url=app.url))


@pytest.fixture
def dump(dumps: Dumps, app: Database, tmp_path: Path) -> Path:
    """Of one post; then a second is written."""
    (tmp_path / "into").mkdir()
    (source,) = dumps.capture(tmp_path / "into", told).sources
    app.execute("INSERT INTO post (body) VALUES ('after it')")
    return source.path


def bodies(database: Database) -> list[str]:
    return [row[0] for row in database.execute("SELECT body FROM post ORDER BY id")]


def of_app(app: Database) -> list[str]:
    """Every database that began as this one, without its own name."""
    return [name.removeprefix(app.name) for name in app.server.databases() if name.startswith(app.name)]


def test_the_live_database_is_the_dumped_one_and_the_old_one_is_kept(
    dumps: Dumps, app: Database, dump: Path
) -> None:
    said: list[str] = []
    result = dumps.restore("app", dump, said.append, key="12")
    kept = f"{app.name}_before_12"
    assert result == {"database": app.name, "kept_as": kept}
    assert bodies(app) == ["before the release"]
    assert bodies(Database(app.server, kept)) == ["before the release", "after it"]
    assert of_app(app) == ["", "_before_12"]
    assert said == [
        f"restoring the database {app.name} beside the live one",
        f"the database {app.name} is restored; the one before is kept as {kept}",
    ]


def test_restoring_once_more_with_the_same_key_changes_nothing(
    dumps: Dumps, app: Database, dump: Path
) -> None:
    dumps.restore("app", dump, told, key="12")
    app.execute("INSERT INTO post (body) VALUES ('written since')")
    dumps.restore("app", dump, told, key="12")
    assert bodies(app) == ["before the release", "written since"]
    dumps.restore("app", dump, told, key="13")
    assert bodies(app) == ["before the release"]
    assert of_app(app) == ["", "_before_12", "_before_13"]


def test_owner_grants_settings_and_comment_stay(dumps: Dumps, app: Database, dump: Path) -> None:
    owner, name = f"{app.name} the 'owner'", app.name
    app.execute(f'CREATE ROLE "{owner}"')
    try:
        app.execute(f'ALTER DATABASE "{name}" OWNER TO "{owner}"')
        app.execute(f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC')
        app.execute(f'GRANT CONNECT, CREATE ON DATABASE "{name}" TO pg_monitor WITH GRANT OPTION')
        app.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 40')
        app.execute(f"""ALTER DATABASE "{name}" SET search_path TO "$user", public, 'a "b", c'""")
        app.execute(f"""ALTER DATABASE "{name}" SET app.motto TO 'it''s, "ours"'""")
        app.execute(f"""ALTER ROLE "{owner}" IN DATABASE "{name}" SET work_mem TO '7MB'""")
        app.execute(f"""COMMENT ON DATABASE "{name}" IS 'it''s ours'""")
        query = """
            SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit,
                   datacl::text,                   shobj_description(d.oid, 'pg_database'),
                   ARRAY(SELECT setrole::regrole::text || setconfig::text FROM pg_db_role_setting
                         WHERE setdatabase = d.oid ORDER BY 1)
            FROM pg_database d WHERE datname = %s"""
        before = app.server.query(query, [name])
        dumps.restore("app", dump, told, key="1")
        assert app.server.query(query, [name]) == before
        assert bodies(app) == ["before the release"]
        assert app.one("SHOW app.motto") == """it's, "ours\""""
    finally:
        app.server.query(f'ALTER DATABASE "{name}_before_1" OWNER TO mobius')
        app.server.query(f'ALTER DATABASE "{name}" OWNER TO mobius')
        app.server.query(f'DROP ROLE "{owner}"')


def test_connections_are_ended_and_clients_that_come_back_find_the_new_one(
    dumps: Dumps, app: Database, dump: Path
) -> None:
    """Clients that connect again at once, as pools do; none of them ever finds a server without the database."""
    done, refused, seen = threading.Event(), [], set()

    def keep_asking() -> None:
        while not done.is_set():
            try:
                with psycopg.connect(app.url, autocommit=True) as db:
                    while not done.is_set():
                        row = db.execute("SELECT count(*) FROM post").fetchone()
                        seen.add(row[0] if row else None)
            except psycopg.OperationalError as problem:
                refused.append(str(problem))

    clients = [threading.Thread(target=keep_asking) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        dumps.restore("app", dump, told, key="1")
    finally:
        done.set()
        for client in clients:
            client.join(30)
    assert bodies(app) == ["before the release"]
    assert seen <= {1, 2} and refused
    ended = (
        "terminating connection",
        "server closed the connection",
        "consuming input failed",
        "was just",
        "does not exist",
    )
    assert not [text for text in refused if not any(word in text for word in ended)], refused


def test_a_prepared_transaction_is_named_as_what_is_in_the_way(
    dumps: Dumps, app: Database, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mobius.adapters.databases import postgres_restore

    monkeypatch.setattr(postgres_restore, "EXCHANGE_S", 0.0)
    with psycopg.connect(app.url, autocommit=True) as db:
        db.execute("BEGIN")
        db.execute("INSERT INTO post (body) VALUES ('in doubt')")
        db.execute("PREPARE TRANSACTION 'doubt'")
    try:
        with pytest.raises(MobiusError) as caught:
            dumps.restore("app", dump, told, key="1")
        assert caught.value.message.endswith("could not be put in its place: it is in use")
        assert bodies(app) == ["before the release", "after it"]
    finally:
        app.execute("ROLLBACK PREPARED 'doubt'")
    dumps.restore("app", dump, told, key="1")
    assert bodies(app) == ["before the release"]


def test_a_database_that_is_gone_is_made_again(dumps: Dumps, app: Database, dump: Path) -> None:
    app.server.query(f'DROP DATABASE "{app.name}"')
    dumps.restore("app", dump, told, key="1")
    assert bodies(app) == ["before the release"]
    app.execute("INSERT INTO post (body) VALUES ('written since')")
    dumps.restore("app", dump, told, key="1")
    assert bodies(app) == ["before the release", "written since"]


def test_what_is_prepared_disturbs_nobody_and_is_exchanged_without_the_dump(
    dumps: Dumps, app: Database, dump: Path
) -> None:
    assert not dumps.is_prepared("app", key="1")
    dumps.prepare("app", dump, told, key="1")
    app.execute("INSERT INTO post (body) VALUES ('while it was prepared')")
    assert dumps.is_prepared("app", key="1")
    assert bodies(app) == ["before the release", "after it", "while it was prepared"]
    dumps.exchange("app", told, key="1")
    assert bodies(app) == ["before the release"]
    assert len(bodies(Database(app.server, f"{app.name}_before_1"))) == 3


def test_an_exchange_can_be_taken_back_and_nothing_is_left(dumps: Dumps, app: Database, dump: Path) -> None:
    dumps.restore("app", dump, told, key="1")
    dumps.take_back("app", key="1")
    dumps.take_back("app", key="1")
    assert bodies(app) == ["before the release", "after it"]
    assert of_app(app) == [""]
    dumps.restore("app", dump, told, key="1")
    assert bodies(app) == ["before the release"]


def test_what_is_kept_from_before_is_named_where_one_looks(dumps: Dumps, app: Database, dump: Path) -> None:
    dumps.restore("app", dump, told, key="7")
    (result,) = dumps.preflight()
    assert result.message.endswith(f"; kept from before a restore, to be dropped by you: {app.name}_before_7")


def test_half_an_exchange_is_finished(dumps: Dumps, app: Database, dump: Path) -> None:
    """Ours is one transaction; what a person began by hand is carried on just the same."""
    names = Names.of(app.name, "1")
    dumps.restore("app", dump, told, key="1")
    app.server.query(f'ALTER DATABASE "{app.name}" RENAME TO "{names.ready}"')
    dumps.restore("app", dump, told, key="1")
    assert bodies(app) == ["before the release"]


def test_a_database_that_somebody_made_meanwhile_is_left_alone(
    dumps: Dumps, app: Database, dump: Path
) -> None:
    names = Names.of(app.name, "1")
    dumps.restore("app", dump, told, key="1")
    app.server.query(f'ALTER DATABASE "{app.name}" RENAME TO "{names.ready}"')
    app.server.query(f'CREATE DATABASE "{app.name}"')
    with pytest.raises(MobiusError, match=f"the database {app.name} was not restored: there are"):
        dumps.restore("app", dump, told, key="1")
    assert of_app(app) == ["", "_before_1", "_ready_1"]


def test_a_failed_restore_leaves_the_live_database_as_it_was(dumps: Dumps, app: Database, dump: Path) -> None:
    (dump / "facts.json").write_text(
        (dump / "facts.json").read_text().replace('"public.post": 1', '"public.post": 2')
    )
    with pytest.raises(MobiusError, match="is not the one that was backed up"):
        dumps.restore("app", dump, told, key="1")
    assert bodies(app) == ["before the release", "after it"]
    assert _before(app) == []


def test_names_stay_within_what_postgresql_keeps() -> None:
    names = Names.of("ä" * 30, "run-123")
    every = {names.part, names.ready, names.before}
    assert len(every) == 3 and all(len(name.encode()) <= LONGEST_NAME for name in every)


def test_the_name_of_the_database_that_is_kept_needs_no_quotes() -> None:
    assert Names.of("orders", "run-3-1795345843").before == "orders_before_run_3_1795345843"


KILLED = """
import os, sys, signal
sys.path.insert(0, {tests!r})
from pathlib import Path
from adapters.databases.test_postgres_dump import dumps_of
from mobius.model.settings import DatabaseSettings
at = int(sys.argv[1])
count = 0

def step(event, args):
    global count
    if event in ("mobius.step",):
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(step)
import psycopg
execute = psycopg.Connection.execute

def counted(self, query, *rest, **more):
    sys.audit("mobius.step")   # before it, and after it
    try:
        return execute(self, query, *rest, **more)
    finally:
        sys.audit("mobius.step")

psycopg.Connection.execute = counted
dumps = dumps_of(Path({folder!r}), DatabaseSettings("app", url={url!r}))
dumps.restore("app", Path({dump!r}), lambda _: None, key=sys.argv[2])
print("done", count)
"""


def killed_at(
    number: int, key: str, app: Database, dump: Path, tmp_path: Path
) -> subprocess.CompletedProcess[str]:
    """A restore in a process of its own that kills itself at its `number`-th look at the server; 0: never."""
    tests = str(Path(__file__).parents[2])
    program = KILLED.format(tests=tests, folder=str(tmp_path), url=app.url, dump=str(dump))
    argv = [sys.executable, "-c", program, str(number), key]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, env={**os.environ})


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_statement_is_finished_by_the_next_try(
    every: int, dumps: Dumps, app: Database, dump: Path, tmp_path: Path
) -> None:
    """Before and after each statement in turn (here: every seventh)."""
    whole = killed_at(0, "0", app, dump, tmp_path)
    assert whole.returncode == 0, whole.stderr
    total = int(whole.stdout.split()[1])
    assert total > 20
    for number in range(1, total + 1, every):
        app.execute("INSERT INTO post (body) VALUES ('after it')")
        done = killed_at(number, str(number), app, dump, tmp_path)
        if done.returncode == 0:
            continue  # the thread that ends connections had less to do than the first time
        assert done.returncode == -signal.SIGKILL, done.stderr
        # There is a live database with one content or the other, whenever it is looked at.
        assert len(bodies(app)) in (1, 2)
        dumps.restore("app", dump, told, key=str(number))
        assert bodies(app) == ["before the release"], number
        assert of_app(app) == ["", f"_before_{number}"] or number == 1 or f"_before_{number}" in of_app(app)
        assert not [name for name in of_app(app) if "part" in name or "ready" in name], number
        for name in of_app(app):
            if "_before_" in name:
                app.server.query(f'DROP DATABASE "{app.name}{name}"')


def _before(app: Database) -> list[str]:
    return [name for name in of_app(app) if "_before_" in name]


def test_an_owner_who_is_no_superuser_dumps_and_restores(new_database: NewDatabase, tmp_path: Path) -> None:
    app = new_database("app")
    role = f"{app.name}_owner"
    app.execute(f"CREATE ROLE {role} LOGIN")
    try:
        app.execute(f'ALTER DATABASE "{app.name}" OWNER TO {role}')
        url = app.server.url(app.name, user=role)
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("CREATE EXTENSION pg_trgm")
            db.execute("CREATE SCHEMA shop CREATE TABLE post (id serial PRIMARY KEY, body text)")
            db.execute("INSERT INTO shop.post (body) VALUES ('first')")
        dumps = dumps_of(tmp_path, DatabaseSettings("app", url=url))
        (tmp_path / "into").mkdir()
        (source,) = dumps.capture(tmp_path / "into", told).sources
        with pytest.raises(MobiusError) as caught:
            dumps.restore("app", source.path, told, key="1")
        assert caught.value.message.endswith("permission denied to create database")
        assert (
            caught.value.hint == f"let {role} own the database, and make others: ALTER ROLE {role} CREATEDB;"
        )
        app.execute(f"ALTER ROLE {role} CREATEDB")
        (result,) = dumps.preflight()
        assert "could not restore it" not in result.message
        app.execute("DELETE FROM shop.post")
        # A superuser who looks on is no connection that an owner may end; it leaves by itself.
        with psycopg.connect(app.url) as looking:
            leaves = threading.Timer(1.0, looking.close)
            leaves.start()
            dumps.restore("app", source.path, told, key="1")
            leaves.join()
        assert app.execute("SELECT body FROM shop.post") == [("first",)]
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        assert app.one(owner) == role
        with dumps.scratch("app", source.path) as scratch:
            assert scratch.rows == {"shop.post": 1}
    finally:
        for name in of_app(app):
            app.server.query(f'ALTER DATABASE "{app.name}{name}" OWNER TO mobius')
            database = Database(app.server, f"{app.name}{name}")
            database.execute(f"REASSIGN OWNED BY {role} TO mobius")
        app.execute(f"DROP ROLE {role}")
