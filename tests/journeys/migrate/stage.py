"""A live shop with its backup and its release v1, and a candidate v2 that brings a migration: ready to be rehearsed."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.rehearsal.ground import Ground
from mobius.adapters.backups.rehearsing import Rehearser
from mobius.adapters.databases.captures import Dumps
from mobius.adapters.databases.postgres_address import connected
from mobius.adapters.migrations.configured import source_of
from mobius.adapters.rehearsal.asked import ScratchDatabase
from mobius.adapters.releases.sources import Files
from mobius.adapters.releases.store import ReleaseStore
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import (
    BackupSettings,
    DatabaseSettings,
    MigrationSettings,
    RehearsalSettings,
    SmokeSettings,
)
from mobius.ports import nothing
from postgres_server import Database

SHOP = Path(__file__).parent / "shop.py"
# What the release in use asks its database, by the name of its smoke test.
OLD = {
    "orders": "SELECT id, user_id, qty, note FROM orders ORDER BY id DESC LIMIT 5",
    "order": "INSERT INTO orders (user_id, qty, note) VALUES (1, 2, 'paid')",
    "guest": "INSERT INTO orders (user_id, qty, note) VALUES (999, 0, NULL)",
    "more": "UPDATE orders SET qty = qty + 1 WHERE id = 1",
    "users": "SELECT count(*) FROM users",
}
NEW = dict.fromkeys(OLD, "SELECT count(*) FROM users")
SCHEMA = """
    CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL);
    CREATE TABLE orders (id {serial} PRIMARY KEY, user_id integer, qty integer NOT NULL, note text);
    INSERT INTO users VALUES (1, 'ann'), (2, 'bo');
"""
ROWS = "INSERT INTO orders (user_id, qty, note) VALUES (1, 3, 'paid'), (2, 1, 'open')"


class Shop(Ground):
    """`app`: its database on a live server; None for an SQLite file. A shop that is there already is left as it is, and
    may be told the `url` of its database alone."""

    def __init__(self, folder: Path, app: Database | None = None, *, url: str = "", **more: Any) -> None:
        self.app, url = app, app.url if app else url
        how: dict[str, Any] = {
            "smoke": tuple(SmokeSettings(name, url=f"/q/{name}", expect=("status == 200",)) for name in OLD),
            "migrations": MigrationSettings(database="app" if url else "shared/data/app.db"),
            "rehearsal": RehearsalSettings(boot=True, timeout_s=90.0),
            "backup": BackupSettings(paths=("shared/data",), folder=folder / "backups"),
            **more,
        }
        if url:
            how["databases"] = (DatabaseSettings("app", url_env="DATABASE_URL"),)
        super().__init__(
            folder, "shop.py", python=(sys.executable,), env={"DATABASE_URL": url} if url else {}, **how
        )
        self.dumped: _Shared | None = None

    def _lay_out(self) -> None:
        self.data.mkdir(parents=True)
        self.release("v1", OLD)
        self._fill()

    def _fill(self) -> None:
        if self.app is not None:
            for words in [*SCHEMA.format(serial="serial").split(";")[:3], ROWS]:
                self.app.execute(words)
        else:
            with closing(sqlite3.connect(self.database)) as db, db:
                db.executescript(SCHEMA.format(serial="integer") + ROWS)

    def release(
        self, tag: str, queries: Mapping[str, str], migrations: Mapping[str, str] | None = None
    ) -> Path:
        """What a tag is."""
        tree = self.project / "built" / tag
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "migrations").mkdir(parents=True)
        shutil.copy(SHOP, tree)
        (tree / "queries.json").write_text(json.dumps(queries))
        for name, text in (migrations or {}).items():
            (tree / "migrations" / name).write_text(text + "\n")
        return tree

    def candidate(self, up: str, down: str | None, queries: Mapping[str, str] = NEW) -> Release:
        """A staged release v2 that brings one migration."""
        files = {"001_step.sql": up, **({"001_step.down.sql": down} if down is not None else {})}
        self.release("v2", queries, files)
        return self.stage_v2()

    def stage_v2(self) -> Release:
        """What lies there as v2, staged."""
        origin = Files(f"{self.project}/built/{{tag}}", (self.root,))
        store = ReleaseStore(self.places, self.settings.release, self.settings.processes, origin)
        source = store.find("v2")
        release = Release(f"v2-{source.digest[:4]}", "v2", "", source.digest, "c" * 64)
        return store.stage(release, progress=nothing)

    @property
    def rehearser(self) -> Rehearser:
        return Rehearser(
            self.settings,
            self.places,
            self.isolation,
            self.environ,
            self.dumped or self.dumps,
            source=source_of(self.settings.migrations or MigrationSettings()),
        )

    def try_out(self, backup: BackupRecord, candidate: Release, **how: Any) -> Mapping[str, Any]:
        """A whole rehearsal: restored, migrated, both releases started on it."""
        folder = self.places.releases / candidate.id / "migrations"
        return self.rehearse(backup, migrate_from=folder, candidate=candidate, **how)

    @contextmanager
    def restored_once(self, backup: BackupRecord) -> Iterator[None]:
        """While inside, every rehearsal gets a copy of one restored database, for the sake of time."""
        dumps = self.dumps
        assert dumps is not None
        with ExitStack() as stack:
            self.dumped = _Shared(dumps, stack)
            yield
        self.dumped = None


class _Shared:
    """Restores each dump once, by the real thing, and hands on copies of it."""

    def __init__(self, dumps: Dumps, stack: ExitStack) -> None:
        self._dumps, self._stack = dumps, stack
        self._there: dict[str, Any] = {}

    @contextmanager
    def scratch(self, name: str, dump: Path) -> Iterator[ScratchDatabase]:
        if name not in self._there:
            self._there[name] = self._stack.enter_context(self._dumps.scratch(name, dump))
        restored = self._there[name]
        copied = f"{restored.address.database}_restored"
        with connected(restored.address.at("postgres"), "the restored database could not be copied") as db:
            db.execute(f'CREATE DATABASE "{copied}" TEMPLATE "{restored.address.database}"')
            try:
                yield replace(restored, address=restored.address.at(copied))
            finally:
                db.execute(f'DROP DATABASE "{copied}" WITH (FORCE)')
