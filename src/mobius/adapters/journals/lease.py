"""Who acts now, for every machine to see: a row that its owner renews, and that ends by itself. By the database's time.

A lease tells people and runners whom to wait for. What keeps an old runner from writing is its token, in the same
transaction as every write; what keeps it from acting on a host of a fleet is that host's own epoch.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from mobius.adapters.journals.postgres_database import PostgresDatabase
from mobius.adapters.journals.sql import Sql
from mobius.errors import Locked, MobiusError

LEASE_S = 30.0
RUNNER = "runner"  # who carries the run on
TURN = "turn"  # who is about to change something, or does
_UNTIL = "clock_timestamp() + ? * interval '1 second'"


def put(sql: Sql, environment: str, what: str, owner: str, run_id: int, words: str, seconds: float) -> None:
    """The lease is the owner's from now on, whosever it was."""
    sql.execute(
        f"INSERT INTO leases (environment, what, owner, run_id, words, until) VALUES (?, ?, ?, ?, ?, {_UNTIL})"
        " ON CONFLICT (environment, what) DO UPDATE SET owner = excluded.owner, run_id = excluded.run_id,"
        " words = excluded.words, until = excluded.until",
        (environment, what, owner, run_id, words, float(seconds)),
    )


class Lease:
    """On one thing of one environment, as one owner sees it. `words` are who that is, for people."""

    def __init__(
        self,
        database: PostgresDatabase,
        environment: str,
        what: str,
        owner: str,
        words: str,
        seconds: float = LEASE_S,
    ) -> None:
        self._database = database
        self._key = (environment, what)
        self._owner, self._words = owner, words
        self.seconds = seconds

    def take(self) -> None:
        """It is ours. Raises `Locked` naming whoever has it, and lives."""

        def taken() -> None:
            with self._database.writing() as sql:
                if words := self.elsewhere(sql):
                    raise Locked(
                        f"{self._key[0]} is locked from another machine: {words}",
                        "look on with `mobius status`; the lock goes when its owner does, "
                        f"and {self.seconds:.0f} s after its machine was lost",
                    )
                put(sql, *self._key, self._owner, 0, self._words, self.seconds)

        self._database.again(taken)

    def renew(self, run_id: int = 0) -> bool:
        """Whether it is still ours, and now for so many seconds more."""
        with self._database.writing() as sql:
            changed = sql.execute(
                f"UPDATE leases SET until = {_UNTIL} WHERE environment = ? AND what = ? AND owner = ? AND run_id = ?",
                (self.seconds, *self._key, self._owner, run_id),
            )
            return changed.rowcount > 0

    def give_back(self, run_id: int = 0) -> None:
        """Nobody has it, if it was ours."""
        with self._database.writing() as sql:
            sql.execute(
                "DELETE FROM leases WHERE environment = ? AND what = ? AND owner = ? AND run_id = ?",
                (*self._key, self._owner, run_id),
            )

    def held_elsewhere(self, run_id: int = 0) -> str:
        """The words of another owner who has it (for this run) and lives, or ""."""
        return self._database.read_own(lambda sql: self.elsewhere(sql, run_id)) or ""

    def elsewhere(self, sql: Sql, run_id: int = 0) -> str:
        """The same, in the caller's transaction."""
        row = sql.execute(
            "SELECT words FROM leases WHERE environment = ? AND what = ? AND owner <> ?"
            " AND (? = 0 OR run_id = ?) AND until > clock_timestamp()",
            (*self._key, self._owner, run_id, run_id),
        ).fetchone()
        return "" if row is None else row["words"] or "somebody who has not said who"


class Heart:
    """Renews a lease from a thread of its own until it is stopped, or the lease is another's. A server that is away
    for a moment is asked again; the lease lasts longer than that."""

    def __init__(self, lease: Lease, run_id: int = 0) -> None:
        self._lease, self._run_id = lease, run_id
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="mobius-lease")
        self._thread.start()

    def stop(self) -> None:
        """Renews no more."""
        self._stopped.set()
        self._thread.join(1.0)

    def _beat(self) -> None:
        while not self._stopped.wait(self._lease.seconds / 5):
            with suppress(MobiusError):
                if not self._lease.renew(self._run_id):
                    break
