"""Backups as verified archives in a folder: code, configuration and data of one release point."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from mobius.adapters.databases.migrations import SqlMigrations
from mobius.adapters.places import Places
from mobius.adapters.releases.store import ReleaseStore
from mobius.archive.durable import human
from mobius.archive.extract import extract_archive
from mobius.archive.manifest import Source
from mobius.archive.publish import publish_alias, sidecar_of, sweep
from mobius.archive.sqlite_capture import check_database, is_sqlite
from mobius.archive.swap import SwapState, observe_swap, swap_in
from mobius.archive.tree import estimate
from mobius.archive.verify import read_metadata, verify_archive
from mobius.archive.write import write_archive
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.model.verdict import CheckResult, Outcome


class FolderBackups:
    """The archives of one environment, in `backups/` (production) or `backups/<environment>/`."""

    def __init__(
        self, service: str, settings: EnvironmentSettings, places: Places, store: ReleaseStore
    ) -> None:
        self._service = service
        self._settings = settings
        self._places = places
        self._store = store
        self._folder = settings.backup.folder

    # -- making -------------------------------------------------------------------------------------------------

    def create(
        self, *, kind: str, release: Release | None, run_id: int, progress: Callable[[str], None]
    ) -> BackupRecord:
        for found in self.found() if run_id else ():
            if found.run_id == run_id and found.kind == kind:
                return found
        target = self._free_name(kind)
        progress(f"backup: {target.name}")
        written = write_archive(
            target,
            self._sources(release),
            self._metadata(kind, release, run_id),
            checksum_root=self._places.project,
        )
        if kind == "release":
            day = target.with_name(f"{self._service}_{datetime.now(UTC):%Y%m%d}.zip")
            publish_alias(target, day, checksum_root=self._places.project)
        return BackupRecord(
            name=target.name,
            path=str(target),
            sha256=written.sha256,
            size_bytes=written.size_bytes,
            created_at=time.time(),
            release_id=release.id if release else "",
            run_id=run_id,
            kind=kind,
            verified_at=time.time(),
        )

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

    def _free_name(self, kind: str) -> Path:
        """`dhash_YYYYMMDD_HHMMSS.zip`, in UTC; the next free second when two come in one."""
        moment = datetime.now(UTC)
        start = "emergency_" if kind == "emergency" else f"{self._service}_"
        while True:
            target = self._folder / f"{start}{moment:%Y%m%d_%H%M%S}.zip"
            if not target.exists() and not sidecar_of(target).exists():
                return target
            moment += timedelta(seconds=1)

    def _sources(self, release: Release | None) -> list[Source]:
        sources = []
        if release is not None and self._store.path(release.id).is_dir():
            links = tuple(self._settings.release.link)
            sources.append(Source("release", self._store.path(release.id), exclude=links))
        config = self._places.project / "mobius.toml"
        if config.is_file():
            sources.append(Source("mobius.toml", config))
        for name in self._settings.backup.paths:
            path = self._places.resolve(name)
            if not path.exists() and release is None and path.is_relative_to(self._places.shared):
                continue  # before the first deployment nothing is shared yet
            if not path.exists():
                raise MobiusError(
                    f"the backup path {name} does not exist: {path}",
                    "create it, or take it out of backup.paths in mobius.toml",
                )
            sources.append(Source(_member(name), path))
        return sources

    def _metadata(self, kind: str, release: Release | None, run_id: int) -> dict[str, object]:
        return {
            "schema_version": 1,
            "service": self._service,
            "environment": self._settings.name,
            "kind": kind,
            "run_id": run_id,
            "created_at": datetime.now(UTC).isoformat(),
            "created_unix": time.time(),
            "release": asdict(release) if release else None,
            "git_commit": release.commit if release else "",
            "processes": json.loads(msgspec.json.encode(self._store.processes(release.id)))
            if release
            else [],
            "paths": {_member(name): name for name in self._settings.backup.paths},
            "tools": {
                "python": platform.python_version(),
                "system": platform.platform(),
                "argv0": Path(sys.argv[0]).name,
            },
        }

    # -- proving ------------------------------------------------------------------------------------------------

    def verify(self, path: Path) -> None:
        verify_archive(path)

    def rehearse(
        self, backup: BackupRecord, *, migrate_from: Path | None, progress: Callable[[str], None]
    ) -> Mapping[str, Any]:
        scratch = self._places.root / "run" / f"rehearsal-{os.getpid()}"
        _remove_scratch(self._places.root / "run")
        scratch.parent.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        try:
            extracted = extract_archive(Path(backup.path), scratch, trusted=True)
            restore_s = time.monotonic() - began
            databases = [
                p for p in sorted(scratch.rglob("*")) if p.is_file() and not p.is_symlink() and is_sqlite(p)
            ]
            rows = {str(p.relative_to(scratch)): sum(check_database(p).tables.values()) for p in databases}
            migrated = self._migrate_copy(scratch, migrate_from, progress) if migrate_from else []
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return {
            "backup": backup.name,
            "restore_s": round(restore_s, 3),
            "files": len(extracted.entries),
            "size_bytes": extracted.size_bytes,
            "databases": rows,
            "migrations": migrated,
        }

    def _migrate_copy(self, scratch: Path, migrate_from: Path, progress: Callable[[str], None]) -> list[str]:
        migrations = self._settings.migrations
        assert migrations is not None and migrations.database is not None
        live = self._places.resolve(migrations.database)
        copy = self._restored(live, scratch)
        if copy is None:
            if live.exists():
                raise MobiusError(
                    f"the migrations cannot be rehearsed: {migrations.database} is not in the backup",
                    "add its folder to backup.paths in mobius.toml",
                )
            copy = scratch / "new.db"
        applied = SqlMigrations(migrate_from, copy).apply_pending(copy)
        progress(f"rehearsed {len(applied)} migration(s) on the restored copy")
        return [migration.name for migration in applied]

    def _restored(self, live: Path, scratch: Path) -> Path | None:
        for name in self._settings.backup.paths:
            source = self._places.resolve(name)
            if live == source or live.is_relative_to(source):
                copy = scratch / _member(name) / live.relative_to(source)
                return copy if copy.exists() else None
        return None

    # -- going back ---------------------------------------------------------------------------------------------

    def restore_data(self, path: Path, *, key: str, progress: Callable[[str], None]) -> Mapping[str, Any]:
        manifest = verify_archive(path, deep=False)
        named = manifest.metadata.get("paths")
        if not isinstance(named, dict):
            raise BackupInvalid(f"{path.name} does not say where its data belongs", "mobius backup list")
        present = [member for member in named if manifest.under(str(member))]
        staging = self._staging(key)
        if present and not staging.exists():
            extract_archive(path, staging, prefixes=present, trusted=True)
        restored = []
        for member in present:
            live = self._places.resolve(str(named[member]))
            new, old = live.with_name(f".{live.name}.new-{key}"), live.with_name(f".{live.name}.before-{key}")
            if not self._is_swapped(new, live, old):
                if not new.exists():
                    live.parent.mkdir(parents=True, exist_ok=True)
                    shutil.move(staging / member, new)  # its own file system may be another one
                swap_in(new, live, old)
            progress(f"restored {live}")
            restored.append(str(named[member]))
        shutil.rmtree(staging, ignore_errors=True)
        return {"backup": path.name, "restored": restored}

    def _staging(self, key: str) -> Path:
        folder = self._places.root / "run"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"restore-{key}"

    @staticmethod
    def _is_swapped(new: Path, live: Path, old: Path) -> bool:
        return not new.exists() and observe_swap(new, live, old) is SwapState.DONE

    def restore_release(self, path: Path) -> Release:
        manifest = verify_archive(path, deep=False)
        described = manifest.metadata.get("release")
        if not isinstance(described, dict) or not manifest.under("release"):
            raise BackupInvalid(f"{path.name} holds no release", "choose another: mobius backup list")
        release = msgspec.convert(described, Release)
        if self._store.is_staged(release.id):
            return release
        self._store.remove(release.id)
        target = self._store.path(release.id)
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{release.id}.restoring")
        shutil.rmtree(scratch, ignore_errors=True)
        extract_archive(path, scratch, prefixes=["release"], trusted=True)
        (scratch / "release").rename(target)
        shutil.rmtree(scratch)
        self._store.relink(target)
        processes = msgspec.convert(manifest.metadata.get("processes") or [], tuple[ProcessSettings, ...])
        return self._store.adopt(release, processes)

    # -- keeping ------------------------------------------------------------------------------------------------

    def found(self) -> tuple[BackupRecord, ...]:
        records = []
        for path in self._folder.glob("*.zip") if self._folder.is_dir() else ():
            record = _described(path)
            if record is not None and not _is_day_name(path, self._service):
                records.append(record)
        return tuple(sorted(records, key=lambda record: record.created_at, reverse=True))

    def describe(self, path: Path) -> BackupRecord:
        verify_archive(path, deep=False)
        record = _described(path)
        if record is None:
            raise BackupInvalid(
                f"{path} is not a backup that mobius made", "choose another: mobius backup list"
            )
        return record

    def prune(self, keep: Sequence[str], *, now: float, dry_run: bool) -> tuple[str, ...]:
        oldest = now - self._settings.backup.retention_days * 86400
        gone = [b for b in self.found() if b.created_at < oldest and b.name not in keep]
        for backup in [] if dry_run else gone:
            Path(backup.path).unlink(missing_ok=True)
            sidecar_of(Path(backup.path)).unlink(missing_ok=True)
        if self._folder.is_dir() and not dry_run:
            sweep(self._folder)
        return tuple(backup.name for backup in gone)


def _member(name: str) -> str:
    return "data/" + name.strip("/").replace("../", "")


def _is_day_name(path: Path, service: str) -> bool:
    stem = path.stem.removeprefix(f"{service}_")
    return len(stem) == 8 and stem.isdigit()


def _described(path: Path) -> BackupRecord | None:
    """What the archive says of itself; None for a file that is not one of ours."""
    try:
        says = read_metadata(path)
        release = says.get("release")
        return BackupRecord(
            name=path.name,
            path=str(path),
            sha256=sidecar_of(path).read_text("utf-8")[:64],
            size_bytes=path.stat().st_size,
            created_at=float(str(says["created_unix"])),
            release_id=str(release["id"]) if isinstance(release, dict) else "",
            run_id=int(str(says["run_id"])),
            kind=str(says["kind"]),
            metadata=dict(says),
        )
    except (MobiusError, OSError, KeyError, ValueError):
        return None


def _remove_scratch(folder: Path) -> None:
    for left in folder.glob("rehearsal-*") if folder.is_dir() else ():
        shutil.rmtree(left, ignore_errors=True)
