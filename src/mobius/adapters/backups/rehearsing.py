"""Restores a backup into a scratch place, and checks all of it there."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mobius.adapters.backups.contents import member_of, outermost
from mobius.adapters.databases.migrations import SqlMigrations
from mobius.adapters.places import Places
from mobius.archive.extract import extract_archive
from mobius.archive.sqlite_capture import check_database, is_sqlite
from mobius.errors import MobiusError
from mobius.model.release import BackupRecord
from mobius.model.settings import EnvironmentSettings


class Rehearser:
    """Rehearses the backups of one environment."""

    def __init__(self, settings: EnvironmentSettings, places: Places) -> None:
        self._settings = settings
        self._places = places

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
        for name in outermost(self._settings.backup.paths):
            source = self._places.resolve(name)
            if live == source or live.is_relative_to(source):
                copy = scratch / member_of(name) / live.relative_to(source)
                return copy if copy.exists() else None
        return None


def _remove_scratch(folder: Path) -> None:
    for left in folder.glob("rehearsal-*") if folder.is_dir() else ():
        shutil.rmtree(left, ignore_errors=True)
