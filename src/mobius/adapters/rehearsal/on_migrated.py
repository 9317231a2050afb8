"""Both releases on the migrated data: the one that is backed up and the one that comes, each on a copy of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobius.adapters.backups.contents import member_of, outermost
from mobius.adapters.databases.captures import facts_of
from mobius.adapters.databases.postgres_address import Address, connected, parsed
from mobius.adapters.databases.postgres_facts import one
from mobius.adapters.migrations.source import Target
from mobius.adapters.places import Places
from mobius.adapters.rehearsal.asked import ScratchDatabase
from mobius.adapters.rehearsal.boots import Boot, Boots
from mobius.adapters.rehearsal.database_copies import at_database
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.adapters.rehearsal.release_role import url_for_release
from mobius.adapters.trial.trying import Tried
from mobius.archive.durable import require_free_disk
from mobius.errors import MobiusError
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings
from mobius.model.trial import Booted
from mobius.model.verdict import Outcome
from mobius.rules.affording import trial_copies

NOT_NAMED = "no new release was named"
NOT_MIGRATED = "the migrations fail on the copy"
ON_MIGRATED = "the migrated copy"


@dataclass(frozen=True, slots=True)
class Scratch:
    """The restored database that the migrations are for. `inside`: where an SQLite file lies in the restored copy, None
    where a boot would not find it there; `name`: of the `[[database]]`, "" for SQLite; `live_version`: of the server
    that was backed up; `folder`: where copies of it take room, None for another's server."""

    target: Target
    inside: Path | None = None
    name: str = ""
    live_version: str = ""
    folder: Path | None = None


def scratch_of(
    settings: EnvironmentSettings, places: Places, copy: Path, databases: Mapping[str, ScratchDatabase]
) -> Scratch:
    """Where in the restored copy the database of `migrations.database` is. Raises `MobiusError` where the backup does
    not hold it, though it is there."""
    migrations = settings.migrations
    assert migrations is not None and migrations.database is not None
    if migrations.database in {database.name for database in settings.databases}:
        address = getattr(databases.get(migrations.database), "address", None)
        if address is None:
            raise _not_held(migrations.database, "mobius backup create makes one that holds it")
        known = facts_of(migrations.database, copy / "databases" / migrations.database)
        target = Target("postgresql", address=address, lock_timeout_s=migrations.lock_timeout_s)
        socket = databases[migrations.database].socket
        folder = socket.parent if socket is not None else None
        return Scratch(target, name=migrations.database, live_version=known.server_version, folder=folder)
    live = places.resolve(migrations.database)
    inside = _inside(live, settings, places, copy)
    if live.exists() and (inside is None or not inside.exists()):
        is_backed_up = inside is not None  # by now: this one was made before the database was
        newer = f"it was made before the database: mobius backup create -e {settings.name}"
        hint = newer if is_backed_up else "add its folder to backup.paths in mobius.toml"
        raise _not_held(migrations.database, hint)
    return Scratch(Target("sqlite", path=inside or copy / "none.db"), inside, folder=copy)


def require_room(scratch: Scratch, *, fast: bool) -> None:
    """Raises `MobiusError` where the copies of one trial do not fit beside the restored database, before any is made;
    of a server that is not ours nothing is known."""
    target, size_bytes = scratch.target, 0
    if scratch.folder is None:
        return
    if target.path is not None:
        size_bytes = target.path.stat().st_size if target.path.exists() else 0
    elif target.address is not None:
        with connected(target.address, f"the size of the scratch copy of {scratch.name} is not known") as db:
            size_bytes = int(one(db, "SELECT pg_database_size(current_database())"))
    count = trial_copies(fast=fast)
    purpose = f"{count} copies of the database, to try the migrations on"
    require_free_disk(scratch.folder, count * size_bytes, purpose)


@dataclass(frozen=True, slots=True)
class OnMigrated:
    """Both releases on the migrated data. `down_error`: why the way down fails once the new release has written there;
    "" where it does not, or was not tried."""

    old: Booted
    new: Booted
    down_error: str = ""


# Takes the migrations back on this database, and raises `MobiusError` where that fails.
GoDown = Callable[[Target], None]


def both(
    tried: Tried,
    scratch: Scratch,
    boots: Boots,
    databases: Mapping[str, ScratchDatabase],
    *,
    before: Boot,
    candidate: Release | None,
    go_down: GoDown | None,
) -> OnMigrated:
    """The backed-up release and the candidate. `before`: how the first went on the copy as it was restored, for what
    it cannot do there says nothing about the migrations. `go_down`: None where there is no way down to be tried."""
    if any(each.error for each in tried.trial.statements):
        return OnMigrated(Booted(False, why=NOT_MIGRATED), Booted(False, why=NOT_MIGRATED))
    sick = ""  # why what goes wrong here says nothing about the migrations
    if before.booted is None:
        old = Booted(False, why=before.not_proven)
    elif before.booted.outcome is not Outcome.PASS:
        sick = boots.redact(before.booted.sentence)
        old = Booted(False, why=f"on the copy as it was restored, too: {sick}")
    else:
        old, _ = _on_a_copy(tried, scratch, boots, databases, "old", None, None, last=candidate is None)
    if candidate is None:
        return OnMigrated(old, Booted(False, why=NOT_NAMED))
    new, down_error = _on_a_copy(tried, scratch, boots, databases, "new", candidate, go_down, last=True)
    if sick and new.tried and not new.works:
        new = replace(new, tried=False, why=f"{new.why}; nor did the release before run there: {sick}")
    return OnMigrated(old, new, down_error)


def _on_a_copy(
    tried: Tried,
    scratch: Scratch,
    boots: Boots,
    databases: Mapping[str, ScratchDatabase],
    name: str,
    candidate: Release | None,
    go_down: GoDown | None,
    *,
    last: bool,
) -> tuple[Booted, str]:
    """How it went, and why the way down failed on what it left there."""
    if scratch.target.kind == "sqlite" and scratch.inside is None:
        return Booted(False, why="its database lies in no path of backup.paths"), ""
    release = candidate.id if candidate else _id_in(boots.metadata)
    with tried.copy(name) as copy:
        files: dict[Path, Path] = {}
        if scratch.inside is not None and copy.path is not None:
            files = {scratch.inside: copy.path}
        elif scratch.name and copy.address is not None:
            there = at_database(databases[scratch.name], copy.address.database)
            databases = {**databases, scratch.name: there}
        boot = boots.boot(
            databases,
            name=release,
            on=ON_MIGRATED,
            last=last,
            spoiled=scratch.name,
            migrated=files,
            candidate=candidate,
        )
        booted, failed = _judged(boot, boots), ""
        if go_down is not None and booted.works:
            try:
                if (left := _left_by(scratch, databases)) is not None:
                    go_down(left)
            except NotProvenError as problem:
                boots.progress(f"NOT PROVEN: {problem.message}")
            except MobiusError as problem:
                failed = boots.redact(problem.message)
    return booted, failed


def _left_by(scratch: Scratch, databases: Mapping[str, ScratchDatabase]) -> Target | None:
    """The database as the release left it; on a server for a plain role that may do what any owner may."""
    if scratch.inside is not None:
        return Target("sqlite", path=scratch.inside) if scratch.inside.is_file() else None
    address: Address = databases[scratch.name].address  # type: ignore[attr-defined]
    plain = parsed(scratch.name, url_for_release(address, ""))
    who = {**address.parameters, "user": plain.parameters["user"]}
    return Target("postgresql", address=Address(address.name, who, plain.secrets))


def _judged(boot: Boot, boots: Boots) -> Booted:
    """What could not be measured was not tried: it is no failure, and no success either."""
    booted = boot.booted
    if booted is None:
        return Booted(False, why=boot.not_proven)
    why = boots.redact(booted.sentence)
    if booted.outcome not in (Outcome.PASS, Outcome.FAIL):
        return Booted(False, why=why, seconds=booted.took_s)
    failed = tuple(boots.redact(result.name) for result in booted.smoke if result.outcome is Outcome.FAIL)
    works = booted.outcome is Outcome.PASS
    log = tuple(boots.redact(line) for line in booted.log)
    return Booted(True, works, "" if works else why, booted.took_s, failed, boot.broken, log)


def _inside(live: Path, settings: EnvironmentSettings, places: Places, copy: Path) -> Path | None:
    for name in outermost([*settings.backup.paths, *settings.backup.databases]):
        source = places.resolve(name)
        if live == source or live.is_relative_to(source):
            return copy / member_of(name) / live.relative_to(source)
    return None


def _id_in(metadata: Mapping[str, Any]) -> str:
    release = metadata.get("release")
    return str(release.get("id", "")) if isinstance(release, dict) else ""


def _not_held(name: str, hint: str) -> MobiusError:
    return MobiusError(f"the migrations cannot be rehearsed: {name} is not in the backup", hint)
