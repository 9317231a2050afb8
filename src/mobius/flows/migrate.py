"""What a candidate's migrations and configuration would do: looked at, then rehearsed on the newest good backup."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobius.errors import GateUnknown, MobiusError, UsageError
from mobius.flows.back_up import back_up
from mobius.flows.keep import known_backups
from mobius.flows.plan import find_backup, release_of
from mobius.flows.rehearse import prove
from mobius.flows.standing import standing
from mobius.model.impact import ConfigChange
from mobius.model.linting import Dialect
from mobius.model.migrating import MigrationLook, PendingMigration, RestorePoint
from mobius.model.release import BackupRecord, Release
from mobius.ports import Note, Ports
from mobius.report.migrating_words import rehearsed_words
from mobius.rules.known_facts import judge_with_facts, pg_major, without_lock_timeouts

EVENTS_LOOKED_AT = 500  # back from the newest, for a rehearsal of the same migrations


@dataclass(frozen=True, slots=True)
class Reading:
    """How the migrations of a release are read. `pending`: the layout of its folder, and those in it that the database
    has not; it raises `MobiusError` where the folder or the database cannot be read. `layout`: as far as it is known
    without the folder."""

    layout: str
    dialect: Dialect
    pending: Callable[[Path], tuple[str, Sequence[PendingMigration]]]


def look_at_migrations(
    tag: str,
    ports: Ports,
    reading: Reading | None,
    config_changes: Callable[[], tuple[ConfigChange, ...]],
) -> MigrationLook:
    """Everything that can be known before anything runs; changes nothing. What cannot be looked at is a doubt, and
    said. `reading`: None where no migrations are configured. Raises `UsageError` for an unknown tag."""
    settings, source = ports.settings, ports.releases.find(tag)
    candidate, live = release_of(source, ports), standing(ports).live
    look = MigrationLook(
        service=ports.service,
        environment=settings.name,
        tag=source.tag,
        release_id=candidate.id,
        commit=source.commit,
        live_id=live.id if live else "",
        layout=reading.layout if reading else "",
        path=settings.migrations.path if settings.migrations else "",
        database=(settings.migrations.database or "") if settings.migrations else "",
        dialect=reading.dialect if reading else "",
        restore=_restore_point(ports),
        rollback_within_s=settings.rollback_within_s,
        lock_timeout_s=_lock_timeout_s(ports, reading),
    )
    if reading is None:
        look = replace(look, remarks=(_why_none(ports),))
    else:
        with ports.releases.look_into(source, look.path) as folder:
            look = _with_pending(look, folder, reading)
    try:
        look = replace(look, config=config_changes())
    except MobiusError as problem:
        look = _doubted(look, f"the configuration: {problem.message}", problem.hint)
    return judged(_with_last_rehearsal(look, ports))


def judged(look: MigrationLook) -> MigrationLook:
    """The texts, judged with the facts of the rehearsal where there is one."""
    facts = look.rehearsal or {}
    reports, taken_back = judge_with_facts(
        look.pending,
        dialect="sqlite" if look.dialect == "sqlite" else "postgresql",
        pg_version=pg_major(str(facts.get("version") or "")) if look.dialect == "postgresql" else 15,
        facts=facts,
    )
    reports, waits = without_lock_timeouts(reports, look.lock_timeout_s)
    return replace(look, reports=reports, taken_back=(*taken_back, *waits))


def rehearse_migrations(
    look: MigrationLook,
    ports: Ports,
    *,
    backup: str = "",
    fresh: bool = False,
    fast: bool = False,
    boot: bool = True,
    progress: Callable[[str], None],
) -> MigrationLook:
    """Stages the candidate where it is not, restores the backup in a scratch place, runs there what is pending, up and
    down, and starts both releases on the migrated copy; written down. Returns the look with what was seen.

    Nothing that serves is touched. Nothing pending: the look as it is. Raises `GateUnknown` where it is not known what
    is pending, `UsageError` where there is no backup, `BackupInvalid` where it does not hold.
    """
    refuse_doubts(look)
    if not look.pending:
        return look
    chosen = choose_backup(look, ports, backup, fresh=fresh, progress=progress)
    ports.backups.verify(Path(chosen.path))
    candidate = _staged(look, ports, progress)
    proven, facts = prove(
        replace(chosen, verified_at=ports.clock.now()),
        ports,
        boot=boot,
        migrate_from=ports.releases.path(candidate.id) / look.path,
        candidate=candidate,
        fast=fast,
        progress=progress,
    )
    ports.journal.put_backup(look.environment, proven)
    told = {**facts, "tag": look.tag, "changes": _hashes(look)}
    note = Note("rehearsed", rehearsed_words(proven.name, told), told)
    ports.journal.say(None, look.environment, note, now=ports.clock.now(), who=str(ports.holder()))
    seen = replace(look, rehearsal=told, rehearsed_at=ports.clock.now(), restore=_point(proven))
    return judged(replace(seen, remarks=(*seen.remarks, *_about_the_backup(look, chosen, facts))))


def choose_backup(
    look: MigrationLook,
    ports: Ports,
    named: str = "",
    *,
    fresh: bool = False,
    progress: Callable[[str], None],
) -> BackupRecord:
    """The named backup, a fresh one, or the newest of a healthy release. Raises `UsageError` where there is none."""
    if fresh and named:
        raise UsageError("--fresh makes a backup, and --backup names one", "give one of them")
    if fresh:
        return back_up(ports, progress=progress)
    known = known_backups(ports)
    if named:
        chosen = find_backup(named, ports)
        return next((one for one in known if one.path == chosen.path), chosen)
    good = next((one for one in known if one.kind == "release"), None)
    if good is None:
        hint = f"mobius backup create -e {look.environment}, or add --fresh"
        raise UsageError(f"there is no backup of {look.environment} to rehearse the migrations on", hint)
    return good


def refuse_doubts(look: MigrationLook) -> None:
    """Raises `GateUnknown` where it is not known what is pending; a doubt about the configuration stops nothing."""
    if look.layout and look.doubts and not look.pending:
        doubt, hint = look.doubts[0]
        raise GateUnknown(f"the migrations of {look.tag} were not rehearsed: {doubt}", hint)


def _lock_timeout_s(ports: Ports, reading: Reading | None) -> float:
    settings = ports.settings.migrations
    return settings.lock_timeout_s if settings and reading and reading.dialect == "postgresql" else 0.0


def _staged(look: MigrationLook, ports: Ports, progress: Callable[[str], None]) -> Release:
    candidate = replace(release_of(ports.releases.find(look.tag), ports), staged_at=ports.clock.now())
    if ports.releases.is_staged(candidate.id):
        return next((one for one in ports.releases.manifests() if one.id == candidate.id), candidate)
    progress(f"staging {candidate.id}, which changes nothing that serves")
    staged = ports.releases.stage(candidate, progress=progress)
    if staged.id not in {release.id for release in ports.journal.releases(look.environment)}:
        ports.journal.put_release(look.environment, staged)
    return staged


def _with_pending(look: MigrationLook, folder: Path, reading: Reading) -> MigrationLook:
    try:
        layout, pending = reading.pending(folder)
    except MobiusError as problem:
        return _doubted(look, problem.message, problem.hint)
    files = (_placed(one, look.path) for one in pending)
    return replace(look, layout=layout, pending=tuple(files))


def _placed(migration: PendingMigration, folder: str) -> PendingMigration:
    """With its path in the release. What a command runs is anything in the folder, and no hash tells it."""
    if migration.file == ".":
        return replace(migration, file=folder, sha256="")
    return migration if folder == "." else replace(migration, file=f"{folder}/{migration.file}")


def _doubted(look: MigrationLook, doubt: str, hint: str) -> MigrationLook:
    return replace(look, doubts=(*look.doubts, (doubt, hint)))


def _why_none(ports: Ports) -> str:
    if ports.commands is not None:
        return f"{ports.settings.name} is deployed by other means: what its commands migrate is not looked at"
    return "no migrations are configured ([migrations] in mobius.toml): only the configuration is weighed"


def _with_last_rehearsal(look: MigrationLook, ports: Ports) -> MigrationLook:
    """What the newest rehearsal of these very migrations saw; without one, the look as it is."""
    if not look.pending:
        return look
    try:
        newest = ports.journal.last_event(look.environment, ["rehearsed"])
        after = max(0, newest.seq - EVENTS_LOOKED_AT) if newest else 0
        events = ports.journal.events(environment=look.environment, after=after) if newest else ()
    except MobiusError as problem:
        return replace(look, remarks=(*look.remarks, f"earlier rehearsals cannot be read: {problem.message}"))
    for event in reversed(events):
        if event.kind == "rehearsed" and _is_of(event.data, look):
            return replace(look, rehearsal=event.data, rehearsed_at=event.at)
    return look


def _is_of(facts: Mapping[str, Any], look: MigrationLook) -> bool:
    """The same migrations, byte by byte, and the release that is live now as the one before. What a deployment
    rehearsed says its candidate instead of the hashes."""
    if not facts.get("ways") or facts.get("not_tried") or facts.get("release_id") != look.live_id:
        return False
    same = all(one.sha256 for one in look.pending) and facts.get("changes") == _hashes(look)
    return same or facts.get("candidate") == look.release_id


def _hashes(look: MigrationLook) -> list[list[str]]:
    return [[one.name, one.sha256] for one in look.pending]


def _restore_point(ports: Ports) -> RestorePoint | None:
    """The newest backup that was restored somewhere, else the newest."""
    try:
        good = [backup for backup in known_backups(ports) if backup.kind == "release"]
    except MobiusError:
        return None
    chosen = next((backup for backup in good if backup.rehearsed_at), next(iter(good), None))
    return _point(chosen) if chosen else None


def _point(backup: BackupRecord) -> RestorePoint:
    takes_s = backup.rto_s or backup.restore_s
    return RestorePoint(backup.name, backup.sha256, takes_s, backup.rehearsed_at, backup.created_at)


def _about_the_backup(look: MigrationLook, backup: BackupRecord, facts: Mapping[str, Any]) -> tuple[str, ...]:
    told = []
    if look.live_id and backup.release_id and backup.release_id != look.live_id:
        told.append(
            f"the backup is of {backup.release_id}, and {look.live_id} is live: the first stands for the release before"
        )
    ran, names = list(facts.get("migrations") or ()), [one.name for one in look.pending]
    if ran and ran != names:
        told.append(
            f"on the backup, which is older, other migrations were pending: {', '.join(map(str, ran))}"
        )
    return tuple(told)
