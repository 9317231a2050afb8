"""A service that has its rows in a database is started before a merge on one of its own: the live one hears nothing."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from free_ports import free_port
from init.samples import git_in
from journeys.service import Done
from mobius.adapters.scratch.cut_off import why_not_here
from postgres_server import Database
from postgres_server import new_database as new_database
from postgres_server import postgres_server as postgres_server

pytestmark = [pytest.mark.journey, pytest.mark.slow]
CONFIG = """
service = "orders"

[[process]]
name = "web"
kind = "web"
start = [{python}, "orders.py"]
{environment}

{database}

[migrations]
kind = "sql"
path = "migrations"
database = "{migrated}"

[health]
interval = "100ms"
min_healthy = "0s"
deadline = "10s"

[[smoke]]
name = "orders"
get = "/orders"
expect = ["status == 200", "json.count >= 1"]

[premerge]
smoke = "{how}"
watch = "300ms"

[environments.staging]
target = "process"
url = "http://127.0.0.1:{port}"
window = "1h"
"""
POSTGRES = '[[database]]\nname = "orders"\nurl_env = "ORDERS_URL"\n'
CREATE = "CREATE TABLE orders (id integer PRIMARY KEY{more}, amount integer NOT NULL DEFAULT 0);\n"
SERIAL = " GENERATED ALWAYS AS IDENTITY"


class Orders:
    """A repository with the service, and `mobius` in it."""

    def __init__(self, folder: Path, *, how: str, database: str, migrated: str, environment: str) -> None:
        self.folder = folder / "orders"
        self.folder.mkdir()
        self.env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "CI": ""}
        for name in ("GITHUB_STEP_SUMMARY", "ARTIFACT_DIR", "RELEASE_TAG"):
            self.env.pop(name, None)
        shutil.copyfile(Path(__file__).with_name("orders.py"), self.folder / "orders.py")
        told = CONFIG.format(
            python=json.dumps(sys.executable), how=how, database=database, migrated=migrated,
            environment=environment, port=free_port(),
        )  # fmt: skip
        self.write("mobius.toml", told)
        self.write(".gitignore", ".mobius/\n*_artifacts/\nlogs/\nbackups/\ndata/\n")
        self.write("migrations/001_orders.sql", CREATE.format(more=SERIAL if database else ""))
        git_in(self.folder, "init", "-q")
        self.commit("Take orders")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text(encoding="utf-8")
        assert old in text, f"{old} is not in {path}"
        self.write(path, text.replace(old, new))

    def commit(self, message: str) -> None:
        git_in(self.folder, "add", "-A")
        git_in(self.folder, "commit", "-q", "-m", message)

    def mobius(self, *words: str) -> Done:
        argv = [sys.executable, "-m", "mobius", *words]
        done = subprocess.run(
            argv, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=400
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def premerge(self) -> Done:
        return self.mobius(
            "premerge", "--skip", "scan", "--skip", "protection", "--reason", "not what this is about"
        )

    def steps(self) -> dict[str, Any]:
        """By name, what premerge.json says of each step."""
        told = json.loads((self.folder / "premerge_artifacts" / "premerge.json").read_text())
        return {step["name"]: step for step in told["steps"]}


@pytest.fixture(params=["isolated", "plain"])
def how(request: pytest.FixtureRequest) -> str:
    if request.param == "isolated" and (reason := why_not_here()):
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture
def live(new_database: Callable[..., Database]) -> Database:
    """What the address of the environment leads to: nothing here may touch it."""
    return new_database("orders")


@pytest.fixture
def on_postgres(tmp_path: Path, how: str, live: Database) -> Iterator[Orders]:
    made = Orders(
        tmp_path, how=how, database=POSTGRES, migrated="orders", environment='pass_env = ["ORDERS_URL"]'
    )
    made.env["ORDERS_URL"] = live.url
    yield made
    made.mobius("host", "stop", "-e", "staging", "--yes")


def servers_in(folder: Path) -> list[str]:
    """What still runs with this folder among its words."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if any(str(folder) in word for word in words):
            found.append(" ".join(words))
    return found


def test_a_change_of_a_service_on_postgresql_passes_on_a_server_of_its_own(
    on_postgres: Orders, live: Database
) -> None:
    done = on_postgres.premerge()
    assert done.code == 0, done
    steps = on_postgres.steps()
    assert "no data but what its migrations make" in steps["smoke"]["said"]
    assert {steps[name]["outcome"] for name in ("backup", "deploy", "migrations", "smoke")} == {"PASS"}
    assert live.one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert servers_in(on_postgres.folder) == []
    assert not list((on_postgres.folder / ".mobius/staging/run").glob("rehearsal-*"))


def test_a_change_whose_query_the_migrated_schema_refuses_is_refused_by_its_smoke_test(
    on_postgres: Orders,
) -> None:
    on_postgres.write("migrations/002_price.sql", "ALTER TABLE orders RENAME COLUMN amount TO price;\n")
    on_postgres.commit("Say price")
    done = on_postgres.premerge()
    assert done.code == 3, done
    assert on_postgres.steps()["smoke"]["outcome"] == "FAIL"


def test_a_change_whose_migration_fails_is_refused(on_postgres: Orders) -> None:
    on_postgres.write("migrations/002_author.sql", "ALTER TABLE ordres ADD COLUMN author text;\n")
    on_postgres.commit("Know who ordered")
    done = on_postgres.premerge()
    assert done.code == 3, done
    step = on_postgres.steps()["smoke"]
    assert step["outcome"] == "FAIL" and "ordres" in json.dumps(step)


def test_where_something_is_live_the_pending_migrations_run_on_a_copy_of_its_data(
    on_postgres: Orders, live: Database, how: str
) -> None:
    assert (done := on_postgres.mobius("deploy", "--tag", "HEAD", "--detach")).code == 0, done
    live.execute("INSERT INTO orders (amount) SELECT 0 FROM generate_series(1, 40)")
    assert (done := on_postgres.mobius("backup", "create")).code == 0, done
    rows = live.one("SELECT count(*) FROM orders")
    on_postgres.write("migrations/002_paid.sql", "ALTER TABLE orders ADD COLUMN paid boolean;\n")
    on_postgres.edit(
        "mobius.toml", "json.count >= 1", "json.count > 40" if how == "isolated" else "json.count < 40"
    )
    on_postgres.commit("Know who paid")
    done = on_postgres.premerge()
    assert done.code == 0, done
    said = on_postgres.steps()["smoke"]["said"]
    assert ("on a copy of orders_" in said) is (how == "isolated")  # nobody's data where it is not cut off
    assert live.one("SELECT count(*) FROM orders") == rows  # the smoke test orders something, every time
    archives = list((on_postgres.folder / "premerge_artifacts/backup").glob("*.zip"))
    assert archives and all(file.name.startswith("orders_") for file in archives)


@pytest.fixture
def on_a_file(tmp_path: Path, how: str) -> Iterator[Orders]:
    """Its rows lie beside mobius.toml, in a folder that git does not see."""
    file = tmp_path / "orders/data/app.db"
    made = Orders(
        tmp_path, how=how, database="", migrated="data/app.db", environment=f'env = {{ DATABASE = "{file}" }}'
    )
    yield made
    made.mobius("host", "stop", "-e", "staging", "--yes")


def test_a_file_beside_mobius_toml_is_covered_by_a_scratch_one(on_a_file: Orders, how: str) -> None:
    done = on_a_file.premerge()
    assert done.code == 0, done
    assert not (on_a_file.folder / "data").exists()  # made for the validation, and taken away
    live = on_a_file.folder / "data/app.db"
    live.parent.mkdir()
    with sqlite3.connect(live) as db:
        db.execute("CREATE TABLE other (text TEXT)")
    db.close()
    before = live.read_bytes()
    done = on_a_file.premerge()
    assert live.read_bytes() == before
    assert done.code == (0 if how == "isolated" else 4), done
    if how == "plain":
        assert "is somebody's" in on_a_file.steps()["smoke"]["checks"][0]["message"]


def test_a_copy_of_the_file_is_taken_from_the_newest_backup(on_a_file: Orders, how: str) -> None:
    if how == "plain":
        return
    on_a_file.edit("mobius.toml", "[health]", '[backup]\npaths = ["data"]\n\n[health]')
    on_a_file.commit("Back the rows up")
    (on_a_file.folder / "data").mkdir()
    assert (done := on_a_file.mobius("deploy", "--tag", "HEAD", "--detach")).code == 0, done
    assert (done := on_a_file.mobius("backup", "create")).code == 0, done
    before = (on_a_file.folder / "data/app.db").read_bytes()
    on_a_file.write("migrations/002_paid.sql", "ALTER TABLE orders ADD COLUMN paid INTEGER;\n")
    on_a_file.commit("Know who paid")
    done = on_a_file.premerge()
    assert done.code == 0, done
    assert "on a copy of orders_" in on_a_file.steps()["smoke"]["said"]
    assert (on_a_file.folder / "data/app.db").read_bytes() == before


def test_in_ci_where_no_live_database_is_known_it_passes_on_one_of_its_own(
    on_postgres: Orders, how: str
) -> None:
    del on_postgres.env["ORDERS_URL"]
    on_postgres.env["CI"] = "true"
    done = on_postgres.premerge()
    assert done.code == 0, done
    steps = on_postgres.steps()
    assert {steps[name]["outcome"] for name in ("backup", "deploy", "migrations", "smoke")} == {"PASS"}
    for name in ("deploy", "migrations"):
        assert "against an empty database" in steps[name]["said"]
