"""What the journal is told besides runs and steps: events with their messages, samples, releases, backups."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from mobius.adapters.journals import chain, rows, tables
from mobius.adapters.journals.database import Database
from mobius.adapters.journals.reading import Reader
from mobius.adapters.journals.sql import Sql
from mobius.errors import MobiusError, UsageError
from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.model.run import Event, Run
from mobius.model.sample import Sample
from mobius.ports import Note


def unredacted(words: str) -> str:
    """The words as they are: there are no secrets to keep out."""
    return words


class Writer(Reader):
    """The writing half of `mobius.ports.Journal`, but for runs and steps. `redact` sees all text first."""

    def __init__(self, database: Database, redact: Callable[[str], str] = unredacted) -> None:
        super().__init__(database)
        self._redact = redact

    def say(self, run: Run | None, environment: str, note: Note, *, now: float, who: str = "") -> Event:
        """One more event, of the run or of the environment."""
        with self._database.writing() as sql:
            if run is None:
                return self._append(sql, 0, environment, note, now, who)
            tables.fence(sql, run)
            return self._append(sql, run.id, run.environment, note, now, who or who_acts(run))

    def _append(self, sql: Sql, run_id: int, environment: str, note: Note, now: float, who: str) -> Event:
        """The event at the end of the chain, and its outbox row, in the caller's transaction."""
        last = sql.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        link = chain.Link(
            seq=last["seq"] + 1 if last else 1,
            run_id=run_id,
            environment=environment,
            at=float(now),
            kind=self._clean(note.kind),
            message=self._clean(note.message),
            data=chain.canonical(chain.plain(note.data or {}, self._redact)),
            who=self._clean(who),
            previous_hash=last["hash"] if last else "",
            hash="",
        )
        link = link._replace(hash=chain.hash_of(link))
        tables.insert(sql, "events", **link._asdict())
        if note.topic:
            # The head travels with every message, so that a cut-off log is found out from outside.
            payload = {**link._asdict(), "data": json.loads(link.data), "head": link.hash}
            del payload["hash"], payload["previous_hash"]
            tables.insert(
                sql,
                "outbox",
                event_seq=link.seq,
                topic=note.topic,
                payload=chain.canonical(payload),
                created_at=float(now),
                sent_at=0.0,
                attempts=0,
                last_error="",
            )
        return rows.event(link._asdict())

    def add_samples(self, run: Run, samples: Sequence[Sample]) -> None:
        """More samples of the window, one row each."""
        with self._database.writing() as sql:
            tables.fence(sql, run)
            for sample in samples:
                tables.insert(
                    sql,
                    "samples",
                    run_id=run.id,
                    signal=sample.signal,
                    at=float(sample.at),
                    ok=None if sample.ok is None else int(sample.ok),
                    value=None if sample.value is None else float(sample.value),
                    requests=sample.requests,
                    errors=sample.errors,
                    histogram=",".join(map(str, sample.histogram)),
                    missing=self._clean(sample.missing),
                    note=self._clean(sample.note),
                )

    def mark_sent(self, row_id: int, *, now: float, error: str = "") -> None:
        """One more attempt; without an error the message is sent. Raises `UsageError` for an unknown row."""
        with self._database.writing() as sql:
            sent_at = 0.0 if error else float(now)
            changed = sql.execute(
                "UPDATE outbox SET attempts = attempts + 1, last_error = ?,"
                " sent_at = CASE WHEN sent_at > 0 THEN sent_at ELSE ? END WHERE id = ?",
                (self._clean(error), sent_at, row_id),
            )
            if changed.rowcount == 0:
                raise UsageError(f"the outbox has no message {row_id}", "list them: mobius notify status")

    # Releases and backups

    def put_release(self, environment: str, release: Release) -> None:
        """The release with this id is this one."""
        with self._database.writing() as sql:
            tables.upsert(
                sql,
                "releases",
                ("environment", "id"),
                environment=environment,
                id=release.id,
                tag=release.tag,
                git_commit=release.commit,
                content_digest=release.content_digest,
                config_digest=release.config_digest,
                schema_revision=release.schema_revision,
                state=release.state,
                slot=release.slot,
                staged_at=float(release.staged_at),
                live_since=float(release.live_since),
                accepted=int(release.accepted),
            )

    def mark_live(
        self, run: Run, release_id: str, *, previous_id: str, failed_id: str, slot: str, now: float
    ) -> None:
        """This release is live, the others what follows from it. With "" as `release_id` nothing is live.

        Raises `MobiusError` for a release the journal does not know: it would then say that nothing is live.
        """
        with self._database.writing() as sql:
            tables.fence(sql, run)
            states = {
                failed_id: ReleaseState.FAILED,
                previous_id: ReleaseState.PREVIOUS,
                release_id: ReleaseState.LIVE,
            }
            was = tables.release_states(sql, run.environment)
            if release_id and release_id not in was:
                raise MobiusError(
                    f"{release_id} cannot be live: {run.environment} has no such release in its journal",
                    "record the release first",
                )
            for known_id, before in was.items():
                once_live = before in (ReleaseState.LIVE, ReleaseState.PREVIOUS)
                if state := states.get(known_id, ReleaseState.RETIRED if once_live else None):
                    tables.update_release(sql, run.environment, known_id, state=state)
            if release_id:
                since = {} if was[release_id] == ReleaseState.LIVE else {"live_since": float(now)}
                tables.update_release(sql, run.environment, release_id, slot=slot, **since)

    def set_release_state(
        self, environment: str, release_id: str, state: ReleaseState, *, accepted: bool
    ) -> None:
        """One release is in this state."""
        with self._database.writing() as sql:
            tables.update_release(sql, environment, release_id, state=state, accepted=int(accepted))

    def put_backup(self, environment: str, backup: BackupRecord) -> None:
        """The backup with this name is this one."""
        with self._database.writing() as sql:
            tables.upsert(
                sql,
                "backups",
                ("environment", "name"),
                environment=environment,
                name=backup.name,
                path=backup.path,
                sha256=backup.sha256,
                size_bytes=backup.size_bytes,
                created_at=float(backup.created_at),
                release_id=backup.release_id,
                run_id=backup.run_id,
                kind=backup.kind,
                verified_at=float(backup.verified_at),
                rehearsed_at=float(backup.rehearsed_at),
                restore_s=float(backup.restore_s),
                metadata=chain.canonical(chain.plain(backup.metadata, self._redact)),
                facts=chain.canonical(
                    chain.plain({name: getattr(backup, name) for name in rows.BACKUP_FACTS}, self._redact)
                ),
            )

    def _clean(self, words: str) -> str:
        return chain.text(words, self._redact)


def who_acts(run: Run) -> str:
    """Whose doing an event of this run is."""
    return str(run.holder) if run.holder else run.lead
