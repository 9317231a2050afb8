"""Django: its migrations are read as text, and `manage.py` of the release runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.migrations.django_files import (
    MANAGE,
    DjangoFile,
    is_applied,
    read_apps,
    refuse_branches,
    without_squashes,
)
from mobius.adapters.migrations.source import Around, Change, Progress, Runner, Target
from mobius.adapters.migrations.tool_runs import may_be_half, require_runner, run_tool
from mobius.adapters.migrations.tool_tables import rows_of_table
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.errors import GateFailed, MobiusError
from mobius.model.seen import Migration
from mobius.ports import nothing

TABLE = "django_migrations"
PROGRAM = ("python", MANAGE)
SQL_WITHIN_S = 60.0
ASKED_FOR_SQL = 20  # of one folder at most: each is a start of Django


@dataclass(frozen=True, slots=True)
class DjangoSource:
    """`program` starts manage.py; a relative one is looked for in the release first. Migrations of apps that are not in
    the release, such as Django's own, are Django's business: they are applied, but not told."""

    program: tuple[str, ...] = PROGRAM

    @property
    def layout(self) -> str:
        return "django"

    @property
    def opaque(self) -> bool:
        return True

    @property
    def programs(self) -> tuple[tuple[str, ...], ...]:
        return (self.program,)

    def applied(self, target: Target, root: Path | None = None) -> tuple[Migration, ...]:
        """By Django's table, in the order in which it wrote them; with `root`, only those of the apps in there."""
        names = _in_table(target)
        if root is None:
            return tuple(Migration(name, name, "") for name in names)
        files = read_apps(root)
        apps = {each.app for each in files.values()}
        known = [_seen(each) for each in files.values() if is_applied(each, names)]
        told = {each.name for each in known}
        others = [name for name in names if name.split(".")[0] in apps and name not in told]
        return (*known, *(Migration(name, name, "") for name in others))

    def pending(self, root: Path, target: Target, *, runner: Runner | None = None) -> tuple[Change, ...]:
        names = set(_in_table(target))
        files = without_squashes(read_apps(root), names)
        refuse_branches(files)
        todo = [each for each in files.values() if not is_applied(each, names)]
        texts = self._texts(root, todo, target, runner) if runner else {}
        return tuple(_change(each, texts.get(each.name)) for each in todo)

    def apply(
        self,
        root: Path,
        target: Target,
        *,
        progress: Progress,
        runner: Runner | None = None,
        around: Around | None = None,
    ) -> tuple[Migration, ...]:
        runner = require_runner(runner, "Django")
        todo = self.pending(root, target)
        if not todo:
            return ()
        words = ["migrate", "--noinput"]
        hint = "correct the migration, then try again"
        self._run(
            root, words, target, runner, progress, hint, atomic=all(each.transactional for each in todo)
        )
        if left := self.pending(root, target):
            raise MobiusError(
                f"Django ended well, but {left[0].name} is not in {TABLE} of {target}",
                "let the settings use the database that migrations.database names, and install the app",
            )
        return tuple(each.seen for each in todo)

    def left_half(self, root: Path, target: Target, *, runner: Runner | None = None) -> str:
        """The first one that is pending is the one that failed, and its tool keeps no note of it."""
        return may_be_half(self.pending(root, target))

    def can_go_down(self, root: Path, versions: Sequence[str]) -> bool:
        try:
            files = read_apps(root)
        except GateFailed:
            return False
        return all(version in files and files[version].has_down for version in versions)

    def down(
        self,
        root: Path,
        target: Target,
        versions: Sequence[str],
        *,
        progress: Progress = nothing,
        runner: Runner | None = None,
    ) -> None:
        names = set(_in_table(target))
        files = without_squashes(read_apps(root), names)
        present = [each for each in files.values() if is_applied(each, names)]
        going = [each for each in present if each.name in versions]
        _refuse_one_way(going)
        _refuse_what_stays_above(going, present)
        if not going:
            return
        runner = require_runner(runner, "Django")
        hint = "look at the schema, then take the data back by a restore: mobius rollback --backup FILE"
        for app in dict.fromkeys(each.app for each in reversed(going)):
            staying = [each.stem for each in present if each.app == app and each not in going]
            words = ["migrate", "--noinput", app, staying[-1] if staying else "zero"]
            self._run(root, words, target, runner, progress, hint, atomic=all(e.transactional for e in going))

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
        """`atomic`: each migration is in a transaction together with its row, so that what the table does not have was
        not applied."""
        run_tool(
            runner,
            [*self.program, *words],
            cwd=root,
            target=target,
            progress=progress,
            state=(lambda: _in_table(target)) if atomic else None,
            hint=hint,
        )

    def _texts(
        self, root: Path, todo: Sequence[DjangoFile], target: Target, runner: Runner
    ) -> dict[str, str]:
        """The SQL of each, as Django says it; nothing for what only Python can do."""
        found: dict[str, str] = {}
        for each in todo[:ASKED_FOR_SQL]:
            if each.opaque:
                continue
            argv = [*self.program, "sqlmigrate", each.app, each.stem]
            try:
                ran = runner.run(argv, cwd=root, target=target, within_s=SQL_WITHIN_S, progress=nothing)
            except NotProvenError:
                raise
            except MobiusError:
                break
            if ran.code == 0 and ran.out:
                found[each.name] = ran.out
        return found


def _refuse_one_way(going: Sequence[DjangoFile]) -> None:
    if stuck := [each.name for each in going if not each.has_down]:
        raise GateFailed(
            f"migration {stuck[0]} has no way down: an operation of it has no reverse",
            "take the data back by a restore: mobius rollback --backup FILE",
        )


def _refuse_what_stays_above(going: Sequence[DjangoFile], present: Sequence[DjangoFile]) -> None:
    names = {each.name for each in going}
    for each in present:
        if each.name not in names and (wrong := names & set(each.needs)):
            raise GateFailed(
                f"migration {min(wrong)} cannot be taken back: {each.name} was applied after it",
                "take back the newer one too, or restore a backup: mobius rollback --backup FILE",
            )


def _in_table(target: Target) -> list[str]:
    return [f"{app}.{name}" for app, name in rows_of_table(target, TABLE, ["app", "name"], "id")]


def _change(file: DjangoFile, up: str | None) -> Change:
    return Change(
        version=file.name,
        name=file.name,
        path=file.path,
        sha256=file.sha256,
        up=up,
        has_down=file.has_down,
        transactional=file.transactional,
        opaque=file.opaque,
    )


def _seen(file: DjangoFile) -> Migration:
    return Migration(file.name, file.name, file.sha256)
