"""A trial sees the same of one migration, whichever tool's folder it lies in, on both databases."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.adapters.trial.trying import tried
from mobius.model.trial import Booted, Trial
from mobius.rules.trials import judge_trial
from postgres_server import Database

UP, DOWN = "ALTER TABLE users ADD COLUMN age int;\n", "ALTER TABLE users DROP COLUMN age;\n"
LAYOUTS: Mapping[str, Mapping[str, str]] = {
    "numbered": {"001_age.sql": UP, "001_age.down.sql": DOWN},
    "flyway": {"V1__age.sql": UP, "U1__age.sql": DOWN},
    "golang-migrate": {"1_age.up.sql": UP, "1_age.down.sql": DOWN},
    "dbmate": {"20260101000000_age.sql": f"-- migrate:up\n{UP}\n-- migrate:down\n{DOWN}"},
    "prisma": {"20260101000000_age/migration.sql": UP},
}
NOT_TRIED = Booted(False, why="not asked")
MAKE = "CREATE TABLE users (id int PRIMARY KEY, name text)"
FILL = "INSERT INTO users VALUES (1, 'Ada'), (2, 'Grace')"


def trial_of(files: Mapping[str, str], place: Path, target: Target) -> Trial:
    folder, room = place / "migrations", place / "room"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    room.mkdir()
    with tried(
        SqlSource(), folder, target, fast=True, runner=None, place=room, progress=lambda _: None
    ) as found:
        return found.trial


def check(trial: Trial, layout: str) -> None:
    added = [each for each in trial.statements if "ADD COLUMN age" in each.text]
    assert len(added) == 1
    assert [each.error for each in trial.statements if each.error] == []
    assert [(rows.table, rows.is_changed, rows.touched) for rows in trial.rows] == [("users", False, True)]
    assert "age" in trial.schema_diff
    verdict = judge_trial(trial, old=NOT_TRIED, new=NOT_TRIED)
    assert verdict.stops == ()
    assert verdict.ways[1].is_open is (layout != "prisma")  # which knows no way down


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_is_tried_on_postgresql(
    layout: str, new_database: Callable[..., Database], tmp_path: Path
) -> None:
    database = new_database("layout")
    database.execute(MAKE)
    database.execute(FILL)
    target = Target("postgresql", address=parsed("layout", database.url))
    trial = trial_of(LAYOUTS[layout], tmp_path, target)
    check(trial, layout)
    locks = [lock for each in trial.statements if "ADD COLUMN" in each.text for lock in each.locks]
    assert [(lock.relation, lock.mode) for lock in locks if lock.relation == "users"] == [
        ("users", "AccessExclusiveLock")
    ]
    assert trial.known.columns["users"]["name"] == "text"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_is_tried_on_sqlite(layout: str, tmp_path: Path) -> None:
    path = tmp_path / "restored.db"
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(MAKE)
        db.execute(FILL)
    trial = trial_of(LAYOUTS[layout], tmp_path, Target("sqlite", path=path))
    check(trial, layout)
    assert trial.known.small == {"users"}
