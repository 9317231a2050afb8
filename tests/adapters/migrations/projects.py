"""Real projects of Alembic and Django, staged as releases, with a live database, and what runs their tools."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

from mobius.adapters.migrations.runner_cut_off import CutOffRunner
from mobius.adapters.migrations.runner_live import LiveRunner
from mobius.adapters.migrations.source import Target
from mobius.adapters.places import Places
from mobius.model.settings import (
    DatabaseSettings,
    EnvironmentSettings,
    MigrationSettings,
    ProcessSettings,
    RehearsalSettings,
)

ALEMBIC = (sys.executable, "-m", "alembic")
DJANGO = (sys.executable, "manage.py")

ENV_PY = """
    import os
    from alembic import context
    from sqlalchemy import create_engine

    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    if context.is_offline_mode():
        context.configure(url=url, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
    else:
        with create_engine(url).connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()
"""
FIRST = """
    from alembic import op
    import sqlalchemy as sa
    revision = "aaa1"
    down_revision = None

    def upgrade():
        op.create_table("note", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))

    def downgrade():
        op.drop_table("note")
"""
SECOND = """
    from alembic import op
    import sqlalchemy as sa
    revision = "bbb2"
    down_revision = "aaa1"

    def upgrade():
        print("adding a column")
        op.add_column("note", sa.Column("stars", sa.Integer, nullable=True))

    def downgrade():
        op.drop_column("note", "stars")
"""
MANAGE = """
    import os, sys
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
SETTINGS = """
    import os
    from urllib.parse import parse_qs, urlsplit, unquote
    SECRET_KEY = "x"
    INSTALLED_APPS = ["django.contrib.contenttypes", "shop"]
    USE_TZ = True
    at = urlsplit(os.environ["DATABASE_URL"])
    if at.scheme == "sqlite":
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": at.path}}
    else:
        query = parse_qs(at.query)
        DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": at.path[1:],
            "USER": at.username, "PASSWORD": unquote(at.password or ""), "HOST": query["host"][0],
            "PORT": query["port"][0]}}
"""
_SHOP_FIRST = """
    from django.db import migrations, models

    class Migration(migrations.Migration):
        initial = True
        dependencies = []
        operations = [migrations.CreateModel("Note", [
            ("id", models.BigAutoField(primary_key=True)), ("text", models.TextField())])]
"""
_SHOP_SECOND = """
    from django.db import migrations, models

    class Migration(migrations.Migration):
        dependencies = [("shop", "0001_initial")]
        operations = [migrations.AddField("note", "stars", models.IntegerField(null=True))]
"""


class Yard:
    """A project in `folder`, whose release `v1` is staged; the live database is SQLite, unless `url` names another."""

    def __init__(
        self, folder: Path, *, url: str = "", env: Mapping[str, str] | None = None, **migrations: Any
    ) -> None:
        self.folder, self.root = folder, folder / ".mobius" / "production"
        self.places = Places(folder, self.root)
        self.tree = self.places.releases / "v1-1a2b"
        self.tree.mkdir(parents=True)
        self.live = self.root / "shared" / "data" / "app.db"
        self.live.parent.mkdir(parents=True)
        self.url = url or f"sqlite:///{self.live}"
        database = "app" if url else "shared/data/app.db"
        process = ProcessSettings(
            "api", (sys.executable, "web.py"), env={"DATABASE_URL": self.url, **(env or {})}
        )
        self.settings = EnvironmentSettings(
            name="production",
            url="http://127.0.0.1:1",
            root=self.root,
            processes=(process,),
            databases=(DatabaseSettings("app", url_env="DATABASE_URL"),) if url else (),
            rehearsal=RehearsalSettings(boot=True, timeout_s=60.0),
            migrations=replace(MigrationSettings(database=database), **migrations),
        )
        self.environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    def write(self, files: Mapping[str, str]) -> Yard:
        """Into the tree of the release."""
        for name, text in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return self

    def with_alembic(self, **revisions: str) -> Yard:
        """FIRST and SECOND, unless others are given."""
        texts = revisions or {"first": FIRST, "second": SECOND}
        files = {f"alembic/versions/{name}.py": text for name, text in texts.items()}
        ini = "[alembic]\nscript_location = %(here)s/alembic\n"
        return self.write({"alembic.ini": ini, "alembic/env.py": ENV_PY, **files})

    def with_django(self, **migrations: str) -> Yard:
        """An app of two migrations, and more."""
        texts = {"0001_initial": _SHOP_FIRST, "0002_stars": _SHOP_SECOND, **migrations}
        files = {f"shop/migrations/{name}.py": text for name, text in texts.items()}
        packages = {"shop/__init__.py": "", "shop/migrations/__init__.py": ""}
        return self.write({"manage.py": MANAGE, "site_settings.py": SETTINGS, **packages, **files})

    def cut_off(self, **more: Any) -> CutOffRunner:
        """A runner for a rehearsal."""
        return CutOffRunner(self.settings, self.places, self.environ, room=self.scratch / "room", **more)

    def live_runner(self, **more: Any) -> LiveRunner:
        """A runner for a deployment."""
        return LiveRunner(self.settings, self.places, self.environ, **more)

    @property
    def scratch(self) -> Path:
        """A scratch place of a rehearsal."""
        place = self.root / "run" / "rehearsal-x"
        place.mkdir(parents=True, exist_ok=True)
        return place

    def target(self, name: str = "") -> Target:
        """The live SQLite file; with a name, a scratch copy of it."""
        if not name:
            return Target("sqlite", path=self.live)
        copy = self.scratch / "trial" / f"{name}.db"
        copy.parent.mkdir(exist_ok=True)
        if self.live.exists():
            with closing(sqlite3.connect(self.live)) as old, closing(sqlite3.connect(copy)) as new:
                old.backup(new)
        else:
            copy.touch()
        return Target("sqlite", path=copy)


def columns(path: Path | None, table: str) -> list[str]:
    """Of a table in an SQLite file."""
    assert path is not None
    with closing(sqlite3.connect(path)) as db:
        return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
