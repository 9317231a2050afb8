"""The journal in PostgreSQL keeps every promise of a journal, on a real server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from adapters.contracts.journal_contract import JournalContract
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.journals.postgres import PostgresJournal
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
