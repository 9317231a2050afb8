"""Restores a backup into a scratch place, checks all of it there, and starts its release on it, cut off."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from mobius.adapters.backups.contents import member_of, outermost
from mobius.adapters.places import Places
from mobius.adapters.rehearsal.asked import Booted, Databases, Isolation, ScratchDatabase
from mobius.adapters.rehearsal.booting import Prepared, Restored, prepared, why_no_boot
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.adapters.rehearsal.evidence import write_evidence
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.adapters.rehearsal.scratch import scratch_place
from mobius.adapters.trial.facts import trial_facts
from mobius.adapters.trial.sqlite import try_on_copy
from mobius.archive.durable import in_words
from mobius.archive.extract import Extracted, extract_archive
from mobius.archive.sqlite_capture import check_database, is_sqlite
from mobius.errors import MobiusError
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import EnvironmentSettings
from mobius.model.trial import Booted as TriedBoot
from mobius.model.verdict import CheckResult, Outcome
from mobius.rules.trials import judge_trial

NOT_ASKED = "a boot was not asked for"
NOT_BOOTED = "no release is started on the migrated copy yet"


class Rehearser:
    """Rehearses the backups of one environment. `databases`: None where nobody restores their dumps."""

    def __init__(
        self,
        settings: EnvironmentSettings,
        places: Places,
        isolation: Isolation | None = None,
        environ: Mapping[str, str] | None = None,
        databases: Databases | None = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        self._settings = settings
        self._places = places
        self._isolation: Isolation = isolation or Bubblewrap()
        self._environ = os.environ if environ is None else environ
        self._databases = databases
        self._redact = redact

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
        """What `mobius.ports.Backups.rehearse` promises."""
        boot = self._settings.rehearsal.boot if boot is None else boot
        with scratch_place(self._places.root / "run") as place:
            began = time.monotonic()
            progress(f"restoring {backup.name} into a scratch place")
            ours = Path(backup.path).resolve().parent == self._settings.backup.folder.resolve()
            extracted = extract_archive(Path(backup.path), place / "copy", trusted=ours)
            with self._scratch_databases(extracted.path, progress) as databases:
                restore_s = time.monotonic() - began
                rows = _rows(extracted.path, databases)
                progress(f"restored in {restore_s:.1f} s; {len(rows)} database(s) are whole")
                migrated = (
                    self._migrated(place, migrate_from, fast, progress)
                    if migrate_from
                    else {"migrations": []}
                )
                restored = Restored(extracted.path, place / "room", extracted.manifest.metadata, databases)
                booted = self._booted(restored, place, progress) if boot else _not_proven(NOT_ASKED)
            facts = {
                "backup": backup.name,
                "sha256": backup.sha256,
                "release_id": backup.release_id,
                "at": (now := time.time()),
                "rehearsed_at": 0.0 if booted["failed"] else now,
                "restore_s": round(restore_s, 3),
                "rto_s": round(restore_s + booted["took_s"], 3) if booted["booted"] else 0.0,
                "rpo_s": round(_age_s(extracted, backup), 3),
                "files": extracted.manifest.files,
                "size_bytes": extracted.size_bytes,
                "databases": rows,
                **migrated,
                **booted,
            }
            return {**facts, "evidence": self._evidence(backup, facts, progress)}

    def preflight(self) -> tuple[CheckResult, ...]:
        """Whether a boot that is asked for can be had here. Never a no: what is not proven stops nothing."""
        if not self._settings.rehearsal.boot:
            return ()
        if why := why_no_boot(self._settings, self._isolation):
            told = f"NOT PROVEN will be said of every way back, for no release can be started on its backup: {why}"
            advice = "apt install bubblewrap" if "not installed" in why else "or set rehearsal.boot = false"
            return (CheckResult("rehearsal", Outcome.PASS, told, 0.0, advice),)
        told = f"the previous release is started on its restored backup, cut off by {self._isolation.name}"
        return (CheckResult("rehearsal", Outcome.PASS, told, 0.0),)

    # -- the databases ------------------------------------------------------------------------------------------

    @contextmanager
    def _scratch_databases(
        self, copy: Path, progress: Callable[[str], None]
    ) -> Iterator[dict[str, ScratchDatabase]]:
        """Every dump of the archive in a database of its own, gone at the end."""
        with ExitStack() as opened:
            there: dict[str, ScratchDatabase] = {}
            for database in self._settings.databases:
                dump = copy / "databases" / database.name
                if self._databases is not None and dump.is_dir():
                    progress(f"restoring the database {database.name} into a scratch one")
                    there[database.name] = opened.enter_context(self._databases.scratch(database.name, dump))
            yield there

    def _migrated(
        self, place: Path, migrate_from: Path, fast: bool, progress: Callable[[str], None]
    ) -> dict[str, Any]:
        """The pending migrations, on a copy of the restored database: the release starts on what was backed up."""
        migrations = self._settings.migrations
        assert migrations is not None and migrations.database is not None
        live = self._places.resolve(migrations.database)
        restored = self._restored(live, place / "copy") or place / "none.db"
        copy = place / "migrated.db"
        if restored.exists():
            with in_words(f"the migrations cannot be tried on a copy of {migrations.database}", place):
                shutil.copyfile(restored, copy)
        elif live.exists():
            raise MobiusError(
                f"the migrations cannot be rehearsed: {migrations.database} is not in the backup",
                "add its folder to backup.paths in mobius.toml",
            )
        trial = try_on_copy(copy, migrate_from, before=restored, fast=fast, raising=True)
        copy.unlink(missing_ok=True)
        progress(
            f"rehearsed {len(trial.migrations)} migration(s) on the restored copy in {trial.seconds:.1f} s"
        )
        nobody = TriedBoot(False, why=NOT_BOOTED)
        verdict = judge_trial(trial, old=nobody, new=nobody)
        return dict(trial_facts(trial, verdict, old=nobody, new=nobody, fast=fast))

    def _restored(self, live: Path, copy: Path) -> Path | None:
        for name in outermost([*self._settings.backup.paths, *self._settings.backup.databases]):
            source = self._places.resolve(name)
            if live == source or live.is_relative_to(source):
                found = copy / member_of(name) / live.relative_to(source)
                return found if found.exists() else None
        return None

    # -- the boot -----------------------------------------------------------------------------------------------

    def _booted(self, restored: Restored, place: Path, progress: Callable[[str], None]) -> dict[str, Any]:
        """What cannot be proven here is an answer, and said so."""
        if why := self._isolation.why_not():
            return _not_proven(why)
        restored.room.mkdir()
        try:
            ready = prepared(restored, self._settings, self._places, self._environ)
        except NotProvenError as problem:
            return _not_proven(problem.message)
        progress(f"starting {restored.metadata['release']['id']} on the restored copy, cut off from all else")
        booted = self._isolation.boot(
            ready.asked, ready.mounts, within_s=self._settings.rehearsal.timeout_s, scratch=place
        )
        progress(f"{booted.outcome}: {self._redact(booted.sentence)}")
        return self._said(booted, ready)

    def _said(self, booted: Booted, ready: Prepared) -> dict[str, Any]:
        sentence = self._redact(booted.sentence)
        return {
            "booted": booted.outcome is Outcome.PASS,
            "not_proven": sentence if booted.outcome not in (Outcome.PASS, Outcome.FAIL) else "",
            "failed": sentence if booted.outcome is Outcome.FAIL else "",
            "boot_s": round(booted.boot_s, 3),
            "took_s": round(booted.took_s, 3),
            "smoke": [_smoke(result, self._redact) for result in booted.smoke],
            "left_out": list(ready.left_out),
            "unseen": list(ready.unseen),
            "log": [self._redact(line) for line in booted.log],
            "isolation": self._isolation.name,
        }

    def _evidence(
        self, backup: BackupRecord, facts: Mapping[str, Any], progress: Callable[[str], None]
    ) -> str:
        """Beside the backup; the run has it all as well, so an archive on a disk that is not ours stops nothing."""
        try:
            return str(write_evidence(Path(backup.path), facts))
        except MobiusError as problem:
            progress(problem.message)
            return ""


def _not_proven(reason: str) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "booted": False,
        "not_proven": reason,
        "failed": "",
        "boot_s": 0.0,
        "took_s": 0.0,
    }
    return {**nothing, "smoke": [], "left_out": [], "unseen": [], "log": [], "isolation": ""}


def _rows(copy: Path, databases: Mapping[str, ScratchDatabase]) -> dict[str, int]:
    """Every SQLite file of the copy is whole, or this raises; how many rows each database holds."""
    files = sorted(p for p in copy.rglob("*") if p.is_file() and not p.is_symlink() and is_sqlite(p))
    rows = {str(path.relative_to(copy)): sum(check_database(path).tables.values()) for path in files}
    return {**rows, **{f"databases/{name}": sum(each.rows.values()) for name, each in databases.items()}}


def _age_s(extracted: Extracted, backup: BackupRecord) -> float:
    """How old the data is now: what would be lost at most, were it restored this moment."""
    capture = extracted.manifest.metadata.get("capture")
    begun = capture.get("begun_unix") if isinstance(capture, dict) else None
    taken = float(begun) if isinstance(begun, int | float) else backup.created_at
    return max(0.0, time.time() - taken)


def _smoke(result: CheckResult, redact: Callable[[str], str]) -> dict[str, Any]:
    return {
        "name": redact(result.name),
        "outcome": str(result.outcome),
        "message": redact(result.message),
        "duration_ms": round(result.duration_ms, 1),
    }
