"""The journal's rules for runs and steps, in SQL: who may write, what is one transaction, what every change leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from mobius.adapters.journals import chain, rows, tables
from mobius.adapters.journals.sending import Sending
from mobius.adapters.journals.sql import Row, Sql
from mobius.adapters.journals.writing import who_acts
from mobius.errors import MobiusError, UsageError
from mobius.model.plan import Plan, Step
from mobius.model.run import ENDED, PREEMPTIBLE, Holder, Run, RunState, StepRecord
from mobius.ports import Note

MOVABLE = frozenset({"exit_code", "sentence", "window_opened_at", "window_deadline"})


class Runs(Sending):
    """Runs and their steps, as `mobius.ports.Journal` promises them."""

    # Runs

    def open_run(self, environment: str, plan: Plan, *, lead: str, holder: Holder, now: float) -> Run:
        """A new QUEUED run with the highest token. Raises `Locked`; supersedes a run that only observes."""
        with self._database.writing() as sql:
            run_id = int(sql.execute("SELECT coalesce(max(id), 0) + 1 FROM runs").fetchone()[0])
            act = f"{plan.kind} {plan.tag}".strip()
            self._supersede(sql, environment, f"run {run_id} ({act}, {holder})", run_id, now)
            token = tables.next_token(sql, environment)
            run = Run(run_id, environment, plan.kind, RunState.QUEUED, token, plan, lead, now, holder=holder)
            self._queue(sql, run)
            self._in_our_hands(sql, environment, run_id, holder)
            return rows.run(tables.run_row(sql, run_id))

    def _queue(self, sql: Sql, run: Run) -> None:
        """The run's row, and the event that it is there."""
        plan, holder = run.plan, run.holder
        assert holder is not None
        tables.insert(
            sql,
            "runs",
            id=run.id,
            environment=run.environment,
            kind=plan.kind,
            state=RunState.QUEUED,
            ended=0,
            token=run.token,
            plan=rows.plan_text(plan),
            plan_schema=plan.schema_version,
            plan_hash=plan.hash,
            tool_version=plan.tool_version,
            lead=self._clean(run.lead),
            holder=msgspec.json.encode(holder).decode(),
            started_at=float(run.started_at),
            ended_at=0.0,
            window_opened_at=0.0,
            window_deadline=0.0,
            exit_code=0,
            sentence="",
        )
        facts = {"plan": plan.hash, "tag": plan.tag, "release_id": plan.release_id}
        act = f"{plan.kind} {plan.tag}".strip()
        note = Note("run queued", f"{act} to {run.environment} queued by {run.lead or holder}", facts)
        self._append(sql, run.id, run.environment, note, run.started_at, str(holder))

    def _supersede(self, sql: Sql, environment: str, by: str, by_id: int, now: float) -> None:
        active = tables.active_row(sql, environment)
        if active is None:
            return
        if active["state"] not in PREEMPTIBLE:
            raise tables.locked(active)
        self._overtake(sql, active, by, by_id, now)

    def _overtake(self, sql: Sql, active: Row, by: str, by_id: int, now: float) -> None:
        """The active run is over, whatever it was doing."""
        sentence = f"superseded by {by}"
        tables.update_run(
            sql,
            active["id"],
            state=RunState.SUPERSEDED,
            ended=1,
            ended_at=float(now),
            sentence=self._clean(sentence),
        )
        facts = {"by": by, "by_run": by_id, "was": active["state"]}
        note = Note("superseded", f"run {active['id']} was {sentence}", facts)
        self._append(sql, active["id"], active["environment"], note, now, "")

    def take_over(self, run: Run, *, holder: Holder, now: float) -> Run:
        """The same run with a fresh token, for a new runner. Raises `Fenced` when a newer run is active."""
        with self._database.writing() as sql:
            row = tables.run_row(sql, run.id)
            active = tables.active_row(sql, row["environment"])
            if active is not None and active["id"] != run.id and active["token"] > row["token"]:
                raise tables.fenced(row, active)
            self._refuse_if_elsewhere(sql, row)
            token = tables.next_token(sql, row["environment"])
            tables.update_run(sql, run.id, token=token, holder=msgspec.json.encode(holder).decode())
            note = Note("runner started", f"run {run.id} is now in the hands of {holder}", {"token": token})
            self._append(sql, run.id, row["environment"], note, now, str(holder))
            self._in_our_hands(sql, row["environment"], run.id, holder)
            return rows.run(tables.run_row(sql, run.id))

    def _refuse_if_elsewhere(self, sql: Sql, row: Row) -> None:
        """Raises `Locked` where another machine carries the run on and lives. A journal of one machine has none."""

    def _in_our_hands(self, sql: Sql, environment: str, run_id: int, holder: Holder) -> None:
        """Writes down that this machine carries the run on, where there are others."""

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
            self._append(sql, run.id, run.environment, note, now, who_acts(run))
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
            event = self._append(sql, run.id, run.environment, note, now, who_acts(run))
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
            self._append(sql, run.id, run.environment, note, now, who_acts(run))
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
            note = _step_note("step failed", step, last.attempt, f"{step.title}: {why}", {"reason": why})
            self._append(sql, run.id, run.environment, note, now, who_acts(run))
            return rows.step(tables.begun(sql, run, step))


def _step_note(
    kind: str, step: Step, attempt: int, message: str, more: Mapping[str, Any] | None = None
) -> Note:
    facts = {"step": step.id, "title": step.title, "phase": step.phase, "attempt": attempt}
    return Note(kind, message, {**facts, **(more or {})})
