"""The journal in PostgreSQL: for several machines and operators, and through a server that restarts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from mobius.adapters.databases.postgres_address import Address
from mobius.adapters.journals.journal import SqlJournal
from mobius.adapters.journals.lease import LEASE_S, RUNNER, Heart, Lease, put
from mobius.adapters.journals.postgres_database import BUSY_S, PATIENCE_S, PostgresDatabase
from mobius.adapters.journals.sql import Row, Sql
from mobius.adapters.journals.telling import Telling
from mobius.adapters.journals.writing import unredacted
from mobius.errors import Locked
from mobius.model.run import PREEMPTIBLE, Holder, Run

T = TypeVar("T")
WRITING = (
    *("open_run", "move", "begin", "done", "failed", "say", "add_samples", "mark_sent"),
    *("put_release", "mark_live", "set_release_state", "put_backup"),
    *("route", "claim", "settle", "retry", "say_once"),
    *("adopt", "raise_token"),
)


class PostgresJournal(SqlJournal):
    """The journal in one schema of one database, made at its first write.

    Every writing method returns once its transaction is on the server's disk. One that was cut off by a server that
    went away is found out, and done again only where it was not written. `redact` takes secrets out of all text.

    `owner` is this machine, or rather its root: a run is in the hands of one owner at a time, who says so again every
    few seconds for as long as the process lives that took it over.
    """

    def __init__(
        self,
        address: Callable[[], Address],
        schema: str,
        service: str,
        *,
        owner: str = "here",
        lease_s: float = LEASE_S,
        read_only: bool = False,
        redact: Callable[[str], str] = unredacted,
        patience_s: float = PATIENCE_S,
        busy_s: float = BUSY_S,
    ) -> None:
        self.database = PostgresDatabase(
            address, schema, service, read_only=read_only, patience_s=patience_s, busy_s=busy_s
        )
        super().__init__(self.database, redact)
        self._owner, self._lease_s = owner, lease_s
        self._heart: Heart | None = None
        # The heart beats on a line of its own: nothing that waits holds it up.
        self._for_the_heart = PostgresDatabase(address, schema, service, patience_s=0.0, busy_s=busy_s)

    def take_over(self, run: Run, *, holder: Holder, now: float) -> Run:
        """The same run with a fresh token. Raises `Fenced` when a newer run is active, and `Locked` while another
        machine carries it on and lives, unless it only observes."""
        taken = self.database.again(lambda: SqlJournal.take_over(self, run, holder=holder, now=now))
        self._beat(taken.environment, taken.id, str(holder))
        return taken

    def close(self) -> None:
        """Lets go of the database; the lease of a run ends when its time is over."""
        if self._heart is not None:
            self._heart.stop()
        self._for_the_heart.close()
        super().close()

    def lease(self, environment: str, what: str, words: str) -> Lease:
        """On something of the environment, by this owner."""
        return Lease(self.database, environment, what, self._owner, words, self._lease_s)

    def _refuse_if_elsewhere(self, sql: Sql, row: Row) -> None:
        lease = self.lease(row["environment"], RUNNER, "")
        words = lease.elsewhere(sql, row["id"])
        if words and not row["ended"] and row["state"] not in PREEMPTIBLE:
            raise Locked(
                f"run {row['id']} is going on ({row['state']}) on another machine: {words}",
                f"end it there: mobius abort; when that machine is gone, try again in {self._lease_s:.0f} s",
            )

    def _in_our_hands(self, sql: Sql, environment: str, run_id: int, holder: Holder) -> None:
        put(sql, environment, RUNNER, self._owner, run_id, self._clean(str(holder)), self._lease_s)

    def _beat(self, environment: str, run_id: int, words: str) -> None:
        if self._heart is not None:
            self._heart.stop()
        lease = Lease(self._for_the_heart, environment, RUNNER, self._owner, words, self._lease_s)
        self._heart = Heart(lease, run_id)


def _done_again(method: Callable[..., T]) -> Callable[..., T]:
    @wraps(method)
    def until_written(journal: PostgresJournal, *given: Any, **named: Any) -> T:
        return journal.database.again(lambda: method(journal, *given, **named))

    return until_written


for _name in WRITING:
    setattr(PostgresJournal, _name, _done_again(getattr(SqlJournal, _name)))


class TellingPostgresJournal(Telling, PostgresJournal):
    """The same, with a sender that is woken when a message is there for good."""
