"""Where no release is started on the migrated database, the way down runs on it itself, and finds the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.adapters.trial.trying import tried
from mobius.model.trial import Booted
from mobius.rules.trials import judge_trial
from postgres_server import Database

NOT_TRIED = Booted(False, why="not asked")


@pytest.mark.parametrize(
    ("down", "why"),
    [
        ("ALTER TABLE users ALTER id TYPE int; ALTER TABLE users DROP COLUMN a", ""),
        ("ALTER TABLE users ALTER id TYPE int", "the way down leaves another schema: "),
        ("DELETE FROM users WHERE id = 7", "the way down loses data: 1 row of users is gone"),
        (
            "UPDATE tags SET name = 'x' WHERE id = 7",
            "the way down loses data: tags has as many rows, and other",
        ),
    ],
)
def test_a_way_down_on_the_migrated_database_itself_is_judged_as_on_a_copy(
    new_database: Callable[..., Database], tmp_path: Path, down: str, why: str
) -> None:
    shop = new_database("shop")
    for name in ("users", "tags"):
        shop.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, name text)")
        shop.execute(f"INSERT INTO {name} SELECT i, 'name' || i FROM generate_series(1, 100) i")
    (tmp_path / "001_step.sql").write_text(
        "ALTER TABLE users ADD COLUMN a int DEFAULT 1; ALTER TABLE users ALTER id TYPE bigint;"
    )
    (tmp_path / "001_step.down.sql").write_text(down)
    target = Target("postgresql", address=parsed("shop", shop.url))
    with tried(
        SqlSource(),
        tmp_path,
        target,
        fast=True,
        runner=None,
        place=tmp_path,
        progress=lambda _: None,
        handed_on=False,
    ) as found:
        copies = [name for name in shop.server.databases() if "trial" in name]
        assert not any(rows.is_changed for rows in found.trial.rows)
        way = judge_trial(found.trial, old=NOT_TRIED, new=NOT_TRIED).ways[1]
        with pytest.raises(AssertionError, match="the way down ran on it"), found.copy("old"):
            pass
    assert (way.is_open, way.why[: len(why)]) == (not why, why)
    assert [name.rpartition("_")[2] for name in copies] == ["migrated"]
    assert shop.one("SELECT count(*) FROM users") == 100
