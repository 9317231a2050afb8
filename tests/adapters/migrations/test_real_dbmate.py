"""What we write the real dbmate reads, and the other way round; where it is installed (npm install dbmate)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from postgres_server import Database, new_database, postgres_server

__all__ = ["new_database", "postgres_server"]

DBMATE = os.environ.get("DBMATE") or shutil.which("dbmate")
pytestmark = pytest.mark.skipif(not DBMATE, reason="dbmate is not installed")
FIRST = "-- migrate:up\nCREATE TABLE note (id int);\n\n-- migrate:down\nDROP TABLE note;\n"
SECOND = "-- migrate:up\nCREATE TABLE tag (id int);\n\n-- migrate:down\nDROP TABLE tag;\n"
NAMES = ["20240101000000_note", "20240102000000_tag"]


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Target, str]:
    if request.param == "sqlite":
        path = tmp_path / "app.db"
        return Target("sqlite", path=path), f"sqlite:{path}"
    database: Database = request.getfixturevalue("new_database")("dbmate")
    target = Target("postgresql", address=parsed("main", database.url))
    server = database.server
    return target, f"postgres://mobius@/{database.name}?host={server.folder}&sslmode=disable"


def test_each_goes_on_where_the_other_stopped(where: tuple[Target, str], tmp_path: Path) -> None:
    (target, url), root, source = where, tmp_path / "migrations", SqlSource()
    root.mkdir()

    def dbmate(*words: str) -> str:
        done = subprocess.run(
            [str(DBMATE), "--url", url, "--migrations-dir", str(root), "--no-dump-schema", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def applied() -> list[str]:
        return [one.name for one in source.applied(target, root)]

    (root / f"{NAMES[0]}.sql").write_text(FIRST)
    dbmate("up")
    assert applied() == NAMES[:1]
    (root / f"{NAMES[1]}.sql").write_text(SECOND)
    assert "Pending: 1" in dbmate("status")
    assert [one.name for one in source.apply(root, target, progress=print)] == NAMES[1:]
    assert "Pending: 0" in dbmate("status")
    dbmate("down")
    assert applied() == NAMES[:1]
    assert [one.name for one in source.pending(root, target)] == NAMES[1:]
    source.down(root, target, NAMES[:1])
    assert "Applied: 0" in dbmate("status")
    assert source.apply(root, target, progress=print)
    assert "Pending: 0" in dbmate("status")
