"""What the journal answers: each question is one read of one unchanging state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mobius.adapters.journals import chain, rows, tables
from mobius.adapters.journals.database import Database
from mobius.adapters.journals.sql import Row, Sql
from mobius.model.audit import Head
from mobius.model.release import BackupRecord, Release
from mobius.model.run import Event, OutboxRow, Run, StepRecord
from mobius.model.sample import Sample

T = TypeVar("T")

# The newest event that a step or a message names: one that is not there was cut off.
_NAMED = (
    "SELECT coalesce(max(seq), 0) FROM"
    " (SELECT max(begun_seq) AS seq FROM steps UNION ALL SELECT max(event_seq) FROM outbox) named"
)


class Reader:
    """The reading half of `mobius.ports.Journal`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self) -> None:
        """Lets go of the database."""
        self._database.close()

    def is_writable(self) -> bool:
        """Whether it could be written now, as far as can be seen without writing."""
        return self._database.is_writable()

    def run(self, run_id: int) -> Run:
        """The run. Raises `UsageError` when there is none."""
        return self._database.read(lambda sql: rows.run(tables.run_row(sql, run_id)))

    def runs(self, environment: str, limit: int = 50) -> tuple[Run, ...]:
        """Newest first."""
        return self._all(
            rows.run, "SELECT * FROM runs WHERE environment = ? ORDER BY id DESC LIMIT ?", environment, limit
        )

    def active_run(self, environment: str) -> Run | None:
        """The one run that is not ended, if any."""
        found = self._all(rows.run, "SELECT * FROM runs WHERE environment = ? AND ended = 0", environment)
        return found[0] if found else None

    def steps(self, run_id: int) -> tuple[StepRecord, ...]:
        """The last attempt of every step, in the order they were first begun."""
        return self._all(
            rows.step,
            "SELECT s.* FROM steps s JOIN (SELECT step_id, min(begun_seq) AS first, max(attempt) AS last"
            " FROM steps WHERE run_id = ? GROUP BY step_id) o ON o.step_id = s.step_id AND o.last = s.attempt"
            " WHERE s.run_id = ? ORDER BY o.first",
            run_id,
            run_id,
        )

    def events(
        self,
        *,
        environment: str = "",
        run_id: int = 0,
        after: int = 0,
        limit: int = 10000,
        kinds: Sequence[str] = (),
    ) -> tuple[Event, ...]:
        """Oldest first, with seq > `after`; "" and 0 are every environment and run, () every kind."""
        of_kind = f" AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
        return self._all(
            rows.event,
            "SELECT * FROM events WHERE seq > ? AND (? = '' OR environment = ?) AND (? = 0 OR run_id = ?)"
            f"{of_kind} ORDER BY seq LIMIT ?",
            *(after, environment, environment, run_id, run_id, *kinds, limit),
        )

    def last_event(self, environment: str, kinds: Sequence[str]) -> Event | None:
        """The newest of these kinds, if any."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT * FROM events WHERE environment = ? AND kind IN ({marks}) ORDER BY seq DESC LIMIT 1"
        return next(iter(self._all(rows.event, query, environment, *kinds)), None)

    def samples(self, run_id: int, *, since: float = 0.0) -> tuple[Sample, ...]:
        """Oldest first, from `since` on."""
        return self._all(
            rows.sample, "SELECT * FROM samples WHERE run_id = ? AND at >= ? ORDER BY at, id", run_id, since
        )

    def releases(self, environment: str) -> tuple[Release, ...]:
        """Newest staged first."""
        return self._all(
            rows.release,
            "SELECT * FROM releases WHERE environment = ? ORDER BY staged_at DESC, rowid DESC",
            environment,
        )

    def backups(self, environment: str) -> tuple[BackupRecord, ...]:
        """Newest first."""
        return self._all(
            rows.backup,
            "SELECT * FROM backups WHERE environment = ? ORDER BY created_at DESC, rowid DESC",
            environment,
        )

    def outbox(self, *, unsent_only: bool = True) -> tuple[OutboxRow, ...]:
        """Oldest first."""
        return self._all(
            rows.outbox, "SELECT * FROM outbox WHERE ? = 0 OR sent_at = 0 ORDER BY id", int(unsent_only)
        )

    def verify_chain(self, head: str = "") -> tuple[int, str]:
        """(How many events, the head). Raises `MobiusError` naming the first one that was changed."""
        columns = ", ".join(chain.Link._fields)

        def look(sql: Sql) -> tuple[int, str]:
            found = sql.execute(f"SELECT {columns} FROM events ORDER BY seq")
            count, last = chain.verify((chain.Link(*row) for row in found), head)
            named = sql.execute(_NAMED).fetchone()[0]
            if named > count:
                raise chain.cut_off(count, named)
            return count, last

        return self._database.read(look)

    def head(self) -> Head | None:
        """The newest event of all; None where nothing was written."""
        found = self._all(
            lambda row: Head(row["run_id"], row["seq"], row["hash"]),
            "SELECT run_id, seq, hash FROM events ORDER BY seq DESC LIMIT 1",
        )
        return found[0] if found else None

    def _all(self, noun: Callable[[Row], T], query: str, *values: Any) -> tuple[T, ...]:
        return self._database.read(lambda sql: tuple(noun(row) for row in sql.execute(query, values)))
