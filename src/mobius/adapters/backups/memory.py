"""Backups in memory, for tests: copies of a dictionary that stands for the service's data."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mobius.adapters.releases.memory import MemoryReleases
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.loss import Comparison, LostRow, TableChange
from mobius.model.release import BackupRecord, Release
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Clock, NotAllTold


@dataclass(frozen=True, slots=True)
class Copied:
    """One archive: what is said of it, and what is in it."""

    record: BackupRecord
    data: Mapping[str, Any]
    release: Release | None


class MemoryBackups:
    """Backs up `data`. `damaged` names archives that no longer hold what they say."""

    def __init__(
        self,
        data: MutableMapping[str, Any],
        releases: MemoryReleases,
        clock: Clock,
    ) -> None:
        self.archives: list[Copied] = []
        self.damaged: set[str] = set()
        self.disk_full = False
        self.paths: tuple[str, ...] = ("data",)  # what `backup.paths` said when an archive was made
        self.rehearsed: list[str] = []
        self.asked_to_boot: list[bool | None] = []
        self.rehearsal: dict[str, Any] = {}  # what the next ones find
        self.restored: list[str] = []  # every time data was really replaced
        self._data = data
        self._releases = releases
        self._clock = clock
        self._restores: set[tuple[str, str]] = set()
        self._replaced: dict[str, Mapping[str, Any]] = {}
        self.laid_out: list[tuple[str, str]] = []
        self.let_go_before = 0.0
        self.not_all_told: NotAllTold | None = None  # at the end of what was lost
        self.users: tuple[str, ...] = ()  # who has the data open, besides the service

    def create(
        self,
        *,
        kind: str,
        release: Release | None,
        run_id: int,
        since: float = 0.0,
        progress: Callable[[str], None],
    ) -> BackupRecord:
        """One archive for each run and kind. Raises `MobiusError` on a full disk, with nothing published."""
        for known in self.archives if run_id else ():
            record = known.record
            if (record.run_id, record.kind) == (run_id, kind) and record.created_at >= since:
                return record
        if self.disk_full:
            raise MobiusError("the backup cannot be written: the disk is full", "free space")
        name = f"{'emergency_' if kind == 'emergency' else ''}run{run_id}.zip"
        if any(known.record.name == name for known in self.archives):
            name = f"{len(self.archives)}_{name}"
        record = BackupRecord(
            name=name,
            path=f"/memory/backups/{name}",
            sha256=f"{len(self.archives):064x}",
            size_bytes=1,
            created_at=self._clock.now(),
            release_id=release.id if release else "",
            run_id=run_id,
            kind=kind,
            verified_at=self._clock.now(),
            metadata={
                "release": asdict(release) if release else None,
                "paths": {f"data/{name}": name for name in self.paths},
                "databases": [],
            },
        )
        self.archives.append(Copied(record, copy.deepcopy(dict(self._data)), release))
        progress(f"published {name}")
        return record

    def verify(self, path: Path, *, deep: bool = True) -> str:
        """Raises `BackupInvalid` when it is damaged, or not there."""
        self._open(path)
        return ""

    def signer(self, path: Path) -> str:
        """Nobody signs in memory."""
        return ""

    def rehearse(
        self,
        backup: BackupRecord,
        *,
        boot: bool | None = None,
        migrate_from: Path | None,
        candidate: Release | None = None,
        fast: bool = False,
        progress: Callable[[str], None],
    ) -> Mapping[str, Any]:
        """Restored into a scratch place, in no time; `rehearsal` says how it went."""
        self._open(Path(backup.path))
        self.rehearsed.append(backup.name)
        self.asked_to_boot.append(boot)
        now = self._clock.now()
        return {
            "backup": backup.name,
            "sha256": backup.sha256,
            "restore_s": 2.0,
            "rpo_s": now - backup.created_at,
            "migrations": str(migrate_from or ""),
            "booted": False,
            "not_proven": "a boot was not asked for",
            "failed": "",
            "rto_s": 0.0,
            "smoke": [],
            **self.rehearsal,
        }

    def prepare_data(self, path: Path, *, key: str, progress: Callable[[str], None]) -> Mapping[str, Any]:
        """There is always room."""
        self._open(path)
        self.laid_out.append((path.name, key))
        return {"backup": path.name}

    def take_back_data(self, key: str) -> None:
        """What was replaced under the key is there again."""
        replaced = self._replaced.pop(key, None)
        self._restores = {(name, of) for name, of in self._restores if of != key}
        if replaced is not None:
            self._data.clear()
            self._data.update(copy.deepcopy(dict(replaced)))

    def compare(self, path: Path, *, within_s: float) -> Comparison:
        """The lists of the data as tables of rows, each row its own key."""
        archive = self._open(path)
        tables = []
        for name, now in self._data.items():
            then = archive.data.get(name, [])
            if isinstance(now, list):
                added, removed = [r for r in now if r not in then], [r for r in then if r not in now]
                change = TableChange("memory", name, len(then), len(now), len(added), 0, len(removed))
                tables.append(change)
        return Comparison(path.name, archive.record.created_at, tuple(tables))

    def lost(self, path: Path, *, key: str, emergency: Path | None, within_s: float) -> Iterator[LostRow]:
        """The rows that the replaced data had, and the archive has not."""
        then, replaced = self._open(path).data, self._replaced.get(key, {})
        for name, rows in replaced.items():
            for row in rows if isinstance(rows, list) else ():
                if row not in then.get(name, []):
                    yield LostRow("memory", name, "added", {"row": row}, {"row": row})
        if self.not_all_told:
            raise self.not_all_told

    def let_go(self, key: str, *, before: float) -> tuple[str, ...]:
        """What was replaced under the key is gone."""
        self.let_go_before = before
        return ("memory",) if self._replaced.pop(key, None) is not None else ()

    def in_use(self, ours: Sequence[int]) -> tuple[str, ...]:
        """What a test says."""
        return self.users

    def restore_data(self, path: Path, *, key: str, progress: Callable[[str], None]) -> Mapping[str, Any]:
        """The data is that of the archive; with the same key only once."""
        archive = self._open(path)
        if (archive.record.name, key) not in self._restores:
            self._replaced[key] = copy.deepcopy(dict(self._data))
            self._data.clear()
            self._data.update(copy.deepcopy(dict(archive.data)))
            self._restores.add((archive.record.name, key))
            self.restored.append(archive.record.name)
        return {"backup": archive.record.name}

    def restore_release(self, path: Path) -> Release:
        """The archive's release is staged again."""
        release = self._open(path).release
        if release is None:
            raise BackupInvalid(f"{path.name} holds no release", "choose another: mobius backup list")
        if not self._releases.is_staged(release.id):
            self._releases.adopt(release)
        return release

    def found(self) -> tuple[BackupRecord, ...]:
        """Newest first."""
        return tuple(sorted((a.record for a in self.archives), key=lambda r: r.created_at, reverse=True))

    def files(self) -> tuple[Path, ...]:
        """One for each archive."""
        return tuple(Path(archive.record.path) for archive in self.archives)

    def preflight(self, live: Release | None, past: Sequence[BackupRecord] = ()) -> tuple[CheckResult, ...]:
        """There is always room."""
        return (CheckResult("backup", Outcome.PASS, "a backup fits in memory", 0.0),)

    def describe(self, path: Path) -> BackupRecord:
        """What the archive says of itself."""
        return self._open(path).record

    def prune(self, names: Sequence[str]) -> tuple[str, ...]:
        """These are gone."""
        gone = tuple(archive.record.name for archive in self.archives if archive.record.name in names)
        self.archives = [archive for archive in self.archives if archive.record.name not in names]
        return gone

    def _open(self, path: Path) -> Copied:
        archive = next((a for a in self.archives if a.record.path == str(path)), None)
        if archive is None:
            raise BackupInvalid(f"there is no backup {path}", "mobius backup list")
        if archive.record.name in self.damaged:
            raise BackupInvalid(f"{path.name} does not match its SHA-256", "mobius backup list --verified")
        return archive
