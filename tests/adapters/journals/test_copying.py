"""A journal goes from a file into PostgreSQL and back, row by row the same, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.contracts.journal_facts import ANNA, STAGE, moved, opened, release
from adapters.journals.test_postgres import database, make
from mobius.adapters.journals.copying import TABLES, copy, is_empty, look
from mobius.adapters.journals.database import Database, FileDatabase
from mobius.adapters.journals.postgres import PostgresJournal
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.errors import GateFailed, MobiusError, UsageError
from mobius.model.release import BackupRecord
from mobius.model.run import RunState
from mobius.model.sample import Sample
from mobius.ports import Note

__all__ = ["database", "make"]


def quiet(table: str, rows: int) -> None:
    """Nobody looks."""


@pytest.fixture
def file(tmp_path: Path) -> FileDatabase:
    """A journal with something in every table that a deployment fills."""
    journal = SqliteJournal(tmp_path / "journal.db")
    run = journal.take_over(opened(journal), holder=ANNA, now=1.0)
    for each in ("r2", "r1"):
        journal.put_release("production", release(each))
    journal.begin(run, STAGE, now=2.0)
    journal.done(run, STAGE, {"größe": 1.5, "note": 'a "b"\n'}, now=3.0)
    run = moved(journal, run, RunState.OBSERVING)
    journal.add_samples(
        run, [Sample("http", float(n), ok=None if n % 2 else True, value=0.1 + n) for n in range(99)]
    )
    journal.put_backup("production", BackupRecord("b.zip", "/b.zip", "ab", 1, 2.0, "r1", 1, "release"))
    journal.say(run, "production", Note("page", "ähm 🚀", {"choices": ["a"]}, "alert"), now=4.0)
    moved(journal, run, RunState.ACCEPTED)
    journal.close()
    return FileDatabase(tmp_path / "journal.db")


def rows_of(source: Database) -> dict[str, list[tuple[object, ...]]]:
    def read(sql):  # type: ignore[no-untyped-def]
        return {
            table: [tuple(row) for row in sql.execute(f"SELECT * FROM {table} ORDER BY {order}")]
            for table, order in TABLES.items()
        }

    return source.read(read)


def test_every_row_arrives_and_comes_back_the_same(
    file: FileDatabase, make: Callable[..., PostgresJournal], tmp_path: Path
) -> None:
    there = make()
    told: list[str] = []
    sent = copy(file, there.database, lambda table, _: told.append(table))
    assert told == list(TABLES)
    assert look(there.database) == sent == look(file)
    back = FileDatabase(tmp_path / "back.db")
    copy(there.database, back, quiet)
    assert rows_of(back) == rows_of(file)


def test_what_was_copied_goes_on_where_it_ended(
    file: FileDatabase, make: Callable[..., PostgresJournal]
) -> None:
    there = make()
    copy(file, there.database, quiet)
    run = opened(there, now=9.0)
    assert (run.id, run.token) == (2, 3)
    there.add_samples(run, [Sample("http", 1.0, ok=True)])
    there.say(run, "production", Note("page", "again", {}, "alert"), now=10.0)
    assert [row.id for row in there.outbox()] == [1, 2]
    there.verify_chain()


def test_two_journals_are_never_mixed(file: FileDatabase, make: Callable[..., PostgresJournal]) -> None:
    there = make()
    opened(there)
    with pytest.raises(UsageError, match="cannot be mixed"):
        copy(file, there.database, quiet)
    assert len(there.runs("production")) == 1


def test_one_that_is_interrupted_leaves_nothing(
    file: FileDatabase, make: Callable[..., PostgresJournal]
) -> None:
    there = make()

    def stop(table: str, rows: int) -> None:
        if table == "samples":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(file, there.database, stop)
    assert is_empty(there.database)
    copy(file, there.database, quiet)


def test_nothing_is_copied_while_a_run_goes_on_or_where_the_chain_is_broken(
    file: FileDatabase, tmp_path: Path
) -> None:
    going = SqliteJournal(tmp_path / "going.db")
    opened(going)
    with pytest.raises(GateFailed, match=r"run 1 \(deploy in production\) is not over: queued"):
        copy(FileDatabase(tmp_path / "going.db"), FileDatabase(tmp_path / "to.db"), quiet)
    with file.writing() as sql:
        sql.execute("DROP TRIGGER events_stay_as_written")
        sql.execute("UPDATE events SET message = 'nothing happened' WHERE seq = 2")
    with pytest.raises(MobiusError, match="the audit log was changed: event 2"):
        copy(file, FileDatabase(tmp_path / "to.db"), quiet)
    assert is_empty(FileDatabase(tmp_path / "to.db"))


def test_a_sender_of_messages_is_told_of_a_server_that_takes_no_writes(
    make: Callable[..., PostgresJournal],
) -> None:
    there = make()
    assert there.is_writable()
    opened(there)
    assert there.is_writable()
