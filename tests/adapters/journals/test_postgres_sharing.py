"""A journal that machines share: who carries a run on, who is about to act, and what a pooler between does."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from adapters.contracts.journal_contract import JournalContract
from adapters.contracts.journal_facts import ANNA, BEN, STAGE, moved, opened
from adapters.journals.test_postgres import database, make
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.journals.postgres import PostgresJournal
from mobius.adapters.launchers.shared import SharedLauncher
from mobius.adapters.locks.memory import MemoryLock
from mobius.adapters.locks.shared import UNKNOWN, SharedLock
from mobius.errors import Fenced, Locked
from mobius.model.run import Run, RunState
from mobius.ports import Journal
from postgres_server import PORT, PostgresServer, identity, new_server

__all__ = ["database", "make"]

Make = Callable[..., PostgresJournal]


class Nobody:
    """A launcher on a machine that has no runner."""

    def launch(self, run: Run) -> None:
        raise AssertionError("nobody asked for this")

    def alive(self, run: Run) -> bool:
        return False

    def stop(self, run: Run) -> None:
        return


def lock(journal: PostgresJournal, words: str) -> SharedLock:
    return SharedLock(MemoryLock(), journal, "production", words)


# The runner's lease


def test_a_run_that_lives_on_another_machine_is_not_taken_over(make: Make) -> None:
    here, there = make(owner="web1"), make(owner="laptop")
    run = moved(here, here.take_over(opened(here), holder=ANNA, now=1.0), RunState.RUNNING)
    with pytest.raises(Locked, match=r"is going on .running. on another machine: anna@web1") as error:
        there.take_over(run, holder=BEN, now=2.0)
    assert error.value.hint == "end it there: mobius abort; when that machine is gone, try again in 30 s"
    assert SharedLauncher(Nobody(), there, "production").alive(run)
    here.begin(run, STAGE, now=3.0)


def test_a_run_that_only_observes_is_taken_over_from_anywhere(make: Make) -> None:
    here, there = make(owner="web1"), make(owner="laptop")
    run = moved(here, here.take_over(opened(here), holder=ANNA, now=1.0), RunState.OBSERVING)
    there.take_over(run, holder=BEN, now=2.0)
    with pytest.raises(Fenced):
        here.begin(run, STAGE, now=3.0)


def test_a_run_whose_machine_was_lost_is_taken_over_when_its_lease_has_ended(make: Make) -> None:
    here, there = make(owner="web1", lease_s=0.5), make(owner="laptop", lease_s=0.5)
    run = moved(here, opened(here), RunState.RUNNING)  # nobody renews what was only queued
    launcher = SharedLauncher(Nobody(), there, "production")
    until = time.monotonic() + 30
    while launcher.alive(run) and time.monotonic() < until:
        time.sleep(0.05)
    taken = there.take_over(run, holder=BEN, now=2.0)
    assert taken.token > run.token
    with pytest.raises(Fenced, match="ben@laptop"):
        here.begin(run, STAGE, now=3.0)


def test_a_runner_that_lives_keeps_its_lease_far_beyond_its_length(make: Make) -> None:
    here, there = make(owner="web1", lease_s=2.0), make(owner="laptop", lease_s=2.0)
    run = moved(here, here.take_over(opened(here), holder=ANNA, now=1.0), RunState.RUNNING)
    until = time.monotonic() + 5.0
    while time.monotonic() < until:
        with pytest.raises(Locked):
            there.take_over(run, holder=BEN, now=2.0)
        time.sleep(0.1)


@pytest.mark.parametrize("wrong_by_s", [-1e7, 1e7])
def test_a_clock_that_is_wrong_by_months_changes_no_lease(
    make: Make, monkeypatch: pytest.MonkeyPatch, wrong_by_s: float
) -> None:
    here, there = make(owner="web1"), make(owner="laptop")
    run = moved(here, here.take_over(opened(here), holder=ANNA, now=1.0), RunState.RUNNING)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + wrong_by_s)
    with pytest.raises(Locked):
        there.take_over(run, holder=BEN, now=time.time())


# The lock among machines


def test_the_lock_is_held_by_one_machine_and_names_it(make: Make) -> None:
    opened(make())
    anna, ben = lock(make(owner="web1"), "anna@web1"), lock(make(owner="laptop"), "ben@laptop")
    with anna.held():
        assert ben.holder() == "anna@web1"
        with pytest.raises(Locked, match="production is locked from another machine: anna@web1"), ben.held():
            raise AssertionError("both have it")
    assert (anna.holder(), ben.holder()) == ("", "")
    with ben.held():
        assert anna.holder() == "ben@laptop"


def test_without_a_journal_the_lock_of_the_machine_is_enough_and_nobody_knows_of_others() -> None:
    nowhere = partial(parsed, "journal", "postgresql://mobius@/app?host=/nowhere-at-all")
    journal = PostgresJournal(nowhere, "mobius", "probe")
    one = lock(journal, "anna@web1")
    assert one.holder() == UNKNOWN
    with one.held(), pytest.raises(Locked), one.held():
        raise AssertionError("held twice")


# Through a pooler


@pytest.fixture(scope="module")
def pooled() -> Iterator[PostgresServer]:
    """PgBouncer in transaction mode with two servers' connections, in front of a server of its own."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    server = new_server().start()
    folder = Path(tempfile.mkdtemp(prefix="pool-", dir="/tmp"))
    os.chown(folder, identity().uid, identity().gid)
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server.folder} port={PORT} user=mobius\n"
        f"[pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\nunix_socket_dir = {folder}\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 2\nserver_reset_query_always = 0\n"
    )
    pooler = subprocess.Popen(
        [program, "-q", folder / "pgbouncer.ini"], stderr=subprocess.DEVNULL, **identity().options
    )
    try:
        until = time.monotonic() + 20
        while not (folder / f".s.PGSQL.{PORT}").exists() and time.monotonic() < until:
            time.sleep(0.02)
        server.pool = folder  # type: ignore[attr-defined]
        yield server
    finally:
        pooler.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            pooler.wait(30)
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


class TestThroughPgBouncer(JournalContract):
    @pytest.fixture
    def make(self, pooled: PostgresServer, request: pytest.FixtureRequest) -> Iterator[Make]:
        url = pooled.url().replace(str(pooled.folder), str(pooled.pool))  # type: ignore[attr-defined]
        schema = f"s{abs(hash(request.node.name))}"
        made: list[PostgresJournal] = []

        def one(**how: object) -> PostgresJournal:
            made.append(PostgresJournal(partial(parsed, "journal", url), schema, "probe", **how))  # type: ignore[arg-type]
            return made[-1]

        yield one
        for journal in made:
            journal.close()

    @pytest.fixture
    def journal(self, make: Make) -> Journal:
        return make()
