"""What holds for a while in words, a freeze or a disarmed window: who, until when, why."""

from __future__ import annotations

from datetime import tzinfo

from mobius.model.status import DisarmNow, FreezeNow
from mobius.report.words import clock


def freeze_words(freeze: FreezeNow, now: float, tz: tzinfo | None = None) -> str:
    """ "by ann@box until 08:00: the sale"; the end has its date where it is not within a day."""
    until = f"until {clock(freeze.until, now, tz)}" if freeze.until else "until somebody lifts it"
    return f"by {freeze.who} {until}: {freeze.reason}"


def disarm_words(disarm: DisarmNow, now: float, tz: tzinfo | None = None) -> str:
    """ "by ann@box until 08:00: the name servers are down" """
    return f"by {disarm.who} until {clock(disarm.until, now, tz)}: {disarm.reason}"
