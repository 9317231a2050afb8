"""The journal in PostgreSQL keeps every promise of a journal, on a real server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from adapters.contracts.journal_contract import JournalContract
from adapters.contracts.journal_facts import BEN, STAGE, moved, opened
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.journals import tables
from mobius.adapters.journals.postgres import PostgresJournal
from mobius.adapters.journals.postgres_line import Lost
from mobius.errors import Fenced
from mobius.model.run import RunState
from mobius.ports import Note
from postgres_server import Database, PostgresServer


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    """One for all journals here: each test has a schema of its own."""
    name = f"journal_{secrets.token_hex(3)}"
    postgres_server.query(f'CREATE DATABASE "{name}"')
    yield Database(postgres_server, name)
    postgres_server.query(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def make(database: Database) -> Iterator[Callable[..., PostgresJournal]]:
    made: list[PostgresJournal] = []
    schema = f"mobius_{secrets.token_hex(4)}"

    def one(**how: object) -> PostgresJournal:
        address = partial(parsed, "journal", database.url)
        made.append(PostgresJournal(address, how.pop("schema", schema), how.pop("service", "probe"), **how))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for journal in made:
        journal.close()


@pytest.fixture
def journal(make: Callable[..., PostgresJournal]) -> PostgresJournal:
    return make()


class TestPostgresJournal(JournalContract):
    pass


def test_a_writer_that_was_stopped_in_the_middle_loses_its_turn_before_others_give_up(
    make: Callable[..., PostgresJournal],
) -> None:
    stopped, other = make(busy_s=2.0), make(busy_s=2.0)
    running = moved(stopped, opened(stopped), RunState.RUNNING)
    with pytest.raises(Lost), stopped.database.writing() as sql:
        sql.execute("UPDATE runs SET lead = ? WHERE id = ?", ("nobody", running.id))
        other.say(
            None, "production", Note("noted", "it waited for its turn"), now=103.0
        )  # and got it in time
        sql.execute("SELECT 1")
    assert stopped.run(running.id).lead == "Anna", "what it had not ended was never written"
    stopped.begin(running, STAGE, now=104.0)  # awake again, it writes as ever
    assert [event.kind for event in other.events()][-2:] == ["noted", "step begun"]


def test_a_writer_that_lost_its_turn_and_was_overtaken_meanwhile_is_fenced(
    make: Callable[..., PostgresJournal],
) -> None:
    stopped, other = make(busy_s=2.0), make(busy_s=2.0)
    running = moved(stopped, opened(stopped), RunState.RUNNING)
    with pytest.raises(Lost), stopped.database.writing() as sql:
        tables.fence(sql, running)
        other.take_over(running, holder=BEN, now=103.0)
        sql.execute("SELECT 1")
    with pytest.raises(Fenced):
        stopped.begin(running, STAGE, now=104.0)
