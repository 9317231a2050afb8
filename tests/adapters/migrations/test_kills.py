"""A deployer killed at any moment: what is pending afterwards is what is not there, in every layout."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.migrations.live_postgres import until
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import Locked
from postgres_server import Database, new_database, postgres_server

__all__ = ["new_database", "postgres_server"]
pytestmark = pytest.mark.slow

HOW_MANY, ROWS, KILLS = 8, 3000, 8
NAMED = {
    "numbered": "{:03}_t.sql",
    "flyway": "V{}__t.sql",
    "golang-migrate": "{:06}_t.up.sql",
    "dbmate": "202401010000{:02}_t.sql",
    "prisma": "202401010000{:02}_t/migration.sql",
}
MIGRATOR = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from mobius.adapters.databases.postgres_address import parsed
    from mobius.adapters.migrations.source import Target
    from mobius.adapters.migrations.sql_source import SqlSource
    target = Target("postgresql", address=parsed("main", sys.argv[2]))
    SqlSource().apply(Path(sys.argv[1]), target, progress=lambda line: print(line, flush=True))
    """
)


@pytest.mark.parametrize("layout", sorted(NAMED))
def test_kill_9_leaves_each_migration_applied_and_recorded_or_neither(
    layout: str, new_database: Callable[..., Database], tmp_path: Path
) -> None:
    database, root, randomly = new_database("kills"), tmp_path / "migrations", random.Random(layout)
    for number in range(1, HOW_MANY + 1):
        path = root / NAMED[layout].format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        sql = f"CREATE TABLE t{number} (a int);\nINSERT INTO t{number} SELECT generate_series(1, {ROWS});\n"
        path.write_text(f"-- migrate:up\n{sql}" if layout == "dbmate" else sql)
    target = Target("postgresql", address=parsed("main", database.url))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", MIGRATOR, str(root), database.url]
    seen = set()
    for _ in range(KILLS):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as migrator:
            try:
                assert migrator.stdout is not None
                for _ in range(randomly.randint(1, 2)):
                    migrator.stdout.readline()  # of the migration that it begins
                for _ in range(randomly.randint(0, 2)):
                    database.one("SELECT 1")  # a moment counted in answers of the same server
            finally:
                migrator.send_signal(signal.SIGKILL)
        _until_it_is_over(database)
        there = {
            int(name[1:])
            for (name,) in database.execute("SELECT tablename FROM pg_tables WHERE tablename ~ '^t[0-9]+$'")
        }
        pending = len(SqlSource().pending(root, target))
        assert there == set(range(1, HOW_MANY - pending + 1))
        assert all(database.one(f"SELECT count(*) FROM t{number}") == ROWS for number in there)
        assert len(SqlSource().applied(target, root)) == len(there)
        seen.add(len(there))
    assert len(seen) > 1, "every kill came before the first or after the last migration"
    _apply(root, target)
    assert SqlSource().pending(root, target) == ()


def _until_it_is_over(database: Database) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'mobius migrates%'"
    until(lambda: not database.one(query))


def _apply(root: Path, target: Target) -> None:
    def is_applied() -> bool:
        try:
            SqlSource().apply(root, target, progress=print)
        except Locked:
            return False
        return True

    until(is_applied)
