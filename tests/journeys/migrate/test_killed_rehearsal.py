"""A rehearsal of migrations that is killed, wherever it was, leaves the live data alone, and the next leaves nothing of
it: no scratch place, no server, no process of a release, no mount."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from adapters.rehearsal.ground import a_place, everything
from journeys.migrate.stage import Shop
from journeys.service import wait_until
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.model.release import BackupRecord, Release
from postgres_server import Database, PostgresServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there"),
]
UP, DOWN = "ALTER TABLE orders ADD COLUMN gift text;", "ALTER TABLE orders DROP COLUMN gift;"
STARTS = (
    "starting v1-1a2b on the restored copy",
    "starting v1-1a2b on the migrated copy",
    "starting v2-",
)


def killed_at(shop: Shop, words: Sequence[str], line: str) -> None:
    """Begins a rehearsal in a process of its own, and kills that the moment it says `line`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "journeys.migrate.once", str(shop.project), *words],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = []
    for each in process.stdout:
        said.append(each)
        if line in each:
            process.send_signal(signal.SIGKILL)
            break
    process.stdout.close()
    assert process.wait(60) == -signal.SIGKILL, said


def processes_of(shop: Shop) -> list[list[str]]:
    """Whatever runs with a path of this shop among its words."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if any(str(shop.project) in word for word in words):
                found.append(words)
    return found


def left_of(shop: Shop) -> list[str]:
    """Scratch places, and what is mounted there."""
    run = shop.root / "run"
    mounted = [
        line for line in Path("/proc/self/mounts").read_text().splitlines() if str(shop.project) in line
    ]
    return [*shop.scratch(), *(path.name for path in run.glob("scratch/*")), *mounted]


def words_of(backup: BackupRecord, candidate: Release, *more: str) -> list[str]:
    return [backup.path, candidate.id, *more]


@pytest.mark.parametrize("line", [*STARTS, "rehearsed 1 migration(s)"])
def test_of_a_killed_rehearsal_on_sqlite_nothing_is_left_after_the_next(line: str) -> None:
    with a_place() as folder:
        shop = Shop(folder)
        backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
        before = everything(shop.data)
        killed_at(shop, words_of(backup, candidate), line)
        assert shop.scratch() != []
        wait_until(lambda: not processes_of(shop), 30, what="what was started inside ends with its starter")
        facts = shop.try_out(backup, candidate, fast=True)
        assert (facts["way"], facts["stops"]) == ("code alone", [])
        assert left_of(shop) == [] and processes_of(shop) == [] and everything(shop.data) == before


def test_of_rehearsals_killed_at_every_turn_on_postgresql_nothing_is_left_after_the_next(
    postgres_server: PostgresServer,
) -> None:
    postgres_server.query("CREATE DATABASE shop_of_the_killed")
    app = Database(postgres_server, "shop_of_the_killed")
    try:
        with a_place() as folder:
            shop = Shop(folder, app)
            backup, candidate = shop.backup(), shop.candidate(UP, DOWN)
            turns = ("restoring the database app", "running 1 migration(s)", "comparing rows", *STARTS)
            for line in turns:
                killed_at(shop, words_of(backup, candidate, app.url), line)
                assert shop.scratch() != []
            facts = shop.try_out(backup, candidate, fast=True)
            assert (facts["way"], facts["stops"]) == ("code alone", [])
            assert left_of(shop) == [] and processes_of(shop) == []
            assert app.one("SELECT count(*) FROM orders") == 2
            assert app.one("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == 1
    finally:
        postgres_server.query("DROP DATABASE shop_of_the_killed WITH (FORCE)")
