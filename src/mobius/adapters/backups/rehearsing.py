"""Restores a backup into a scratch place, checks all of it there, and starts its release on it, cut off."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from mobius.adapters.migrations.runner_cut_off import CutOffRunner
from mobius.adapters.migrations.source import MigrationSource
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.adapters.places import Places
from mobius.adapters.rehearsal.asked import Databases, Isolation, ScratchDatabase
from mobius.adapters.rehearsal.booting import why_no_boot
from mobius.adapters.rehearsal.boots import Boot, Boots
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.adapters.rehearsal.evidence import write_evidence
from mobius.adapters.rehearsal.migrating import Migrating, migrating
from mobius.adapters.rehearsal.scratch import scratch_place
from mobius.archive.extract import Extracted, extract_archive
from mobius.archive.sqlite_capture import check_database, is_sqlite
from mobius.errors import MobiusError
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult, Outcome

NOT_ASKED = "a boot was not asked for"


class Rehearser:
    """Rehearses the backups of one environment. `databases`: None where nobody restores their dumps; `source`: None
    for plain SQL."""

    def __init__(
        self,
        settings: EnvironmentSettings,
        places: Places,
        isolation: Isolation | None = None,
        environ: Mapping[str, str] | None = None,
        databases: Databases | None = None,
        redact: Callable[[str], str] = str,
        source: MigrationSource | None = None,
    ) -> None:
        self._settings = settings
        self._places = places
        self._isolation: Isolation = isolation or Bubblewrap()
        self._environ = os.environ if environ is None else environ
        self._databases = databases
        self._redact = redact
        self._source: MigrationSource = source or SqlSource()

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
        binding = boot is not None or self._settings.rehearsal.boot is not None
        if boot is None:
            boot = self._settings.rehearsal.boots(pending=migrate_from is not None)
        with scratch_place(self._places.root / "run", progress) as place, ExitStack() as stack:
            began = time.monotonic()
            progress(f"restoring {backup.name} into a scratch place")
            ours = Path(backup.path).resolve().parent == self._settings.backup.folder.resolve()
            extracted = extract_archive(Path(backup.path), place / "copy", trusted=ours)
            databases = stack.enter_context(self._scratch_databases(extracted.path, progress))
            restore_s = time.monotonic() - began
            rows = _rows(extracted.path, databases)
            progress(f"restored in {restore_s:.1f} s; {len(rows)} database(s) are whole")
            boots = self._boots(extracted, place, progress) if boot else None
            pending = None
            if migrate_from is not None:
                pending = stack.enter_context(
                    migrating(
                        self._settings,
                        self._places,
                        self._source,
                        self._runner(extracted.path, place / "runner"),
                        migrate_from=migrate_from,
                        copy=extracted.path,
                        databases=databases,
                        place=place / "trial",
                        fast=fast,
                        boots=boots is not None,
                        progress=progress,
                    )
                )
            before = _backed_up(boots, databases, pending)
            migrated: Mapping[str, Any] = {"migrations": []}
            if pending is not None:
                migrated = pending.facts(
                    boots, databases, before=before, candidate=candidate, restore_s=restore_s
                )
            booted = self._said(before, stops=binding)
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
        asked = self._settings.rehearsal.boots(pending=self._settings.migrations is not None)
        if not asked:
            return ()
        if why := why_no_boot(self._settings, self._isolation):
            told = f"NOT PROVEN will be said of every way back, for no release can be started on its backup: {why}"
            advice = "apt install bubblewrap" if "not installed" in why else "or set rehearsal.boot = false"
            return (CheckResult("rehearsal", Outcome.PASS, told, 0.0, advice),)
        if self._settings.rehearsal.boot is None:
            return ()
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

    def _runner(self, copy: Path, room: Path) -> CutOffRunner:
        """For migrations that only a program of the project's own can run."""
        return CutOffRunner(
            self._settings,
            self._places,
            self._environ,
            room=room,
            restored=copy,
            isolation=self._isolation if isinstance(self._isolation, Bubblewrap) else None,
            redact=self._redact,
        )

    # -- the boot -----------------------------------------------------------------------------------------------

    def _boots(self, extracted: Extracted, place: Path, progress: Callable[[str], None]) -> Boots:
        return Boots(
            self._settings,
            self._places,
            self._environ,
            self._isolation,
            self._redact,
            progress,
            extracted.path,
            extracted.manifest.metadata,
            place,
        )

    def _said(self, boot: Boot, *, stops: bool) -> dict[str, Any]:
        """`stops`: whether a release that does not run there stops anything; else it is not proven that it runs."""
        booted, ready = boot.booted, boot.ready
        if booted is None or ready is None:
            return _not_proven(boot.not_proven)
        sentence, fails = self._redact(booted.sentence), booted.outcome is Outcome.FAIL and stops
        return {
            "booted": booted.outcome is Outcome.PASS,
            "not_proven": "" if booted.outcome is Outcome.PASS or fails else sentence,
            "failed": sentence if fails else "",
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


def _backed_up(
    boots: Boots | None, databases: Mapping[str, ScratchDatabase], pending: Migrating | None
) -> Boot:
    """The release of the backup, on its data as it was restored. The database of the migrations was tried already."""
    if boots is None:
        return Boot(NOT_ASKED)
    release = boots.metadata.get("release") or {}
    return boots.boot(
        databases,
        name=str(release.get("id", "")),
        on="the restored copy",
        last=pending is None,
        spoiled=pending.scratch.name if pending is not None else "",
    )


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
