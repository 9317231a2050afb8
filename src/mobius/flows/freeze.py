"""No deployment and no restart begins for a while: said by a person, kept as events, seen by every plan."""

from __future__ import annotations

from mobius.errors import MobiusError, UsageError
from mobius.model.status import FreezeNow
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Note, Ports
from mobius.report.freezing import freeze_words
from mobius.report.words import clock
from mobius.rules.freezing import FROZEN, LIFTED, freeze_of


def frozen(ports: Ports) -> FreezeNow | None:
    """The freeze that holds now, if any. Raises `MobiusError` when the journal cannot be read."""
    last = ports.journal.last_event(ports.settings.name, (FROZEN, LIFTED))
    return freeze_of(last, ports.clock.now())


def freeze(ports: Ports, *, until: float, reason: str, who: str) -> FreezeNow | None:
    """Freezes the environment until this moment (0: until it is lifted), in place of a freeze there was, which is
    returned. Raises `UsageError` without a reason, or for a moment that has passed."""
    if not reason.strip():
        raise UsageError("why is it frozen?", 'add --reason "TEXT": whoever is stopped by it reads that')
    if until and until <= ports.clock.now():
        passed = clock(until, ports.clock.now())
        raise UsageError(f"{passed} has passed", "give a moment to come, or --for 2h")
    before = frozen(ports)
    now = FreezeNow(who, ports.clock.now(), until, reason.strip())
    told = f"frozen {freeze_words(now, now.since)}"
    data = {"until": until, "reason": now.reason, "instead_of": before.who if before else ""}
    ports.journal.say(None, ports.settings.name, Note("frozen", told, data), now=now.since, who=who)
    return before


def lift(ports: Ports, *, who: str) -> FreezeNow | None:
    """Ends the freeze and returns it; None where there was none, and then nothing is written."""
    before = frozen(ports)
    if before is not None:
        told = f"{who} lifted the freeze by {before.who}: {before.reason}"
        note = Note("freeze lifted", told, {"of": before.who, "reason": before.reason})
        ports.journal.say(None, ports.settings.name, note, now=ports.clock.now(), who=who)
    return before


def check_freeze(ports: Ports, despite: str) -> CheckResult:
    """The check that every plan of something new begins with. Not known is not a yes."""
    try:
        now = frozen(ports)
    except MobiusError as problem:
        return CheckResult("freeze", Outcome.ERROR, f"not known: {problem.message}", 0.0, problem.hint)
    if now is None:
        return CheckResult("freeze", Outcome.PASS, "not frozen", 0.0)
    told = f"frozen {freeze_words(now, ports.clock.now())}"
    if despite:
        return CheckResult("freeze", Outcome.PASS, f"{told}; going on despite it: {despite}", 0.0)
    advice = f'wait, or mobius freeze -e {ports.settings.name} --lift, or add --despite-freeze "REASON"'
    return CheckResult("freeze", Outcome.FAIL, told, 0.0, advice)
