"""The folder of backups: which are ours, what the next one is called, and taking some away."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from mobius.adapters.backups.contents import described, is_day_name
from mobius.archive.durable import in_words
from mobius.archive.publish import signature_of, sweep, withdraw
from mobius.model.release import BackupRecord


class KeptBackups:
    """The archives of one service and environment; others may share the folder."""

    def __init__(self, service: str, environment: str, folder: Path) -> None:
        self._service = service
        self._environment = environment
        self.folder = folder

    def files(self) -> tuple[Path, ...]:
        """Every archive file there is."""
        return tuple(sorted(self.folder.glob("*.zip"))) if self.folder.is_dir() else ()

    def found(self) -> tuple[BackupRecord, ...]:
        """Those of ours that say what they are, newest first, without the days' second names."""
        records = [
            record
            for path in self.files()
            if not is_day_name(path, self._service) and (record := self._ours(path))
        ]
        return tuple(sorted(records, key=lambda record: record.created_at, reverse=True))

    def free_name(self, start: str) -> Path:
        """`dhash_YYYYMMDD_HHMMSS.zip` in local time, as `date` says it; `emergency_` for a state not known to be good,
        `initial_` where nothing was live yet. Always after the newest of its kind, and after one that is being
        written, so that the last name is the newest backup also where two come in one second, or the clock was
        set back."""
        moment = datetime.now().replace(microsecond=0)
        name = re.compile(rf"\.?{re.escape(start)}_(\d{{8}}_\d{{6}})\.zip(\..*)?")
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if match := name.fullmatch(path.name):
                with contextlib.suppress(ValueError, OverflowError):
                    named = datetime.strptime(match[1], "%Y%m%d_%H%M%S")
                    moment = max(moment, named + timedelta(seconds=1))
        return self.folder / f"{start}_{moment:%Y%m%d_%H%M%S}.zip"

    def newest_of_the_day(self, archive: Path) -> Path:
        """Of the backups of a good state of the same day, the one with the last name: what the day's name is for."""
        start = archive.name[: -len("HHMMSS.zip")]
        named = [found for found in self.found() if found.kind == "release" and found.name.startswith(start)]
        return max((Path(found.path) for found in named), default=archive)

    def are_the_same(self, archive: Path, day: Path) -> bool:
        """Whether the day's name stands for this archive already, whole with its checksum and signature."""
        one, other = self._ours(archive), self._ours(day)
        signed = signature_of(archive).exists() == signature_of(day).exists()
        return one is not None and other is not None and one.sha256 == other.sha256 and signed

    def prune(self, names: Sequence[str]) -> tuple[str, ...]:
        """Takes these away with all that lies beside them; first the second names of the same archives, each of which
        would hold the space of the first."""
        if not self.folder.is_dir():
            return ()
        found = self.found()
        gone = [record for record in found if record.name in names]
        hashes = {record.sha256 for record in gone}
        with in_words(f"a backup in {self.folder} could not be removed", self.folder):
            for path in self._day_names_of(hashes):
                withdraw(path)
            for record in gone:
                withdraw(Path(record.path))
            sweep(self.folder)
        return tuple(record.name for record in gone)

    def _day_names_of(self, hashes: set[str]) -> list[Path]:
        """Never one of another archive: it may be the last whole copy of one that rotted."""
        named = [path for path in self.files() if is_day_name(path, self._service)]
        return [path for path in named if (record := self._ours(path)) and record.sha256 in hashes]

    def _ours(self, path: Path) -> BackupRecord | None:
        record = described(path)
        says = (record.metadata or {}) if record else {}
        ours = (says.get("service"), says.get("environment")) == (self._service, self._environment)
        return record if ours else None
