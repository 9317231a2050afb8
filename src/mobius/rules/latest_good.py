"""Which backup is the latest good one: from what was written down of it, never from its name or its file's time."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.release import BackupRecord, Release, ReleaseState

AHEAD_S = 300.0  # clocks differ; what claims to be from later than this was not made here


def in_order(
    known: Sequence[BackupRecord], releases: Sequence[Release], *, live_id: str, now: float
) -> tuple[tuple[BackupRecord, ...], tuple[str, ...]]:
    """The candidates, best first, and why others are none.

    A candidate guards a release (never an emergency backup) that was healthy: it did not fail, and was live or is
    accepted. Rehearsed ones come first, then verified ones, the newest first among each; a backup of what is live
    now, and not accepted yet, comes last: it is what one wants to leave. Of a release of whose life nobody knows
    (the journal was lost, or somebody else deploys it) its backup's kind has to do.
    """
    by_id = {release.id: release for release in releases}
    lives_are_known = any(release.live_since or release.accepted for release in releases)
    good: list[BackupRecord] = []
    passed: list[str] = []
    for backup in known:
        why = _why_not(backup, by_id.get(backup.release_id) if lives_are_known else None, now)
        if why:
            passed.append(f"{backup.name} {why}")
        else:
            good.append(backup)

    def rank(backup: BackupRecord) -> tuple[bool, bool, bool, float]:
        release = by_id.get(backup.release_id)
        leaving = backup.release_id == live_id and not (release is not None and release.accepted)
        return leaving, not backup.rehearsed_at, not backup.verified_at, -backup.created_at

    return tuple(sorted(good, key=rank)), tuple(passed)


def _why_not(backup: BackupRecord, release: Release | None, now: float) -> str:
    if backup.kind != "release":
        return "is of a state that is not known to be good"
    if not backup.release_id:
        return "holds no release"
    if backup.created_at > now + AHEAD_S:
        return "says that it was made in the future"
    if release is None:
        return ""
    if release.state is ReleaseState.FAILED:
        return f"is of {release.id}, which failed"
    was_live = release.live_since > 0 or release.accepted or release.state is not ReleaseState.STAGED
    return "" if was_live else f"is of {release.id}, which was never live"
