"""The journal's outbox as a sender needs it: routes, claims, and what became of each message in each channel."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from mobius.adapters.journals import rows
from mobius.adapters.journals.sql import Row, Sql
from mobius.adapters.journals.tables import LARGEST_ID
from mobius.adapters.journals.writing import Writer
from mobius.model.notices import ChannelState, Delivery, Settlement
from mobius.model.run import Event, OutboxRow
from mobius.model.seen import Note

_CHANNEL = "SELECT * FROM channels WHERE environment = ? AND name = ?"
_OF = "FROM outbox o JOIN events e ON e.seq = o.event_seq"


class Sending(Writer):
    """`mobius.ports.notifying.Outbox`, over the journal's tables."""

    def unrouted(self, environment: str) -> tuple[OutboxRow, ...]:
        """Oldest first."""
        return self._all(
            rows.outbox,
            f"SELECT o.* {_OF} WHERE o.routed_at = 0 AND o.sent_at = 0 AND e.environment = ? ORDER BY o.id",
            environment,
        )

    def route(self, row: OutboxRow, environment: str, channels: Collection[str], *, now: float) -> None:
        """It goes through these. Doing it again changes nothing."""
        with self._database.writing() as sql:
            sql.execute(
                "UPDATE outbox SET routed_at = ? WHERE id = ? AND routed_at = 0", (float(now), row.id)
            )
            if not channels and row.topic != "alert":  # nobody wants to know: that is nothing to worry about
                sql.execute(
                    "UPDATE outbox SET sent_at = ? WHERE id = ? AND sent_at = 0", (float(now), row.id)
                )
            for channel in channels:
                sql.execute(
                    "INSERT INTO deliveries (outbox_id, channel, environment, state, attempts, sent_at, answer, error,"
                    " batch) VALUES (?, ?, ?, 'waiting', 0, 0, '', '', 0) ON CONFLICT DO NOTHING",
                    (row.id, channel, environment),
                )

    def deliveries(
        self, environment: str, *, states: Collection[str] = ("waiting",), since: float = 0.0
    ) -> tuple[Delivery, ...]:
        """In the order of the events; of those that were sent, only since then."""
        marks = ", ".join("?" * len(states))
        return self._all(
            _delivery,
            "SELECT d.*, o.topic, o.payload, o.created_at FROM deliveries d JOIN outbox o ON o.id = d.outbox_id"
            f" WHERE d.environment = ? AND d.state IN ({marks})"
            " AND (d.state NOT IN ('sent', 'repeated') OR d.sent_at >= ?) ORDER BY d.outbox_id, d.channel",
            *(environment, *states, since),
        )

    def channels(self, environment: str) -> Mapping[str, ChannelState]:
        """How each channel stands that was ever used."""
        found = self._all(_channel, "SELECT * FROM channels WHERE environment = ? ORDER BY name", environment)
        return {state.name: state for state in found}

    def claim(self, environment: str, channel: str, *, who: str, now: float, until: float) -> bool:
        """Whether the channel is now ours until then."""
        with self._database.writing() as sql:
            sql.execute(
                "INSERT INTO channels VALUES (?, ?, 0, 0, '', '', 0) ON CONFLICT DO NOTHING",
                (environment, channel),
            )
            row = sql.execute(_CHANNEL, (environment, channel)).fetchone()
            # A claim never lasts longer than its sender may take: one from a clock that was set back has ended, too.
            held = row["claimed_by"] not in ("", who) and now < row["claimed_until"] <= now + 2 * (
                until - now
            )
            if held:
                return False
            sql.execute(
                "UPDATE channels SET claimed_by = ?, claimed_until = ? WHERE environment = ? AND name = ?",
                (who, float(until), environment, channel),
            )
            return True

    def settle(self, environment: str, channel: str, made: Settlement, *, who: str, now: float) -> None:
        """Writes down what became of it and lets go of the claim."""
        with self._database.writing() as sql:
            answer, error, batch = (
                self._clean(made.answer),
                self._clean(made.error),
                min(made.sent, default=0),
            )
            for row_id in made.sent:
                self._mark(sql, row_id, channel, "sent", answer=answer, sent_at=float(now), batch=batch)
                sql.execute(
                    "UPDATE outbox SET attempts = attempts + 1, last_error = '',"
                    " sent_at = CASE WHEN sent_at > 0 THEN sent_at ELSE ? END WHERE id = ?",
                    (float(now), row_id),
                )
            for row_id in made.repeated:
                self._mark(sql, row_id, channel, "repeated", sent_at=float(now), error=error)
                sql.execute(
                    "UPDATE outbox SET sent_at = ? WHERE id = ? AND sent_at = 0", (float(now), row_id)
                )
            for state, ids in (("waiting", made.failed), ("dead", made.dead)):
                for row_id in ids:
                    self._mark(sql, row_id, channel, state, error=error)
                    sql.execute(
                        "UPDATE outbox SET attempts = attempts + 1, last_error = ? WHERE id = ?",
                        (error, row_id),
                    )
            sql.execute(
                "UPDATE channels SET failures = ?, next_at = ?, error = ?, claimed_by = '', claimed_until = 0"
                " WHERE environment = ? AND name = ? AND claimed_by = ?",
                (made.failures, float(made.next_at), error, environment, channel, who),
            )

    def _mark(self, sql: Sql, row_id: int, channel: str, state: str, **values: object) -> None:
        """One more attempt at this row. One that was sent stays sent."""
        changes = {"answer": "", "error": "", "sent_at": 0.0, "batch": 0, **values}
        sql.execute(
            f"UPDATE deliveries SET state = ?, attempts = attempts + 1, {', '.join(f'{k} = ?' for k in changes)}"
            " WHERE outbox_id = ? AND channel = ? AND state != 'sent'",
            (state, *changes.values(), row_id, channel),
        )

    def alerts(self, environment: str, *, since: float) -> tuple[OutboxRow, ...]:
        """Oldest first, sent or not."""
        query = f"SELECT o.* {_OF} WHERE o.topic = 'alert' AND o.created_at >= ? AND e.environment = ? ORDER BY o.id"
        return self._all(rows.outbox, query, since, environment)

    def retry(self, environment: str, row_ids: Collection[int] | None, *, now: float) -> int:
        """Dead messages wait again, and every channel is tried at once."""
        with self._database.writing() as sql:
            ids = sorted(each for each in row_ids or () if 0 < each <= LARGEST_ID)
            only = "" if row_ids is None else f" AND outbox_id IN ({', '.join('?' * len(ids)) or 'NULL'})"
            again = sql.execute(
                "UPDATE deliveries SET state = 'waiting', attempts = 0 WHERE environment = ? AND state = 'dead'"
                f"{only}",
                (environment, *ids),
            ).rowcount
            sql.execute("UPDATE channels SET failures = 0, next_at = 0 WHERE environment = ?", (environment,))
            return int(again)

    def say_once(self, environment: str, note: Note, *, key: str, after: int, now: float) -> Event | None:
        """The event with `key` in its data, unless there is one of that kind after `after`."""
        with self._database.writing() as sql:
            of_kind = sql.execute(
                "SELECT data FROM events WHERE seq > ? AND environment = ? AND kind = ?",
                (after, environment, note.kind),
            )
            if any(json.loads(row["data"]).get("key") == key for row in of_kind):
                return None
            keyed = Note(note.kind, note.message, {**(note.data or {}), "key": key}, note.topic)
            return self._append(sql, 0, environment, keyed, now, "")


def _delivery(row: Row) -> Delivery:
    return Delivery(
        id=row["outbox_id"],
        channel=row["channel"],
        state=row["state"],
        topic=row["topic"],
        payload=json.loads(row["payload"]),
        created_at=row["created_at"],
        attempts=row["attempts"],
        sent_at=row["sent_at"],
        answer=row["answer"],
        error=row["error"],
        batch=row["batch"],
    )


def _channel(row: Row) -> ChannelState:
    return ChannelState(
        name=row["name"],
        failures=row["failures"],
        next_at=row["next_at"],
        error=row["error"],
        claimed_by=row["claimed_by"],
        claimed_until=row["claimed_until"],
    )
