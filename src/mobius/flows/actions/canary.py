"""The steps of a stage: the write that shares requests out, the watching of both releases, and the end by others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mobius.errors import GateFailed
from mobius.flows.actions import serving
from mobius.flows.actions.action import Answer, Observed
from mobius.flows.actions.stage import Stage
from mobius.flows.record import Record
from mobius.model.plan import Step

WHOLE = 100


def split(step: Step, record: Record) -> Mapping[str, Any]:
    """From here on that share of new requests goes to the new release; named first, it keeps its clients."""
    traffic = record.ports.traffic
    hosts = step.params.get("hosts")
    weights = {step.params["to"]: WHOLE} if hosts else _weights(step)
    switched = traffic.switch_hosts(weights, hosts) if hosts else traffic.switch(weights)
    _tell(step, record)
    return {"generation": switched.generation, "took_ms": round(switched.took_ms, 3)}


def is_split(step: Step, record: Record) -> Observed:
    """By the weights as they are now."""
    if hosts := step.params.get("hosts"):
        return _is_split_by_host(step, hosts, record)
    there = {slot: weight for slot, weight in record.ports.traffic.weights().items() if weight}
    seen = (
        ", ".join(f"{slot} has {weight}" for slot, weight in sorted(there.items())) or "nothing has traffic"
    )
    if there != _weights(step):
        return Answer.NOT_DONE, seen
    _tell(step, record)
    return Answer.DONE, seen


def _is_split_by_host(step: Step, hosts: Sequence[str], record: Record) -> Observed:
    to = step.params["to"]
    there = [host for host, weights in record.ports.traffic.host_weights().items() if weights.get(to)]
    seen = f"{', '.join(there) or 'no host'} sends requests to {to}"
    out = record.ports.target.left_out()
    if set(there) != set(hosts) - set(out):
        return Answer.NOT_DONE, seen
    _tell(step, record)
    return Answer.DONE, seen


def see_stage(step: Step, record: Record) -> Mapping[str, Any]:
    """Looks on until enough was seen. Raises `StageFailed` for a bad release, `StageUndecided` for no answer."""
    stage = Stage(step, record)
    while not stage.look():
        record.ports.clock.wait(stage.pause_s())
    return stage.result()


def end_split(step: Step, record: Record) -> Mapping[str, Any]:
    """The live release gets all requests again. Raises `GateFailed`, nothing changed, where the canary went on since
    the plan was made: what was live then must not get them back."""
    to, other, release = step.params["to"], step.params["from"], step.params.get("release")
    there = {slot for slot, weight in record.ports.traffic.weights().items() if weight > 0}
    runs = {one.release_id for one in record.ports.target.processes() if one.slot == to}
    if there not in ({to}, {to, other}) or (release and runs and runs != {release}):
        run = record.run
        raise GateFailed(
            f"the canary in {other} ended meanwhile: requests go to {', '.join(sorted(there)) or 'nothing'} now",
            f"plan again: mobius {'rollback' if run.kind == 'rollback' else 'plan'} -e {run.environment}",
        )
    return serving.switch(step, record)


def _weights(step: Step) -> dict[str, int]:
    percent = int(step.params["percent"])
    return {step.params["to"]: percent, step.params["from"]: 100 - percent}


def _tell(step: Step, record: Record) -> None:
    """Once, also where a runner was killed between the effect and this line."""
    percent, to = step.params["percent"], step.params["to"]
    events = record.read(lambda: record.ports.journal.events(run_id=record.run.id))
    if not any(event.kind == "split" and event.data.get("percent") == percent for event in events):
        told = {"percent": percent, "to": to, "from": step.params["from"]}
        words = f"{percent} % of the requests go to {to}"
        if hosts := step.params.get("hosts"):
            told, words = {**told, "hosts": hosts}, f"all requests of {', '.join(hosts)} go to {to}"
        record.say("split", words, told)
