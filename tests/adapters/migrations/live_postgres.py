"""A folder of migrations and the live PostgreSQL that it is applied to, for the tests of migrating one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.live import LiveMigrations
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import Locked, MobiusError
from postgres_server import Database, new_database, postgres_server

__all__ = ["new_database", "postgres_server"]

LONG_S = 60.0
NUMBERS = "SELECT i, md5(i::text) FROM generate_series(1, 20000) i"


MIGRATOR = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from mobius.adapters.databases.postgres_address import parsed
    from mobius.adapters.migrations.source import Target
    from mobius.adapters.migrations.sql_source import SqlSource
    target = Target("postgresql", address=parsed("main", sys.argv[2]), lock_timeout_s=30.0)
    SqlSource().apply(Path(sys.argv[1]), target, progress=lambda line: print(line, flush=True))
    """
)


@dataclass
class Here:
    """A folder of numbered migrations, and the database that it is applied to."""

    root: Path
    database: Database
    lock_timeout_s: float = 0.3
    retry_within_s: float = 0.0
    told: list[str] = field(default_factory=list)

    @property
    def target(self) -> Target:
        address = parsed("main", self.database.url)
        return Target("postgresql", None, address, self.lock_timeout_s, self.retry_within_s)

    def write(self, name: str, sql: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sql)

    def apply(self) -> list[str]:
        return [one.name for one in SqlSource().apply(self.root, self.target, progress=self.told.append)]

    def apply_in_hold(self, within_s: float, told: Callable[[str], None] | None = None) -> None:
        port = LiveMigrations(SqlSource(), lambda: self.target)
        port.apply(self.root, progress=told or self.told.append, within_s=within_s)

    def pending(self) -> list[str]:
        return [one.name for one in SqlSource().pending(self.root, self.target)]

    def applied(self) -> list[str]:
        return [one.name for one in SqlSource().applied(self.target, self.root)]

    def indexes(self) -> dict[str, bool]:
        """By name: whether it is valid."""
        rows = self.database.execute(
            "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND NOT i.indisprimary"
        )
        return {str(name): bool(valid) for name, valid in rows}

    def tables(self) -> set[str]:
        rows = self.database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {str(name) for (name,) in rows}

    @contextlib.contextmanager
    def holding(self, sql: str) -> Iterator[psycopg.Connection[Any]]:
        """Another session in the middle of a transaction."""
        with contextlib.closing(psycopg.connect(self.database.url, application_name="shop")) as db:
            db.execute(sql.encode())
            yield db


@pytest.fixture
def here(new_database: Callable[..., Database], tmp_path: Path) -> Here:
    one = Here(tmp_path / "migrations", new_database("live"))
    one.write(
        "001_note.sql", f"CREATE TABLE note (id int PRIMARY KEY, text text);\nINSERT INTO note {NUMBERS};"
    )
    one.apply()
    return one


@contextlib.contextmanager
def migrating(here: Here) -> Iterator[subprocess.Popen[str]]:
    """Another deployer, killed at the end if it still runs."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", MIGRATOR, str(here.root), here.database.url]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline().startswith("migration 1 of ")
            yield other
        finally:
            other.kill()


class Told:
    """Takes what is told, and does something at the first line of a kind."""

    def __init__(self, is_it: Callable[[str], bool], then: Callable[[], object]) -> None:
        self.lines: list[str] = []
        self._is_it, self._then = is_it, then

    def __call__(self, line: str) -> None:
        if self._is_it(line) and not any(map(self._is_it, self.lines)):
            self._then()
        self.lines.append(line)


def runs(here: Here, word: str) -> bool:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()"
    return bool(here.database.execute(sql, [f"%{word}%"])[0][0])


def applies(here: Here) -> bool:
    """Whether it could be applied; not while the server still ends what a killed one did."""
    try:
        here.apply()
    except (Locked, MobiusError) as problem:
        if isinstance(problem, Locked) or "is being built" in problem.message:
            return False
        raise
    return True


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)
