"""Brings up what was live before the host was stopped or booted, and what a run that goes on has beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mobius.errors import Locked, MobiusError
from mobius.flows.healthy import await_healthy
from mobius.flows.record import Record
from mobius.flows.standing import Standing, standing
from mobius.flows.way_back import proven_now
from mobius.model.run import Run, RunState
from mobius.model.settings import ProcessSettings
from mobius.ports import Ports
from mobius.rules.canary import is_in_a_stage
from mobius.rules.choosing import AFTER, keeps_warm, unasked


@dataclass(frozen=True, slots=True)
class Beside:
    """The web processes of a release that runs beside the live one; `is_canary`: some requests go there."""

    slot: str
    release_id: str
    processes: tuple[ProcessSettings, ...]
    is_canary: bool


def bring_up(ports: Ports) -> Standing:
    """What was live is live again, as after `host stop`: processes, health gate, traffic, then workers; then what
    the active run has beside it. While one is active, traffic that goes somewhere is that run's to move."""
    ports.refuse_elsewhere()
    ports.target.prepare()
    with ports.lock.held():
        now = standing(ports)
        if now.live is None or not now.live_slot:
            return now
        slot, processes = now.live_slot, ports.releases.processes(now.live.id)
        _start(slot, now.live.id, [p for p in processes if p.kind == "web"], ports)
        await_healthy(slot, now.live.id, ports)
        run = ports.journal.active_run(ports.settings.name)
        if run is None or not any(ports.traffic.weights().values()):
            ports.traffic.switch({slot: 100})
        _start(slot, now.live.id, processes, ports)
        if run is not None and (beside := beside_the_live(run, ports)) is not None:
            _bring_up_beside(beside, slot, Record(run, ports, forgiving=True))
    return now


def beside_the_live(run: Run, ports: Ports) -> Beside | None:
    """What this run keeps beside the live release: its canary in a stage, the warm way back in its window."""
    plan = run.plan
    if run.state is not RunState.OBSERVING or not plan.previous_slot:
        return None
    if is_in_a_stage(run):
        is_split = ports.traffic.weights().get(plan.slot, 0) > 0
        return _beside(plan.slot, plan.release_id, ports, is_canary=True) if is_split else None
    proven = proven_now(Record(run, ports, forgiving=True))
    if not keeps_warm(plan, unasked(plan, AFTER, proven), proven):
        return None
    return _beside(plan.previous_slot, plan.previous_id, ports, is_canary=False)


def _beside(slot: str, release_id: str, ports: Ports, *, is_canary: bool) -> Beside:
    web = tuple(one for one in ports.releases.processes(release_id) if one.kind == "web")
    return Beside(slot, release_id, web, is_canary)


def _bring_up_beside(beside: Beside, live_slot: str, record: Record) -> None:
    """A canary that does not come up loses its requests, by which its runner knows that it is taken back; a way back
    that does not is what its window calls a person for."""
    ports = record.ports
    try:
        _start(beside.slot, beside.release_id, beside.processes, ports)
        await_healthy(beside.slot, beside.release_id, ports)
    except Locked:
        raise
    except MobiusError as problem:
        words = f"{beside.release_id} did not come up again in {beside.slot}: {problem.message}"
        if not beside.is_canary:
            record.log(words)
            return
        ports.traffic.switch({live_slot: 100})
        record.move(RunState.OBSERVING, "canary lost", words, sentence=words)


def _start(slot: str, release_id: str, processes: Sequence[ProcessSettings], ports: Ports) -> None:
    ports.target.start(slot, release_id, ports.releases.path(release_id), processes)
