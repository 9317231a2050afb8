"""Alembic: its revisions are read as text, and its own program runs them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.migrations.alembic_files import (
    BASE,
    Project,
    Revision,
    only_head,
    point_below,
    project_in,
    read_revisions,
    with_all_below,
)
from mobius.adapters.migrations.source import Around, Change, Progress, Runner, Target
from mobius.adapters.migrations.tool_runs import may_be_half, require_runner, run_tool
from mobius.adapters.migrations.tool_tables import rows_of_table
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.errors import GateFailed, MobiusError
from mobius.model.seen import Migration
from mobius.ports import nothing

TABLE = "alembic_version"
PROGRAM = ("alembic",)
SQL_WITHIN_S = 120.0
_RUNNING = re.compile(r"^-- Running upgrade .*-> (\S+)$", re.MULTILINE)
_OWN = re.compile(
    r"^(?:BEGIN|COMMIT|(?:INSERT INTO|UPDATE|DELETE FROM) alembic_version\b[^;\n]*)(?:;| RETURNING [^;\n]*;)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class AlembicSource:
    """`program` starts Alembic; a relative one is looked for in the release first."""

    program: tuple[str, ...] = PROGRAM

    @property
    def layout(self) -> str:
        return "alembic"

    @property
    def opaque(self) -> bool:
        return True

    @property
    def programs(self) -> tuple[tuple[str, ...], ...]:
        return (self.program,)

    def applied(self, target: Target, root: Path | None = None) -> tuple[Migration, ...]:
        """Alembic's table has the newest revision alone; with `root`, all those below it, too."""
        rows = _in_table(target)
        if root is None:
            return tuple(Migration(id, id, "") for id in rows)
        revisions = read_revisions(project_in(root))
        present = with_all_below(rows, revisions)
        known = tuple(_seen(each) for id, each in revisions.items() if id in present)
        return (*known, *(Migration(id, id, "") for id in rows if id not in revisions))

    def pending(self, root: Path, target: Target, *, runner: Runner | None = None) -> tuple[Change, ...]:
        project = project_in(root)
        revisions = read_revisions(project)
        only_head(revisions)
        rows = _in_table(target)
        if unknown := [id for id in rows if id not in revisions]:
            raise GateFailed(
                f"the database is at revision {unknown[0]}, which the release does not have",
                "bring its file into the release, or take it back first, by the release that has it",
            )
        present = with_all_below(rows, revisions)
        todo = [each for id, each in revisions.items() if id not in present]
        start = rows[0] if rows else BASE
        texts = self._texts(project, start, target, runner) if runner and todo and len(rows) < 2 else {}
        return tuple(_change(each, texts.get(each.id), target) for each in todo)

    def apply(
        self,
        root: Path,
        target: Target,
        *,
        progress: Progress,
        runner: Runner | None = None,
        around: Around | None = None,
    ) -> tuple[Migration, ...]:
        """On SQLite, Alembic uses no transaction: a revision that fails may be there in part, and that is said."""
        runner = require_runner(runner, "Alembic")
        todo = self.pending(root, target)
        if not todo:
            return ()
        hint = "correct the revision, then try again"
        if target.kind == "sqlite":
            hint = (
                "on SQLite a failed revision may be there in part: look at the schema, or restore the backup"
            )
        atomic = all(change.transactional for change in todo)
        self._run(root, ["upgrade", "head"], target, runner, progress, hint, atomic=atomic)
        if left := self.pending(root, target):
            raise MobiusError(
                f"Alembic ended well, but {left[0].name} is not in {TABLE} of {target}",
                "let env.py of the project use the database that migrations.database names",
            )
        return tuple(each.seen for each in todo)

    def left_half(self, root: Path, target: Target, *, runner: Runner | None = None) -> str:
        """The first one that is pending is the one that failed, and its tool keeps no note of it."""
        return may_be_half(self.pending(root, target))

    def can_go_down(self, root: Path, versions: Sequence[str]) -> bool:
        try:
            revisions = read_revisions(project_in(root))
            going = _among(revisions, versions)
            point_below(going, with_all_below([only_head(revisions)], revisions), revisions)
        except GateFailed:
            return False
        return len(going) == len(set(versions)) and all(revisions[id].has_down for id in going)

    def down(
        self,
        root: Path,
        target: Target,
        versions: Sequence[str],
        *,
        progress: Progress = nothing,
        runner: Runner | None = None,
    ) -> None:
        revisions = read_revisions(project_in(root))
        present = with_all_below(_in_table(target), revisions)
        going = _among(revisions, versions) & present
        if not going:
            return
        if stuck := [revisions[id].path.name for id in going if not revisions[id].has_down]:
            raise GateFailed(
                f"revision {stuck[0]} has no way down: its downgrade() does nothing",
                "take the data back by a restore: mobius rollback --backup FILE",
            )
        below = point_below(going, present, revisions)
        hint = "look at the schema, then take the data back by a restore: mobius rollback --backup FILE"
        runner = require_runner(runner, "Alembic")
        atomic = target.kind == "postgresql" and all(revisions[id].transactional for id in going)
        self._run(root, ["downgrade", below], target, runner, progress, hint, atomic=atomic)

    def _run(
        self,
        root: Path,
        words: Sequence[str],
        target: Target,
        runner: Runner,
        progress: Progress,
        hint: str,
        *,
        atomic: bool,
    ) -> None:
        """`atomic`: each revision is in a transaction together with its row, so that what the table does not have was
        not applied."""
        project = project_in(root)
        run_tool(
            runner,
            [*self.program, *words],
            cwd=project.cwd,
            target=target,
            progress=progress,
            state=(lambda: sorted(_in_table(target))) if atomic else None,
            hint=hint,
        )

    def _texts(self, project: Project, start: str, target: Target, runner: Runner) -> dict[str, str]:
        """The SQL of each revision, as Alembic says it without a database; nothing where it cannot."""
        argv = [*self.program, "upgrade", f"{start}:head", "--sql"]
        try:
            ran = runner.run(argv, cwd=project.cwd, target=target, within_s=SQL_WITHIN_S, progress=nothing)
        except NotProvenError:
            raise
        except MobiusError:
            return {}
        return sql_of_each(ran.out) if ran.code == 0 and ran.out else {}


def sql_of_each(said: str) -> dict[str, str]:
    """The output of `--sql`, by revision, without what only keeps Alembic's own table and transactions."""
    parts = _RUNNING.split(said)
    return {id: _OWN.sub("", text).strip() + "\n" for id, text in zip(parts[1::2], parts[2::2], strict=True)}


def _in_table(target: Target) -> list[str]:
    return [str(row[0]) for row in rows_of_table(target, TABLE, ["version_num"])]


def _among(revisions: Mapping[str, Revision], versions: Sequence[str]) -> set[str]:
    """The revisions of these ids or names."""
    return {id for id, each in revisions.items() if id in versions or each.path.stem in versions}


def _change(revision: Revision, up: str | None, target: Target) -> Change:
    return Change(
        version=revision.id,
        name=revision.path.stem,
        path=revision.path,
        sha256=revision.sha256,
        up=up,
        has_down=revision.has_down,
        transactional=revision.transactional and target.kind == "postgresql",
        opaque=revision.opaque,
    )


def _seen(revision: Revision) -> Migration:
    return Migration(revision.id, revision.path.stem, revision.sha256)
