"""Tries what is pending on copies of a scratch database, whatever the tool and the server: one face for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.migrations.source import MigrationSource, Progress, Ran, Runner, Target
from mobius.adapters.trial.postgres import tried_on_postgres
from mobius.adapters.trial.sqlite import tried_on_sqlite
from mobius.adapters.trial.tried import Tried

__all__ = ["Tried", "tried"]

GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Bounded:
    """A runner that ends what is not done in `most_s`, whatever it is asked."""

    runner: Runner
    most_s: float

    def run(
        self, argv: Sequence[str], *, cwd: Path, target: Target, within_s: float, progress: Progress
    ) -> Ran:
        """See `mobius.adapters.migrations.source.Runner`."""
        within_s = min(within_s, self.most_s)
        return self.runner.run(argv, cwd=cwd, target=target, within_s=within_s, progress=progress)


def tried(
    source: MigrationSource,
    root: Path,
    scratch: Target,
    *,
    fast: bool,
    runner: Runner | None,
    place: Path,
    progress: Callable[[str], None],
    within_s: float = 1800.0,
    live_version: str = "",
    handed_on: bool = True,
) -> AbstractContextManager[Tried]:
    """Runs what is pending in `root` on a copy of the scratch database (never on `scratch` itself: it stays as
    restored), then the way down and a run behind an open query on copies of their own; all of them are gone at the end.

    `fast`: no run behind an open query; and where neither pages nor transactions tell that a table is as it was, it is
    read only if a statement names it or locked it to write, and counted otherwise. `place`: a folder for copies of
    files. `within_s`: what is not done by then is ended, and told. `live_version`: of the live server, "" where it is
    not known. `handed_on`: whether `Tried.copy` will be asked for; where not, a server is spared a copy, for the way
    down runs on the migrated one itself. A migration that fails is part of what is told. Raises `GateFailed` for files
    that are wrong before any of them runs, `MobiusError` where the server does not let us look.
    """
    if runner is not None:
        # Its session is ended first: that tells which statement it was.
        runner = Bounded(runner, within_s + GRACE_S)
    if scratch.kind == "sqlite":
        return tried_on_sqlite(
            source, root, scratch, runner=runner, place=place, progress=progress, within_s=within_s
        )
    return tried_on_postgres(
        source, root, scratch, fast=fast, runner=runner, progress=progress, within_s=within_s,
        live_version=live_version, handed_on=handed_on,
    )  # fmt: skip
