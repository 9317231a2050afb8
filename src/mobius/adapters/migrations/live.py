"""The port `Migrations` on the live database, for flows that bring the folder of each release."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mobius import ports
from mobius.adapters.migrations.source import Change, Finding, MigrationSource, Progress, Target
from mobius.errors import Locked, MobiusError
from mobius.model.migrating import PendingMigration


@dataclass(frozen=True, slots=True)
class LiveMigrations:
    """Whatever source there is, on one database. `target` is asked when it is needed: its address may be unknown.
    Versions and names may both be given where versions are asked."""

    source: MigrationSource
    target: Callable[[], Target]
    runner: Finding | None = None
    wait_for: Callable[[Target, Progress], None] | None = None

    def applied(self, directory: Path | None = None) -> tuple[ports.Migration, ...]:
        return self.source.applied(self.target(), directory)

    def pending(self, directory: Path) -> tuple[ports.Migration, ...]:
        return tuple(change.seen for change in self.source.pending(directory, self.target()))

    def read(self, directory: Path) -> tuple[PendingMigration, ...]:
        return tuple(as_read(change, directory) for change in self.source.pending(directory, self.target()))

    def missing_programs(self, directory: Path) -> tuple[str, ...]:
        runner = self.runner
        if runner is None:
            return ()
        return tuple(argv[0] for argv in self.source.programs if not runner.finds(argv, cwd=directory))

    def apply(
        self, directory: Path, *, progress: Callable[[str], None], within_s: float | None = None
    ) -> tuple[ports.Migration, ...]:
        target = self.target()
        if within_s is not None:
            target = replace(target, hold_ends_at=time.monotonic() + within_s)
        if target.path is not None:
            target.path.parent.mkdir(parents=True, exist_ok=True)  # the first deployment makes the database
        with _not_our_lease():
            return self.source.apply(directory, target, progress=progress, runner=self.runner)

    def wait(self, progress: Callable[[str], None]) -> None:
        if self.wait_for is not None:
            with _not_our_lease():
                self.wait_for(self.target(), progress)

    def left_half(self, directory: Path) -> str:
        with _not_our_lease():
            return self.source.left_half(directory, self.target(), runner=self.runner)

    def can_go_down(self, directory: Path, versions: Sequence[str]) -> bool:
        return self.source.can_go_down(directory, versions)

    def down(
        self, directory: Path, versions: Sequence[str], *, progress: Callable[[str], None] = ports.nothing
    ) -> None:
        with _not_our_lease():
            self.source.down(directory, self.target(), versions, progress=progress, runner=self.runner)


@contextlib.contextmanager
def _not_our_lease() -> Iterator[None]:
    """Somebody else who migrates the database holds it, not this environment: the step has failed, and says so."""
    try:
        yield
    except Locked as other:
        raise MobiusError(other.message, other.hint, details=other.details) from other


def as_read(change: Change, folder: Path) -> PendingMigration:
    """A source may name a file by its place, or (Django) by what its own tool calls it."""
    there = change.path.is_relative_to(folder)
    return PendingMigration(
        change.version,
        change.name,
        change.path.relative_to(folder).as_posix() if there else change.path.as_posix(),
        change.sha256,
        change.up,
        change.has_down,
        change.transactional,
    )
