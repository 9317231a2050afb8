"""What every `Migrations` promises, in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mobius.adapters.databases.memory import MemoryMigrations
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.live import LiveMigrations
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import MobiusError
from mobius.ports import Migration, Migrations, nothing
from postgres_server import Database


@dataclass
class Made:
    """Release v1 has 001_notes; v2 has 002_tags too. Only 002_tags has a way down."""

    migrations: Migrations
    v1: Path
    v2: Path
    break_tags: Callable[[], None]
    blind: Callable[[], None]
    break_half: Callable[[], None]
    halves: bool = True  # whether this database can be left with half a migration

    def names(self) -> list[str]:
        return [one.name for one in self.migrations.applied()]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    v1, v2 = (tmp_path / f"{tag}-1a2b" / "migrations" for tag in ("v1", "v2"))
    if request.param == "memory":
        memory = MemoryMigrations({})
        notes, tags = Migration("001", "001_notes", "1" * 64), Migration("002", "002_tags", "2" * 64)
        memory.offered = {"v1": (notes,), "v2": (notes, tags)}
        memory.without_down = {"001_notes"}
        return Made(
            memory,
            v1,
            v2,
            lambda: memory.broken.add("002_tags"),
            lambda: _blind(memory),
            lambda: memory.broken_half.add("002_tags"),
        )
    for folder in (v1, v2):
        folder.mkdir(parents=True)
        (folder / "001_notes.sql").write_text("CREATE TABLE note (id int);\n")
    (v2 / "002_tags.sql").write_text("CREATE TABLE tag (id int);\n")
    (v2 / "002_tags.down.sql").write_text("DROP TABLE tag;\n")
    if request.param == "postgresql":
        return _on_a_server(request.getfixturevalue("new_database")("contract"), v1, v2)
    database = tmp_path / "data" / "app.db"

    def blind() -> None:
        database.parent.mkdir(exist_ok=True)
        database.write_text("this is no database at all")

    target = Target("sqlite", path=database, busy_timeout_s=0.1)
    port = LiveMigrations(SqlSource(), lambda: target)
    return Made(port, v1, v2, lambda: _break(v2), blind, lambda: _break_half(v2, ""), halves=False)


def _on_a_server(database: Database, v1: Path, v2: Path) -> Made:
    targets = [Target("postgresql", address=parsed("main", database.url))]

    def blind() -> None:
        targets.append(Target("postgresql", address=parsed("main", database.server.url("nowhere"))))

    port = LiveMigrations(SqlSource(), lambda: targets[-1])
    return Made(port, v1, v2, lambda: _break(v2), blind, lambda: _break_half(v2, "CONCURRENTLY"))


def _break(v2: Path) -> None:
    (v2 / "002_tags.sql").write_text("CREATE TABLE half (id int);\nINSERT INTO nowhere VALUES (1);\n")


def _break_half(v2: Path, apart: str) -> None:
    there, nowhere = (f"CREATE INDEX {apart} {name}_id ON {name} (id);\n" for name in ("note", "nowhere"))
    (v2 / "002_tags.sql").write_text(there + nowhere)


def _blind(memory: MemoryMigrations) -> None:
    memory.unseen = "the database cannot be read"


def test_before_the_first_deployment_nothing_is_applied_and_all_is_pending(made: Made) -> None:
    assert made.migrations.applied() == ()
    assert [one.name for one in made.migrations.pending(made.v2)] == ["001_notes", "002_tags"]


def test_what_is_pending_is_applied_oldest_first_and_told(made: Made) -> None:
    told: list[str] = []
    applied = made.migrations.apply(made.v2, progress=told.append)
    assert [one.name for one in applied] == made.names() == ["001_notes", "002_tags"]
    assert [name for name, line in zip(made.names(), told, strict=True) if name in line] == made.names()
    assert [len(one.sha256) for one in made.migrations.applied(made.v2)] == [64, 64]


def test_applying_again_applies_nothing(made: Made) -> None:
    made.migrations.apply(made.v1, progress=nothing)
    assert [one.name for one in made.migrations.pending(made.v2)] == ["002_tags"]
    assert [one.name for one in made.migrations.apply(made.v2, progress=nothing)] == ["002_tags"]
    assert made.migrations.apply(made.v2, progress=nothing) == ()
    assert made.names() == ["001_notes", "002_tags"]


def test_an_older_release_has_nothing_pending(made: Made) -> None:
    made.migrations.apply(made.v2, progress=nothing)
    assert made.migrations.pending(made.v1) == ()


def test_one_that_fails_leaves_those_before_it_applied_and_nothing_of_itself(made: Made) -> None:
    made.break_tags()
    with pytest.raises(MobiusError, match="002_tags"):
        made.migrations.apply(made.v2, progress=nothing)
    assert made.names() == ["001_notes"]


def test_after_one_that_fails_as_a_whole_nothing_is_half(made: Made) -> None:
    assert made.migrations.left_half(made.v2) == ""
    made.break_tags()
    with pytest.raises(MobiusError):
        made.migrations.apply(made.v2, progress=nothing)
    assert made.migrations.left_half(made.v2) == ""


def test_one_that_fails_half_way_is_named_and_no_other_is_taken_back_over_it(made: Made) -> None:
    made.break_half()
    with pytest.raises(MobiusError, match="002_tags"):
        made.migrations.apply(made.v2, progress=nothing)
    half = made.migrations.left_half(made.v2)
    assert ("002_tags" in half) is made.halves
    if made.halves:
        with pytest.raises(MobiusError, match="left in the middle"):
            made.migrations.down(made.v2, ["002_tags"])
    assert made.names() == ["001_notes"]


def test_going_down_takes_back_what_is_named_and_may_be_repeated(made: Made) -> None:
    made.migrations.apply(made.v2, progress=nothing)
    assert made.migrations.can_go_down(made.v2, ["002_tags"])
    assert made.migrations.can_go_down(made.v2, [])
    assert not made.migrations.can_go_down(made.v2, ["001_notes", "002_tags"])
    for _ in range(2):
        made.migrations.down(made.v2, ["002_tags"])
        assert made.names() == ["001_notes"]
    assert [one.name for one in made.migrations.pending(made.v2)] == ["002_tags"]


def test_a_database_that_cannot_be_read_is_never_taken_for_an_empty_one(made: Made) -> None:
    made.blind()
    looks = (
        made.migrations.applied,
        lambda: made.migrations.pending(made.v2),
        lambda: made.migrations.left_half(made.v2),
    )
    for look in looks:
        with pytest.raises(MobiusError):
            look()
