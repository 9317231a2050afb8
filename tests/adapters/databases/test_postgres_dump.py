"""A PostgreSQL database is dumped while it is written to: facts and dump of one instant, and errors that help."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mobius.adapters.databases.captures import Dumps
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.databases.postgres_dump import Dumper
from mobius.adapters.places import Places
from mobius.errors import ConfigurationError, MobiusError
from mobius.model.settings import BackupSettings, DatabaseSettings, EnvironmentSettings, ProcessSettings
from mobius.model.verdict import Outcome
from postgres_server import Database, PostgresServer, programs

NewDatabase = Callable[..., Database]
PASSWORD = "s3cret/p@ss word"
QUOTED = "s3cret%2Fp%40ss%20word"


def told(_: str) -> None:
    """Progress that nobody looks at."""


def settings_of(tmp_path: Path, *databases: DatabaseSettings, env_file: str = "") -> EnvironmentSettings:
    process = ProcessSettings("api", ("app",), env_file=env_file or None)
    return EnvironmentSettings(
        name="production",
        url="http://127.0.0.1:1",
        root=tmp_path / "root",
        backup=BackupSettings(folder=tmp_path / "backups", nice=False),
        databases=databases,
        processes=(process,),
    )


def dumps_of(
    tmp_path: Path, *databases: DatabaseSettings, environ: Mapping[str, str] = os.environ, **more: str
) -> Dumps:
    settings = settings_of(tmp_path, *databases, **more)
    settings.root.mkdir(exist_ok=True)
    return Dumps("dhash", settings, Places(tmp_path, settings.root), environ)


@pytest.fixture
def app(new_database: NewDatabase) -> Database:
    database = new_database("app")
    database.execute("CREATE TABLE post (id serial PRIMARY KEY, body text NOT NULL)")
    database.execute("INSERT INTO post (body) SELECT md5(i::text) FROM generate_series(1, 1000) i")
    database.execute("CREATE SCHEMA shop")
    database.execute("CREATE TABLE shop.sale (day date, sum numeric) PARTITION BY RANGE (day)")
    database.execute(
        "CREATE TABLE shop.sale_2024 PARTITION OF shop.sale FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"
    )
    database.execute("INSERT INTO shop.sale VALUES ('2024-05-01', 2)")
    database.execute("CREATE EXTENSION pg_trgm")
    return database


def test_a_dump_says_what_it_holds(app: Database, tmp_path: Path) -> None:
    facts = Dumper(parsed("app", app.url), os.environ).dump(tmp_path / "app", told)
    assert facts.tables == {"public.post": 1000, "shop.sale_2024": 1}
    assert facts.extensions.keys() == {"pg_trgm", "plpgsql"}
    assert facts.server_version == app.one("SHOW server_version").split()[0]
    assert facts.properties.encoding == "UTF8" and facts.properties.collate == "C.UTF-8"
    assert facts.size_bytes > 1_000_000 and facts.dump_bytes > 10_000
    assert len(facts.schema_sha256) == 64
    written = json.loads((tmp_path / "app" / "facts.json").read_text())
    assert written["tables"] == facts.tables
    # Uncompressed: the archive compresses what it takes in, and hashes it.
    md5_of_1 = b"c4ca4238a0b923820dcc509a6f75849b"
    assert any(md5_of_1 in file.read_bytes() for file in (tmp_path / "app" / "dump").glob("*.dat"))


def test_the_schema_has_one_hash_until_it_changes(app: Database, tmp_path: Path) -> None:
    def hashed(name: str) -> str:
        return Dumper(parsed("app", app.url), os.environ).dump(tmp_path / name, told).schema_sha256

    first = hashed("a")
    app.execute("INSERT INTO post (body) VALUES ('more rows are no other schema')")
    assert hashed("b") == first
    app.execute("CREATE INDEX ON post (body)")
    assert hashed("c") != first


def test_the_rows_counted_are_the_rows_dumped_while_others_write(app: Database, tmp_path: Path) -> None:
    """Two tables that one transaction always keeps equal, and a writer that never rests."""
    app.execute("CREATE TABLE a (n int)")
    app.execute("CREATE TABLE b (n int)")
    done = threading.Event()
    committed = [0]

    def write() -> None:
        import psycopg

        with psycopg.connect(app.url) as connection:
            while not done.is_set():
                connection.execute("INSERT INTO a VALUES (1)")
                connection.execute("INSERT INTO b VALUES (1)")
                connection.commit()
                committed[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            before = committed[0]
            facts = Dumper(parsed("app", app.url), os.environ).dump(tmp_path / str(number), told)
            lines = {
                file.read_bytes().count(b"\n")
                for file in (tmp_path / str(number) / "dump").glob("*.dat")
                if file.read_bytes().startswith(b"1\n")
            }
            assert facts.tables["public.a"] == facts.tables["public.b"] >= before
            assert lines == {facts.tables["public.a"] + 3}  # COPY's end is "\." and two empty lines
    finally:
        done.set()
        writer.join(30)
    assert committed[0] > 5


def test_no_password_is_seen_anywhere(
    app: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every argument list, message, fact and file of a dump, and of one that fails."""
    seen: list[str] = []
    sys.addaudithook(lambda event, args: seen.append(str(args[1])) if event == "subprocess.Popen" else None)
    url = app.server.url(app.name, password=QUOTED)
    address = parsed("app", url)
    assert address.secrets == {"password": PASSWORD}
    facts = Dumper(address, os.environ).dump(tmp_path / "app", seen.append)
    with pytest.raises(MobiusError) as caught:
        Dumper(parsed("app", url.replace(app.name, "gone")), os.environ).dump(tmp_path / "gone", seen.append)
    seen += [repr(address), str(address), address.conninfo(), str(facts), repr(caught.value.__context__)]
    seen += [caught.value.message, caught.value.hint, *caught.value.details, *capfd.readouterr()]
    seen += [file.read_text(errors="replace") for file in (tmp_path / "app").rglob("*") if file.is_file()]
    assert any("pg_dump" in words for words in seen)
    assert not [text for text in seen if PASSWORD in text or QUOTED in text]


@pytest.mark.parametrize(
    "text", ["postgresql://ann:hunter22@[half", "postgresql://ann:hunter22@h/a?nonsense=hunter22"]
)
def test_an_address_that_cannot_be_read_is_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parsed("app", text)
    assert caught.value.message == "the address of the database app cannot be read"
    assert "hunter22" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_an_address_of_sqlalchemy_is_understood() -> None:
    address = parsed("app", "postgresql+asyncpg://ann:pw@db.example:5433/shop")
    assert address.parameters == {"user": "ann", "host": "db.example", "port": "5433", "dbname": "shop"}
    assert str(address) == "shop on db.example:5433"


def test_the_address_is_found_in_the_environment_file_of_a_process(app: Database, tmp_path: Path) -> None:
    (tmp_path / "app.env").write_text(f"DATABASE_URL='{app.url}'\n")
    database = DatabaseSettings("app", url_env="DATABASE_URL")
    dumps = dumps_of(tmp_path, database, environ={}, env_file="app.env")
    (tmp_path / "into").mkdir()
    captured = dumps.capture(tmp_path / "into", told)
    assert [source.prefix for source in captured.sources] == ["databases/app"]
    assert captured.facts is not None and captured.facts["app"]["tables"]["public.post"] == 1000
    assert [(point.name, point.kind) for point in captured.points] == [("app", "postgresql")]


def test_an_address_that_is_nowhere_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "app.env").write_text("OTHER=1\n")
    dumps = dumps_of(
        tmp_path, DatabaseSettings("app", url_env="DATABASE_URL"), environ={}, env_file="app.env"
    )
    (result,) = dumps.preflight()
    assert (result.outcome, result.message, result.advice) == (
        Outcome.FAIL,
        "the address of the database app is not known: DATABASE_URL is set nowhere",
        "give DATABASE_URL to mobius, or write it into the env_file of a process",
    )


def test_a_server_that_does_not_answer_is_named_with_what_to_try(tmp_path: Path) -> None:
    with pytest.raises(MobiusError) as caught:
        Dumper(parsed("app", f"postgresql://ann@/app?host={tmp_path}"), os.environ).dump(tmp_path / "d", told)
    assert caught.value.message.startswith("the database app could not be dumped: connection")
    assert f"pg_isready -d 'user=ann dbname=app host={tmp_path}'" in caught.value.hint
    assert not (tmp_path / "d").exists()


def test_a_user_who_may_not_read_everything_is_told_the_grant(app: Database, tmp_path: Path) -> None:
    role = f"{app.name}_reader"
    app.execute(f"CREATE ROLE {role} LOGIN")
    try:
        url = app.server.url(app.name, user=role)
        (result,) = dumps_of(tmp_path, DatabaseSettings("app", url=url)).preflight()
        assert result.message == f"{role} may not read all rows of public.post, shop.sale_2024"
        assert f"GRANT pg_read_all_data TO {role};" in result.advice
        with pytest.raises(MobiusError) as caught:
            Dumper(parsed("app", url), os.environ).dump(tmp_path / "d", told)
        assert "permission denied" in caught.value.message
        assert caught.value.hint == f"let {role} read everything: GRANT pg_read_all_data TO {role};"
        app.execute(f"GRANT pg_read_all_data TO {role}")
        assert Dumper(parsed("app", url), os.environ).dump(tmp_path / "d", told).tables["public.post"] == 1000
        (result,) = dumps_of(tmp_path, DatabaseSettings("app", url=url)).preflight()
        assert result.outcome is Outcome.PASS
        assert result.message.endswith(
            f"{role} could not restore it: it may not create databases, or does not own this one"
        )
    finally:
        app.execute(f"DROP OWNED BY {role}")
        app.execute(f"DROP ROLE {role}")


def test_rows_that_a_policy_hides_are_never_left_out(app: Database, tmp_path: Path) -> None:
    role = f"{app.name}_half"
    app.execute(f"CREATE ROLE {role} LOGIN IN ROLE pg_read_all_data")
    try:
        app.execute("ALTER TABLE post ENABLE ROW LEVEL SECURITY")
        app.execute("CREATE POLICY half ON post USING (id < 500)")
        url = app.server.url(app.name, user=role)
        (result,) = dumps_of(tmp_path, DatabaseSettings("app", url=url)).preflight()
        assert result.message == f"{role} may not read all rows of public.post"
        with pytest.raises(MobiusError, match="row-level security"):
            Dumper(parsed("app", url), os.environ).dump(tmp_path / "d", told)
        assert not (tmp_path / "d").exists()
    finally:
        app.execute(f"DROP OWNED BY {role}")
        app.execute(f"DROP ROLE {role}")


def test_a_table_that_stays_locked_ends_the_dump_in_time(app: Database, tmp_path: Path) -> None:
    import psycopg

    with psycopg.connect(app.url) as holder:
        holder.execute("LOCK TABLE post IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(MobiusError) as caught:
            Dumper(parsed("app", app.url), os.environ, timeout_s=0.5).dump(tmp_path / "d", told)
        assert caught.value.message.startswith("the database app could not be dumped: canceling statement")
        assert caught.value.hint.startswith("raise timeout of the database app in mobius.toml")
        assert not (tmp_path / "d").exists()
    assert app.one("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mobius'") == 0


def test_a_pg_dump_older_than_the_server_is_refused(
    app: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mobius.adapters.databases import postgres_programs

    old = tmp_path / "old" / "pg_dump"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 13.2'\n")
    old.chmod(0o755)
    monkeypatch.setattr(postgres_programs, "_HOMES", ())
    monkeypatch.setenv("PATH", f"{old.parent}:/usr/bin-not")
    major = app.one("SHOW server_version").split(".")[0]
    (result,) = dumps_of(tmp_path, DatabaseSettings("app", url=app.url)).preflight()
    assert result.message == f"pg_dump is version 13.2, and the server is version {major}: it does not fit"
    assert result.advice == f"apt install postgresql-client-{major}"


def test_a_machine_that_could_not_rehearse_is_told_what_to_install(
    app: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mobius.adapters.databases import postgres_programs

    home = programs()
    assert home is not None
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).symlink_to(home / name)
    monkeypatch.setattr(postgres_programs, "_HOMES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    major = app.one("SHOW server_version").split(".")[0]
    (result,) = dumps_of(tmp_path, DatabaseSettings("app", url=app.url)).preflight()
    assert (result.outcome, result.message, result.advice) == (
        Outcome.FAIL,
        f"initdb of PostgreSQL {major} is not installed here",
        f"apt install postgresql-{major}",
    )
    elsewhere = DatabaseSettings("app", url=app.url, scratch_url="postgresql://scratch.example/postgres")
    (result,) = dumps_of(tmp_path, elsewhere).preflight()
    assert result.outcome is Outcome.PASS, result


def test_without_the_driver_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    (result,) = dumps_of(tmp_path, DatabaseSettings("app", url="postgresql:///app")).preflight()
    assert (result.outcome, result.advice) == (Outcome.FAIL, "pip install 'mobius[postgres]'")


def test_a_disk_that_is_full_leaves_nothing(app: Database, tmp_path: Path) -> None:
    """A real one: a file system of 1 MB, in a mount namespace of its own where that can be had."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    import subprocess

    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", small], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        app.execute("INSERT INTO post (body) SELECT repeat('x', 1000) FROM generate_series(1, 2000)")
        with pytest.raises(MobiusError) as caught:
            Dumper(parsed("app", app.url), os.environ).dump(small / "d", told)
        assert "No space left on device" in str(caught.value)
        assert caught.value.hint.startswith(f"the disk below {small / 'd' / 'dump'} is full")
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_what_a_killed_backup_left_is_gone_at_the_next(app: Database, tmp_path: Path) -> None:
    left = tmp_path / "backups" / ".dumps-0123456789ab" / "app" / "dump"
    left.mkdir(parents=True)
    (left / "toc.dat").write_text("half")
    with dumps_of(tmp_path, DatabaseSettings("app", url=app.url)).captured(told) as captured:
        (mine,) = (tmp_path / "backups").iterdir()
        assert captured.sources[0].path.parent == mine != left.parent.parent
        assert mine.stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "backups").iterdir()) == []


def test_preflight_says_what_it_would_use(
    app: Database, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    (result,) = dumps_of(tmp_path, replace(DatabaseSettings("app"), url=app.url)).preflight()
    version = app.one("SHOW server_version").split()[0]
    assert result.outcome is Outcome.PASS, result
    assert result.message.startswith(f"PostgreSQL {version}, ") and "pg_dump " in result.message
