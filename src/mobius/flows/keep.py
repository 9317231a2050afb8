"""Which backups stay, which go, and why: the rule with everything it must know, from the journal or from the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mobius.errors import MobiusError
from mobius.model.fate import Fate
from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.ports import Ports
from mobius.rules.retention import fates, releases_to_remove


def judged(ports: Ports) -> tuple[Fate, ...]:
    """What becomes of every backup on the disk, newest first. With the journal lost, its metadata, the version
    markers and the releases at hand say what must stay."""
    return judged_of(known_backups(ports), ports)


def judged_of(backups: Sequence[BackupRecord], ports: Ports) -> tuple[Fate, ...]:
    """The same of these, wherever they lie."""
    keep = ports.settings.backup
    return fates(
        backups,
        now=ports.clock.now(),
        days=keep.retention_days,
        count=keep.retention_count,
        needed=_needed(ports),
        named=_named(ports),
    )


def prune(ports: Ports) -> tuple[str, ...]:
    """Removes what nothing keeps; returns the names."""
    return ports.backups.prune([fate.backup.name for fate in judged(ports) if not fate.stays])


def known_backups(ports: Ports) -> tuple[BackupRecord, ...]:
    """Every backup that is on the disk, newest first, with what the journal remembers of this very archive."""
    known = {backup.name: backup for backup in _from_journal(ports)}
    return tuple(_remembered(found, known.get(found.name)) for found in ports.backups.found())


def _remembered(found: BackupRecord, known: BackupRecord | None) -> BackupRecord:
    if known is None or known.sha256 != found.sha256:
        return found
    newer = known.rehearsed_at >= found.rehearsed_at
    return replace(
        found,
        verified_at=max(found.verified_at, known.verified_at),
        rehearsed_at=max(found.rehearsed_at, known.rehearsed_at),
        restore_s=known.restore_s if newer else found.restore_s,
        booted=known.booted if newer else found.booted,
    )


def _from_journal(ports: Ports) -> tuple[BackupRecord, ...]:
    try:
        return ports.journal.backups(ports.settings.name)
    except MobiusError:
        return ()


def _needed(ports: Ports) -> dict[str, str]:
    """Releases that one may go back to, and why each is kept."""
    releases = _releases(ports)
    live, previous = ports.releases.current()
    needed = {
        release_id: words
        for release_id, words in ((live, "which is live"), (previous, "the previous"))
        if release_id
    }
    if not releases:
        at_hand = {release.id: "which is at hand" for release in ports.releases.manifests()}
        return at_hand | needed
    removed = releases_to_remove(releases, keep=ports.settings.release.keep)
    for release in releases:
        if release.state is ReleaseState.LIVE:
            needed[release.id] = "which is live"
        elif release.state is ReleaseState.PREVIOUS:
            needed[release.id] = "the previous"
        elif release.accepted and release.id not in removed:
            needed.setdefault(release.id, "which was accepted")
    return needed


def _releases(ports: Ports) -> tuple[Release, ...]:
    try:
        return ports.journal.releases(ports.settings.name)
    except MobiusError:
        return ()


def _named(ports: Ports) -> dict[str, str]:
    """What the run that is not ended depends on: what it made, what it uses again, and what it goes back to."""
    try:
        run = ports.journal.active_run(ports.settings.name)
        steps = ports.journal.steps(run.id) if run else ()
    except MobiusError:
        return {}
    if run is None:
        return {}
    words = f"run {run.id} depends on it"
    ways = [*run.plan.rollout, *(step for way in run.plan.ways_back for step in way.steps)]
    paths = [str(step.params.get("backup") or "") for step in ways]
    results = [str(step.result.get(key) or "") for step in steps for key in ("name", "backup")]
    return {Path(path).name: words for path in [*paths, *results] if path}
