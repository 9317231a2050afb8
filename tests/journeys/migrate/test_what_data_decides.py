"""What no reader of a text can decide, decided on a copy of the data: each migration is rehearsed for real, and the
hazards of its text are held against the facts of the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from adapters.rehearsal.ground import a_place
from journeys.migrate.data_cases import CASES, MANY, OF_SQLITE, PEOPLE, Case
from journeys.migrate.stage import OLD, Shop
from mobius.model.linting import Dialect
from mobius.model.migrating import PendingMigration
from mobius.model.release import BackupRecord
from mobius.rules.known_facts import NO_TIMEOUT, judge_with_facts
from postgres_server import Database, PostgresServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def people(
    postgres_server: PostgresServer,
) -> Iterator[tuple[Shop, BackupRecord]]:
    name = "people_of_data"
    postgres_server.query(f"CREATE DATABASE {name}")
    try:
        with a_place() as folder:
            shop = Shop(folder, Database(postgres_server, name))
            for words in PEOPLE.split(";\n"):
                if words.strip():
                    Database(postgres_server, name).execute(words)
            backup = shop.backup()
            with shop.restored_once(backup):
                yield shop, backup
    finally:
        postgres_server.query(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("case", [pytest.param(each, id=each.name) for each in CASES])
def test_on_postgresql_the_data_decides(people: tuple[Shop, BackupRecord], case: Case) -> None:
    shop, backup = people
    facts = shop.try_out(backup, shop.candidate(case.up, case.back, OLD), fast=True, boot=False)
    assert_decided(facts, case, "postgresql")


def assert_decided(facts: Mapping[str, Any], case: Case, dialect: Dialect) -> None:
    """Every part of the verdict, at once."""
    pending = PendingMigration(
        "001", "step", "001_step.sql", "", sql=case.up, transactional="CONCURRENTLY" not in case.up
    )
    (report,), taken = judge_with_facts([pending], dialect=dialect, pg_version=15, facts=facts)
    harmless = {each.found.hazard for each in taken} - {NO_TIMEOUT}
    left = {each.hazard for each in report.findings} - harmless - {NO_TIMEOUT}
    down = next(way for way in facts["ways"] if way["way"] == "down")
    said = {
        "raised": left,
        "taken": harmless,
        "stops": " ".join(facts["stops"]),
        "down": "" if down["is_open"] else down["why"],
        "rewrites": {each.rpartition(".")[2] for step in facts["statements"] for each in step["rewrites"]},
    }
    right = {
        "raised": said["raised"] == set(case.raised),
        "taken": said["taken"] == set(case.taken),
        "stops": case.stops in said["stops"] if case.stops else not said["stops"],
        "down": said["down"].startswith(case.down) if case.down else case.stops or not said["down"],
        "rewrites": {each for each in said["rewrites"] if not each.endswith(("_pkey", "_key", "_idx"))}
        >= set(case.rewrites)
        and bool(said["rewrites"]) == bool(case.rewrites),
    }
    assert all(right.values()), {
        name: (said[name], getattr(case, name)) for name, well in right.items() if not well
    }


@pytest.mark.parametrize("case", [pytest.param(each, id=each.name) for each in OF_SQLITE])
def test_on_sqlite_the_data_decides(case: Case) -> None:
    with a_place() as folder:
        shop = Shop(folder)
        with closing(sqlite3.connect(shop.database)) as db, db:
            db.executescript(
                "CREATE TABLE city (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
                "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT,"
                " city_id INTEGER REFERENCES city (id) ON DELETE CASCADE);"
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)"
                " INSERT INTO city SELECT i, 'c' || i FROM n;"
                f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})"
                " INSERT INTO person SELECT i, 'n' || i / 2, CASE WHEN i % 9 THEN i END, 1 + i % 50 FROM n;"
            )
        backup = shop.backup()
        facts = shop.try_out(backup, shop.candidate(case.up, case.back, OLD), fast=True, boot=False)
    assert_decided(facts, case, "sqlite")
