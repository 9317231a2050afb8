"""knex and node-pg-migrate for real, on PostgreSQL: their own commands, live and cut off."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.migrations.projects import Yard
from adapters.migrations.test_tools_on_postgres import columns, live, scratch_of
from mobius.adapters.migrations.command import CommandSource
from mobius.adapters.migrations.source import Runner, Target
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.ports import nothing
from postgres_server import Database

NewDatabase = Callable[..., Database]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
    pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there"),
]
KNEX = {
    "knexfile.js": """
        const { PGHOST: host, PGUSER: user, PGPASSWORD: password, PGDATABASE: database } = process.env;
        module.exports = { client: "pg", connection: { host, user, password, database } };
        """,
    "migrations/20260101000000_note.js": """
        exports.up = (knex) => knex.schema.createTable("note", (t) => { t.increments("id"); t.text("text"); });
        exports.down = (knex) => knex.schema.dropTable("note");
        """,
}
NODE_PG_MIGRATE = {
    "migrations/1767225600000_note.js": """
        exports.up = (pgm) => pgm.createTable("note", { id: "id", text: { type: "text" } });
        exports.down = (pgm) => pgm.dropTable("note");
        """,
}
TOOLS = [
    (
        KNEX,
        CommandSource(
            ("npx", "knex", "migrate:latest"), ("npx", "knex", "migrate:rollback"), path="migrations"
        ),
    ),
    (
        NODE_PG_MIGRATE,
        CommandSource(
            ("npx", "node-pg-migrate", "up"), ("npx", "node-pg-migrate", "down"), path="migrations"
        ),
    ),
]


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A `node_modules` with both tools."""
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text('{"name": "site", "private": true}\n')
    argv = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "knex@3",
        "node-pg-migrate@8",
        "pg@8",
    ]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=240)
    if done.returncode:
        pytest.skip(f"npm cannot install here: {done.stderr.splitlines()[-1:]}")
    yield folder / "node_modules"
    shutil.rmtree(folder, ignore_errors=True)


def up_and_down(source: CommandSource, yard: Yard, target: Target, runner: Runner) -> None:
    root = yard.tree / "migrations"
    for _ in range(2):  # again is no mistake
        source.apply(root, target, progress=nothing, runner=runner)
        assert columns(target, "note") == ["id", "text"]
    source.down(root, target, [" ".join(source.up)], runner=runner)
    assert columns(target, "note") == []


@pytest.mark.parametrize(("files", "source"), TOOLS, ids=["knex", "node-pg-migrate"])
def test_their_own_commands_go_up_and_down_live_and_cut_off(
    place: Path, new_database: NewDatabase, modules: Path, files: dict[str, str], source: CommandSource
) -> None:
    app = new_database("app")
    named = {
        "PGHOST": str(app.server.folder),
        "PGUSER": "mobius",
        "PGDATABASE": app.name,
    }  # all that knex is told
    yard = Yard(place, url=app.url, env=named).write(files)
    shutil.copytree(modules, yard.tree / "node_modules", symlinks=True, copy_function=os.link)
    with scratch_of(yard, place) as scratch:
        up_and_down(source, yard, scratch, yard.cut_off())
    assert app.one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    up_and_down(source, yard, live(app), yard.live_runner())
