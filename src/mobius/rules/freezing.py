"""Whether an environment is frozen: from the last thing that was said about it, and the time."""

from __future__ import annotations

from mobius.model.run import Event
from mobius.model.status import FreezeNow

FROZEN, LIFTED = "frozen", "freeze lifted"


def freeze_of(last: Event | None, now: float) -> FreezeNow | None:
    """The freeze that holds now. `last` is the newest event of the two kinds. A clock that was set back keeps a
    freeze; only reaching its end, or a person, ends it."""
    if last is None or last.kind != FROZEN:
        return None
    until = float(last.data.get("until") or 0.0)
    if until and now >= until:
        return None
    return FreezeNow(who=last.who, since=last.at, until=until, reason=str(last.data.get("reason") or ""))
