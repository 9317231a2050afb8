"""Which copies in the store stay and which go: the rule for backups on the disk, for what lies in the store."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.archive.publish import BESIDE
from mobius.flows.keep import judged_of, known_backups
from mobius.flows.off_site import RECORD, folder_of, store_of, stored_backups
from mobius.model.fate import Fate
from mobius.model.release import BackupRecord
from mobius.model.stored import StoredBackup
from mobius.ports import Ports

DAY_S = 86_400.0
UNKNOWN = "nothing is known of it but its name"


def judged_copies(ports: Ports) -> tuple[Fate, ...]:
    """What becomes of every copy. One that is on the disk too, and stays there, stays; one that nothing is known of
    stays always; one whose copying was cut goes when it is past the days that a backup is kept."""
    copies = stored_backups(ports)
    known = [copy.record for copy in copies if copy.whole and copy.record.kind and copy.record.sha256]
    here = {fate.backup.name: fate for fate in judged_of(known_backups(ports), ports)}
    fates = {fate.backup.name: fate for fate in judged_of(known, ports)}
    return tuple(_fate(copy, fates, here, ports) for copy in copies)


def _fate(copy: StoredBackup, fates: dict[str, Fate], here: dict[str, Fate], ports: Ports) -> Fate:
    record, days = copy.record, ports.settings.backup.retention_days
    if not copy.whole:
        is_old = ports.clock.now() - copy.modified_at > days * DAY_S
        return Fate(record, not is_old, ("its copying was cut",))
    fate = fates.get(record.name)
    if fate is None:
        return Fate(record, True, (UNKNOWN,))
    local = here.get(record.name)
    if not fate.stays and local is not None and local.stays and local.backup.sha256 == record.sha256:
        return Fate(record, True, tuple(f"here: {reason}" for reason in local.reasons))
    return fate


def prune_copies(ports: Ports, going: Sequence[BackupRecord]) -> tuple[str, ...]:
    """Removes these from the store, the archive first: what is cut then shows as not whole, never as a backup.
    Returns their names."""
    store, gone = store_of(ports), []
    for backup in going:
        name = folder_of(ports) + backup.name
        for ending in ("", RECORD, *reversed(BESIDE)):
            store.remove(name + ending)
        gone.append(backup.name)
    return tuple(gone)
