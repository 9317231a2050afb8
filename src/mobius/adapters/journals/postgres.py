"""The journal in PostgreSQL: for several machines and operators, and through a server that restarts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from mobius.adapters.databases.postgres_address import Address
from mobius.adapters.journals.journal import SqlJournal
from mobius.adapters.journals.postgres_database import BUSY_S, PATIENCE_S, PostgresDatabase
from mobius.adapters.journals.writing import unredacted

T = TypeVar("T")
WRITING = (
    *("open_run", "take_over", "move", "begin", "done", "failed", "say", "add_samples", "mark_sent"),
    *("put_release", "mark_live", "set_release_state", "put_backup"),
    *("route", "claim", "settle", "retry", "say_once"),
)


class PostgresJournal(SqlJournal):
    """The journal in one schema of one database, made at its first write.

    Every writing method returns once its transaction is on the server's disk. One that was cut off by a server that
    went away is found out, and done again only where it was not written. `redact` takes secrets out of all text.
    """

    def __init__(
        self,
        address: Address,
        schema: str,
        service: str,
        *,
        read_only: bool = False,
        redact: Callable[[str], str] = unredacted,
        patience_s: float = PATIENCE_S,
        busy_s: float = BUSY_S,
    ) -> None:
        self.database = PostgresDatabase(
            address, schema, service, read_only=read_only, patience_s=patience_s, busy_s=busy_s
        )
        super().__init__(self.database, redact)


def _done_again(method: Callable[..., T]) -> Callable[..., T]:
    @wraps(method)
    def until_written(journal: PostgresJournal, *given: Any, **named: Any) -> T:
        return journal.database.again(lambda: method(journal, *given, **named))

    return until_written


for _name in WRITING:
    setattr(PostgresJournal, _name, _done_again(getattr(SqlJournal, _name)))
