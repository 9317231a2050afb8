"""A real PostgreSQL of our own, on a Unix socket in a temporary folder: for tests only, and without fsync.

def test_something(new_database):
    database = new_database("app")          # dropped at the end of the test
    database.execute("CREATE TABLE note (text text)")
    database.url                            # "postgresql://mobius@/app_1?host=…&port=5432"

Skipped where PostgreSQL is not installed. Run as root, the server runs as the user `postgres`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PORT = 5432  # of the name of the socket; nothing listens on the network
SUPERUSER = "mobius"
LONG_S = 60.0
PR_SET_PDEATHSIG = 1  # of the thread that started it


def programs() -> Path | None:
    """The folder of the newest server programs, None where there are none."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda home: int(home.parent.name))
    found = [home for home in homes if (home / "initdb").exists() and (home / "postgres").exists()]
    on_path = shutil.which("initdb")
    return found[-1] if found else Path(on_path).resolve().parent if on_path else None


@dataclass(frozen=True)
class Identity:
    """Who the server runs as: PostgreSQL refuses root."""

    uid: int
    gid: int

    @property
    def options(self) -> dict[str, Any]:
        """For `subprocess`."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def identity() -> Identity:
    """Ourselves, or `postgres` (else `nobody`) when we are root."""
    if os.geteuid() != 0:
        return Identity(os.geteuid(), os.getegid())
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Identity(entry.pw_uid, entry.pw_gid)
    raise AssertionError("there is no user that PostgreSQL could run as")


class PostgresServer:
    """One cluster in `folder`, with its socket there. `close` ends it whatever happened."""

    def __init__(self, home: Path, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.home, self.folder, self.data = home, folder, folder / "data"
        self.identity = identity()
        self.log = folder / "server.log"
        self.settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "port": str(PORT),
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "max_connections": "60",
            "max_prepared_transactions": "5",
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        os.chown(folder, self.identity.uid, self.identity.gid)
        self.run(
            "initdb", "-D", self.data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"
        )

    def run(self, name: str | Path, *words: str | Path) -> str:
        """One of PostgreSQL's programs, as the server's user; what it said."""
        done = subprocess.run(
            [self.home / name, *map(str, words)],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=LONG_S,
            check=False,
            **self.identity.options,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of PostgreSQL's from outside."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {**kept, "LC_ALL": "C", "HOME": str(self.folder)}

    def start(self) -> PostgresServer:
        """Returns when it answers."""
        options = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.home / "postgres", "-D", self.data, *options],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_us,
                **self.identity.options,
            )
        until = time.monotonic() + LONG_S
        while True:
            with contextlib.suppress(_errors()):
                self.query("SELECT 1")
                return self
            ended = self._process.poll() is not None
            assert not ended and time.monotonic() < until, f"PostgreSQL did not start\n{self.log.read_text()}"
            time.sleep(0.02)

    @property
    def pid(self) -> int | None:
        """Of its first process, which leads the group of all of them."""
        return self._process.pid if self._process else None

    def stop(self) -> None:
        """At once; not running is a success."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGQUIT if self.settings["fsync"] == "off" else signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)

    def close(self) -> None:
        """Ends it, and leaves nothing."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str = "") -> str:
        """A libpq address."""
        who = f"{user}:{password}" if password else user
        return f"postgresql://{who}@/{database}?host={self.folder}&port={PORT}"

    def query(self, query: str, values: Sequence[object] = (), *, database: str = "postgres") -> list[Any]:
        """The rows of one statement that commits by itself; [] where it has none."""
        import psycopg

        with contextlib.closing(psycopg.connect(self.url(database), autocommit=True)) as connection:
            cursor = connection.execute(query, values or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def databases(self) -> list[str]:
        """The names of all but PostgreSQL's own."""
        rows = self.query("SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")
        return sorted(row[0] for row in rows)


@dataclass
class Database:
    """One database of a test."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        """Its address."""
        return self.server.url(self.name)

    def execute(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """The rows of one statement, committed."""
        return self.server.query(query, values, database=self.name)

    def one(self, query: str) -> Any:
        """The only value."""
        return self.execute(query)[0][0]


def new_server(**settings: str) -> PostgresServer:
    """A cluster of the caller's own, not started; skips where there is no PostgreSQL. The caller closes it."""
    home = programs()
    if home is None:
        pytest.skip("PostgreSQL is not installed")
    pytest.importorskip("psycopg")
    # Short, and outside of pytest's private folders: a socket's name has 107 bytes, and another user comes here.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        return PostgresServer(home, folder, settings=settings)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One running server for all tests of a session."""
    server = new_server()
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def new_database(postgres_server: PostgresServer) -> Iterator[Callable[..., Database]]:
    """Makes databases with names of their own; they, and what was made of them (`NAME…`), are gone at the end."""
    made: list[str] = []

    def make(start: str = "app", options: str = "") -> Database:
        made.append(f"{start}_{secrets.token_hex(3)}")
        postgres_server.query(f'CREATE DATABASE "{made[-1]}" {options}')
        return Database(postgres_server, made[-1])

    try:
        yield make
    finally:
        for name in postgres_server.databases():
            if any(name.startswith(each) for each in made):
                postgres_server.query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _end_with_us() -> None:
    """In the child: the kernel ends it when the tests are killed before they could."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0)


def _errors() -> type[Exception]:
    import psycopg

    return psycopg.OperationalError
