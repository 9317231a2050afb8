"""For a while no verdict acts: said by a person in a known incident, kept as events, seen by whoever watches."""

from __future__ import annotations

from mobius.errors import UsageError
from mobius.model.status import DisarmNow
from mobius.ports import Note, Ports
from mobius.report.freezing import disarm_words
from mobius.report.words import duration, printable, shortened
from mobius.rules.disarming import ARMED, DISARMED, LONGEST_S, disarm_of

MOST_CHARACTERS = 500


def disarmed(ports: Ports) -> DisarmNow | None:
    """What holds now, if anything. Raises `MobiusError` when the journal cannot be read."""
    return disarm_of(ports.journal.last_event(ports.settings.name, (DISARMED, ARMED)), ports.clock.now())


def disarm(ports: Ports, *, for_s: float, reason: str, who: str) -> DisarmNow:
    """From now on, for so many seconds, in place of what held before. Raises `UsageError` without a reason, or for a
    time that is none or longer than eight hours."""
    why = shortened(printable(reason), MOST_CHARACTERS)
    if not why:
        raise UsageError("why is it disarmed?", 'add --reason "TEXT": whoever is called reads that')
    if not 0 < for_s <= LONGEST_S:
        raise UsageError(
            f"{duration(for_s)} is not a time to be disarmed for: more than 0 s, and {duration(LONGEST_S)} at most",
            "give a shorter one, such as --for 30m; it can be said again",
        )
    before, now = disarmed(ports), ports.clock.now()
    made = DisarmNow(who, now, now + for_s, why)
    data = {"until": made.until, "reason": why, "instead_of": before.who if before else ""}
    note = Note("disarmed", f"disarmed {disarm_words(made, now)}", data, topic="disarmed")
    ports.journal.say(None, ports.settings.name, note, now=now, who=who)
    return made


def arm(ports: Ports, *, who: str) -> DisarmNow | None:
    """Ends it and returns what held; None where nothing did, and then nothing is written."""
    before = disarmed(ports)
    if before is not None:
        told = f"{who} armed it again; it was disarmed by {before.who}: {before.reason}"
        note = Note("armed", told, {"of": before.who, "reason": before.reason})
        ports.journal.say(None, ports.settings.name, note, now=ports.clock.now(), who=who)
    return before
