"""The statements of a migration of plain SQL, as they run; and what of one is on a database in part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mobius.adapters.migrations.layouts import Layout
from mobius.adapters.migrations.session import Session
from mobius.adapters.migrations.source import Change, Statement, Target
from mobius.adapters.migrations.sql_files import statements
from mobius.errors import GateFailed


def as_it_runs(change: Change, layout: Layout, target: Target) -> Change:
    """With what is known when it is cut, before any of them runs; its way down is cut as well."""
    if change.down is not None:
        cut(change.down, down_path_of(change), layout, target, change.transactional)
    return replace(
        change, transactional=cut(change.up or "", change.path, layout, target, change.transactional)[1]
    )


def cut(
    text: str, path: Path, layout: Layout, target: Target, transactional: bool
) -> tuple[Sequence[Statement], bool]:
    """The statements, and whether they run in one transaction. Raises GateFailed for what cannot be run."""
    if layout.placeholder and (found := layout.placeholder.search(text)):
        line = text.count("\n", 0, found.start()) + 1
        raise GateFailed(
            f"migration {path} has the placeholder {found[0]} (line {line}), which only {layout.name} can fill in",
            f'write its value, or let {layout.name} itself run: kind = "command"',
        )
    if target.kind == "sqlite":
        return statements(text, path, may_begin=layout.may_begin), True
    from mobius.adapters.migrations.postgres_sql import script_of

    script = script_of(text, path, transactional=transactional, may_begin=layout.may_begin)
    return script.statements, script.transactional


def down_path_of(change: Change) -> Path:
    """For messages: where both ways are in one file, they are told apart."""
    return change.down_path or change.path.with_name(f"{change.path.name} (down)")


def refuse_left_in_the_middle(
    layout: Layout, changes: Sequence[Change], session: Session, target: Target
) -> None:
    """Raises GateFailed where nobody can tell how far a migration has come."""
    if session.dialect != "postgresql":
        return
    from mobius.adapters.migrations.postgres_outside import refuse_unknown

    refuse_unknown(session, lambda name: _statements_of(name, layout, changes, target))


def left_half_of(
    layout: Layout, changes: Sequence[Change], session: Session, target: Target
) -> tuple[str, str]:
    """The file that is there in part, or may be, and that in words; two "" where none is."""
    if session.dialect != "postgresql":
        return "", ""
    from mobius.adapters.migrations.postgres_outside import left_in_the_middle

    return left_in_the_middle(session, lambda name: _statements_of(name, layout, changes, target))


def refuse_half_of_a_way_up(
    layout: Layout, changes: Sequence[Change], session: Session, target: Target
) -> None:
    """What is there of it in part, no way down takes back; half a way down is gone on with. Raises GateFailed."""
    name, told = left_half_of(layout, changes, session, target)
    if told and name not in [down_path_of(change).name for change in changes]:
        raise GateFailed(
            told, "finish it: mobius resume --again; or take the data back: mobius rollback --backup FILE"
        )


def _statements_of(
    name: str, layout: Layout, changes: Sequence[Change], target: Target
) -> Sequence[Statement]:
    """Those of the file of that name, one way or the other; none where it is not there."""
    for change in changes:
        for path, text in ((change.path, change.up), (down_path_of(change), change.down)):
            if text is not None and path.name == name:
                return cut(text, path, layout, target, change.transactional)[0]
    return ()
