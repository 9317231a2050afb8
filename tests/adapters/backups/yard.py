"""A project with a staged release, data and a database in `shared/`, and its folder of backups."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.adapters.backups.folder import FolderBackups
from mobius.adapters.places import Places
from mobius.adapters.releases.sources import Files
from mobius.adapters.releases.store import ReleaseStore
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import BackupSettings, EnvironmentSettings, MigrationSettings
from mobius.ports import nothing


class Yard:
    """`write` and `read` are of the text in the database; `data` is the folder that is backed up."""

    def __init__(
        self,
        folder: Path,
        *,
        paths: tuple[str, ...] = ("shared/data",),
        service: str = "dhash",
        environment: str = "production",
    ) -> None:
        self.project = folder
        self.root = folder / ".mobius" / environment
        self.data = self.root / "shared" / "data"
        self.folder = folder / "backups"
        self.settings = EnvironmentSettings(
            name=environment,
            url="http://127.0.0.1:1",
            root=self.root,
            backup=BackupSettings(paths=paths, folder=self.folder),
            migrations=MigrationSettings(database="shared/data/app.db"),
        )
        built = folder / "built" / "v1"
        if not built.exists():
            (built / "bin").mkdir(parents=True)
            (built / "app.py").write_text("print(1)\n")
            (built / "bin" / "python").symlink_to("/usr/bin/python3")
        places = Places(folder, self.root)
        origin = Files(f"{folder}/built/{{tag}}", (self.root, self.folder))
        self.store = ReleaseStore(places, self.settings.release, (), origin)
        self.backups = FolderBackups(service, self.settings, places, self.store)
        if not self.data.exists():
            self.data.mkdir(parents=True)
            self.write("first")

    def stage(self, tag: str = "v1") -> Release:
        source = self.store.find(tag)
        return self.store.stage(Release(f"{tag}-1a2b", tag, "", source.digest, "c" * 64), progress=nothing)

    def create(self, run_id: int = 1, kind: str = "release", release: Release | None = None) -> BackupRecord:
        return self.backups.create(kind=kind, release=release, run_id=run_id, progress=nothing)

    def write(self, text: str) -> None:
        with closing(sqlite3.connect(self.data / "app.db")) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS word (text)")
            db.execute("DELETE FROM word")
            db.execute("INSERT INTO word VALUES (?)", (text,))

    def read(self) -> str:
        with closing(sqlite3.connect(self.data / "app.db")) as db:
            return str(db.execute("SELECT text FROM word").fetchone()[0])

    def damage(self, backup: BackupRecord) -> None:
        path = Path(backup.path)
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 0xFF
        path.unlink()  # not through the day's name, which is a hard link
        path.write_bytes(content)

    def with_paths(self, *paths: str) -> FolderBackups:
        """The same backups where mobius.toml names other paths."""
        return self.with_backup(paths=paths)

    def with_backup(self, **changes: Any) -> FolderBackups:
        """The same backups where mobius.toml says something else of them."""
        settings = replace(self.settings, backup=replace(self.settings.backup, **changes))
        return FolderBackups("dhash", settings, Places(self.project, self.root), self.store)
