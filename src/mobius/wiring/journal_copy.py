"""A journal moves: out of the file in an environment's root into PostgreSQL, or back. The old one stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mobius.adapters.journals.copying import CopiedJournal, copy, is_empty, look, not_empty
from mobius.adapters.journals.database import Database, FileDatabase
from mobius.adapters.locks.os_lock import OsLock
from mobius.adapters.places import Places
from mobius.errors import GateFailed, UsageError

if TYPE_CHECKING:
    from mobius.adapters.journals.postgres_database import PostgresDatabase
    from mobius.wiring.app import App

POSTGRES, SQLITE = "postgres", "sqlite"


@dataclass(frozen=True, slots=True)
class Move:
    """`source` and `destination` are for people, without secrets; `is_dry`: nothing was written."""

    source: str
    destination: str
    copied: CopiedJournal
    is_dry: bool
    url_env: str = ""
    schema: str = ""


def move_journal(
    app: App,
    name: str | None,
    *,
    to: str,
    url_env: str,
    schema: str,
    is_dry: bool,
    tell: Callable[[str, int], None],
) -> Move:
    """Copies it, proven at both ends, or says what would be copied. Raises `GateFailed` while a run or an emergency is
    not over, `UsageError` where there is nothing to copy, or something in the destination."""
    settings = app.environment(name)
    places = Places(app.settings.project, settings.root, settings.release.link)
    variable = url_env or settings.journal.url_env
    if not variable:
        raise UsageError(
            "which PostgreSQL?", "name the variable that holds its address: --url-env MOBIUS_JOURNAL_URL"
        )
    schema = schema or settings.journal.schema
    file, server = FileDatabase(places.journal), _server(app, variable, schema)
    source: Database = file if to == POSTGRES else server
    destination: Database = server if to == POSTGRES else file
    if any((settings.root / "emergencies").glob("*.jsonl")):
        raise GateFailed(
            "an emergency is not yet in the journal", f"write it down first: mobius resume -e {settings.name}"
        )
    if is_empty(source):
        raise UsageError("there is no journal to copy", f"the other way round: --to {_other(to)}")
    if not is_empty(destination):
        raise not_empty()
    with OsLock(places.lock, settings.name).held():
        copied = look(source) if is_dry else copy(source, destination, tell)
    words = {SQLITE: str(places.journal), POSTGRES: f"{server.name}, schema {schema}"}
    return Move(words[_other(to)], words[to], copied, is_dry, variable, schema)


def _other(kind: str) -> str:
    return SQLITE if kind == POSTGRES else POSTGRES


def _server(app: App, variable: str, schema: str) -> PostgresDatabase:
    from mobius.adapters.databases.postgres_address import Address, parsed
    from mobius.adapters.journals.postgres_database import PostgresDatabase

    def address() -> Address:
        if not app.environ.get(variable):
            raise UsageError(
                f"the address of PostgreSQL is not known: {variable} is not set",
                f"set it, such as: export {variable}=postgresql://mobius@db.internal/mobius",
            )
        return parsed("journal", app.environ[variable])

    return PostgresDatabase(address, schema, app.settings.service)
