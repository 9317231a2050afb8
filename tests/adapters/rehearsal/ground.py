"""A live service with data, a socket, a secret and a neighbour, and backups of it to rehearse."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.adapters.backups.folder import FolderBackups
from mobius.adapters.backups.rehearsing import Rehearser
from mobius.adapters.databases.captures import Dumps
from mobius.adapters.places import Places
from mobius.adapters.rehearsal.asked import Asked, Booted, Isolation, Mount
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.adapters.releases.sources import Files
from mobius.adapters.releases.store import ReleaseStore
from mobius.archive.publish import sidecar_of
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import (
    BackupSettings,
    EnvironmentSettings,
    HealthSettings,
    ProcessSettings,
    RehearsalSettings,
    ReleaseSettings,
    SmokeSettings,
)
from mobius.ports import nothing

SITE = Path(__file__).parent / "site"
PYTHON = (sys.executable, "-I", "-S")
SECRET = "hunter2-of-the-operator"


class Seeing:
    """A real isolation whose copy is looked at once it has ended: what the release wrote down there is `findings`."""

    def __init__(self, inner: Isolation | None = None) -> None:
        self.inner = inner or Bubblewrap()
        self.findings: dict[str, Any] = {}
        self.mounts: tuple[Mount, ...] = ()
        self.asked: Asked | None = None

    @property
    def name(self) -> str:
        return self.inner.name

    def why_not(self) -> str:
        return self.inner.why_not()

    def boot(self, asked: Asked, mounts: Sequence[Mount], *, within_s: float, scratch: Path) -> Booted:
        self.asked, self.mounts = asked, tuple(mounts)
        booted = self.inner.boot(asked, mounts, within_s=within_s, scratch=scratch)
        for mount in mounts:
            found = mount.source / "findings.json"
            if mount.kind == "copy" and found.is_file():
                self.findings = json.loads(found.read_text())
        return booted


class Ground:
    """`program` is the file of `site/` that release v1 is; `env` is given to its process."""

    def __init__(
        self,
        folder: Path,
        program: str = "web.py",
        *,
        env: Mapping[str, str] | None = None,
        isolation: Isolation | None = None,
        rehearsal: RehearsalSettings | None = None,
        python: Sequence[str] = (),
        arguments: Sequence[str] = (),
        **more: Any,
    ) -> None:
        self.project, self.root = folder, folder / ".mobius" / "production"
        self.data = self.root / "shared" / "data"
        self.database = self.data / "app.db"
        self.tree = folder / "built" / "v1"
        self.isolation = Seeing(isolation)
        if not self.data.exists():
            self._lay_out()
        process = ProcessSettings(
            "api",
            (*(python or PYTHON), program, *arguments),
            env={"DATABASE": str(self.database), **(env or {})},
        )
        self.settings = replace(
            EnvironmentSettings(
                name="production",
                url="http://127.0.0.1:1",
                root=self.root,
                release=ReleaseSettings(source=f"{folder}/built/{{tag}}"),
                processes=(process,),
                health=HealthSettings(successes=1, interval_s=0.05, deadline_s=20.0, min_healthy_s=0.0),
                smoke=(SmokeSettings("front page", url="/", expect=("status == 200",)),),
                backup=BackupSettings(paths=("shared/data",), folder=folder / "backups"),
                rehearsal=rehearsal or RehearsalSettings(boot=True, timeout_s=60.0),
            ),
            **more,
        )
        self.environ = {"PATH": os.environ["PATH"], "OPERATOR_TOKEN": SECRET, "LANG": "C.UTF-8"}

    def _lay_out(self) -> None:
        self.data.mkdir(parents=True)
        with closing(sqlite3.connect(self.database)) as db, db:
            db.execute("CREATE TABLE word (text)")
            db.execute("INSERT INTO word VALUES ('live')")
        (self.project / ".env").write_text(f"PASSWORD={SECRET}\n")
        self.tree.mkdir(parents=True)
        for file in SITE.iterdir():
            if file.is_file():
                (self.tree / file.name).write_bytes(file.read_bytes())

    @property
    def places(self) -> Places:
        return Places(self.project, self.root, self.settings.release.link)

    @property
    def rehearser(self) -> Rehearser:
        return Rehearser(self.settings, self.places, self.isolation, self.environ, self.dumps)

    @property
    def dumps(self) -> Dumps | None:
        if not self.settings.databases:
            return None
        return Dumps("dhash", self.settings, self.places, self.environ)

    def backup(self) -> BackupRecord:
        """A backup of release v1 with the data of now."""
        origin = Files(f"{self.project}/built/{{tag}}", (self.root,))
        store = ReleaseStore(self.places, self.settings.release, self.settings.processes, origin)
        source = store.find("v1")
        release = store.stage(Release("v1-1a2b", "v1", "", source.digest, "c" * 64), progress=nothing)
        backups = FolderBackups("dhash", self.settings, self.places, store, None, self.dumps)
        return backups.create(kind="release", release=release, run_id=1, progress=nothing)

    def rehearse(self, backup: BackupRecord | None = None, **how: Any) -> Mapping[str, Any]:
        return self.rehearser.rehearse(
            backup or self.backup(), **{"boot": True, "migrate_from": None, "progress": nothing, **how}
        )

    def words(self) -> list[str]:
        """What the live database holds."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db:
            return [row[0] for row in db.execute("SELECT text FROM word")]

    def scratch(self) -> list[str]:
        """What rehearsals left."""
        run = self.root / "run"
        return sorted(p.name for p in run.glob("rehearsal-*")) if run.is_dir() else []


@contextmanager
def a_place() -> Iterator[Path]:
    """A folder that is not below /tmp, gone at the end: a boot has a /tmp of its own, where it may write."""
    folder = Path(tempfile.mkdtemp(prefix="mobius-rehearsal-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below, with mode and content; without the scratch places of rehearsals."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = str(path.relative_to(folder))
        if path.is_symlink() or not path.is_file() or "run/rehearsal-" in inside:
            continue
        found[inside] = (path.stat().st_mode, path.read_bytes())
    return found


def record_of(path: Path) -> BackupRecord:
    """A record of an archive that lies anywhere."""
    return BackupRecord(
        path.name,
        str(path),
        sidecar_of(path).read_text()[:64],
        path.stat().st_size,
        0.0,
        "v1-1a2b",
        1,
        "release",
    )
