"""Backups as verified archives in a folder: code, configuration and data of one release point."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mobius.adapters.backups.contents import described, is_day_name, member_of, metadata_of, outermost
from mobius.adapters.backups.rehearsing import Rehearser
from mobius.adapters.backups.restoring import Restorer
from mobius.adapters.places import Places
from mobius.adapters.releases.store import ReleaseStore
from mobius.archive.durable import human
from mobius.archive.manifest import Source
from mobius.archive.publish import publish_alias, sidecar_of, sweep
from mobius.archive.swap_inside import OURS
from mobius.archive.tree import estimate
from mobius.archive.verify import verify_archive
from mobius.archive.write import write_archive
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult, Outcome


class FolderBackups(Restorer):
    """The archives of one environment, in `backups/` (production) or `backups/<environment>/`."""

    def __init__(
        self, service: str, settings: EnvironmentSettings, places: Places, store: ReleaseStore
    ) -> None:
        super().__init__(settings, places, store)
        self._service = service
        self._folder = settings.backup.folder
        self._rehearser = Rehearser(settings, places)

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
        target = self._free_name(
            "emergency" if kind == "emergency" else self._service if release else "initial"
        )
        progress(f"backup: {target.name}")
        write_archive(
            target,
            self._sources(release),
            self._metadata(kind, release, run_id),
            checksum_root=self._places.project,
        )
        if kind == "release" and release is not None:
            day = target.with_name(target.name[: -len("_HHMMSS.zip")] + ".zip")
            publish_alias(target, day, checksum_root=self._places.project)
        return replace(self.describe(target), verified_at=time.time())

    def _published(self, kind: str, run_id: int, since: float) -> BackupRecord | None:
        """This run's own, if it is still whole."""
        for found in self.found():
            if found.run_id == run_id and found.kind == kind and found.created_at >= since:
                with contextlib.suppress(BackupInvalid):
                    verify_archive(Path(found.path))
                    return replace(found, verified_at=time.time())
        return None

    def preflight(self, live: Release | None) -> tuple[CheckResult, ...]:
        name = "backup"
        try:
            size_bytes = estimate(self._sources(live)).size_bytes
        except MobiusError as problem:
            return (CheckResult(name, Outcome.FAIL, problem.message, 0.0, problem.hint),)
        folder = next(p for p in [self._folder, *self._folder.parents] if p.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            advice = "make it a folder that you may write to, or set backup.folder in mobius.toml"
            return (CheckResult(name, Outcome.FAIL, f"{folder} cannot be written", 0.0, advice),)
        # Twice: the archive itself, and the scratch copy that the rehearsal restores.
        needed, free = 2 * size_bytes, shutil.disk_usage(folder).free
        if free < needed:
            advice = f"free {human(needed - free)} below {folder}"
            told = f"needs about {human(needed)}, {human(free)} are free"
            return (CheckResult(name, Outcome.FAIL, told, 0.0, advice),)
        return (CheckResult(name, Outcome.PASS, f"{human(size_bytes)} to back up, {human(free)} free", 0.0),)

    def _free_name(self, start: str) -> Path:
        """`dhash_YYYYMMDD_HHMMSS.zip` in local time, as `date` says it; `emergency_` for a state not known to be good,
        `initial_` where nothing was live yet. Always after the newest of its kind, so that the last name is
        the newest backup also where two come in one second, or the clock was set back."""
        moment = datetime.now().replace(microsecond=0)
        for path in (*self._folder.glob(f"{start}_*.zip"), *self._folder.glob(f"{start}_*.zip.sha256")):
            with contextlib.suppress(ValueError):
                named = datetime.strptime(path.name.split(".")[0], f"{start}_%Y%m%d_%H%M%S")
                moment = max(moment, named + timedelta(seconds=1))
        return self._folder / f"{start}_{moment:%Y%m%d_%H%M%S}.zip"

    def _sources(self, release: Release | None) -> list[Source]:
        sources = []
        if release is not None and self._store.path(release.id).is_dir():
            links = tuple(self._settings.release.link)
            sources.append(Source("release", self._store.path(release.id), exclude=links))
        config = self._places.project / "mobius.toml"
        if config.is_file():
            sources.append(Source("mobius.toml", config))
        for name in outermost(self._settings.backup.paths):
            path = self._places.resolve(name)
            if not path.exists() and release is None and path.is_relative_to(self._places.shared):
                continue  # before the first deployment nothing is shared yet
            if not path.exists():
                raise MobiusError(
                    f"the backup path {name} does not exist: {path}",
                    "create it, or take it out of backup.paths in mobius.toml",
                )
            sources.append(Source(member_of(name), path, exclude=(f"{OURS}*",)))
        return sources

    def _metadata(self, kind: str, release: Release | None, run_id: int) -> dict[str, object]:
        processes = self._store.processes(release.id) if release else ()
        paths, environment = self._settings.backup.paths, self._settings.name
        return metadata_of(self._service, environment, kind, release, processes, paths, run_id)

    def verify(self, path: Path) -> None:
        verify_archive(path)

    def rehearse(
        self, backup: BackupRecord, *, migrate_from: Path | None, progress: Callable[[str], None]
    ) -> Mapping[str, Any]:
        return self._rehearser.rehearse(backup, migrate_from=migrate_from, progress=progress)

    # -- keeping ------------------------------------------------------------------------------------------------

    def found(self) -> tuple[BackupRecord, ...]:
        records = []
        for path in self.files():
            record = described(path)
            if record is not None and self._is_of_ours(record) and not is_day_name(path, self._service):
                records.append(record)
        return tuple(sorted(records, key=lambda record: record.created_at, reverse=True))

    def _is_of_ours(self, record: BackupRecord) -> bool:
        """Of this service and environment: others may share the folder."""
        says = record.metadata or {}
        return (says.get("service"), says.get("environment")) == (self._service, self._settings.name)

    def files(self) -> tuple[Path, ...]:
        return tuple(sorted(self._folder.glob("*.zip"))) if self._folder.is_dir() else ()

    def describe(self, path: Path) -> BackupRecord:
        verify_archive(path, deep=False)
        record = described(path)
        if record is None:
            raise BackupInvalid(
                f"{path} is not a backup that mobius made", "choose another: mobius backup list"
            )
        return record

    def prune(self, keep: Sequence[str], *, now: float, dry_run: bool) -> tuple[str, ...]:
        oldest = now - self._settings.backup.retention_days * 86400
        found = self.found()
        gone = [b for b in found if b.created_at < oldest and b.name not in keep]
        if dry_run or not self._folder.is_dir():
            return tuple(backup.name for backup in gone)
        kept = {backup.sha256 for backup in found if backup not in gone}
        for path in [Path(backup.path) for backup in gone] + self._day_names_without(kept, oldest):
            path.unlink(missing_ok=True)
            sidecar_of(path).unlink(missing_ok=True)
        sweep(self._folder)
        return tuple(backup.name for backup in gone)

    def _day_names_without(self, kept: Set[str], oldest: float) -> list[Path]:
        """Second names of backups that are gone: each would hold the space of the first."""
        named = [path for path in self.files() if is_day_name(path, self._service)]
        records = [record for record in map(described, named) if record and self._is_of_ours(record)]
        return [Path(r.path) for r in records if r.created_at < oldest and r.sha256 not in kept]
