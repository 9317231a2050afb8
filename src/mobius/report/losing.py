"""What going back to a backup would lose, as a person reads it before saying yes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from mobius.model.loss import Comparison, PathChange, TableChange
from mobius.report.paint import BOLD, DIM, WARN, Paint
from mobius.report.words import ago, clock, counted, printable, wrapped

MOST_LINES = 40  # tables shown; the rest is counted


def losing_text(found: Comparison, now: float, width: int = 80, *, color: bool = False) -> str:
    """Table by table and path by path, in at most `width` columns; what could not be told is said."""
    paint = Paint(color)
    title = f"Written since {found.backup} ({ago(found.taken_at, now)}, {clock(found.taken_at, now)}):"
    lines = [paint(line, BOLD) for line in wrapped(title, width)]
    changed = [table for table in found.tables if not _is_same(table)]
    shown = changed[:MOST_LINES]
    for database, tables in groupby(shown, key=lambda table: table.database):
        lines.append(f"  {printable(database)}")
        for table in tables:
            words = printable(f"{table.table}: {_table(table)}")
            style = DIM if not _is_loss(table) else ""
            lines += [paint(line, style) for line in wrapped(words, width, "    ", "      ")]
    if more := len(changed) - len(shown):
        lines.append(f"    and {counted(more, 'table')} more")
    for path in found.paths:
        lines += wrapped(f"{printable(path.path)}: {_path(path)}", width, "  ", "    ")
        lines += [
            paint(line, DIM) for e in path.examples for line in wrapped(printable(e), width, "    ", "      ")
        ]
    same = len(found.tables) - len(changed)
    if same:
        lines += wrapped(
            f"{counted(same, 'table')} {'is' if same == 1 else 'are'} as in the backup", width, "  "
        )
    for note in found.notes:
        lines += [
            paint(line, WARN) for line in wrapped(f"not compared: {printable(note)}", width, "  ", "    ")
        ]
    return "\n".join(lines)


def losing_sentence(loss: str, rows: tuple[int, int, int], files: int, *, exact: bool) -> str:
    """One sentence for the question: what would go from the live data."""
    if loss == "nothing":
        return "Nothing was written since"
    if loss == "unknown":
        return "Whether anything was written since could not be told"
    added, changed, removed = rows
    parts = [f"{counted(added, 'new row')} would go"] if added else []
    parts += [f"{counted(changed, 'row')} would be as before"] if changed else []
    parts += [f"{counted(removed, 'removed row')} would come back"] if removed else []
    parts += [f"{counted(files, 'file')} would be as before"] if files else []
    words = ", ".join(parts) or "The tables themselves would change"
    words = words if exact else f"at least {words[0].lower()}{words[1:]}"
    return f"{words[0].upper()}{words[1:]}"


def losing_json(found: Comparison, judged: Any) -> dict[str, Any]:
    """The comparison with its judgement, JSON types only."""
    return {**dataclasses.asdict(found), "judged": dataclasses.asdict(judged)}


def _table(table: TableChange) -> str:
    if table.is_gone:
        return f"not there now; comes back with {_rows(table.rows_then)}"
    if table.is_new:
        return f"new since, {_rows(table.rows_now)}; would be gone"
    if table.added is not None:
        return (
            _changes(table.added, table.changed or 0, table.removed or 0) + f" (of {_rows(table.rows_now)})"
        )
    told = f"{_number(table.rows_then)} then, {_number(table.rows_now)} now"
    return f"{told}; counted only, {table.counted_only}"


def _path(path: PathChange) -> str:
    total = path.added + path.changed + path.removed
    told = (
        f"files: {_changes(path.added, path.changed, path.removed)}"
        if total
        else "files are as in the backup"
    )
    return f"{told} ({path.counted_only})" if path.counted_only else told


def _changes(added: int, changed: int, removed: int) -> str:
    parts: Iterable[str] = (
        f"{number:,} {word}"
        for number, word in ((added, "added"), (changed, "changed"), (removed, "removed"))
        if number
    )
    return ", ".join(parts) or "as in the backup"


def _is_same(table: TableChange) -> bool:
    told_apart = table.added is not None and not table.is_new and not table.is_gone
    return told_apart and not (table.added or table.changed or table.removed)


def _is_loss(table: TableChange) -> bool:
    return not table.counted_only or table.rows_now != table.rows_then


def _rows(rows: int | None) -> str:
    return "rows not counted" if rows is None else counted(rows, "row")


def _number(rows: int | None) -> str:
    return "not counted" if rows is None else counted(rows, "row")
