"""Whether a backup that is there already serves again: the same release, the same paths, young, nothing pending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mobius.model.release import BackupRecord


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a backup would hold that was made now: `paths` and `databases` as its metadata has them."""

    release_id: str
    paths: Mapping[str, str]
    databases: Sequence[str]


def reusable(
    backups: Sequence[BackupRecord], wanted: Wanted, *, within_s: float, now: float
) -> BackupRecord | None:
    """The newest backup that may stand for one made now, which is still to be verified again; None for none."""
    if within_s <= 0 or not wanted.release_id:
        return None
    for backup in sorted(backups, key=lambda each: each.created_at, reverse=True):
        age_s = now - backup.created_at
        if (
            backup.kind == "release"
            and 0 <= age_s < within_s
            and backup.verified_at
            and _holds(backup, wanted)
        ):
            return backup
    return None


def _holds(backup: BackupRecord, wanted: Wanted) -> bool:
    says = backup.metadata or {}
    return (
        backup.release_id == wanted.release_id
        and says.get("paths") == dict(wanted.paths)
        and sorted(map(str, says.get("databases") or ())) == sorted(wanted.databases)
    )
