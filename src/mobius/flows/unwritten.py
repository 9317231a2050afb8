"""The way back where no journal can be written: here and now, and written down beside the releases until one can be.

It gives itself a token above any that a journal gave, here and on every host that is reached: a deployer that is cut
off, or sleeps, may not act there afterwards.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace

from mobius.errors import Fenced, Locked, MobiusError
from mobius.flows.lost_hosts import leave_out_lost
from mobius.flows.perform import perform
from mobius.flows.record import Record
from mobius.flows.rollback import begin_going_back, refused_or_failed
from mobius.flows.turn import turn
from mobius.model.emergency import Epoch, Spooled
from mobius.model.plan import Plan
from mobius.model.run import Run, RunState
from mobius.ports import Ports
from mobius.rules.epochs import epoch_above

TRIES = 3  # to be above whoever else is in an emergency at this moment


def go_back_unwritten(plan: Plan, ports: Ports, *, lead: str, why_not: MobiusError) -> Run:
    """The whole way back, in this process; nobody watches what came back. One that was cut off in the middle of the
    same plan is carried on."""
    now = ports.clock.now()
    # No number that a journal gives, and another one each time: what belongs to a run is found by its number.
    unwritten = -int(now)
    run = Run(
        unwritten, plan.environment, plan.kind, RunState.QUEUED, 0, plan, lead, now, holder=ports.holder()
    )
    run = replace(run, token=_raised(run, ports))
    _stop_runners(ports)
    with turn(ports):
        record = _spooled(run, ports)
        record.log(f"no journal, going back without it: {why_not.message}")
        begin_going_back(record)
        try:
            ports.target.prepare()
            leave_out_lost(record)
            perform(plan.rollout, record)
        except Locked:
            raise
        except Exception as problem:
            return refused_or_failed(record, problem)
        told = f"{plan.release_id} is live; {why_not.message}, so {_kept(record)}"
        sentence = f"{plan.release_id} is live; it went past the journal, which could not be used then"
        sentence += "" if _is_kept(record) else ", and is in logs/deployment.log alone"
        data = {"to": plan.release_id, "seconds": round(ports.clock.now() - run.started_at, 3)}
        return record.move(
            RunState.ROLLED_BACK, "rolled back", told, topic="rolled back", data=data, sentence=sentence
        )


def unfinished(ports: Ports) -> Spooled | None:
    """The way back that was cut off on this machine, and that nobody carries on: the newest, if that is one."""
    try:
        waiting = ports.spool.waiting()
    except MobiusError:
        return None
    last = waiting[-1] if waiting else None
    return None if last is None or last.is_ended or last.is_going_on else last


def _raised(run: Run, ports: Ports) -> int:
    """The token of this emergency, in force here and on the hosts that are reached. Where it cannot be kept, the way
    back is taken all the same."""
    by, at, seen = str(run.holder), run.started_at, _highest_here(ports)
    token = 0
    for _ in range(TRIES):
        seen = max(seen, _highest_on_hosts(ports))
        token = epoch_above(seen, at, random.random())
        try:
            ports.target.fence(token, by=by)
            break
        except Fenced:
            seen = token
        except MobiusError as problem:
            _log(run, ports, f"the hosts could not be fenced: {problem.message}")
            break
    try:
        ports.spool.raise_epoch(Epoch(token, by, at))
    except MobiusError as problem:
        _log(run, ports, f"a runner that is cut off is not kept from acting here: {problem.message}")
    return token


def _highest_here(ports: Ports) -> int:
    try:
        return ports.spool.epoch().token
    except MobiusError:
        return 0


def _highest_on_hosts(ports: Ports) -> int:
    try:
        return ports.target.epoch().token
    except MobiusError:
        return 0


def _stop_runners(ports: Ports) -> None:
    """Of what is left now: the run that the journal can still name, else every one on this machine."""
    try:
        acting = ports.journal.active_run(ports.settings.name)
        if acting is not None:
            ports.launcher.stop(acting)
    except MobiusError:
        with suppress(MobiusError):
            ports.launcher.stop_all()


def _spooled(run: Run, ports: Ports) -> Record:
    """The record that is kept on this machine; one that nobody keeps but the log where that is not possible."""
    cut_off = unfinished(ports)
    try:
        if cut_off is not None and cut_off.run.plan.hash == run.plan.hash:
            run, journal = ports.spool.carry_on(cut_off, run, now=ports.clock.now())
        else:
            journal = ports.spool.begin(run)
    except MobiusError as problem:
        _log(run, ports, f"nothing but this log has what is done now: {problem.message}")
        return Record(run, ports, forgiving=True)
    return Record(run, replace(ports, journal=journal), forgiving=True)


def _kept(record: Record) -> str:
    """Where what was done is written down."""
    if not _is_kept(record):
        return "this is in logs/deployment.log alone"
    return f"this is kept here until the journal has it: mobius resume -e {record.run.environment}"


def _is_kept(record: Record) -> bool:
    return any(one.run.id == record.run.id for one in _waiting(record.ports))


def _waiting(ports: Ports) -> tuple[Spooled, ...]:
    try:
        return ports.spool.waiting()
    except MobiusError:
        return ()


def _log(run: Run, ports: Ports, words: str) -> None:
    Record(run, ports, forgiving=True).log(words)
