"""Alembic, Django and a command for real, on PostgreSQL: up and down, live and cut off, alone and behind a lock."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.migrations.projects import ALEMBIC, DJANGO, FIRST, Yard
from mobius.adapters.databases.captures import Dumps
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.alembic import AlembicSource
from mobius.adapters.migrations.command import CommandSource
from mobius.adapters.migrations.django import DjangoSource
from mobius.adapters.migrations.live import LiveMigrations
from mobius.adapters.migrations.source import MigrationSource, Runner, Target
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.adapters.trial.postgres_copies import copies_of
from mobius.errors import Locked, MobiusError
from mobius.ports import nothing
from postgres_server import Database

NewDatabase = Callable[..., Database]
pytestmark = pytest.mark.slow
cut_off_only = pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there")
ALEMBIC_SOURCE, DJANGO_SOURCE = AlembicSource(ALEMBIC), DjangoSource(DJANGO)


def live(app: Database, **how: Any) -> Target:
    return Target("postgresql", address=parsed("app", app.url), **how)


@contextmanager
def scratch_of(yard: Yard, place: Path) -> Iterator[Target]:
    """A copy of the restored dump on a server of its own, for a plain role, as a rehearsal has it."""
    dumps = Dumps("dhash", yard.settings, yard.places, yard.environ)
    (place / "dumps").mkdir()
    dumps.capture(place / "dumps", nothing)
    with (
        dumps.scratch("app", place / "dumps" / "app") as restored,
        copies_of(restored.address) as copies,
        copies.copy("migrated") as copy,
    ):
        yield Target("postgresql", address=copies.tried_as(copy))


def columns(target: Target, table: str) -> list[str]:
    assert target.address is not None
    address = {**target.address.parameters, **target.address.secrets}
    query = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position"
    )
    with closing(psycopg.connect(**address)) as db:
        return [row[0] for row in db.execute(query, (table,))]


def up_and_down(
    source: MigrationSource, yard: Yard, target: Target, runner: Runner, table: str, names: list[str]
) -> None:
    assert [change.name for change in source.pending(yard.tree, target)] == names
    assert [each.name for each in source.apply(yard.tree, target, progress=nothing, runner=runner)] == names
    assert columns(target, table) == ["id", "text", "stars"]
    assert source.pending(yard.tree, target) == ()
    source.down(yard.tree, target, names[1:], runner=runner)
    assert columns(target, table) == ["id", "text"]
    source.down(yard.tree, target, names, runner=runner)
    assert columns(target, table) == []


def test_alembic_goes_up_and_down_on_the_live_database(place: Path, new_database: NewDatabase) -> None:
    app = new_database("app")
    yard = Yard(place, url=app.url).with_alembic()
    up_and_down(ALEMBIC_SOURCE, yard, live(app), yard.live_runner(), "note", ["first", "second"])


def test_django_goes_up_and_down_on_the_live_database(place: Path, new_database: NewDatabase) -> None:
    app = new_database("app")
    yard = Yard(place, url=app.url).with_django()
    names = ["shop.0001_initial", "shop.0002_stars"]
    up_and_down(DJANGO_SOURCE, yard, live(app), yard.live_runner(), "shop_note", names)


@cut_off_only
def test_alembic_goes_up_and_down_cut_off(place: Path, new_database: NewDatabase) -> None:
    app = new_database("app")
    yard = Yard(place, url=app.url).with_alembic()
    with scratch_of(yard, place) as scratch:
        up_and_down(ALEMBIC_SOURCE, yard, scratch, yard.cut_off(), "note", ["first", "second"])
    assert app.one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


@cut_off_only
def test_django_goes_up_and_down_cut_off(place: Path, new_database: NewDatabase) -> None:
    app = new_database("app")
    app.execute("CREATE TABLE there_before (text text)")
    yard = Yard(place, url=app.url).with_django()
    names = ["shop.0001_initial", "shop.0002_stars"]
    with scratch_of(yard, place) as scratch:
        up_and_down(DJANGO_SOURCE, yard, scratch, yard.cut_off(), "shop_note", names)
    assert app.one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1


def test_a_tool_that_a_lock_stopped_is_tried_again(place: Path, new_database: NewDatabase) -> None:
    app = new_database("app")
    yard = Yard(place, url=app.url).with_alembic()
    source, target = ALEMBIC_SOURCE, live(app, lock_timeout_s=0.3, retry_within_s=60.0)
    ALEMBIC_FIRST = Yard(place / "before", url=app.url).with_alembic(first=FIRST)
    source.apply(ALEMBIC_FIRST.tree, target, progress=nothing, runner=yard.live_runner())
    said: list[str] = []
    with closing(psycopg.connect(app.url)) as reader:
        reader.execute("SELECT * FROM note")  # an open transaction, as a report that takes long

        def heard(line: str) -> None:
            said.append(line)
            if line.startswith("a lock was in the way"):
                reader.rollback()

        done = source.apply(yard.tree, target, progress=heard, runner=yard.live_runner())
    assert [each.name for each in done] == ["second"]
    assert said.count("adding a column") == 2
    assert columns(target, "note") == ["id", "text", "stars"]


def test_inside_a_hold_a_tool_waits_for_a_lock_no_longer_than_the_hold_lasts(
    place: Path, new_database: NewDatabase
) -> None:
    app = new_database("app")
    yard = Yard(place, url=app.url).with_alembic()
    before = Yard(place / "before", url=app.url).with_alembic(first=FIRST)
    ALEMBIC_SOURCE.apply(before.tree, live(app), progress=nothing, runner=yard.live_runner())
    target = live(app, lock_timeout_s=60.0, retry_within_s=60.0)
    port = LiveMigrations(ALEMBIC_SOURCE, lambda: target, yard.live_runner())
    with closing(psycopg.connect(app.url)) as reader:
        reader.execute("SELECT * FROM note")
        began = time.monotonic()
        with pytest.raises(MobiusError, match="the hold of requests ends, and nothing is migrated") as caught:
            port.apply(yard.tree, progress=nothing, within_s=3.0)
        assert time.monotonic() - began < 30.0
    assert "hold in [migrations]" in caught.value.hint
    assert columns(target, "note") == ["id", "text"]


def test_a_tool_that_a_lock_stopped_is_not_tried_again_for_ever(
    place: Path, new_database: NewDatabase
) -> None:
    app = new_database("app")
    yard = Yard(place, url=app.url).with_alembic()
    target = live(app, lock_timeout_s=0.2, retry_within_s=0.0)
    first = Yard(place / "before", url=app.url).with_alembic(first=FIRST)
    ALEMBIC_SOURCE.apply(first.tree, target, progress=nothing, runner=yard.live_runner())
    with closing(psycopg.connect(app.url)) as reader:
        reader.execute("SELECT * FROM note")
        with pytest.raises(MobiusError) as told:
            ALEMBIC_SOURCE.apply(yard.tree, target, progress=nothing, runner=yard.live_runner())
    assert "canceling statement due to lock timeout" in "\n".join(told.value.details)
    assert columns(target, "note") == ["id", "text"]


def test_two_deployers_do_not_migrate_at_once(place: Path, new_database: NewDatabase) -> None:
    app = new_database("app")
    one, other = Yard(place / "one", url=app.url), Yard(place / "other", url=app.url)
    slow = (
        sys.executable,
        "-c",
        "import sys; print('migrating', flush=True); sys.stdin.read(); import time; time.sleep(30)",
    )
    begun, told = threading.Event(), []

    def first() -> None:
        try:
            one.live_runner().run(
                slow, cwd=one.tree, target=live(app), within_s=3.0, progress=lambda _: begun.set()
            )
        except MobiusError as problem:
            told.append(problem)

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert begun.wait(20)
        with pytest.raises(Locked, match="is being migrated by somebody else"):
            other.live_runner().run(
                ("true",), cwd=other.tree, target=live(app), within_s=20.0, progress=nothing
            )
    finally:
        thread.join(30)
    assert [problem.message.endswith("was not done within 3 s, and was ended") for problem in told] == [True]
    ran = other.live_runner().run(
        ("true",), cwd=other.tree, target=live(app), within_s=20.0, progress=nothing
    )
    assert ran.code == 0


@pytest.mark.parametrize(("own", "timeout"), [("", "1500ms"), ("-c lock_timeout=7s", "7s")])
def test_a_command_waits_for_locks_no_longer_than_is_configured(
    place: Path, new_database: NewDatabase, own: str, timeout: str
) -> None:
    app = new_database("app")
    yard = Yard(place, url=app.url, env={"PGOPTIONS": own} if own else {})
    asks = """
import os, psycopg
print(psycopg.connect(os.environ["DATABASE_URL"]).execute("SHOW lock_timeout").fetchone()[0])
"""
    target = live(app, lock_timeout_s=1.5)
    ran = yard.live_runner().run(
        (sys.executable, "-c", asks), cwd=yard.tree, target=target, within_s=30.0, progress=nothing
    )
    assert (ran.code, ran.out) == (0, f"{timeout}\n")


def test_a_failed_command_is_not_repeated_unless_it_is_known_that_nothing_was_done(
    place: Path, new_database: NewDatabase
) -> None:
    app = new_database("app")
    yard = Yard(place, url=app.url).write(
        {
            "up.py": """
                with open("runs", "a") as runs:
                    runs.write("x")
                raise SystemExit("55P03")
                """
        }
    )
    target = live(app, retry_within_s=30.0)
    up = (sys.executable, "up.py")
    with pytest.raises(MobiusError):
        CommandSource(up).apply(yard.tree, target, progress=nothing, runner=yard.live_runner())
    assert (yard.tree / "runs").read_text() == "x"
    with_names = CommandSource(up, pending_by=("echo", "one"))
    with pytest.raises(MobiusError):
        short = replace(target, retry_within_s=4.0)
        with_names.apply(yard.tree, short, progress=nothing, runner=yard.live_runner())
    assert len((yard.tree / "runs").read_text()) >= 3
