"""Migrations as plain SQL, whosever layout they have: what is pending, and how it is applied and taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.migrations.engine import Engine, Moving, nobody
from mobius.adapters.migrations.layouts import LAYOUTS, Layout, detect
from mobius.adapters.migrations.records import Recorded, still_to_do, to_take_back
from mobius.adapters.migrations.session import Session
from mobius.adapters.migrations.source import Around, Change, Progress, Runner, Target
from mobius.adapters.migrations.sql_cutting import (
    as_it_runs,
    cut,
    down_path_of,
    left_half_of,
    refuse_half_of_a_way_up,
    refuse_left_in_the_middle,
)
from mobius.adapters.migrations.sqlite_running import SqliteEngine
from mobius.errors import GateFailed, MobiusError
from mobius.model.seen import Migration
from mobius.ports import nothing


@dataclass(frozen=True, slots=True)
class SqlSource:
    """What `MigrationSource` promises, for a folder of SQL whose layout is seen from its files."""

    opaque: bool = False
    layout: str = "sql"
    programs: tuple[tuple[str, ...], ...] = ()

    def applied(self, target: Target, root: Path | None = None) -> tuple[Migration, ...]:
        """By whatever tables are there; with `root`, of its layout's table first."""
        layout = detect(root) if root is not None and root.is_dir() else None
        changes = layout.read(root) if layout and root is not None else ()
        with _engine(target).looking() as session:
            if session is None:
                return ()
            there = [each for each in LAYOUTS if each.is_in(session)]
            if layout in there:
                there = [layout]
            found: dict[str, Migration] = {}
            for each in there:
                own = changes if each is layout else ()
                hashes = {change.name: change.sha256 for change in own}
                for done in each.recorded(session, own).done:
                    known = hashes.get(done.name, done.checksum if each.name == "numbered" else "")
                    found.setdefault(done.name, Migration(done.version, done.name, known))
            return tuple(found.values())

    def pending(self, root: Path, target: Target, *, runner: Runner | None = None) -> tuple[Change, ...]:
        layout = detect(root) if root.exists() else None
        if layout is None:
            self._refuse_unless_taken_back(root, target)
            return ()
        changes = layout.read(root)
        with _engine(target).looking() as session:
            todo = _pending(layout, changes, session, target)
        return tuple(as_it_runs(change, layout, target) for change in todo)

    def apply(
        self,
        root: Path,
        target: Target,
        *,
        progress: Progress,
        runner: Runner | None = None,
        around: Around | None = None,
    ) -> tuple[Migration, ...]:
        planned = self.pending(root, target)
        if not planned:
            return ()
        layout = detect(root)
        assert layout is not None
        changes = layout.read(root)
        with _engine(target).migrating(progress) as moving:
            for number, change in enumerate(planned):
                progress(f"migration {number + 1} of {len(planned)}: {change.name}")
                self._apply_one(layout, changes, planned[number:], moving, around, target)
        return tuple(change.seen for change in planned)

    def left_half(self, root: Path, target: Target, *, runner: Runner | None = None) -> str:
        layout = detect(root) if root.exists() else None
        changes = layout.read(root) if layout else ()
        with _engine(target).looking() as session:
            if layout is None or session is None:
                return ""
            if half := _recorded(layout, changes, session).half:
                return half
            return left_half_of(layout, changes, session, target)[1]

    def can_go_down(self, root: Path, versions: Sequence[str]) -> bool:
        try:
            layout = detect(root)
            changes = layout.read(root) if layout else ()
        except GateFailed:
            return False
        ways = {word for each in changes if each.has_down for word in (each.version, each.name)}
        return all(version in ways for version in versions)

    def down(
        self,
        root: Path,
        target: Target,
        versions: Sequence[str],
        *,
        progress: Progress = nothing,
        runner: Runner | None = None,
    ) -> None:
        layout = detect(root)
        if layout is None or not versions:
            return
        changes = layout.read(root)

        def going_back(session: Session | None) -> tuple[Change, ...]:
            if session is not None:
                refuse_half_of_a_way_up(layout, changes, session, target)
            recorded = _recorded(layout, changes, session)
            return to_take_back(changes, recorded, versions, layout.key, layout.checksum)

        with _engine(target).looking() as session:
            todo = going_back(session)
        for change in todo:
            cut(change.down or "", down_path_of(change), layout, target, change.transactional)
        if not todo:
            return
        with _engine(target).migrating(progress, make=False) as moving:
            for number in range(len(todo)):
                _take_back_one(layout, changes, todo[number:], moving, going_back)

    def _apply_one(
        self,
        layout: Layout,
        changes: Sequence[Change],
        todo: Sequence[Change],
        moving: Moving,
        around: Around | None,
        target: Target,
    ) -> None:
        change, session = todo[0], moving.session

        def before() -> None:
            """Under the lock: another run may have been here since we looked."""
            if not layout.is_in(session):  # whoever may not make tables can still use the one that is there
                layout.create(session)
            now = _pending(layout, changes, session, target)
            if [each.name for each in now] != [each.name for each in todo]:
                raise MobiusError(
                    f"migration {change.path.name} was applied by somebody else just now",
                    "look again: mobius status",
                )

        moving.run(
            change,
            change.up or "",
            change.path,
            before=before,
            after=lambda seconds: layout.record(session, change, seconds),
            around=around or nobody,
            may_begin=layout.may_begin,
        )

    def _refuse_unless_taken_back(self, root: Path, target: Target) -> None:
        """A release older than the first migration has nothing to do; a wrong path must not look like one."""
        if self.applied(target):
            return
        what = "holds no migrations" if root.is_dir() else "is not in the release"
        raise GateFailed(
            f"the migrations folder {root.name} {what}, and the database has none either",
            "correct migrations.path in mobius.toml, or remove [migrations] until there is a first one",
        )


def _engine(target: Target) -> Engine:
    if target.kind == "sqlite":
        return SqliteEngine(target)
    from mobius.adapters.migrations.postgres_running import PostgresEngine

    return PostgresEngine(target)


def _recorded(layout: Layout, changes: Sequence[Change], session: Session | None) -> Recorded:
    if session is None or not layout.is_in(session):
        return Recorded()
    return layout.recorded(session, changes)


def _pending(
    layout: Layout, changes: Sequence[Change], session: Session | None, target: Target
) -> tuple[Change, ...]:
    if session is not None:
        _refuse_another_tool(layout, session)
        refuse_left_in_the_middle(layout, changes, session, target)
    return still_to_do(changes, _recorded(layout, changes, session), layout.key, layout.checksum)


def _refuse_another_tool(layout: Layout, session: Session) -> None:
    """A database that another tool migrated has these changes already, or others."""
    if layout.is_in(session):
        return
    for other in LAYOUTS:
        if other is not layout and other.is_in(session) and (done := other.recorded(session, ()).done):
            raise GateFailed(
                f"the database was migrated by {other.name} ({len(done)} applied), but the folder is"
                f" {layout.title}",
                "bring back the folder that belongs to this database, or correct migrations.database",
            )


def _take_back_one(
    layout: Layout,
    changes: Sequence[Change],
    todo: Sequence[Change],
    moving: Moving,
    going_back: Callable[[Session | None], tuple[Change, ...]],
) -> None:
    change, session = todo[0], moving.session

    def before() -> None:
        if [each.name for each in going_back(session)] != [each.name for each in todo]:
            raise MobiusError(
                f"migration {change.name} is not the newest any more: somebody else changed the database",
                "look again: mobius status",
            )

    moving.run(
        change,
        change.down or "",
        down_path_of(change),
        before=before,
        after=lambda seconds: layout.forget(session, change, changes, seconds),
        around=nobody,
        may_begin=layout.may_begin,
    )
