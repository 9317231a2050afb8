"""Backups as verified archives in a folder: code, configuration and data of one release point."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.adapters.backups.around import git_facts, tool_versions
from mobius.adapters.backups.contents import Moment, described, metadata_of
from mobius.adapters.backups.kept import KeptBackups
from mobius.adapters.backups.rehearsing import Rehearser
from mobius.adapters.backups.restoring import Restorer
from mobius.adapters.backups.taking import sources_of
from mobius.adapters.databases.migrations import SqlMigrations
from mobius.adapters.places import Places
from mobius.adapters.releases.store import ReleaseStore
from mobius.archive.publish import NameTaken, publish_alias
from mobius.archive.signature import Signatures
from mobius.archive.tree import estimate
from mobius.archive.verify import verify_archive
from mobius.archive.write import Written, write_archive
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.cost import Need
from mobius.model.loss import Comparison
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.report.advancing import backing_up
from mobius.report.affording import takes, too_little
from mobius.report.words import size
from mobius.rules.advancing import Pace
from mobius.rules.affording import expected, shortage

NAMES_TRIED = 100


class FolderBackups(Restorer):
    """The archives of one environment, in `backups/` (production) or `backups/<environment>/`. No archive is used
    whose signature does not hold up to what mobius.toml asks."""

    def __init__(
        self,
        service: str,
        settings: EnvironmentSettings,
        places: Places,
        store: ReleaseStore,
        rehearser: Rehearser | None = None,
    ) -> None:
        super().__init__(settings, places, store)
        self._service = service
        self._folder = settings.backup.folder
        self._kept = KeptBackups(service, settings.name, self._folder)
        self._rehearser = rehearser or Rehearser(settings, places)
        backup = settings.backup
        self._signatures = Signatures(backup.sign_key, backup.allowed_signers, backup.require_signature)

    # -- making -------------------------------------------------------------------------------------------------

    def create(
        self,
        *,
        kind: str,
        release: Release | None,
        run_id: int,
        since: float = 0.0,
        progress: Callable[[str], None],
    ) -> BackupRecord:
        made = self._published(kind, run_id, since) if run_id else None
        if made is not None:
            return made
        began = time.monotonic()
        written = self._write(kind, release, run_id, progress)
        took_s = time.monotonic() - began
        if kind == "release" and release is not None:
            self._publish_the_days_name(written.path)
        record = described(written.path)
        assert record is not None
        # How long it took is not in the archive, which is finished before that is known: the journal has it.
        measured = {"took_s": round(took_s, 3), "read_bytes": written.manifest.size_bytes}
        return replace(record, verified_at=time.time(), metadata={**(record.metadata or {}), **measured})

    def _write(
        self, kind: str, release: Release | None, run_id: int, progress: Callable[[str], None]
    ) -> Written:
        start = "emergency" if kind == "emergency" else self._service if release else "initial"
        sources, metadata = self._sources(release), self._metadata(kind, release, run_id)
        for _ in range(NAMES_TRIED):
            target = self._kept.free_name(start)
            progress(f"backup: {target.name}")
            with contextlib.suppress(NameTaken):  # by another backup of the same second
                return write_archive(
                    target,
                    sources,
                    metadata,
                    checksum_root=self._places.project,
                    progress=Pace(progress, backing_up, time.monotonic),
                    sign=self._sign,
                )
        raise MobiusError(
            f"no free name for a backup in {self._folder}: {NAMES_TRIED} were taken",
            "another backup is being made at every one of them; look with: mobius backup list",
        )

    @property
    def _sign(self) -> Callable[[bytes], bytes] | None:
        return self._signatures.sign if self._signatures.key else None

    def _publish_the_days_name(self, archive: Path) -> None:
        """Of two that are made at once, the day's name is that of the last, whichever ends first."""
        newest = self._kept.newest_of_the_day(archive)
        day = archive.with_name(archive.name[: -len("_HHMMSS.zip")] + ".zip")
        publish_alias(newest, day, checksum_root=self._places.project, sign=self._sign)

    def _published(self, kind: str, run_id: int, since: float) -> BackupRecord | None:
        """This run's own, if it is still whole."""
        for found in self.found():
            if found.run_id == run_id and found.kind == kind and found.created_at >= since:
                with contextlib.suppress(BackupInvalid):
                    self.verify(Path(found.path))
                    return replace(found, verified_at=time.time())
        return None

    def _sources(self, release: Release | None) -> list[Any]:
        return list(sources_of(self._settings, self._places, self._store, release))

    def _metadata(self, kind: str, release: Release | None, run_id: int) -> dict[str, object]:
        processes = self._store.processes(release.id) if release else ()
        tree = self._store.path(release.id) if release else None
        tools = tool_versions(processes, tree if tree and tree.is_dir() else None)
        newest = max((found.created_at for found in self.found()), default=0.0)
        moment = Moment(kind, release, run_id, processes, self._schema_revision(), newest)
        around = {**git_facts(self._places.project), "tools": tools}
        return metadata_of(self._service, self._settings, moment, around)

    def _schema_revision(self) -> str:
        """Of the live database now; "" where there is none, or it cannot be asked."""
        migrations = self._settings.migrations
        if migrations is None or not migrations.database:
            return ""
        database = self._places.resolve(migrations.database)
        try:
            return SqlMigrations(database.parent, database).revision() if database.is_file() else ""
        except MobiusError:
            return ""

    # -- looking ------------------------------------------------------------------------------------------------

    def preflight(self, live: Release | None, past: Sequence[BackupRecord] = ()) -> tuple[CheckResult, ...]:
        name = "backup"
        try:
            size_bytes = estimate(self._sources(live)).size_bytes
            folder = _existing(self._folder)
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK) or _is_read_only(folder):
                advice = "make it a folder that you may write to, or set backup.folder in mobius.toml"
                return (CheckResult(name, Outcome.FAIL, f"{folder} cannot be written", 0.0, advice),)
            needs = self._needs(size_bytes, folder)
        except MobiusError as problem:
            return (CheckResult(name, Outcome.FAIL, problem.message, 0.0, problem.hint),)
        except OSError as problem:
            told = f"{problem.filename or self._folder} cannot be looked at: {problem.strerror or problem}"
            return (CheckResult(name, Outcome.FAIL, told, 0.0, "let this user look at it"),)
        if (short := shortage(needs)) is not None:
            told, advice = too_little(short)
            return (CheckResult(name, Outcome.FAIL, told, 0.0, advice), *self._preflight_of_signatures())
        free = min(need.free_bytes for need in needs)
        told = f"{size(size_bytes)} to back up, {size(free)} free; {takes(expected(size_bytes, past))}"
        return (CheckResult(name, Outcome.PASS, told, 0.0), *self._preflight_of_signatures())

    def _needs(self, size_bytes: int, folder: Path) -> list[Need]:
        """The archive, at worst as large as what is in it, and the copy that the rehearsal restores from it."""
        root = _existing(self._places.root)
        wanted = ((folder, "the archive"), (root, "the copy of its rehearsal"))
        return [
            Need(purpose, str(place), place.stat().st_dev, size_bytes, shutil.disk_usage(place).free)
            for place, purpose in wanted
        ]

    def _preflight_of_signatures(self) -> tuple[CheckResult, ...]:
        signatures, name = self._signatures, "signature"
        if not (signatures.key or signatures.allowed or signatures.required):
            return ()
        try:
            told = signatures.try_out(self._folder)
        except MobiusError as problem:
            return (CheckResult(name, Outcome.FAIL, problem.message, 0.0, problem.hint),)
        return (CheckResult(name, Outcome.PASS, told, 0.0),)

    def signer(self, path: Path) -> str:
        return self._signatures.check(path)

    def verify(self, path: Path, *, deep: bool = True) -> str:
        signer = self.signer(path)
        verify_archive(path, deep=deep)
        return signer

    def describe(self, path: Path) -> BackupRecord:
        self.verify(path, deep=False)
        record = described(path)
        if record is None:
            raise BackupInvalid(
                f"{path} is not a backup that mobius made", "choose another: mobius backup list"
            )
        return record

    # -- using, once the signature holds ------------------------------------------------------------------------

    def rehearse(
        self,
        backup: BackupRecord,
        *,
        boot: bool | None = None,
        migrate_from: Path | None,
        progress: Callable[[str], None],
    ) -> Mapping[str, Any]:
        self._signatures.check(Path(backup.path))
        return self._rehearser.rehearse(backup, boot=boot, migrate_from=migrate_from, progress=progress)

    def prepare_data(self, path: Path, *, key: str, progress: Callable[[str], None]) -> Mapping[str, Any]:
        self._signatures.check(path)
        return super().prepare_data(path, key=key, progress=progress)

    def restore_data(self, path: Path, *, key: str, progress: Callable[[str], None]) -> Mapping[str, Any]:
        self._signatures.check(path)
        return super().restore_data(path, key=key, progress=progress)

    def compare(self, path: Path, *, within_s: float) -> Comparison:
        self._signatures.check(path)
        return super().compare(path, within_s=within_s)

    def restore_release(self, path: Path) -> Release:
        self._signatures.check(path)
        return super().restore_release(path)

    # -- keeping ------------------------------------------------------------------------------------------------

    def found(self) -> tuple[BackupRecord, ...]:
        return self._kept.found()

    def files(self) -> tuple[Path, ...]:
        return self._kept.files()

    def prune(self, names: Sequence[str]) -> tuple[str, ...]:
        return self._kept.prune(names)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(path for path in [folder, *folder.parents] if path.exists())


def _is_read_only(folder: Path) -> bool:
    """A mount that nobody may write to; root may write to anything else."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY) if hasattr(os, "statvfs") else False
