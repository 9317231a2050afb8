"""Whether a backup that is there already serves again: the same release, the same paths, young, nothing pending."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.release import BackupRecord
from mobius.model.settings import EnvironmentSettings


def reusable(
    backups: Sequence[BackupRecord],
    settings: EnvironmentSettings,
    release_id: str,
    *,
    within_s: float,
    now: float,
) -> BackupRecord | None:
    """The newest backup of this release that may stand for one made now, once it is verified again; None for none."""
    if within_s <= 0 or not release_id:
        return None
    for backup in sorted(backups, key=lambda each: each.created_at, reverse=True):
        young = 0 <= now - backup.created_at < within_s
        good = backup.kind == "release" and backup.release_id == release_id and backup.verified_at > 0
        if young and good and _holds_the_same(backup, settings):
            return backup
    return None


def _holds_the_same(backup: BackupRecord, settings: EnvironmentSettings) -> bool:
    says = backup.metadata or {}
    paths, databases = says.get("paths"), says.get("databases")
    if not isinstance(paths, dict) or not isinstance(databases, list):
        return False
    wanted = [database.name for database in settings.databases]
    return sorted(paths.values()) == sorted(settings.backup.kept_paths) and sorted(databases) == sorted(
        wanted
    )
