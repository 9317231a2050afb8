"""What may be removed, and what never: live, previous, the newest rehearsed backup, what a live release needs."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.release import BackupRecord, Release, ReleaseState, tree_of

OF_ONE_TREE = 2


def releases_to_remove(releases: Sequence[Release], *, keep: int) -> tuple[str, ...]:
    """Ids beyond the `keep` newest, besides the live one, the previous one, and the newest accepted one. Restarts of
    one tree count once, and the two newest of them stay: a day of restarts must not push out the other releases."""
    newest_first = sorted(releases, key=lambda release: release.staged_at, reverse=True)
    safe = {r.id for r in newest_first if r.state in (ReleaseState.LIVE, ReleaseState.PREVIOUS)}
    safe |= {r.id for r in [r for r in newest_first if r.accepted][:1]}
    kept: dict[str, int] = {}  # tree -> how many of its releases
    for release in newest_first:
        tree = tree_of(release.id)
        if release.id not in safe and (tree in kept or len(kept) < keep) and kept.get(tree, 0) < OF_ONE_TREE:
            kept[tree] = kept.get(tree, 0) + 1
            safe.add(release.id)
    return tuple(r.id for r in newest_first if r.id not in safe)


def backups_to_keep(backups: Sequence[BackupRecord], kept_releases: Sequence[str]) -> tuple[str, ...]:
    """Names that stay whatever their age: what a kept release depends on, and the newest rehearsed one."""
    newest_first = sorted(backups, key=lambda backup: backup.created_at, reverse=True)
    rehearsed = [backup.name for backup in newest_first if backup.rehearsed_at][:1]
    needed = [backup.name for backup in newest_first if backup.release_id in kept_releases]
    return tuple(dict.fromkeys([*rehearsed, *needed]))
