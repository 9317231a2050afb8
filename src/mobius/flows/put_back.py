"""Where going back with data fails half way: what was live is live again, with the data it had."""

from __future__ import annotations

from mobius.errors import Locked, MobiusError
from mobius.flows.actions.returning import key_of
from mobius.flows.healthy import await_healthy
from mobius.flows.record import Record, migrations_folder
from mobius.model.plan import Repeat, Step

CHANGES = ("restore_data", "down")  # what changes the data on a way back
STOPS = ("stop", "command")  # actions that take the service down before its data is changed


def is_putting_back(record: Record) -> MobiusError | None:
    """Why a runner that carries on must finish putting back and never go on forward: what was stopped may run again."""
    if not record.has_said("putting back"):
        return None
    return MobiusError(
        "its runner was killed while it brought back what was live", "see what is live now: mobius status"
    )


def put_back(record: Record, steps: tuple[Step, ...], *, live_id: str, live_slot: str, free_slot: str) -> str:
    """Undoes what these steps did, if they stopped the service and traffic has not moved; returns what is true then,
    in words, "" where there was nothing to undo. Never raises: what does not work is in the words."""
    begun = record.steps().keys()
    actions = {step.action for step in steps if step.id in begun}
    changes = next((place for place, step in enumerate(steps) if step.action in CHANGES), None)
    if changes is None or actions & {"switch", "mark_live"}:
        return ""
    stopped = any(step.action in STOPS and step.id in begun for step in steps[:changes])
    try:
        return _put_back(record, steps, live_id, live_slot, free_slot) if stopped else _forget(record)
    except Locked:
        raise
    except Exception as problem:
        why = problem.message if isinstance(problem, MobiusError) else f"{type(problem).__name__}: {problem}"
        return f"what was live could not be brought back either: {why}"


def _put_back(record: Record, steps: tuple[Step, ...], live_id: str, live_slot: str, free_slot: str) -> str:
    ports = record.ports
    if not record.has_said("putting back"):
        told = "going back cannot be finished: what was live is brought back, with the data it had"
        record.say("putting back", told)
    if ports.commands is None and free_slot and free_slot != live_slot:
        ports.target.stop(free_slot)
    _put_back_data(record, steps)
    if ports.commands is not None:
        start = next(step for step in steps if step.action == "command" and step.params["name"] == "start")
        key = f"run-{record.run.id}-put-back"
        ports.commands.run("start", start.params["argv"], key=key, told={}, progress=record.tell)
    elif not live_id or not live_slot:
        return "the data is as it was; nothing was live before"
    else:
        every = ports.releases.processes(live_id)
        ports.target.start(live_slot, live_id, ports.releases.path(live_id), every)
    await_healthy(live_slot, live_id, ports)
    told = f"{live_id or 'what ran before'} runs again, with the data as it was"
    record.say("put back", told, {"live": live_id})
    return told


def _put_back_data(record: Record, steps: tuple[Step, ...]) -> None:
    """Restored data is exchanged again; migrations that were taken back are applied again."""
    record.ports.backups.take_back_data(key_of(record))
    down = next((step for step in steps if step.action == "down" and step.id in record.steps()), None)
    if down is None or record.ports.migrations is None:
        return
    if down.repeat is Repeat.ASK:
        raise MobiusError("nobody can see what its command took back by then", "look at the database")
    record.ports.migrations.apply(migrations_folder(down, record), progress=record.tell)


def _forget(record: Record) -> str:
    """Nothing was stopped: only what was laid out goes."""
    record.ports.backups.take_back_data(key_of(record))
    return ""
