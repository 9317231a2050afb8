"""Rows of the journal's tables as nouns, and a plan as JSON that older and newer versions can read."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from mobius.adapters.journals.sql import Row
from mobius.errors import MobiusError
from mobius.model.plan import Plan, Repeat, Way
from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.model.run import Event, Holder, OutboxRow, Run, RunState, StepRecord
from mobius.model.sample import Sample

# Fields of a `BackupRecord` that have no column of their own; a newer mobius may have written more.
BACKUP_FACTS = ("booted", "not_proven", "rto_s", "rpo_s")


def run(row: Row) -> Run:
    """A run with its plan. Raises `MobiusError` for a plan this version cannot read."""
    return Run(
        id=row["id"],
        environment=row["environment"],
        kind=row["kind"],
        state=RunState(row["state"]),
        token=row["token"],
        plan=plan_from(row["plan"], row["id"]),
        lead=row["lead"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        window_opened_at=row["window_opened_at"],
        window_deadline=row["window_deadline"],
        exit_code=row["exit_code"],
        sentence=row["sentence"],
        holder=holder(row),
    )


def holder(row: Row) -> Holder:
    """Who acts, or acted last, in this run."""
    return msgspec.json.decode(row["holder"], type=Holder)


def plan_text(plan: Plan) -> str:
    """The plan as JSON."""
    return msgspec.json.encode(plan, enc_hook=str).decode()


def plan_from(text: str, run_id: int) -> Plan:
    """The plan again. Keys this version does not know are passed over; a step with a new word for
    what may be done with it asks a person; a new kind of way back is left out."""
    try:
        try:
            return msgspec.json.decode(text, type=Plan)
        except msgspec.ValidationError:
            return msgspec.convert(_in_known_words(json.loads(text)), Plan)
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MobiusError(
            f"the plan of run {run_id} cannot be read by this version of mobius",
            "use the mobius that wrote it; `mobius rollback --emergency` works without the plan",
            details=(str(error),),
        ) from error


def _in_known_words(plan: dict[str, Any]) -> dict[str, Any]:
    ways = [way for way in plan["ways_back"] if way["way"] in list(Way)]
    for step in [*plan["rollout"], *plan["acceptance"], *(step for way in ways for step in way["steps"])]:
        if step.get("repeat", Repeat.REPEATABLE) not in list(Repeat):
            step["repeat"] = Repeat.ASK.value
    return {**plan, "ways_back": ways}


def step(row: Row) -> StepRecord:
    """One attempt at a step."""
    return StepRecord(
        run_id=row["run_id"],
        step_id=row["step_id"],
        attempt=row["attempt"],
        begun_at=row["begun_at"],
        done_at=row["done_at"],
        failed=row["failed"],
        result=json.loads(row["result"]),
    )


def event(row: Row | dict[str, Any]) -> Event:
    """One line of the audit log."""
    return Event(
        seq=row["seq"],
        run_id=row["run_id"],
        at=row["at"],
        kind=row["kind"],
        message=row["message"],
        data=json.loads(row["data"]),
        who=row["who"],
        previous_hash=row["previous_hash"],
        hash=row["hash"],
    )


def sample(row: Row) -> Sample:
    """One measurement."""
    return Sample(
        signal=row["signal"],
        at=row["at"],
        ok=None if row["ok"] is None else bool(row["ok"]),
        value=row["value"],
        requests=row["requests"],
        errors=row["errors"],
        histogram=tuple(int(n) for n in row["histogram"].split(",") if n),
        missing=row["missing"],
        note=row["note"],
    )


def release(row: Row) -> Release:
    """One release."""
    return Release(
        id=row["id"],
        tag=row["tag"],
        commit=row["git_commit"],
        content_digest=row["content_digest"],
        config_digest=row["config_digest"],
        schema_revision=row["schema_revision"],
        state=ReleaseState(row["state"]),
        slot=row["slot"],
        staged_at=row["staged_at"],
        live_since=row["live_since"],
        accepted=bool(row["accepted"]),
    )


def backup(row: Row) -> BackupRecord:
    """One backup."""
    facts = json.loads(row["facts"])
    return BackupRecord(
        name=row["name"],
        path=row["path"],
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        created_at=row["created_at"],
        release_id=row["release_id"],
        run_id=row["run_id"],
        kind=row["kind"],
        verified_at=row["verified_at"],
        rehearsed_at=row["rehearsed_at"],
        restore_s=row["restore_s"],
        metadata=json.loads(row["metadata"]),
        **{name: value for name, value in facts.items() if name in BACKUP_FACTS},
    )


def outbox(row: Row) -> OutboxRow:
    """One message to a person."""
    return OutboxRow(
        id=row["id"],
        event_seq=row["event_seq"],
        topic=row["topic"],
        payload=json.loads(row["payload"]),
        created_at=row["created_at"],
        sent_at=row["sent_at"],
        attempts=row["attempts"],
        last_error=row["last_error"],
    )
