"""Single statements on the journal's tables, and the two refusals: locked and fenced."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mobius.adapters.journals import rows
from mobius.adapters.journals.sql import Row, Sql
from mobius.errors import Fenced, Locked, MobiusError, UsageError
from mobius.model.plan import Step
from mobius.model.run import Run, StepRecord

LARGEST_ID = 2**63 - 1  # what a database can hold


def fence(sql: Sql, run: Run) -> Row:
    """The run's row, when its token is the environment's highest. Raises `Fenced` otherwise."""
    row = run_row(sql, run.id)
    highest = sql.execute("SELECT token FROM environments WHERE name = ?", (row["environment"],)).fetchone()[
        0
    ]
    if run.token == highest:
        return row
    newest = sql.execute(
        "SELECT * FROM runs WHERE environment = ? AND token = ?", (row["environment"], highest)
    ).fetchone()
    raise fenced(row, newest)


def fenced(row: Row, newer: Row | None) -> Fenced:
    """What a run is told that may not act any more; `newer` None: the token was raised by an emergency alone."""
    if newer is None:
        return Fenced(
            f"run {row['id']} may not act on {row['environment']} any more: an emergency went past the journal",
            f"see what is live: mobius status -e {row['environment']}",
        )
    by = f"run {newer['id']} ({newer['kind']})" if newer["id"] != row["id"] else "another runner of it"
    return Fenced(
        f"run {row['id']} may not act on {row['environment']} any more: {by} has taken over,"
        f" by {rows.holder(newer)} at {clock(rows.holder(newer).since)}",
        f"see what it does: mobius status -e {row['environment']}",
    )


def locked(active: Row) -> Locked:
    """What a new run is told while another acts."""
    holder, environment = rows.holder(active), active["environment"]
    return Locked(
        f"{environment} is locked by run {active['id']} ({active['kind']}, {active['state']}):"
        f" {holder} since {clock(holder.since)}",
        f"look on: mobius status -e {environment}; stop it: mobius abort -e {environment}",
    )


def clock(at: float) -> str:
    """A time as people of this machine write it, with its offset."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def next_token(sql: Sql, environment: str) -> int:
    """A token higher than every one before, in this environment."""
    row = sql.execute(
        "INSERT INTO environments (name, token) VALUES (?, 1)"
        " ON CONFLICT (name) DO UPDATE SET token = environments.token + 1 RETURNING token",
        (environment,),
    ).fetchone()
    return int(row[0])


def token_of(sql: Sql, environment: str) -> int:
    """The highest that was given in this environment, 0 where none was."""
    row = sql.execute("SELECT token FROM environments WHERE name = ?", (environment,)).fetchone()
    return 0 if row is None else int(row[0])


def raise_token(sql: Sql, environment: str, token: int) -> None:
    """The environment's token is this one; it must be higher than the one before."""
    sql.execute(
        "INSERT INTO environments (name, token) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET token = excluded.token",
        (environment, token),
    )


def run_row(sql: Sql, run_id: int) -> Row:
    """The run's row. Raises `UsageError` when there is none."""
    row: Row | None = None
    if abs(run_id) <= LARGEST_ID:
        row = sql.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise UsageError(f"the journal has no run {run_id}", "list them: mobius history")
    return row


def active_row(sql: Sql, environment: str) -> Row | None:
    """The one run of the environment that is not ended."""
    row: Row | None = sql.execute(
        "SELECT * FROM runs WHERE environment = ? AND ended = 0", (environment,)
    ).fetchone()
    return row


def begun(sql: Sql, run: Run, step: Step) -> Row:
    """The last attempt at the step. Raises `MobiusError` when it never began."""
    row = last_attempt(sql, run.id, step.id)
    if row is None:
        raise MobiusError(
            f"step {step.id} of run {run.id} was never begun, so it cannot have ended",
            "write `begun` before the effect; please report this",
        )
    return row


def last_attempt(sql: Sql, run_id: int, step_id: str) -> Row | None:
    """The newest attempt at the step, if there was one."""
    row: Row | None = sql.execute(
        "SELECT * FROM steps WHERE run_id = ? AND step_id = ? ORDER BY attempt DESC LIMIT 1",
        (run_id, step_id),
    ).fetchone()
    return row


def release_states(sql: Sql, environment: str) -> dict[str, str]:
    """State by release id."""
    found = sql.execute("SELECT id, state FROM releases WHERE environment = ?", (environment,))
    return {row["id"]: row["state"] for row in found}


def insert(sql: Sql, table: str, **values: Any) -> None:
    """One more row."""
    marks = ", ".join("?" * len(values))
    sql.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))


def upsert(sql: Sql, table: str, key: tuple[str, ...], **values: Any) -> None:
    """The row with this key has these values."""
    marks = ", ".join("?" * len(values))
    kept = ", ".join(f"{name} = excluded.{name}" for name in values if name not in key)
    sql.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {kept}",
        tuple(values.values()),
    )


def update_run(sql: Sql, run_id: int, **values: Any) -> None:
    """Changes these columns of the run."""
    sql.execute(f"UPDATE runs SET {_assignments(values)} WHERE id = ?", (*values.values(), run_id))


def update_step(sql: Sql, step: StepRecord, **values: Any) -> None:
    """Changes these columns of this attempt."""
    sql.execute(
        f"UPDATE steps SET {_assignments(values)} WHERE run_id = ? AND step_id = ? AND attempt = ?",
        (*values.values(), step.run_id, step.step_id, step.attempt),
    )


def update_release(sql: Sql, environment: str, release_id: str, **values: Any) -> None:
    """Changes these columns of the release, if there is one."""
    sql.execute(
        f"UPDATE releases SET {_assignments(values)} WHERE environment = ? AND id = ?",
        (*values.values(), environment, release_id),
    )


def _assignments(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} = ?" for name in values)
