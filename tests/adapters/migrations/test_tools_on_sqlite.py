"""Alembic and Django for real, on SQLite: up and down, live and cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.migrations.projects import ALEMBIC, DJANGO, Yard, columns
from mobius.adapters.migrations.alembic import AlembicSource
from mobius.adapters.migrations.django import DjangoSource
from mobius.adapters.migrations.source import MigrationSource, Runner, Target
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.errors import MobiusError
from mobius.ports import nothing

cut_off_only = pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there")
ALEMBIC_SOURCE, DJANGO_SOURCE = AlembicSource(ALEMBIC), DjangoSource(DJANGO)


def up_and_down(
    source: MigrationSource, yard: Yard, target: Target, runner: Runner, table: str, names: list[str]
) -> list[str]:
    """What the tool said on its way up."""
    said: list[str] = []
    assert [change.name for change in source.pending(yard.tree, target)] == names
    assert [
        each.name for each in source.apply(yard.tree, target, progress=said.append, runner=runner)
    ] == names
    assert "stars" in columns(target.path, table)
    assert source.pending(yard.tree, target) == ()
    assert [each.name for each in source.applied(target, yard.tree)] == names
    assert source.apply(yard.tree, target, progress=nothing, runner=runner) == ()
    source.down(yard.tree, target, names[1:], runner=runner)
    assert columns(target.path, table) == ["id", "text"]
    assert [change.name for change in source.pending(yard.tree, target)] == names[1:]
    source.down(yard.tree, target, names, runner=runner)
    assert columns(target.path, table) == []
    source.down(yard.tree, target, names, runner=runner)
    return said


@pytest.mark.slow
def test_alembic_goes_up_and_down_on_the_live_database(place: Path) -> None:
    yard = Yard(place).with_alembic()
    said = up_and_down(ALEMBIC_SOURCE, yard, yard.target(), yard.live_runner(), "note", ["first", "second"])
    assert "adding a column" in said


def test_django_goes_up_and_down_on_the_live_database(place: Path) -> None:
    yard = Yard(place).with_django()
    names = ["shop.0001_initial", "shop.0002_stars"]
    said = up_and_down(DJANGO_SOURCE, yard, yard.target(), yard.live_runner(), "shop_note", names)
    assert any("Applying shop.0002_stars" in line for line in said)
    of_django = [each.name for each in DJANGO_SOURCE.applied(yard.target())]
    assert [name.split(".")[0] for name in of_django] == ["contenttypes", "contenttypes"]


@cut_off_only
def test_alembic_goes_up_and_down_cut_off(place: Path) -> None:
    yard = Yard(place).with_alembic()
    target = yard.target("migrated")
    said = up_and_down(ALEMBIC_SOURCE, yard, target, yard.cut_off(), "note", ["first", "second"])
    assert "adding a column" in said
    assert not yard.live.exists()


@pytest.mark.slow
@cut_off_only
def test_django_goes_up_and_down_cut_off(place: Path) -> None:
    yard = Yard(place).with_django()
    names = ["shop.0001_initial", "shop.0002_stars"]
    up_and_down(DJANGO_SOURCE, yard, yard.target("migrated"), yard.cut_off(), "shop_note", names)
    assert not yard.live.exists()


@pytest.mark.slow
@cut_off_only
def test_the_sql_of_each_change_is_asked_of_its_own_tool(place: Path) -> None:
    for source, yard in (
        (ALEMBIC_SOURCE, Yard(place / "alembic").with_alembic()),
        (DJANGO_SOURCE, Yard(place / "django").with_django()),
    ):
        first, second = source.pending(yard.tree, yard.target("migrated"), runner=yard.cut_off())
        assert first.up is not None and "CREATE TABLE" in first.up and "alembic_version" not in first.up
        assert second.up is not None and 'ADD COLUMN "stars"' in second.up.replace(" stars", ' "stars"')


def test_a_revision_that_fails_is_told_with_the_end_of_what_was_said(place: Path) -> None:
    failing = """
        from alembic import op
        revision = "aaa1"
        down_revision = None

        def upgrade():
            op.execute("CREATE TABLE half (x)")
            op.execute("SELECT * FROM nowhere")
        """
    yard = Yard(place).with_alembic(failing=failing)
    with pytest.raises(MobiusError) as told:
        ALEMBIC_SOURCE.apply(yard.tree, yard.target(), progress=nothing, runner=yard.live_runner())
    assert "no such table: nowhere" in "\n".join(told.value.details)
    assert "may be there in part" in told.value.hint
    assert columns(yard.live, "half") == ["x"]
    told_half = "failing runs outside of a transaction, and nobody can tell how much of it is there"
    assert ALEMBIC_SOURCE.left_half(yard.tree, yard.target()) == told_half


@pytest.mark.slow
def test_a_tool_that_migrates_another_database_is_found_out(place: Path) -> None:
    yard = Yard(place, env={"DATABASE_URL": f"sqlite:///{place}/other.db"}).with_alembic()
    with pytest.raises(MobiusError, match="Alembic ended well, but first is not in alembic_version of"):
        ALEMBIC_SOURCE.apply(yard.tree, yard.target(), progress=nothing, runner=yard.live_runner())
