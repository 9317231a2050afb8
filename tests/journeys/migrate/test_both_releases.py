"""Both releases on the migrated data, on SQLite: each on a copy of its own, the staged tree untouched, and whatever
could not be tried is said to be not proven."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.rehearsal.ground import Seeing, a_place, everything
from journeys.migrate.stage import NEW, OLD, Shop
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.adapters.rehearsal.asked import Booted
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.adapters.rehearsal.memory import MemoryIsolation
from mobius.errors import MobiusError
from mobius.model.settings import MigrationSettings, RehearsalSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import nothing

UP, DOWN = "ALTER TABLE orders ADD COLUMN gift text;", "ALTER TABLE orders DROP COLUMN gift;"
can_boot = pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there")


@pytest.fixture
def shop() -> Iterator[Shop]:
    with a_place() as folder:
        yield Shop(folder)


def remembering(shop: Shop, answers: Mapping[str, Booted] | None = None) -> list[tuple[str, int, bool]]:
    """An isolation in memory that writes down who was started, how many orders it found, and whether what a start
    before it wrote is there; then it writes an order and a file. `answers`: by release, on the migrated copy."""
    seen: list[tuple[str, int, bool]] = []
    memory = MemoryIsolation()

    def look(asked: Any, mounts: Any) -> None:
        release = asked.processes[0].env["MOBIUS_RELEASE"].split("-")[0]
        data = next(m.source for m in mounts if m.kind == "copy" and m.at == shop.data)
        tree = next(m.source for m in mounts if m.kind == "copy" and m.at.parent == shop.places.releases)
        with closing(sqlite3.connect(data / "app.db")) as db, db:
            orders = db.execute("SELECT * FROM orders").fetchall()
            db.execute("INSERT INTO orders (user_id, qty) VALUES (1, 1)")
        is_migrated = len(orders[0]) == 5
        seen.append((release, len(orders), is_migrated))
        assert not (data / "uploads.txt").exists() and (tree / "shop.py").is_file()
        (data / "uploads.txt").write_text("of a start")
        (tree / "cache.txt").write_text("of a start")
        memory.answer = (answers or {}).get(release if is_migrated else "restored", GOOD)

    memory.look = look
    shop.isolation = Seeing(memory)
    return seen


GOOD = Booted(Outcome.PASS, "5 of 5 smoke tests passed", 0.2, 0.3)
LOG = ("api: Traceback", "api: sqlite3.OperationalError: no such column: qty")


def test_each_start_has_files_and_a_database_of_its_own_and_the_staged_tree_stays_as_it_is(
    shop: Shop,
) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    live, staged = everything(shop.data), everything(shop.places.releases)
    seen = remembering(shop)
    facts = shop.try_out(backup, candidate)
    assert seen == [("v1", 2, False), ("v1", 2, True), ("v2", 2, True)]
    assert (facts["way"], facts["stops"], facts["impact"]) == ("code alone", [], "LOW")
    assert (facts["ways"][0]["way"], facts["ways"][0]["seconds"]) == ("code alone", 0.3)
    assert everything(shop.data) == live and everything(shop.places.releases) == staged
    assert shop.scratch() == []


def test_without_a_candidate_only_the_previous_release_is_started(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    seen = remembering(shop)
    folder = shop.places.releases / candidate.id / "migrations"
    facts = shop.rehearse(backup, migrate_from=folder)
    assert seen == [("v1", 2, False), ("v1", 2, True)]
    assert (facts["new"]["tried"], facts["new"]["why"]) == (False, "no new release was named")


def test_with_nothing_pending_the_release_is_started_once_as_ever(shop: Shop) -> None:
    candidate = shop.candidate(UP, DOWN)
    folder = shop.places.releases / candidate.id / "migrations"
    SqlSource().apply(folder, Target("sqlite", path=shop.database), progress=nothing)
    seen = remembering(shop)
    facts = shop.try_out(shop.backup(), candidate)
    assert seen == [("v1", 2, True)]
    assert (facts["migrations"], "ways" in facts, facts["booted"]) == ([], False, True)


def test_where_no_boot_is_asked_for_the_ways_are_not_proven_and_nothing_stops(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    facts = shop.try_out(backup, candidate, boot=False)
    assert (facts["old"]["tried"], facts["new"]["tried"], facts["stops"]) == (False, False, [])
    code_alone, down, restore = facts["ways"]
    assert (code_alone["is_open"], code_alone["tried"], code_alone["why"]) == (
        False,
        False,
        "not proven: a boot was not asked for",
    )
    assert (down["is_open"], restore["is_open"], facts["way"]) == (True, True, "down")


def test_where_nothing_can_be_cut_off_that_is_the_reason(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    shop.isolation = Seeing(MemoryIsolation(reason="bubblewrap is not installed"))
    facts = shop.try_out(backup, candidate)
    assert facts["ways"][0]["why"] == "not proven: bubblewrap is not installed"
    assert (facts["new"]["tried"], facts["new"]["why"]) == (False, "bubblewrap is not installed")


def test_what_fails_as_it_was_restored_too_says_nothing_about_the_migrations(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    sick = Booted(Outcome.FAIL, "not healthy within 20 s", log=LOG)
    seen = remembering(shop, {"restored": sick})
    facts = shop.try_out(backup, candidate)
    assert seen == [("v1", 2, False), ("v2", 2, True)]
    assert facts["failed"] == "not healthy within 20 s" and facts["stops"] == []
    assert facts["old"]["why"] == "on the copy as it was restored, too: not healthy within 20 s"
    assert not facts["ways"][0]["tried"]


def test_where_nobody_asked_for_a_boot_a_release_that_does_not_run_as_restored_stops_nothing(
    shop: Shop,
) -> None:
    shop.settings = replace(shop.settings, rehearsal=RehearsalSettings(timeout_s=90.0))
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    sick = Booted(Outcome.FAIL, "not healthy within 20 s", log=LOG)
    remembering(shop, {"restored": sick, "v2": sick})
    facts = shop.try_out(backup, candidate, boot=None)
    assert (facts["failed"], facts["not_proven"]) == ("", "not healthy within 20 s")
    assert (facts["old"]["tried"], facts["new"]["tried"], facts["stops"]) == (False, False, [])
    assert facts["rehearsed_at"], "the restore is proven all the same"


def test_what_could_not_be_measured_on_the_migrated_copy_is_not_proven(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    unknown = Booted(Outcome.ERROR, "not done within 90 s on the restored copy")
    remembering(shop, {"v1": unknown, "v2": unknown})
    facts = shop.try_out(backup, candidate)
    assert (facts["old"]["tried"], facts["new"]["tried"], facts["stops"]) == (False, False, [])
    assert facts["ways"][0]["why"] == "not proven: not done within 90 s on the restored copy"


def test_a_failing_previous_release_stops_only_where_there_is_no_hold(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    smoke = (CheckResult("orders", Outcome.FAIL, "was 500", 1.0),)
    sick = Booted(Outcome.FAIL, "4 of 5 smoke tests passed; orders: was 500", 0.1, 0.2, smoke, LOG)
    remembering(shop, {"v1": sick})
    facts = shop.try_out(backup, candidate)
    said = "the previous release fails on the migrated copy: 4 of 5 smoke tests passed; orders: was 500"
    assert facts["stops"] == [f"{said} (no such column: qty)"]
    assert (facts["old"]["failed"], facts["old"]["log"]) == (["orders"], list(LOG))
    held = MigrationSettings(database="shared/data/app.db", hold_s=30)
    shop.settings = replace(shop.settings, migrations=held)
    facts = shop.try_out(backup, candidate)
    assert (facts["stops"], facts["way"]) == ([], "down")


def test_a_failing_new_release_stops_with_its_query_and_its_log(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    remembering(shop, {"v2": Booted(Outcome.FAIL, "api ended with exit code 1", log=LOG)})
    facts = shop.try_out(backup, candidate)
    assert facts["stops"] == [
        "the new release fails on the migrated copy: api ended with exit code 1 (no such column: qty)"
    ]
    assert facts["new"]["log"] == list(LOG)


def test_after_a_migration_that_fails_nothing_is_started_on_what_it_left(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate("ALTER TABLE nowhere ADD COLUMN gift text;", None)
    seen = remembering(shop)
    facts = shop.try_out(backup, candidate)
    assert seen == [("v1", 2, False)]
    assert len(facts["stops"]) == 1 and "no such table: nowhere" in facts["stops"][0]
    assert "001_step" in facts["advice"][0]
    assert facts["old"]["why"] == facts["new"]["why"] == "the migrations fail on the copy"


def test_a_database_that_is_in_no_backup_is_not_rehearsed(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    (shop.project / "elsewhere.db").write_bytes(shop.database.read_bytes())
    shop.settings = replace(shop.settings, migrations=MigrationSettings(database="elsewhere.db"))
    with pytest.raises(MobiusError, match=r"elsewhere\.db is not in the backup") as refused:
        shop.try_out(backup, candidate)
    assert "backup.paths" in refused.value.hint
    assert shop.scratch() == []


def test_a_backup_that_is_older_than_the_database_asks_for_a_newer_one(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    newer = shop.database.with_name("newer.db")
    newer.write_bytes(shop.database.read_bytes())
    named = str(newer.relative_to(shop.project))
    shop.settings = replace(shop.settings, migrations=MigrationSettings(database=named))
    with pytest.raises(MobiusError, match=r"newer\.db is not in the backup") as refused:
        shop.try_out(backup, candidate)
    assert refused.value.hint == "it was made before the database: mobius backup create -e production"


def test_a_disk_without_room_for_the_copies_ends_it_before_any_is_made(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)

    def full(folder: Path, needed_bytes: int, purpose: str) -> None:
        raise MobiusError(f"not enough disk for {purpose}", "free some")

    monkeypatch.setattr("mobius.adapters.rehearsal.on_migrated.require_free_disk", full)
    with pytest.raises(MobiusError, match="not enough disk for 3 copies of the database"):
        shop.try_out(backup, candidate)
    assert shop.scratch() == []


@can_boot
def test_a_way_down_that_fails_on_what_the_new_release_wrote_is_not_open(shop: Shop) -> None:
    with closing(sqlite3.connect(shop.database)) as db, db:
        db.execute("CREATE UNIQUE INDEX one_name ON users (name)")
    backup = shop.backup()
    twice = {**NEW, "order": "INSERT INTO users (name) VALUES ('ann')"}
    candidate = shop.candidate("DROP INDEX one_name;", "CREATE UNIQUE INDEX one_name ON users (name);", twice)
    facts = shop.try_out(backup, candidate)
    assert (facts["old"]["works"], facts["new"]["works"]) == (True, True), facts
    down = facts["ways"][1]
    assert not down["is_open"]
    assert (
        down["why"].startswith("the way down fails: ")
        and "UNIQUE constraint failed: users.name" in down["why"]
    )
    assert down["why"].endswith("(once the new release has written there)")


@can_boot
def test_a_release_may_write_into_its_own_tree_and_the_staged_one_stays(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    staged = everything(shop.places.releases)
    tree = shop.places.releases / candidate.id
    text = (tree / "shop.py").read_text()
    (tree / "shop.py").write_text(text.replace("def run(", "Path('cache').write_text('x')\n\n\ndef run("))
    changed = everything(shop.places.releases)
    facts = shop.try_out(backup, candidate, fast=True)
    assert facts["new"]["works"], facts["new"]
    assert everything(shop.places.releases) == changed != staged


def test_timeouts_are_those_of_the_rehearsal(shop: Shop) -> None:
    backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
    shop.settings = replace(shop.settings, rehearsal=RehearsalSettings(boot=False, timeout_s=0.001))
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n;"
    shop.release("v3", OLD, {"001_slow.sql": slow})
    facts = shop.rehearse(backup, boot=False, migrate_from=shop.project / "built" / "v3" / "migrations")
    assert "was not done in 0.001 s" in facts["stops"][0]
    assert candidate.id not in facts["stops"][0]
