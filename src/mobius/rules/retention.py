"""What may be removed, and what never: live, previous, the newest rehearsed backup, what a live release needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mobius.model.fate import Fate
from mobius.model.release import BackupRecord, Release, ReleaseState, tree_of

OF_ONE_TREE = 2
DAY_S = 86_400.0


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


def fates(
    backups: Sequence[BackupRecord],
    *,
    now: float,
    days: float,
    count: int,
    needed: Mapping[str, str],
    named: Mapping[str, str],
) -> tuple[Fate, ...]:
    """Newest first. A backup stays while it is younger than `days`, among the newest `count` of a good state, or the
    newest that was rehearsed or verified; while a release in `needed` (its id to why it is kept) has no newer one;
    and while something in `named` (a backup's name to who names it) depends on it."""
    newest_first = sorted(backups, key=lambda backup: backup.created_at, reverse=True)
    kept = {backup.name: list[str]() for backup in newest_first}
    for backup in newest_first:
        if (words := named.get(backup.name)) is not None:
            kept[backup.name].append(words)
    good = [backup for backup in newest_first if backup.kind == "release"]
    _keep_first(kept, [b for b in _of_a_release(good) if b.rehearsed_at], "the newest that was rehearsed")
    _keep_first(kept, [b for b in _of_a_release(good) if b.verified_at], "the newest that was verified")
    for release_id, words in needed.items():
        holding = [backup for backup in good if backup.release_id == release_id]
        told = f"the newest of {release_id}, {words}"
        _keep_first(kept, [b for b in holding if b.verified_at] or holding, told)
    for backup in good[:count]:
        kept[backup.name].append(f"among the newest {count}" if count > 1 else "the newest")
    for backup in newest_first:
        if now - backup.created_at < days * DAY_S:
            kept[backup.name].append(f"younger than {days:g} d")
    return tuple(_fate(backup, kept[backup.name], now, days) for backup in newest_first)


def _of_a_release(good: Sequence[BackupRecord]) -> Sequence[BackupRecord]:
    """Those that one can go back to; where none holds a release, those with the data alone."""
    return [backup for backup in good if backup.release_id] or good


def _keep_first(kept: Mapping[str, list[str]], backups: Sequence[BackupRecord], why: str) -> None:
    for backup in backups[:1]:
        kept[backup.name].append(why)


def _fate(backup: BackupRecord, kept: Sequence[str], now: float, days: float) -> Fate:
    if kept:
        return Fate(backup, True, tuple(kept))
    return Fate(backup, False, (f"{(now - backup.created_at) / DAY_S:.0f} d old, past {days:g} d",))
