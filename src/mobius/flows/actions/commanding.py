"""The service's own commands as steps, and how to see whether one was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.errors import MobiusError
from mobius.flows.actions.action import Answer, Observed, in_doubt, remember_release
from mobius.flows.record import Record
from mobius.model.plan import Step
from mobius.model.release import Release, ReleaseState
from mobius.ports import CommandLost, Commands


def register(step: Step, record: Record) -> Mapping[str, Any]:
    wanted = Release(**{**step.params["release"], "state": ReleaseState.STAGED})
    known = {release.id: release for release in record.ports.journal.releases(record.run.environment)}
    if wanted.id not in known:
        wanted = Release(
            **{**step.params["release"], "state": ReleaseState.STAGED, "staged_at": record.ports.clock.now()}
        )
    made = record.ports.releases.register(known.get(wanted.id, wanted))
    remember_release(record, made)
    return {"release_id": made.id}


def command(step: Step, record: Record) -> Mapping[str, Any]:
    """Runs it, or waits for it where a runner that died had begun it."""
    what = step.params
    told = {
        "MOBIUS_TAG": what["tag"],
        "MOBIUS_PREVIOUS_TAG": what["previous_tag"],
        "MOBIUS_ENVIRONMENT": record.run.environment,
        "MOBIUS_RUN": str(record.run.id),
        "RELEASE_TAG": what["tag"],
    }
    try:
        return _commands(record).run(
            what["name"], what["argv"], key=_key(step, record), told=told, progress=record.tell
        )
    except CommandLost as lost:
        answer, why = _by_version(step, record)
        if answer is Answer.DONE:
            return {"observed": why}
        raise in_doubt(step, record, f"{lost.message}; {why}") from lost


def commanded(step: Step, record: Record) -> Observed:
    """DONE only for a command that ended well. One that goes on, or has failed, is not done: the step is taken up
    again, and is told how it ended. One that was lost with its keeper: the version tells, or nobody can."""
    seen = _commands(record).look(_key(step, record))
    match seen.state:
        case "ended" if not seen.failed:
            return Answer.DONE, "it ended well"
        case "ended":
            return Answer.NOT_DONE, f"it failed: {seen.failed}"
        case "running":
            return Answer.NOT_DONE, "it still runs, and is waited for"
        case "absent":
            return Answer.NOT_DONE, "it was never started"
        case "lost":
            return _by_version(step, record)


def end_commands(step: Step, record: Record) -> Mapping[str, Any]:
    _commands(record).end(f"run-{record.run.id}-{step.params['prefix']}-")
    return {}


def see_version(step: Step, record: Record) -> Mapping[str, Any]:
    """Asks until it is the wanted one, as long as the health gate may take."""
    ports, wanted = record.ports, step.params["tag"]
    until = ports.clock.monotonic() + ports.settings.health.deadline_s
    while True:
        try:
            told = _commands(record).version()
            why = f"the version command says {told or 'nothing'}, not {wanted}"
        except MobiusError as problem:
            told, why = "", problem.message
        if told == wanted:
            return {"version": told}
        if ports.clock.monotonic() >= until:
            raise MobiusError(f"{wanted} is not live: {why}", "look at what the deploy command did")
        ports.clock.wait(min(1.0, ports.settings.health.interval_s))


def _by_version(step: Step, record: Record) -> Observed:
    """What is live may say itself whether the command did its work."""
    what = step.params
    try:
        told = _commands(record).version()
    except MobiusError as problem:
        return Answer.UNKNOWN, problem.message
    if not told or what["tag"] == what["previous_tag"]:
        return Answer.UNKNOWN, "no version command tells what is live"
    if told == what["tag"]:
        return Answer.DONE, f"the version command says {told}"
    if told == what["previous_tag"]:
        return Answer.NOT_DONE, f"the version command says {told} still"
    return Answer.UNKNOWN, f"the version command says {told}, which is neither of the two"


def _key(step: Step, record: Record) -> str:
    return f"run-{record.run.id}-{step.id}"


def _commands(record: Record) -> Commands:
    if record.ports.commands is None:
        raise MobiusError(
            f"{record.run.environment} has no commands of its own any more", "see [command] in mobius.toml"
        )
    return record.ports.commands
