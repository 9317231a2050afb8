"""Whether a backup can be made here: the folder, room for it and for its rehearsal, time, and what signs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mobius.adapters.databases.postgres_address import address_of, connected
from mobius.adapters.databases.postgres_facts import one
from mobius.adapters.places import Places
from mobius.archive.signature import Signatures
from mobius.errors import MobiusError
from mobius.model.cost import Need
from mobius.model.release import BackupRecord
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.report.affording import takes, too_little
from mobius.report.words import size
from mobius.rules.affording import expected, shortage, trial_copies

NAME = "backup"


def room_and_time(
    size_bytes: Callable[[], int],
    folder: Path,
    root: Path,
    past: Sequence[BackupRecord],
    trial_bytes: Callable[[int], int] = lambda _: 0,
) -> CheckResult:
    """`size_bytes` says how much there is, and raises MobiusError naming a path that cannot be backed up. The archive
    goes to `folder`, the copy of its rehearsal below `root`. `trial_bytes`: what more is copied there where migrations
    are pending, by how much there is; too little room for that is said, and stops nothing that migrates nothing."""
    try:
        whole = size_bytes()
        at = _existing(folder)
        if not at.is_dir() or not os.access(at, os.W_OK | os.X_OK) or _is_read_only(at):
            advice = "make it a folder that you may write to, or set backup.folder in mobius.toml"
            return CheckResult(NAME, Outcome.FAIL, f"{at} cannot be written", 0.0, advice)
        needs, more = _needs(whole, at, _existing(root)), _more(trial_bytes(whole), _existing(root))
    except MobiusError as problem:
        return CheckResult(NAME, Outcome.FAIL, problem.message, 0.0, problem.hint)
    except OSError as problem:
        told = f"{problem.filename or folder} cannot be looked at: {problem.strerror or problem}"
        return CheckResult(NAME, Outcome.FAIL, told, 0.0, "let this user look at it")
    if (short := shortage(needs)) is not None:
        told, advice = too_little(short)
        return CheckResult(NAME, Outcome.FAIL, told, 0.0, advice)
    free = min(need.free_bytes for need in needs)
    told = f"{size(whole)} to back up, {size(free)} free; {takes(expected(whole, past))}"
    if (short := shortage([*needs, *more])) is not None:
        lacking, advice = too_little(short)
        return CheckResult(
            NAME, Outcome.PASS, f"{told}; pending migrations stop here: it {lacking}", 0.0, advice
        )
    return CheckResult(NAME, Outcome.PASS, told, 0.0)


def trial_bytes(settings: EnvironmentSettings, places: Places, environ: Mapping[str, str], whole: int) -> int:
    """What a rehearsal of pending migrations copies besides the restored backup: the database, for each trial at the
    same time, and for a release that is started on it the files once more. 0 where nothing migrates, or where the
    server does not say how large its database is."""
    migrations = settings.migrations
    if migrations is None or not migrations.database:
        return 0
    named = next((each for each in settings.databases if each.name == migrations.database), None)
    file = places.resolve(migrations.database)
    try:
        if named is not None:
            address = address_of(named, settings, places, environ)
            with connected(address, f"the size of {named.name} is not known") as db:
                database = int(one(db, "SELECT pg_database_size(current_database())"))
        else:
            database = file.stat().st_size if file.is_file() else 0
    except MobiusError:
        return 0
    return trial_copies(fast=False) * database + (whole if settings.rehearsal.boots(pending=True) else 0)


def signing(signatures: Signatures, folder: Path) -> tuple[CheckResult, ...]:
    """Signs and checks a line of text, where anything is said of signatures."""
    name = "signature"
    if not (signatures.key or signatures.allowed or signatures.required):
        return ()
    try:
        told = signatures.try_out(folder)
    except MobiusError as problem:
        return (CheckResult(name, Outcome.FAIL, problem.message, 0.0, problem.hint),)
    return (CheckResult(name, Outcome.PASS, told, 0.0),)


def _needs(whole: int, folder: Path, root: Path) -> list[Need]:
    """The archive, at worst as large as what is in it, and the copy that the rehearsal restores from it."""
    wanted = ((folder, "the archive"), (root, "the copy of its rehearsal"))
    return [
        Need(purpose, str(place), place.stat().st_dev, whole, shutil.disk_usage(place).free)
        for place, purpose in wanted
    ]


def _more(size_bytes: int, root: Path) -> list[Need]:
    """What a trial of migrations copies."""
    if not size_bytes:
        return []
    free = shutil.disk_usage(root).free
    purpose = "the copies that pending migrations are tried on"
    return [Need(purpose, str(root), root.stat().st_dev, size_bytes, free)]


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(path for path in [folder, *folder.parents] if path.exists())


def _is_read_only(folder: Path) -> bool:
    """A mount that nobody may write to; root may write to anything else."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY) if hasattr(os, "statvfs") else False
