"""A rehearsed migration reaches the scratch database and nothing that is live, whatever its environment says."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from adapters.migrations.projects import Yard
from adapters.migrations.test_tools_on_postgres import scratch_of
from mobius.adapters.backups.contents import member_of
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.command import CommandSource
from mobius.adapters.migrations.source import Ran, Target
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.errors import MobiusError
from mobius.model.settings import BackupSettings, DatabaseSettings, RehearsalSettings
from mobius.ports import nothing
from postgres_server import Database

pytestmark = pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there")
NewDatabase = Callable[..., Database]
ESCAPING = (Path(__file__).parent / "escaping.py").read_text()
PASSWORD = f"hunter2-{secrets.token_hex(6)}"


class Forwarder:
    """A live server's port on loopback, whose visitors are counted and led to its Unix socket."""

    def __init__(self, to: str) -> None:
        self.to, self.visitors = to, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.server.accept()
            except OSError:
                return
            self.visitors += 1
            inner = socket.socket(socket.AF_UNIX)
            with suppress(OSError):
                inner.connect(self.to)
            for one, other in ((line, inner), (inner, line)):
                threading.Thread(target=_passed_on, args=(one, other), daemon=True).start()


def _passed_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while chunk := one.recv(65_536):
            other.sendall(chunk)
    for line in (one, other):
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


@contextmanager
def forwarded(to: str) -> Iterator[Forwarder]:
    forwarder = Forwarder(to)
    try:
        yield forwarder
    finally:
        with suppress(OSError):
            forwarder.server.shutdown(socket.SHUT_RDWR)
        forwarder.server.close()


def secrets_of_a_person(place: Path, port: int) -> dict[str, str]:
    """What lies in a home, and beside the service: by path."""
    home = place / "home"
    home.mkdir()
    (home / ".pgpass").write_text(f"*:*:*:*:{PASSWORD}\n")
    (home / ".pgpass").chmod(0o600)
    (home / ".pg_service.conf").write_text(f"[live]\nhost=127.0.0.1\nport={port}\nuser=mobius\n")
    with closing(sqlite3.connect(place / "neighbour.db")) as db, db:
        db.execute("CREATE TABLE word (text)")
    return {
        "pgpass": str(home / ".pgpass"),
        "service": str(home / ".pg_service.conf"),
        "neighbour": str(place / "neighbour.db"),
    }


def told(ran: Ran) -> dict[str, Any]:
    assert ran.code == 0 and ran.out is not None, ran.output
    return dict(json.loads(ran.out))


@pytest.mark.slow
def test_a_migration_that_tries_every_way_reaches_no_live_server(
    place: Path, new_database: NewDatabase
) -> None:
    app = new_database("app")
    app.execute("CREATE TABLE note (text text)")
    app.execute("INSERT INTO note VALUES ('live')")
    path = f"{app.server.folder}/.s.PGSQL.5432"
    with forwarded(path) as forwarder:
        tcp_url = f"postgresql://mobius:{PASSWORD}@127.0.0.1:{forwarder.port}/{app.name}"
        with closing(psycopg.connect(tcp_url)):
            pass  # from outside there is a way
        before = forwarder.visitors
        lie = {
            "url": app.url, "tcp_url": tcp_url, "port": forwarder.port, "socket": path,
            "dsn": f"host=127.0.0.1 port={forwarder.port} dbname={app.name} user=mobius",
            "identifier": str(app.one("SELECT system_identifier FROM pg_control_system()")),
            "env_file": str(place / ".env"), "journal": str(place / ".mobius" / "production" / "journal.db"),
            **secrets_of_a_person(place, forwarder.port),
        }  # fmt: skip
        (place / ".env").write_text(f"PASSWORD={PASSWORD}\n")
        leads = {
            "HOME": str(place / "home"), "PGHOST": "127.0.0.1", "PGPORT": str(forwarder.port), "PGUSER": "mobius",
            "PGDATABASE": app.name, "PGPASSWORD": PASSWORD, "PGSERVICE": "live", "PGSERVICEFILE": lie["service"],
            "PGPASSFILE": lie["pgpass"], "PGSYSCONFDIR": str(place / "home"), "REPORTS_DSN": lie["dsn"],
            "REPORTS_DATABASE_URL": tcp_url, "SOMEWHERE": tcp_url, "WORDS": lie["dsn"], "OTHER_URL": tcp_url,
            "REDIS_URL": "redis://127.0.0.1:6379/0", "API_KEY": "stays", "LIVE": json.dumps(lie),
        }  # fmt: skip
        yard = Yard(place, url=app.url, env=leads).write({"escaping.py": ESCAPING})
        yard.settings = replace(
            yard.settings,
            databases=(*yard.settings.databases, DatabaseSettings("other", url_env="OTHER_URL")),
        )
        with scratch_of(replace_databases(yard), place) as scratch:
            ran = yard.cut_off().run(
                (sys.executable, "escaping.py"),
                cwd=yard.tree,
                target=scratch,
                within_s=60.0,
                progress=nothing,
            )
            written = rows(scratch)
        visitors, unharmed = forwarder.visitors - before, app.execute("SELECT text FROM note")
        live = Target("postgresql", address=parsed("app", app.url))
        control = yard.live_runner().run(
            (sys.executable, "escaping.py"), cwd=yard.tree, target=live, within_s=60.0, progress=nothing
        )
    found = told(ran)
    assert found["worked"] == ["its own note"], {name: found["found"][name] for name in found["worked"]}
    assert len(found["found"]) > 35
    assert visitors == 0
    assert sorted(written) == ["live", "of a rehearsal"]
    assert unharmed == [("live",)]
    not_cut_off = {
        "tcp on loopback",
        "the unix socket",
        "by heart: url",
        "by heart: tcp_url",
        "by heart: dsn",
    }
    not_cut_off |= {"by SOMEWHERE", "by REPORTS_DSN", "by the service", "read pgpass", "run a program"}
    assert not_cut_off <= set(told(control)["worked"]), "the same without being cut off"
    env = found["env"]
    assert env["HOME"] == "/tmp" and env["API_KEY"] == "stays"
    assert (
        not {"PGSERVICE", "PGSERVICEFILE", "PGPASSFILE", "PGSYSCONFDIR", "REPORTS_DSN", "OTHER_URL"}
        & env.keys()
    )
    assert not {"REPORTS_DATABASE_URL", "SOMEWHERE", "WORDS", "REDIS_URL"} & env.keys()
    env.pop("LIVE")
    assert PASSWORD not in json.dumps(env) and str(forwarder.port) not in json.dumps(env)


def replace_databases(yard: Yard) -> Yard:
    """The same with only the database that is there, to take its dump."""
    import copy

    same = copy.copy(yard)
    same.settings = replace(yard.settings, databases=yard.settings.databases[:1])
    return same


def rows(target: Target) -> list[str]:
    assert target.address is not None
    with closing(psycopg.connect(**target.address.parameters, **target.address.secrets)) as db:
        return [row[0] for row in db.execute("SELECT text FROM note")]


def words(path: Path | None) -> list[str]:
    assert path is not None
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT text FROM word")]


def test_a_migration_that_tries_every_way_changes_no_live_file(place: Path) -> None:
    live = place / ".mobius" / "production" / "shared" / "data" / "app.db"
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        lie = {
            "port": server.getsockname()[1], "socket": str(place / "live.sock"), "env_file": str(place / ".env"),
            "journal": str(place / ".mobius" / "production" / "journal.db"),
            "real": str(live), **secrets_of_a_person(place, 1),
        }  # fmt: skip
        (place / ".env").write_text("PASSWORD=x\n")
        yard = Yard(place, env={"LIVE": json.dumps(lie), "DATABASE": str(live)}).write(
            {"escaping.py": ESCAPING}
        )
        (yard.root / "journal.db").write_text("the journal")
        with closing(sqlite3.connect(live)) as db, db:
            db.execute("CREATE TABLE word (text)")
            db.execute("INSERT INTO word VALUES ('live')")
        other, target = yard.target("other"), yard.target("migrated")
        before = live.read_bytes()
        ran = yard.cut_off().run(
            (sys.executable, "escaping.py"), cwd=yard.tree, target=target, within_s=60.0, progress=nothing
        )
    found = told(ran)
    assert found["worked"] == ["its own word"], {name: found["found"][name] for name in found["worked"]}
    assert live.read_bytes() == before
    assert not any(path.is_symlink() for path in target.path.parent.iterdir())  # type: ignore[union-attr]
    assert words(target.path) == ["live", "escaped"]
    assert words(other.path) == ["live"]
    assert sorted(p.name for p in other.path.parent.iterdir()) == ["migrated.db", "other.db"]  # type: ignore[union-attr]


def test_the_log_of_a_scratch_database_lies_where_those_outside_look_for_it(place: Path) -> None:
    yard = Yard(place, env={"DATABASE": str(place / ".mobius/production/shared/data/app.db")})
    with closing(sqlite3.connect(yard.live)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE word (text)")
    target = yard.target("migrated")
    assert target.path is not None
    source = """
        import os, sqlite3
        db = sqlite3.connect(os.environ["DATABASE"])
        assert db.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
        db.execute("INSERT INTO word VALUES ('in the log')")
        db.commit()
        os._exit(0)  # as one who is killed: the log stays
        """
    yard.write({"up.py": source})
    ran = yard.cut_off().run(
        (sys.executable, "up.py"), cwd=yard.tree, target=target, within_s=30.0, progress=nothing
    )
    assert ran.code == 0, ran.output
    assert target.path.with_name("migrated.db-wal").stat().st_size > 0
    assert words(target.path) == ["in the log"]
    assert not Path(f"{yard.live}-wal").exists()


def test_it_sees_the_restored_files_and_what_it_writes_there_is_gone(place: Path) -> None:
    yard = Yard(place)
    yard.settings = replace(yard.settings, backup=BackupSettings(paths=("shared/data", "shared/.env")))
    with closing(sqlite3.connect(yard.live)) as db:
        db.execute("CREATE TABLE word (text)")
    restored = place / "restored"
    (restored / "paths" / "shared" / "data").mkdir(parents=True)
    data = restored / member_of("shared/data")
    data.mkdir(parents=True, exist_ok=True)
    (data / "photo.jpg").write_text("of the backup")
    (data / "app.db").write_text("what was restored")
    (restored / member_of("shared/.env")).write_text("KEY=of-the-backup\n")
    source = f"""
        from pathlib import Path
        shared = Path({str(yard.root / "shared")!r})
        print((shared / "data" / "photo.jpg").read_text(), (shared / ".env").read_text())
        (shared / "data" / "photo.jpg").write_text("spoiled")
        import sqlite3
        print(sqlite3.connect(shared / "data" / "app.db").execute("SELECT count(*) FROM word").fetchone())
        """
    yard.write({"up.py": source})
    runner, target = yard.cut_off(restored=restored), yard.target("migrated")
    for _ in range(2):
        ran = runner.run(
            (sys.executable, "up.py"), cwd=yard.tree, target=target, within_s=30.0, progress=nothing
        )
    assert ran.code == 0 and ran.out == "spoiled KEY=of-the-backup\n\n(0,)\n", ran.output
    assert (data / "photo.jpg").read_text() == "of the backup"
    assert (data / "app.db").read_text() == "what was restored"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import time; time.sleep(600)", "was ended: not done within 2 s"),
        (
            "print('x' * 80 + chr(10), end='') or exec('while True: print(0)')",
            "was ended: not done within 2 s",
        ),
    ],
)
def test_it_gets_no_more_time_than_is_configured(place: Path, source: str, words: str) -> None:
    yard = Yard(place).write({"up.py": source})
    yard.settings = replace(yard.settings, rehearsal=RehearsalSettings(timeout_s=2.0))
    with pytest.raises(MobiusError) as told:
        CommandSource((sys.executable, "up.py")).apply(
            yard.tree, yard.target("migrated"), progress=nothing, runner=yard.cut_off()
        )
    assert words in told.value.message and told.value.hint == "raise rehearsal.timeout in mobius.toml"
    assert not isinstance(told.value, NotProvenError)


def test_what_it_says_is_bounded_and_its_end_is_kept(place: Path) -> None:
    yard = Yard(place).write(
        {"up.py": "for i in range(200_000): print('line', i)\nprint('the end')\nraise SystemExit(1)"}
    )
    ran = yard.cut_off().run(
        (sys.executable, "up.py"), cwd=yard.tree, target=yard.target("m"), within_s=60.0, progress=nothing
    )
    assert (ran.code, ran.out) == (1, None)
    assert (
        ran.output.startswith("line 0\n") and ran.output.endswith("the end\n") and len(ran.output) < 1 << 20
    )


def test_nothing_of_it_runs_afterwards(place: Path) -> None:
    mark = f"mobius-lingers-{os.getpid()}"
    source = f"""
        import subprocess, sys
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", {mark!r}], start_new_session=True)
        """
    yard = Yard(place).write({"up.py": source})
    ran = yard.cut_off().run(
        (sys.executable, "up.py"), cwd=yard.tree, target=yard.target("m"), within_s=30.0, progress=nothing
    )
    assert ran.code == 0
    assert [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or ())] == []


def test_without_bubblewrap_nothing_runs_and_the_reason_is_told(place: Path) -> None:
    yard = Yard(place).write({"up.py": "open('ran', 'w')"})
    runner = yard.cut_off(isolation=Bubblewrap(search=str(place)))
    with pytest.raises(
        NotProvenError, match="the migrations cannot be cut off: bubblewrap is not installed"
    ) as why:
        runner.run(
            (sys.executable, "up.py"), cwd=yard.tree, target=yard.target("m"), within_s=9.0, progress=nothing
        )
    assert why.value.hint == "apt install bubblewrap"
    assert "bubblewrap is not installed" in runner.why_not() and not (yard.tree / "ran").exists()


def test_a_program_that_is_not_there_says_nothing_against_the_migration(place: Path) -> None:
    yard = Yard(place)
    with pytest.raises(NotProvenError, match="no-such-program cannot be started in here: No such file"):
        yard.cut_off().run(
            ("no-such-program",), cwd=yard.tree, target=yard.target("m"), within_s=9.0, progress=nothing
        )


def test_a_program_of_the_release_is_found_before_that_of_the_system(place: Path) -> None:
    yard = Yard(place).write(
        {"venv/bin/tool": "#!/bin/sh\necho of the release $0\n", "tools/up": "#!/bin/sh\necho up\n"}
    )
    for name in ("venv/bin/tool", "tools/up"):
        (yard.tree / name).chmod(0o755)
    for argv, said in ((("tool",), "of the release"), (("tools/up",), "up")):
        ran = yard.cut_off().run(
            argv, cwd=yard.tree, target=yard.target("m"), within_s=30.0, progress=nothing
        )
        assert ran.out is not None and ran.out.startswith(said), ran.output
        shutil.rmtree(yard.scratch / "room")
