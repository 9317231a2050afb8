"""Finds the latest good backup: by the journal, or by the archives' own metadata where it is gone; then proves it."""

from __future__ import annotations

from pathlib import Path

from mobius.errors import MobiusError, UsageError
from mobius.flows.standing import standing
from mobius.model.release import BackupRecord
from mobius.ports import Ports
from mobius.rules.latest_good import in_order


def latest_good(ports: Ports) -> tuple[BackupRecord, tuple[str, ...]]:
    """The best candidate that is still what was written down of it, every hash proven; and what was passed over, with
    the reason. Where the journal knows backups, an archive that only lies in the folder is none. Raises `UsageError`
    where there is none at all."""
    known, lost = _known(ports)
    now = standing(ports)
    live_id = now.live.id if now.live else ""
    candidates, passed = in_order(known, now.releases, live_id=live_id, now=ports.clock.now())
    skipped = [*lost, *passed]
    for candidate in candidates:
        why = _why_not(candidate, ports)
        if not why:
            return candidate, tuple(skipped)
        skipped.append(f"{candidate.name} {why}")
    environment = ports.settings.name
    raise UsageError(
        f"there is no good backup of {environment} to go back to",
        f"look at what there is: mobius backup list -e {environment}",
        details=tuple(skipped),
    )


def _known(ports: Ports) -> tuple[tuple[BackupRecord, ...], list[str]]:
    try:
        known = ports.journal.backups(ports.settings.name)
    except MobiusError:
        known = ()
    if known:
        return known, []
    found = ports.backups.found()
    readable = {backup.path for backup in found}
    names = [path.name for path in ports.backups.files() if str(path) not in readable]
    return found, [f"{name} cannot be read, or is another name of one that can" for name in names]


def _why_not(candidate: BackupRecord, ports: Ports) -> str:
    path = Path(candidate.path)
    try:
        here = ports.backups.describe(path)
        if here.sha256 != candidate.sha256:
            return "is not the archive that was written down"
        ports.backups.verify(path)
    except MobiusError as problem:
        return f"does not hold: {problem.message}"
    return ""
