"""A scratch database is restored from a dump on a server of its own, and nothing leads from there to the live one."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from adapters.databases.test_postgres_dump import dumps_of, told
from journeys.service import wait_until
from mobius.adapters.databases.captures import Dumps
from mobius.adapters.databases.postgres_cluster import is_cut_off
from mobius.adapters.databases.scratch_place import base_of, server_uid
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.settings import DatabaseSettings
from postgres_server import Database, PostgresServer, new_server

NewDatabase = Callable[..., Database]


@pytest.fixture
def app(new_database: NewDatabase) -> Database:
    database = new_database("app")
    database.execute("CREATE EXTENSION pg_trgm")
    database.execute("CREATE TABLE post (id serial PRIMARY KEY, body text)")
    database.execute("INSERT INTO post (body) SELECT md5(i::text) FROM generate_series(1, 500) i")
    return database


@pytest.fixture
def dumps(app: Database, tmp_path: Path) -> Dumps:
    return dumps_of(tmp_path, DatabaseSettings("app", url=app.url))


def dumped(dumps: Dumps, tmp_path: Path) -> Path:
    into = tmp_path / "into"
    into.mkdir()
    (source,) = dumps.capture(into, told).sources
    return source.path


def ask(url: str, query: str) -> Any:
    with psycopg.connect(url) as db:
        row = db.execute(query).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None


def test_a_scratch_database_has_the_rows_and_extensions_and_is_gone_at_the_end(
    app: Database, dumps: Dumps, tmp_path: Path
) -> None:
    dump = dumped(dumps, tmp_path)
    app.execute("DELETE FROM post")
    with dumps.scratch("app", dump) as scratch:
        assert scratch.rows == {"public.post": 500}
        assert ask(scratch.url, "SELECT count(*) FROM post") == 500
        assert ask(scratch.url, "SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'") == 1
        assert scratch.socket is not None and scratch.restore_s > 0
        servers = [p for p in psutil.process_iter() if str(scratch.socket.parent) in " ".join(_words(p))]
        assert servers
        place = scratch.socket.parent
    assert not place.exists() and not place.parent.exists()
    assert not [server for server in servers if server.is_running()]
    assert app.one("SELECT count(*) FROM post") == 0


def test_owners_encoding_and_locale_are_those_of_the_live_database(
    new_database: NewDatabase, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    app = new_database("app", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    owner = f"{app.name}_owner"
    app.execute(f'CREATE ROLE "{owner}"')
    try:
        app.execute("CREATE TABLE post (id int)")
        app.execute(f'ALTER TABLE post OWNER TO "{owner}"')
        dumps = dumps_of(tmp_path, DatabaseSettings("app", url=app.url))
        with dumps.scratch("app", dumped(dumps, tmp_path)) as scratch:
            assert ask(scratch.url, "SELECT tableowner FROM pg_tables WHERE tablename = 'post'") == owner
            assert ask(scratch.url, "SHOW server_encoding") == "LATIN1"
            assert (
                ask(scratch.url, "SELECT datcollate FROM pg_database WHERE datname = current_database()")
                == "C"
            )
    finally:
        app.execute("DROP TABLE post")
        app.execute(f'DROP ROLE "{owner}"')


def test_the_live_database_cannot_be_reached_from_it(
    app: Database, dumps: Dumps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every variable that libpq knows leads to the live server: none is followed, none is handed on."""
    dump = dumped(dumps, tmp_path)
    server = app.server
    (tmp_path / "service.conf").write_text(f"[live]\nhost={server.folder}\nuser=mobius\ndbname={app.name}\n")
    hostile = {
        "PGHOST": str(server.folder),
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": "5432",
        "PGUSER": "mobius",
        "PGDATABASE": app.name,
        "PGPASSWORD": "hunter22",
        "PGSERVICE": "live",
        "PGSERVICEFILE": str(tmp_path / "service.conf"),
        "PGOPTIONS": "-c search_path=nowhere",
        "PGDATA": str(server.data),
        "DATABASE_URL": app.url,
    }
    query = "SELECT sessions FROM pg_stat_database WHERE datname = %s"
    inside = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    wait_until(lambda: server.query(inside, [app.name]) == [(0,)], what="the last client to leave")
    before = server.query(query, [app.name])
    with contextlib.ExitStack() as stack:
        with monkeypatch.context() as outside:
            for name, value in hostile.items():
                outside.setenv(name, value)
            scratch = stack.enter_context(dumps.scratch("app", dump))
        assert scratch.rows == {"public.post": 500}
        identifier = "SELECT system_identifier FROM pg_control_system()"
        assert ask(scratch.url, identifier) != server.query(identifier)[0][0]
        (postmaster,) = [p for p in psutil.process_iter() if f"{scratch.socket}" in " ".join(_words(p))]
        given = postmaster.environ()
        assert not hostile.keys() & given.keys() - {"PGDATA"}  # which the server sets for its children
        assert str(server.folder) not in "".join(given.values())
        if is_cut_off():
            assert Path(f"/proc/{postmaster.pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    assert server.query(query, [app.name]) == before


def test_what_a_killed_process_left_is_swept_at_next_use(dumps: Dumps, app: Database, tmp_path: Path) -> None:
    dump = dumped(dumps, tmp_path)
    program = f"""
import os, sys
sys.path.insert(0, {str(Path("tests").resolve())!r})
from pathlib import Path
from adapters.databases.test_postgres_dump import dumps_of
from mobius.model.settings import DatabaseSettings
dumps = dumps_of(Path({str(tmp_path)!r}), DatabaseSettings("app", url="postgresql:///nowhere"))
with dumps.scratch("app", Path({str(dump)!r})) as scratch:
    print(scratch.socket.parent, flush=True)
    sys.stdin.read()
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        left = Path(holder.stdout.readline().strip())
        assert left.is_dir()
        # While its process lives, another use leaves it alone.
        with dumps.scratch("app", dump):
            assert left.is_dir()
        holder.send_signal(signal.SIGKILL)
        holder.wait(30)
        (server,) = [p for p in psutil.process_iter() if f"{left}/socket" in " ".join(_words(p))]
        with dumps.scratch("app", dump):
            assert not left.exists()
            assert not server.is_running()
    finally:
        holder.kill()
        holder.communicate()
    assert nothing_left(tmp_path)


def test_a_backup_with_fewer_rows_than_it_says_is_found_out(dumps: Dumps, tmp_path: Path) -> None:
    dump = dumped(dumps, tmp_path)
    facts = dump / "facts.json"
    facts.write_text(facts.read_text().replace('"public.post": 500', '"public.post": 501'))
    with pytest.raises(BackupInvalid) as caught, dumps.scratch("app", dump):
        pass
    assert caught.value.details == ("public.post: 501 rows backed up, 500 rows restored",)
    assert nothing_left(tmp_path)


def test_a_dump_that_was_cut_off_is_found_out_by_its_rows(dumps: Dumps, tmp_path: Path) -> None:
    """pg_restore itself takes it without a word."""
    dump = dumped(dumps, tmp_path)
    for file in (dump / "dump").glob("*.dat"):
        if file.name != "toc.dat":
            file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BackupInvalid) as caught, dumps.scratch("app", dump):
        pass
    assert caught.value.details == ("public.post: 500 rows backed up, 498 rows restored",)


def test_a_dump_without_its_contents_is_no_way_back(dumps: Dumps, tmp_path: Path) -> None:
    dump = dumped(dumps, tmp_path)
    (dump / "dump" / "toc.dat").write_bytes(b"PGDMP")
    with (
        pytest.raises(MobiusError, match="could not be restored: pg_restore: error"),
        dumps.scratch("app", dump),
    ):
        pass


def test_an_extension_that_is_not_there_is_named(dumps: Dumps, tmp_path: Path) -> None:
    dump = dumped(dumps, tmp_path)
    facts = dump / "facts.json"
    facts.write_text(facts.read_text().replace('"pg_trgm"', '"postgis"'))
    with pytest.raises(MobiusError, match="the server has no extension postgis"), dumps.scratch("app", dump):
        pass


def test_a_locale_that_this_machine_lacks_is_named(app: Database, dumps: Dumps, tmp_path: Path) -> None:
    dump = dumped(dumps, tmp_path)
    facts = dump / "facts.json"
    facts.write_text(facts.read_text().replace('"C.UTF-8"', '"tlh_QO.UTF-8"'))
    with pytest.raises(MobiusError) as caught, dumps.scratch("app", dump):
        pass
    assert caught.value.message == (
        f'the database {app.name} cannot be made: invalid locale name: "tlh_QO.UTF-8"'
    )
    assert caught.value.hint == "make its locale on that machine: sudo locale-gen tlh_QO.UTF-8"


def test_an_icu_collation_comes_back(new_database: NewDatabase, tmp_path: Path) -> None:
    app = new_database("app", "LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' TEMPLATE template0")
    app.execute("CREATE TABLE word (word text)")
    dumps = dumps_of(tmp_path, DatabaseSettings("app", url=app.url))
    with dumps.scratch("app", dumped(dumps, tmp_path)) as scratch:
        query = "SELECT daticulocale FROM pg_database WHERE datname = current_database()"
        assert ask(scratch.url, query) == app.one(query) != ""


def test_a_database_that_mobius_toml_does_not_name_is_refused(dumps: Dumps, tmp_path: Path) -> None:
    with pytest.raises(MobiusError) as caught:
        dumps.scratch("shop", tmp_path)
    assert caught.value.message == "the backup holds a database shop, which mobius.toml does not name"


def test_a_scratch_server_of_ones_own_is_used_and_left_clean(app: Database, tmp_path: Path) -> None:
    other = new_server()
    try:
        other.start()
        # Of a process that died: nobody holds its lock.
        other.query("CREATE DATABASE mobius_scratch_0123456789ab")
        database = DatabaseSettings("app", url=app.url, scratch_url=other.url("postgres"))
        dumps = dumps_of(tmp_path, database)
        dump = dumped(dumps, tmp_path)
        with dumps.scratch("app", dump) as scratch, dumps.scratch("app", dump) as second:
            assert scratch.url != second.url
            assert len(other.databases()) == 2 and "mobius_scratch_0123456789ab" not in other.databases()
            assert ask(scratch.url, "SELECT count(*) FROM post") == 500
        assert other.databases() == []
    finally:
        other.close()


def test_the_live_server_is_no_scratch_server(app: Database, tmp_path: Path) -> None:
    database = DatabaseSettings("app", url=app.url, scratch_url=app.server.url("postgres"))
    dumps = dumps_of(tmp_path, database)
    dump = dumped(dumps, tmp_path)
    with pytest.raises(MobiusError) as caught, dumps.scratch("app", dump):
        pass
    assert caught.value.message.endswith(" is the live server")
    assert not [name for name in app.server.databases() if name.startswith("mobius_scratch")]


def test_a_folder_that_the_servers_user_may_not_enter_is_left_for_another(tmp_path: Path) -> None:
    if server_uid() < 0:
        pytest.skip("only root starts a server as somebody else")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    base = base_of(closed / "root")
    try:
        assert base.parent == Path("/var/tmp") and base == base_of(closed / "root")
    finally:
        base.rmdir()


def nothing_left(tmp_path: Path) -> bool:
    base = base_of(tmp_path / "root")  # which makes it
    left = list(base.iterdir())
    base.rmdir()
    return left == []


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
