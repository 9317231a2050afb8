"""The migrations of a rehearsal: tried on copies of the restored database, and judged with both releases on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobius.adapters.migrations.runner_cut_off import CutOffRunner
from mobius.adapters.migrations.source import MigrationSource, Progress, Ran, Target
from mobius.adapters.places import Places
from mobius.adapters.rehearsal.asked import ScratchDatabase
from mobius.adapters.rehearsal.boots import Boot, Boots
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.adapters.rehearsal.on_migrated import GoDown, OnMigrated, Scratch, both, require_room, scratch_of
from mobius.adapters.trial.facts import trial_facts
from mobius.adapters.trial.trying import Tried, tried
from mobius.errors import MobiusError
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings
from mobius.model.trial import Booted, Trial
from mobius.model.verdict import Outcome
from mobius.rules.trials import judge_trial


@dataclass(frozen=True, slots=True)
class Migrating:
    """What was pending, as it was tried; while the copies of it are there."""

    settings: EnvironmentSettings
    trial: Trial
    tried: Tried | None  # None where nothing could be tried
    scratch: Scratch
    fast: bool
    go_down: GoDown

    def facts(
        self,
        boots: Boots | None,
        databases: Mapping[str, ScratchDatabase],
        *,
        before: Boot,
        candidate: Release | None,
        restore_s: float,
    ) -> Mapping[str, Any]:
        """Starts both releases on what the migrations left (`boots`: None where nothing is started), and judges all of
        it. `before`: how the backed-up release went on its data as it was restored."""
        nobody = Booted(False, why=self.trial.not_tried or before.not_proven)
        seen, down = OnMigrated(nobody, nobody), self.trial.down
        if boots is not None and self.tried is not None:
            seen = both(
                self.tried,
                self.scratch,
                boots,
                databases,
                before=before,
                candidate=candidate,
                go_down=self.go_down if down.there and not down.error else None,
            )
        if seen.down_error:
            down = replace(down, error=f"{seen.down_error} (once the new release has written there)")
        assert self.settings.migrations is not None
        trial = replace(self.trial, restore_s=restore_s, down=down)
        ran = before.booted
        verdict = judge_trial(
            trial,
            old=seen.old,
            new=seen.new,
            hold_s=self.settings.migrations.hold_s,
            start_s=ran.took_s if ran is not None and ran.outcome is Outcome.PASS else 0.0,
        )
        return trial_facts(trial, verdict, old=seen.old, new=seen.new, fast=self.fast)


@contextmanager
def migrating(
    settings: EnvironmentSettings,
    places: Places,
    source: MigrationSource,
    runner: CutOffRunner,
    *,
    migrate_from: Path,
    copy: Path,
    databases: Mapping[str, ScratchDatabase],
    place: Path,
    fast: bool,
    boots: bool,
    progress: Callable[[str], None],
) -> Iterator[Migrating | None]:
    """Tries what is pending in `migrate_from` on copies of the database in the restored `copy`; None where nothing is.
    `boots`: whether releases will be started on what they left. The copies, in the folder `place` or on the scratch
    server, are gone at the end. Where a program of the project cannot be cut off, nothing was tried, and that is said.
    Raises as `tried` does, and `MobiusError` where the backup does not hold the database."""
    scratch = scratch_of(settings, places, copy, databases)
    place.mkdir()
    require_room(scratch, fast=fast)
    asked = _Remembering(runner)
    with ExitStack() as stack:
        try:
            if source.opaque and (why := runner.why_not()):
                raise NotProvenError(f"the migrations cannot be cut off: {why}")
            found = stack.enter_context(
                tried(
                    source,
                    migrate_from,
                    scratch.target,
                    fast=fast,
                    runner=asked,
                    place=place,
                    progress=progress,
                    within_s=settings.rehearsal.timeout_s,
                    live_version=scratch.live_version,
                    handed_on=boots,
                )
            )
            if asked.reason:
                raise NotProvenError(asked.reason)
        except NotProvenError as problem:
            progress(f"NOT PROVEN: {problem.message}")
            kind = scratch.target.kind
            nothing = Trial(kind, "", (), opaque=source.opaque, not_tried=problem.message)
            yield Migrating(settings, nothing, None, scratch, fast, lambda _: None)
            return
        count, seconds = len(found.trial.migrations), found.trial.seconds
        if count:
            progress(f"rehearsed {count} migration(s) on the restored copy in {seconds:.1f} s")

        def go_down(target: Target) -> None:
            names = found.trial.migrations
            if source.can_go_down(migrate_from, names):
                progress("trying the way down once more, after the new release")
                with _ended_within(settings.rehearsal.timeout_s) as done_by:
                    source.down(migrate_from, replace(target, done_by=done_by), names, runner=runner)

        yield Migrating(settings, found.trial, found, scratch, fast, go_down) if count else None


@contextmanager
def _ended_within(seconds: float) -> Iterator[float]:
    """By when what is inside must be done, by the monotonic clock; an error that comes later says that it was ended."""
    done_by = time.monotonic() + seconds
    try:
        yield done_by
    except NotProvenError:
        raise
    except MobiusError as problem:
        if time.monotonic() < done_by:
            raise
        raise MobiusError(f"it was not done in {seconds:g} s, and was ended: {problem.message}") from problem


class _Remembering:
    """A runner, and why it could not run something cut off: that is no failure of what it was to run."""

    def __init__(self, runner: CutOffRunner) -> None:
        self._runner = runner
        self.reason = ""

    def run(
        self, argv: Sequence[str], *, cwd: Path, target: Target, within_s: float, progress: Progress
    ) -> Ran:
        try:
            return self._runner.run(argv, cwd=cwd, target=target, within_s=within_s, progress=progress)
        except NotProvenError as problem:
            self.reason = problem.message
            raise
