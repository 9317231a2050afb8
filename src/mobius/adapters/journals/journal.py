"""The journal's rules, in SQL: who may write, what is one transaction, what every change leaves behind."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from mobius.adapters.journals import chain, rows, tables
from mobius.adapters.journals.database import Database
from mobius.adapters.journals.reading import Reader
from mobius.errors import MobiusError, UsageError
from mobius.model.plan import Plan, Step
from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.model.run import ENDED, PREEMPTIBLE, Event, Holder, Run, RunState, StepRecord
from mobius.model.sample import Sample
from mobius.ports import Note

MOVABLE = frozenset({"exit_code", "sentence", "window_opened_at", "window_deadline"})


def unredacted(words: str) -> str:
    """The words as they are: there are no secrets to keep out."""
    return words


class SqlJournal(Reader):
    """What `mobius.ports.Journal` promises, over any database with the tables of `schema`."""

    def __init__(self, database: Database, redact: Callable[[str], str] = unredacted) -> None:
        super().__init__(database)
        self._redact = redact

    # Runs

    def open_run(self, environment: str, plan: Plan, *, lead: str, holder: Holder, now: float) -> Run:
        """A new QUEUED run with the highest token. Raises `Locked`; supersedes a run that only observes."""
        with self._database.writing() as sql:
            run_id = int(sql.execute("SELECT coalesce(max(id), 0) + 1 FROM runs").fetchone()[0])
            act = f"{plan.kind} {plan.tag}".strip()
            self._supersede(sql, environment, f"run {run_id} ({act}, {holder})", run_id, now)
            tables.insert(
                sql,
                "runs",
                id=run_id,
                environment=environment,
                kind=plan.kind,
                state=RunState.QUEUED,
                ended=0,
                token=tables.next_token(sql, environment),
                plan=rows.plan_text(plan),
                plan_schema=plan.schema_version,
                plan_hash=plan.hash,
                tool_version=plan.tool_version,
                lead=self._clean(lead),
                holder=msgspec.json.encode(holder).decode(),
                started_at=float(now),
                ended_at=0.0,
                window_opened_at=0.0,
                window_deadline=0.0,
                exit_code=0,
                sentence="",
            )
            note = Note(
                "run queued", f"{act} to {environment} queued by {lead or holder}", {"plan": plan.hash}
            )
            self._append(sql, run_id, environment, note, now, str(holder))
            return rows.run(tables.run_row(sql, run_id))

    def _supersede(self, sql: sqlite3.Connection, environment: str, by: str, by_id: int, now: float) -> None:
        active = tables.active_row(sql, environment)
        if active is None:
            return
        if active["state"] not in PREEMPTIBLE:
            raise tables.locked(active)
        sentence = f"superseded by {by}"
        tables.update_run(
            sql,
            active["id"],
            state=RunState.SUPERSEDED,
            ended=1,
            ended_at=float(now),
            sentence=self._clean(sentence),
        )
        note = Note(
            "run superseded", f"run {active['id']} was {sentence}", {"by_run": by_id, "was": active["state"]}
        )
        self._append(sql, active["id"], environment, note, now, "")

    def take_over(self, run: Run, *, holder: Holder, now: float) -> Run:
        """The same run with a fresh token, for a new runner. Raises `Fenced` when a newer run is active."""
        with self._database.writing() as sql:
            row = tables.run_row(sql, run.id)
            active = tables.active_row(sql, row["environment"])
            if active is not None and active["id"] != run.id and active["token"] > row["token"]:
                raise tables.fenced(row, active)
            token = tables.next_token(sql, row["environment"])
            tables.update_run(sql, run.id, token=token, holder=msgspec.json.encode(holder).decode())
            note = Note("runner started", f"run {run.id} is now in the hands of {holder}", {"token": token})
            self._append(sql, run.id, row["environment"], note, now, str(holder))
            return rows.run(tables.run_row(sql, run.id))

    def move(self, run: Run, state: RunState, note: Note, *, now: float, **changes: Any) -> Run:
        """The run in its new state, with the event. An ended run stays in the state it ended in."""
        if unknown := sorted(changes.keys() - MOVABLE):
            raise UsageError(
                f"a run cannot be given {', '.join(unknown)}", f"only {', '.join(sorted(MOVABLE))}"
            )
        with self._database.writing() as sql:
            row = tables.fence(sql, run)
            if row["ended"] and row["state"] != state:
                raise MobiusError(
                    f"run {run.id} is {row['state']}, which is final: it cannot become {state}",
                    "start a new run for what is to be done now",
                )
            if "sentence" in changes:
                changes["sentence"] = self._clean(changes["sentence"])
            if state in ENDED and not row["ended"]:
                changes |= {"ended": 1, "ended_at": float(now)}
            tables.update_run(sql, run.id, state=state, **changes)
            self._append(sql, run.id, run.environment, note, now, _who(run))
            return rows.run(tables.run_row(sql, run.id))

    # Steps

    def begin(self, run: Run, step: Step, *, now: float) -> StepRecord:
        """`begun`, durable before the effect; a new attempt if there was one."""
        with self._database.writing() as sql:
            tables.fence(sql, run)
            last = tables.last_attempt(sql, run.id, step.id)
            attempt = 1 if last is None else int(last["attempt"]) + 1
            again = "" if attempt == 1 else f" (attempt {attempt})"
            note = _step_note("step begun", step, attempt, f"{step.title}{again}")
            event = self._append(sql, run.id, run.environment, note, now, _who(run))
            tables.insert(
                sql,
                "steps",
                run_id=run.id,
                step_id=step.id,
                attempt=attempt,
                begun_seq=event.seq,
                begun_at=float(now),
                done_at=0.0,
                failed="",
                result="{}",
            )
            return StepRecord(run.id, step.id, attempt, float(now))

    def done(self, run: Run, step: Step, result: Mapping[str, Any], *, now: float) -> StepRecord:
        """`done`, after the effect. The first one stays. Raises `MobiusError` for a step that never began."""
        with self._database.writing() as sql:
            tables.fence(sql, run)
            last = rows.step(tables.begun(sql, run, step))
            if last.is_done:
                return last
            stored = chain.canonical(chain.plain(result, self._redact))
            tables.update_step(sql, last, done_at=float(now), failed="", result=stored)
            took_s = max(0.0, now - last.begun_at)
            more = {"took_s": round(took_s, 3), "result": json.loads(stored)}
            note = _step_note("step done", step, last.attempt, f"{step.title}: done in {took_s:.1f} s", more)
            self._append(sql, run.id, run.environment, note, now, _who(run))
            return rows.step(tables.begun(sql, run, step))

    def failed(self, run: Run, step: Step, reason: str, *, now: float) -> StepRecord:
        """The last attempt failed. What is done stays done. Raises `MobiusError` as `done` does."""
        with self._database.writing() as sql:
            tables.fence(sql, run)
            last = rows.step(tables.begun(sql, run, step))
            if last.is_done:
                return last
            why = self._clean(reason) or "failed without a reason"
            tables.update_step(sql, last, failed=why)
            note = _step_note("step failed", step, last.attempt, f"{step.title}: {why}")
            self._append(sql, run.id, run.environment, note, now, _who(run))
            return rows.step(tables.begun(sql, run, step))

    # Events, samples, outbox

    def say(self, run: Run | None, environment: str, note: Note, *, now: float, who: str = "") -> Event:
        """One more event, of the run or of the environment."""
        with self._database.writing() as sql:
            if run is None:
                return self._append(sql, 0, environment, note, now, who)
            tables.fence(sql, run)
            return self._append(sql, run.id, run.environment, note, now, who or _who(run))

    def _append(
        self, sql: sqlite3.Connection, run_id: int, environment: str, note: Note, now: float, who: str
    ) -> Event:
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
            )

    def _clean(self, words: str) -> str:
        return chain.text(words, self._redact)


def _who(run: Run) -> str:
    return str(run.holder) if run.holder else run.lead


def _step_note(
    kind: str, step: Step, attempt: int, message: str, more: Mapping[str, Any] | None = None
) -> Note:
    return Note(kind, message, {"step": step.id, "phase": step.phase, "attempt": attempt, **(more or {})})
