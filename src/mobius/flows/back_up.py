"""Backs up what is live outside of any run."""

from __future__ import annotations

from collections.abc import Callable

from mobius.flows.plan_watch import WHAT_RUNS
from mobius.flows.standing import standing
from mobius.model.release import BackupRecord
from mobius.model.verdict import Outcome
from mobius.ports import Ports


def back_up(ports: Ports, *, progress: Callable[[str], None]) -> BackupRecord:
    """The backup of what is live now. Where somebody else deploys nobody has watched it: it must answer now, or its
    backup is one of a state not known to be good, `emergency_*`, which nothing goes back to by itself."""
    ports.refuse_elsewhere()
    live, kind = standing(ports).live, "release"
    if ports.commands is not None:
        live = live or WHAT_RUNS
        answer = ports.checks.health(ports.settings.url)
        if answer.outcome is not Outcome.PASS:
            kind = "emergency"
            progress(
                f"{ports.settings.url} is not healthy ({answer.message}): this is no backup to go back to"
            )
    made = ports.backups.create(kind=kind, release=live, run_id=0, progress=progress)
    ports.journal.put_backup(ports.settings.name, made)
    return made
