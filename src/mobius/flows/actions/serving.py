"""What touches the service: data, processes, traffic, version markers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.errors import Locked, MobiusError
from mobius.flows import healthy, keep
from mobius.flows import smoke as smoking
from mobius.flows.actions.action import Answer, Observed, remember_release
from mobius.flows.bad_hosts import tell_taken_out
from mobius.flows.record import Record
from mobius.model.plan import Step
from mobius.model.release import ReleaseState
from mobius.model.verdict import Outcome
from mobius.rules.retention import releases_to_remove

DAY_S = 86_400.0
TO_MAKE_ROOM = ("start", "accept")  # phases in which only a slot that nobody needs may be stopped


def start(step: Step, record: Record) -> Mapping[str, Any]:
    ports, params = record.ports, step.params
    every = ports.releases.processes(params["release_id"])
    wanted = [process for process in every if process.kind in params["kinds"]]
    ports.target.start(
        params["slot"], params["release_id"], ports.releases.path(params["release_id"]), wanted
    )
    return {"started": [process.name for process in wanted]}


def stop(step: Step, record: Record) -> Mapping[str, Any]:
    slot = step.params["slot"]
    if step.phase in TO_MAKE_ROOM and record.ports.traffic.weights().get(slot, 0) > 0:
        raise MobiusError(
            f"{slot} was to be stopped, but traffic goes there: stopping it would end the service",
            f"see what is live: mobius status -e {record.run.environment}",
        )
    record.ports.target.stop(step.params["slot"], step.params["kinds"])
    return {"slot": step.params["slot"]}


def await_healthy(step: Step, record: Record) -> Mapping[str, Any]:
    """On all hosts; those that alone are not healthy are left out, as many as the failure budget allows."""
    slot, release_id, ports = step.params["slot"], step.params["release_id"], record.ports
    try:
        return healthy.await_healthy(slot, release_id, ports)
    except Locked:
        raise
    except MobiusError as problem:
        bad = _left_out(slot, record)
        if not bad:
            raise problem
    return {**healthy.await_healthy(slot, release_id, ports), "left_out": sorted(bad)}


def _left_out(slot: str, record: Record) -> Mapping[str, str]:
    """The hosts that were left out because they alone are not healthy; none where the failure budget does not allow
    it, which a way back does not ask."""
    bad = healthy.sick_alone(slot, record.ports)
    try:
        record.ports.target.leave_out(bad)
    except Locked:
        raise
    except MobiusError:
        return {}
    for host, why in bad.items():
        tell_taken_out(host, why, record)
    return bad


def ensure_up(step: Step, record: Record) -> Mapping[str, Any]:
    """Warm: one good answer is enough, its health was watched all along. Cold: started, and the whole gate."""
    ports, slot, release_id = record.ports, step.params["slot"], step.params["release_id"]
    webs = [
        p
        for p in ports.target.processes()
        if p.slot == slot and p.release_id == release_id and p.kind == "web"
    ]
    if webs and all(web.state == "running" for web in webs):
        answer = healthy.look(slot, ports)
        if answer is not None and answer.outcome is Outcome.PASS:
            return {"warm": True}
        if bad := _left_out(slot, record):  # where the others answer nobody waits for it
            return {"warm": True, "left_out": sorted(bad)}
    else:
        every = ports.releases.processes(release_id)
        wanted = [process for process in every if process.kind == "web"]
        ports.target.start(slot, release_id, ports.releases.path(release_id), wanted)
    return {"warm": False, **healthy.await_healthy(slot, release_id, ports)}


def smoke(step: Step, record: Record) -> Mapping[str, Any]:
    return smoking.smoke_tests(step.params["slot"], record, advisory=step.params.get("advisory", False))


def switch(step: Step, record: Record) -> Mapping[str, Any]:
    to = step.params["to"]
    before = {slot for slot, weight in record.ports.traffic.weights().items() if weight > 0}
    switched = record.ports.traffic.switch({to: 100} if to else {})
    told = {"generation": switched.generation, "took_ms": round(switched.took_ms, 3)}
    if before != ({to} if to else set()):
        _tell_switched(step, record, {"failed_requests": switched.failed_requests, **told})
    return told


def switched(step: Step, record: Record) -> Observed:
    weights = record.ports.traffic.weights()
    wanted = {step.params["to"]} if step.params["to"] else set()
    there = {slot for slot, weight in weights.items() if weight > 0}
    seen = f"traffic goes to {', '.join(sorted(there)) or 'nothing'}"
    if there != wanted:
        return Answer.NOT_DONE, seen
    _tell_switched(step, record, {})
    return Answer.DONE, seen


def _tell_switched(step: Step, record: Record, told: Mapping[str, Any]) -> None:
    """Once for each time traffic moves: a runner that was killed between the effect and this line tells it later."""
    moved = {"to": step.params["to"], "from": step.params["from"]}
    events = record.read(lambda: record.ports.journal.events(run_id=record.run.id))
    last = next((event for event in reversed(events) if event.kind == "switched"), None)
    if last is None or {key: last.data.get(key) for key in moved} != moved:
        record.say("switched", f"traffic goes to {moved['to'] or 'nothing'}", {**moved, **told})


def drain(step: Step, record: Record) -> Mapping[str, Any]:
    ports, slot = record.ports, step.params["slot"]
    cut = ports.traffic.drain(slot, ports.settings.door.drain_timeout_s)
    told = {"cut": cut, "failed_requests": ports.traffic.failed_because_of_switches(_generation(record))}
    record.say("drained", f"{slot} is empty; {cut} request(s) cut", {"slot": slot, **told})
    return told


def _generation(record: Record) -> int:
    """Of this run's last switch, or of the first share of its canary: what earlier runs lost is not counted again."""
    done = {name: r.result["generation"] for name, r in record.steps().items() if "generation" in r.result}
    first = next((step.id for step in record.run.plan.rollout if step.action == "split"), "")
    return int(done[first]) if first in done else max(done.values(), default=0)


def restore_release(step: Step, record: Record) -> Mapping[str, Any]:
    release = record.ports.backups.restore_release(Path(step.params["backup"]))
    remember_release(record, replace(release, state=ReleaseState.STAGED))
    return {"release_id": release.id}


def mark_live(step: Step, record: Record) -> Mapping[str, Any]:
    ports, what = record.ports, step.params
    try:
        ports.releases.point_to(what["release_id"], what["previous_id"])
    except OSError as problem:
        if not record.forgiving:
            raise
        # On the way back traffic has moved already; a full disk must not keep the rest of it from being done.
        record.log(f"the version markers could not be written: {problem.strerror or problem}")
    _remember_what_the_disk_knows(record, {what["release_id"], what["previous_id"], what["failed_id"]})
    record.write(
        lambda now: ports.journal.mark_live(
            record.run,
            what["release_id"],
            previous_id=what["previous_id"],
            failed_id=what["failed_id"],
            slot=what["slot"],
            now=now,
        )
    )
    return {"live": what["release_id"]}


def _remember_what_the_disk_knows(record: Record, release_ids: set[str]) -> None:
    """A journal that was lost and begun anew learns of these releases from their manifests."""
    journal, environment = record.ports.journal, record.run.environment
    known = {release.id for release in record.read(lambda: journal.releases(environment))}
    for release in record.ports.releases.manifests():
        if release.id in release_ids - known:
            remember_release(record, release)


def prune(step: Step, record: Record) -> Mapping[str, Any]:
    """What cannot be removed is told, and makes a good release no worse."""
    try:
        return _prune(record)
    except Locked:
        raise
    except MobiusError as problem:
        told = {"sentence": problem.message, "choices": [problem.hint]}
        record.say("page", f"retention could not be applied: {problem.message}", told, topic="alert")
        return {"failed": problem.message}


def _prune(record: Record) -> Mapping[str, Any]:
    ports, environment = record.ports, record.run.environment
    releases = ports.journal.releases(environment)
    removed = releases_to_remove(releases, keep=ports.settings.release.keep)
    for release_id in removed:
        ports.releases.remove(release_id)
    pruned = keep.prune(ports)
    # What an earlier way back replaced stays as long as backups do, and no longer.
    old = ports.clock.now() - ports.settings.backup.retention_days * DAY_S
    gone = ports.backups.let_go("", before=old)
    let_go = {"let_go": list(gone)} if gone else {}
    return {"releases": list(removed), "backups": list(pruned), **let_go}
