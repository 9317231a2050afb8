"""Migrations of Alembic and Django on copies of a scratch database, watched: what only their own programs can run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.migrations.projects import FIRST, Yard
from adapters.migrations.test_tools_on_postgres import ALEMBIC_SOURCE, DJANGO_SOURCE, live
from mobius.adapters.databases.captures import Dumps
from mobius.adapters.migrations.source import Target
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.adapters.trial.trying import tried
from mobius.ports import nothing
from postgres_server import Database

NewDatabase = Callable[..., Database]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there"),
]


def test_alembic_is_watched_on_postgresql(place: Path, new_database: NewDatabase) -> None:
    app = new_database("app")
    before = Yard(place / "before", url=app.url).with_alembic(first=FIRST)
    ALEMBIC_SOURCE.apply(before.tree, live(app), progress=nothing, runner=before.live_runner())
    app.execute("INSERT INTO note (text) SELECT 'x' FROM generate_series(1, 1000)")
    yard = Yard(place, url=app.url).with_alembic()
    dumps = Dumps("dhash", yard.settings, yard.places, yard.environ)
    (place / "dumps").mkdir()
    dumps.capture(place / "dumps", nothing)
    with dumps.scratch("app", place / "dumps" / "app") as restored:
        scratch = Target("postgresql", address=restored.address)
        with tried(
            ALEMBIC_SOURCE,
            yard.tree,
            scratch,
            fast=True,
            runner=yard.cut_off(),
            place=yard.scratch,
            progress=nothing,
        ) as seen:
            trial = seen.trial
    assert trial.opaque and trial.migrations == ("second",)
    assert [each.error for each in trial.statements if each.error] == []
    altered = [each for each in trial.statements if "ADD COLUMN" in each.text.upper()]
    assert [lock.mode for each in altered for lock in each.locks if "note" in lock.relation] == [
        "AccessExclusiveLock"
    ]
    assert trial.down.there and not trial.down.error and not trial.down.schema_differs, trial.down
    assert [(rows.before, rows.after) for rows in trial.rows if rows.table.endswith("note")] == [(1000, 1000)]


def test_django_is_watched_on_sqlite(place: Path) -> None:
    yard = Yard(place).with_django()
    with tried(
        DJANGO_SOURCE,
        yard.tree,
        yard.target("restored"),
        fast=True,
        runner=yard.cut_off(),
        place=yard.scratch / "trial",
        progress=nothing,
    ) as seen:
        trial = seen.trial
    assert trial.opaque and trial.migrations == ("shop.0001_initial", "shop.0002_stars")
    assert [each.error for each in trial.statements if each.error] == []
    assert "shop_note" in trial.schema_diff
    assert trial.down.there and not trial.down.error
