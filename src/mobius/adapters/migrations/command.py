"""Migrations that only a command of the project's own knows: it is run, and what it changes is looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mobius.adapters.migrations.source import Around, Change, Progress, Runner, Target
from mobius.adapters.migrations.tool_runs import failure, may_be_half, require_runner, run_tool
from mobius.errors import GateFailed
from mobius.model.seen import Migration
from mobius.ports import nothing

PENDING_WITHIN_S = 120.0
MOST_NAMES, NAME_LETTERS = 1_000, 200


@dataclass(frozen=True, slots=True)
class CommandSource:
    """`up` migrates; `down` takes the last deployment's migrations back; `pending` prints one pending name a line.

    Without `pending`, or without anybody to run it, it is not known whether something is pending: then one migration
    always is, by the name of the command. `path` is `migrations.path`: all of them run in the release's own folder,
    above it.
    """

    up: tuple[str, ...]
    down_by: tuple[str, ...] = ()
    pending_by: tuple[str, ...] = ()
    path: str = "."

    @property
    def layout(self) -> str:
        return "command"

    @property
    def opaque(self) -> bool:
        return True

    @property
    def programs(self) -> tuple[tuple[str, ...], ...]:
        return tuple(argv for argv in (self.up, self.down_by, self.pending_by) if argv)

    def applied(self, target: Target, root: Path | None = None) -> tuple[Migration, ...]:
        """Nobody but the command knows."""
        return ()

    def pending(self, root: Path, target: Target, *, runner: Runner | None = None) -> tuple[Change, ...]:
        names = [" ".join(self.up)]
        if self.pending_by and runner is not None:
            names = self._names(root, target, runner)
        sha256 = hashlib.sha256("\0".join(self.up).encode()).hexdigest()
        down = bool(self.down_by)
        return tuple(
            Change(name, name, root, sha256, has_down=down, transactional=False, opaque=True)
            for name in names
        )

    def apply(
        self,
        root: Path,
        target: Target,
        *,
        progress: Progress,
        runner: Runner | None = None,
        around: Around | None = None,
    ) -> tuple[Migration, ...]:
        """Raises `MobiusError` with the end of what the command said. What it did until then, it alone knows."""
        runner = require_runner(runner, "a command")
        todo = self.pending(root, target, runner=runner)
        if todo:
            self._run(self.up, root, target, runner, progress)
        if self.pending_by and (left := self._names(root, target, runner)):
            raise GateFailed(
                f"{' '.join(self.up)} ended well, but {left[0]} is still pending",
                "let the command use the database that migrations.database names",
            )
        return tuple(each.seen for each in todo)

    def left_half(self, root: Path, target: Target, *, runner: Runner | None = None) -> str:
        """Whatever is pending still may be there in part."""
        return may_be_half(self.pending(root, target, runner=runner))

    def can_go_down(self, root: Path, versions: Sequence[str]) -> bool:
        return bool(self.down_by) or not versions

    def down(
        self,
        root: Path,
        target: Target,
        versions: Sequence[str],
        *,
        progress: Progress = nothing,
        runner: Runner | None = None,
    ) -> None:
        if not versions:
            return
        if not self.down_by:
            raise GateFailed(
                "the migrations have no way down: migrations.down is not said in mobius.toml",
                "take the data back by a restore: mobius rollback --backup FILE",
            )
        runner = require_runner(runner, "a command")
        if self.pending_by:
            pending = set(self._names(root, target, runner))
            if pending and not set(versions) - pending:
                return  # all of them are down already
        self._run(self.down_by, root, target, runner, progress)

    def _run(
        self, argv: Sequence[str], root: Path, target: Target, runner: Runner, progress: Progress
    ) -> None:
        """Never twice, unless `pending` says that nothing was applied by what failed."""
        run_tool(
            runner,
            argv,
            cwd=self._tree(root),
            target=target,
            progress=progress,
            state=(lambda: self._names(root, target, runner)) if self.pending_by else None,
            hint="look at what it did to the database, then correct it or restore the backup",
        )

    def _tree(self, root: Path) -> Path:
        depth = len(PurePosixPath(self.path).parts)
        return root.parents[depth - 1] if depth else root

    def _names(self, root: Path, target: Target, runner: Runner) -> list[str]:
        ran = runner.run(
            self.pending_by, cwd=self._tree(root), target=target, within_s=PENDING_WITHIN_S, progress=nothing
        )
        if ran.code != 0 or ran.out is None:
            raise failure(self.pending_by, ran, "correct migrations.pending in mobius.toml")
        lines = [line.strip() for line in ran.out.splitlines()]
        return [line[:NAME_LETTERS] for line in lines if line][:MOST_NAMES]
