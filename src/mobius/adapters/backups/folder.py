"""Backups as verified archives in a folder: code, configuration and data of one release point."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.adapters.backups.around import git_facts, tool_versions
from mobius.adapters.backups.contents import Moment, described, metadata_of
from mobius.adapters.backups.kept import KeptBackups
from mobius.adapters.backups.mounts import look_at_mounts
from mobius.adapters.backups.preflight import room_and_time, signing, trial_bytes
from mobius.adapters.backups.rehearsing import Rehearser
from mobius.adapters.backups.restoring import Restorer
from mobius.adapters.backups.taking import sources_of
from mobius.adapters.databases.captures import Captured, Dumps
from mobius.adapters.migrations.configured import live_migrations
from mobius.adapters.places import Places
from mobius.adapters.releases.store import ReleaseStore
from mobius.archive.publish import NameTaken, publish_alias
from mobius.archive.signature import Signatures
from mobius.archive.tree import estimate
from mobius.archive.verify import verify_archive
from mobius.archive.write import Written, write_archive
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.loss import Comparison
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult
from mobius.report.advancing import backing_up
from mobius.rules.advancing import Pace
from mobius.rules.release_point import FILES, Point, release_point, sqlite_points

NAMES_TRIED = 100
CALLED = {"release": "code", "mobius.toml": "configuration", "data": "data", "databases": "databases"}


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
        databases: Dumps | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(settings, places, store, databases)
        self._environ = os.environ if environ is None else environ
        self._service = service
        self._folder = settings.backup.folder
        self._kept = KeptBackups(service, settings.name, self._folder)
        self._databases = databases
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
        if made is None:
            began = time.monotonic()
            written = self._write(kind, release, run_id, progress)
            # How long it took is not in the archive, which is finished before that is known: the journal has it.
            measured = {
                "took_s": round(time.monotonic() - began, 3),
                "read_bytes": written.manifest.size_bytes,
            }
            record = described(written.path)
            assert record is not None
            metadata = {**(record.metadata or {}), **measured}
            made = replace(record, verified_at=time.time(), metadata=metadata)
        if kind == "release" and release is not None:
            self._publish_the_days_name(Path(made.path))  # also where it was killed just before
        return made

    def _write(
        self, kind: str, release: Release | None, run_id: int, progress: Callable[[str], None]
    ) -> Written:
        start = "emergency" if kind == "emergency" else self._service if release else "initial"
        sources, begun_unix = self._sources(release), time.time()
        with self._captured(progress) as captured:
            files_unix = time.time()

            def complete(facts: Mapping[str, object]) -> Mapping[str, object]:
                now, databases = time.time(), facts.get("databases")
                points = [
                    *captured.points,
                    Point(FILES, FILES, round(files_unix, 3), round(now - files_unix, 3)),
                ]
                points += sqlite_points(databases) if isinstance(databases, Mapping) else ()
                return {
                    "capture": release_point(begun_unix, now, points),
                    "postgresql": captured.facts or {},
                }

            held = {source.prefix.partition("/")[0] for source in (*sources, *captured.sources)}
            metadata = {
                **self._metadata(kind, release, run_id, captured),
                "contents": [CALLED[prefix] for prefix in CALLED if prefix in held],
            }
            for _ in range(NAMES_TRIED):
                target = self._kept.free_name(start)
                progress(f"backup: {target.name}")
                with contextlib.suppress(NameTaken):  # by another backup of the same second
                    return write_archive(
                        target,
                        [*sources, *captured.sources],
                        metadata,
                        checksum_root=self._places.project,
                        progress=Pace(progress, backing_up, time.monotonic),
                        sign=self._sign,
                        complete=complete,
                        nice=self._settings.backup.nice,
                    )
        raise MobiusError(
            f"no free name for a backup in {self._folder}: {NAMES_TRIED} were taken",
            "another backup is being made at every one of them; look with: mobius backup list",
        )

    def _captured(self, progress: Callable[[str], None]) -> AbstractContextManager[Captured]:
        return (
            contextlib.nullcontext(Captured())
            if self._databases is None
            else self._databases.captured(progress)
        )

    @property
    def _sign(self) -> Callable[[bytes], bytes] | None:
        return self._signatures.sign if self._signatures.key else None

    def _publish_the_days_name(self, archive: Path) -> None:
        """Of two that are made at once, the day's name is that of the last, whichever ends first."""
        newest = self._kept.newest_of_the_day(archive)
        day = archive.with_name(archive.name[: -len("_HHMMSS.zip")] + ".zip")
        if not self._kept.are_the_same(newest, day):
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

    def _metadata(
        self, kind: str, release: Release | None, run_id: int, captured: Captured
    ) -> dict[str, object]:
        processes = self._store.processes(release.id) if release else ()
        tree = self._store.path(release.id) if release else None
        tools = tool_versions(processes, tree if tree and tree.is_dir() else None)
        if captured.facts:
            tools["postgresql"] = {
                name: facts.get("server_version") for name, facts in captured.facts.items()
            }
        newest = max((found.created_at for found in self.found()), default=0.0)
        moment = Moment(kind, release, run_id, processes, self._schema_revision(), newest)
        around = {**git_facts(self._places.project), "tools": tools}
        return metadata_of(self._service, self._settings, moment, around)

    def _schema_revision(self) -> str:
        """Of the live database now; "" where there is none, or it cannot be asked."""
        try:
            migrations = live_migrations(self._settings, self._places, self._environ)
            applied = migrations.applied() if migrations else ()
        except MobiusError:
            return ""
        return next((each.version for each in reversed(applied) if each.version), "")

    # -- looking ------------------------------------------------------------------------------------------------

    def preflight(self, live: Release | None, past: Sequence[BackupRecord] = ()) -> tuple[CheckResult, ...]:
        def size_bytes() -> int:
            dumps = self._databases.size_bytes() if self._databases else 0
            return estimate(self._sources(live)).size_bytes + dumps

        def more_bytes(whole: int) -> int:
            return trial_bytes(self._settings, self._places, self._environ, whole)

        return (
            room_and_time(size_bytes, self._folder, self._places.root, past, more_bytes),
            *(self._databases.preflight() if self._databases else ()),
            *signing(self._signatures, self._folder),
            *look_at_mounts({n: self._places.resolve(n) for n in self._settings.backup.kept_paths}),
            *self._rehearser.preflight(),
        )

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
        candidate: Release | None = None,
        fast: bool = False,
        progress: Callable[[str], None],
    ) -> Mapping[str, Any]:
        self._signatures.check(Path(backup.path))
        return self._rehearser.rehearse(
            backup,
            boot=boot,
            migrate_from=migrate_from,
            candidate=candidate,
            fast=fast,
            progress=progress,
        )

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
