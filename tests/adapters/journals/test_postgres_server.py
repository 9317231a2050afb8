"""The journal in PostgreSQL through what servers do: restart, cut a line, let nobody in, belong to somebody else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

import mobius
from adapters.contracts.journal_facts import ANNA, BEN, PLAN, STAGE, opened
from adapters.journals.cutting import CuttingLine
from adapters.journals.test_postgres import database, journal, make
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.journals.postgres import PostgresJournal
from mobius.errors import Fenced, Locked, MobiusError
from mobius.ports import Note
from postgres_server import PORT, Database, PostgresServer, new_server

__all__ = ["database", "journal", "make"]

WRITER = """
import sys
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.journals.postgres import PostgresJournal
from mobius.ports import Note
journal = PostgresJournal(lambda: parsed("journal", sys.argv[1]), sys.argv[2], "probe")
for n in range(int(sys.argv[4])):
    journal.say(None, "production", Note(sys.argv[3], str(n), topic="alert"), now=float(n))
"""


@pytest.fixture
def line(database: Database) -> Iterator[CuttingLine]:
    line = CuttingLine(database.server.folder, PORT)
    yield line
    line.close()


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """One that a test may end and start, with a disk it waits for."""
    server = new_server(fsync="on", full_page_writes="on")
    yield server.start()
    server.close()


def journal_at(url: str, schema: str = "mobius", **how: object) -> PostgresJournal:
    return PostgresJournal(partial(parsed, "journal", url), schema, "probe", **how)  # type: ignore[arg-type]


def test_nothing_is_made_before_the_first_write(
    journal: PostgresJournal, database: Database, make: Callable[..., PostgresJournal]
) -> None:
    assert journal.runs("production") == ()
    assert journal.head() is None
    query = f"SELECT count(*) FROM pg_namespace WHERE nspname = '{journal.database.schema}'"
    assert database.one(query) == 0
    opened(journal)
    assert database.one(query) == 1
    assert len(make(read_only=True).runs("production")) == 1


def test_reading_only_refuses_to_write(make: Callable[..., PostgresJournal]) -> None:
    with pytest.raises(MobiusError, match="was opened for reading only"):
        opened(make(read_only=True))


def test_a_commit_whose_answer_is_lost_is_found_and_not_written_twice(
    database: Database, line: CuttingLine
) -> None:
    journal = journal_at(database.url.replace(str(database.server.folder), str(line.folder)), "cut_after")
    run = opened(journal)
    line.cut = "after"
    said = journal.say(run, "production", Note("tick", "once"), now=1.0)
    assert line.cuts == 1
    assert [e.message for e in journal.events(kinds=["tick"])] == ["once"]
    assert journal.verify_chain() == (2, said.hash)
    journal.close()


def test_a_commit_that_never_came_is_done_again(database: Database, line: CuttingLine) -> None:
    journal = journal_at(database.url.replace(str(database.server.folder), str(line.folder)), "cut_before")
    run = opened(journal)
    line.cut = "before"
    journal.begin(run, STAGE, now=1.0)
    assert line.cuts == 1
    assert [(s.step_id, s.attempt) for s in journal.steps(run.id)] == [("stage", 1)]
    assert journal.verify_chain()[0] == 2
    journal.close()


def test_an_answer_that_is_cut_off_is_asked_for_again(database: Database, line: CuttingLine) -> None:
    journal = journal_at(database.url.replace(str(database.server.folder), str(line.folder)), "cut_answer")
    run = opened(journal)
    for cut in ("before", "after"):
        line.cut = cut  # type: ignore[assignment]
        assert journal.runs("production") == (run,)
    assert line.cuts == 2
    journal.close()


def test_a_server_that_restarts_at_once_is_waited_for_at_every_kind_of_write(
    own_server: PostgresServer,
) -> None:
    journal = journal_at(own_server.url())
    run = opened(journal)
    writes: list[Callable[[], object]] = [
        lambda: journal.begin(run, STAGE, now=1.0),
        lambda: journal.done(run, STAGE, {"n": 1}, now=2.0),
        lambda: journal.say(run, "production", Note("tick", "1", topic="alert"), now=3.0),
        lambda: journal.mark_sent(1, now=4.0),
        lambda: journal.steps(run.id),
    ]
    with ThreadPoolExecutor(1) as other_thread:  # the server ends with the thread that started it
        for write in writes:
            own_server.stop()
            writing = other_thread.submit(write)
            own_server.start()
            writing.result(60)
    assert [e.kind for e in journal.events()] == ["run queued", "step begun", "step done", "tick"]
    assert [row.attempts for row in journal.outbox(unsent_only=False)] == [1]
    assert journal.verify_chain()[0] == 4
    journal.close()


def test_a_server_that_stays_away_is_given_up_and_then_nobody_waits_again(own_server: PostgresServer) -> None:
    journal = journal_at(own_server.url(), patience_s=0.6)
    run = opened(journal)
    own_server.stop()
    for least_s, most_s in ((0.5, 5.0), (0.0, 0.4)):
        began = time.monotonic()
        with pytest.raises(MobiusError) as error:
            journal.begin(run, STAGE, now=1.0)
        assert least_s <= time.monotonic() - began < most_s
        assert (
            error.value.message == f"the journal in postgres on {own_server.folder}:{PORT} cannot be reached"
        )
        assert "mobius rollback --emergency" in (error.value.hint or "")
    own_server.start()
    time.sleep(0.05)
    journal.database._line._quiet_until = 0.0
    journal.begin(run, STAGE, now=2.0)
    assert journal.verify_chain()[0] == 2
    journal.close()


def test_writers_of_several_processes_make_one_chain(
    database: Database, make: Callable[..., PostgresJournal]
) -> None:
    journal = make()
    environ = {**os.environ, "PYTHONPATH": str(Path(mobius.__file__).parents[1])}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, database.url, journal.database.schema, f"w{n}", "15"], env=environ
        )
        for n in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert journal.verify_chain()[0] == 45
    for n in range(3):
        assert [e.message for e in journal.events(kinds=[f"w{n}"])] == [str(i) for i in range(15)]
    assert len(journal.outbox()) == 45


def test_a_writer_that_is_killed_in_the_middle_leaves_a_whole_chain(
    database: Database, make: Callable[..., PostgresJournal]
) -> None:
    journal = make()
    environ = {**os.environ, "PYTHONPATH": str(Path(mobius.__file__).parents[1])}
    for n in range(3):
        before = len(journal.events())
        argv = [sys.executable, "-c", WRITER, database.url, journal.database.schema, f"k{n}", "100000"]
        writer = subprocess.Popen(argv, env=environ)
        until = time.monotonic() + 60
        while len(journal.events()) < before + 3 + n and time.monotonic() < until:
            time.sleep(0.01)
        writer.kill()
        writer.wait()
        count = journal.verify_chain()[0]
        assert count >= before + 3 + n
        journal.say(None, "production", Note("after", ""), now=1.0)
        assert len(journal.outbox()) == len(journal.events()) - len(journal.events(kinds=["after"]))


def test_a_run_that_was_taken_over_on_another_machine_is_fenced(make: Callable[..., PostgresJournal]) -> None:
    here, there = make(), make()
    run = opened(here)
    with pytest.raises(Locked):
        there.open_run("production", PLAN, lead="Ben", holder=BEN, now=1.0)
    there.take_over(run, holder=BEN, now=2.0)
    with pytest.raises(Fenced, match="ben@laptop"):
        here.begin(run, STAGE, now=3.0)
    assert here.steps(run.id) == ()


def test_the_journal_of_another_service_is_refused(make: Callable[..., PostgresJournal]) -> None:
    opened(make())
    other = make(service="shop")
    for use in (lambda: opened(other), lambda: other.runs("production")):
        with pytest.raises(MobiusError, match="is that of the service probe, and this is shop") as error:
            use()
        assert error.value.hint == 'give it a schema of its own: `schema = "…"` in [journal]'


def test_a_schema_of_another_program_is_refused(database: Database) -> None:
    database.execute("CREATE SCHEMA theirs")
    database.execute("CREATE TABLE theirs.runs (id int)")
    journal = journal_at(database.url, "theirs")
    with pytest.raises(MobiusError, match="holds tables of another program"):
        opened(journal)
    assert database.one("SELECT count(*) FROM pg_class WHERE relnamespace = 'theirs'::regnamespace") == 1
    journal.close()


def test_a_newer_journal_is_left_alone(make: Callable[..., PostgresJournal], database: Database) -> None:
    journal = make()
    opened(journal)
    database.execute(f"UPDATE {journal.database.schema}.journal SET schema_version = 99")
    for use in (lambda: opened(journal, "staging"), lambda: journal.runs("production")):
        with pytest.raises(MobiusError, match="was written by a newer mobius"):
            use()


def test_events_cannot_be_changed_or_removed_by_mistake(
    make: Callable[..., PostgresJournal], database: Database
) -> None:
    journal = make()
    opened(journal)
    for statement in ("UPDATE {}.events SET message = ''", "DELETE FROM {}.events"):
        with pytest.raises(Exception, match="events are never changed or removed"):
            database.execute(statement.format(journal.database.schema))


def test_whoever_changes_it_all_the_same_is_found_out(
    make: Callable[..., PostgresJournal], database: Database
) -> None:
    journal, schema = make(), ""
    run = opened(journal)
    journal.say(run, "production", Note("tick", "1"), now=1.0)
    schema = journal.database.schema
    database.execute(f"ALTER TABLE {schema}.events DISABLE TRIGGER ALL")
    database.execute(f"UPDATE {schema}.events SET message = 'other' WHERE seq = 1")
    with pytest.raises(MobiusError, match=r"event 1 .run queued. is not what was written"):
        journal.verify_chain()


def test_a_password_is_in_no_error(own_server: PostgresServer) -> None:
    password = "c4n4ry-of-the-journal"
    for url in (
        f"postgresql://nobody:{password}@/nowhere?host={own_server.folder}",
        f"postgresql://mobius:{password}@127.0.0.1:1/app",
        f"postgresql://mobius:{password}@{'x' * 70}/app",
    ):
        journal = journal_at(url)
        with pytest.raises(MobiusError) as error:
            journal.open_run("production", PLAN, lead="Anna", holder=ANNA, now=1.0)
        assert password not in repr(vars(error.value)) + str(error.value) + repr(error.value.__cause__)
        assert error.value.hint
