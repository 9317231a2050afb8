"""Would going back to a backup lose anything? Judged from what a comparison found; doubt is never "nothing"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mobius.model.loss import Comparison, PathChange, TableChange


class Loss(StrEnum):
    """NOTHING only where everything was compared and is the same."""

    NOTHING = "nothing"
    SOMETHING = "something"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Lost:
    """How much would be lost: writes since the backup. `exact` is False where some could only be counted, so that the
    figures are the least there is."""

    loss: Loss
    rows_added: int
    rows_changed: int
    rows_removed: int
    tables: int
    files: int
    exact: bool


def judge_loss(found: Comparison) -> Lost:
    """All of a comparison in one judgement."""
    changed = [table for table in found.tables if loss_of_table(table) is not Loss.NOTHING]
    paths = [path for path in found.paths if loss_of_path(path) is not Loss.NOTHING]
    losses = [*(loss_of_table(table) for table in changed), *(loss_of_path(path) for path in paths)]
    exact = (
        not found.notes
        and not any(t.counted_only for t in changed)
        and not any(p.counted_only for p in paths)
    )
    loss = Loss.NOTHING
    if Loss.SOMETHING in losses:
        loss = Loss.SOMETHING
    elif losses or found.notes:
        loss = Loss.UNKNOWN
    return Lost(
        loss=loss,
        rows_added=sum(added_to(table) for table in changed),
        rows_changed=sum(table.changed or 0 for table in changed),
        rows_removed=sum(removed_from(table) for table in changed),
        tables=len(changed),
        files=sum(path.added + path.changed + path.removed for path in paths),
        exact=exact,
    )


def loss_of_table(table: TableChange) -> Loss:
    """Rows that were only counted: another number is a loss, the same number proves nothing."""
    if table.added is not None or table.changed is not None or table.removed is not None:
        written = (table.added or 0) + (table.changed or 0) + (table.removed or 0)
        return Loss.SOMETHING if written or table.is_new or table.is_gone else Loss.NOTHING
    if table.is_new or table.is_gone:
        return Loss.SOMETHING
    if table.rows_now is None or table.rows_then is None:
        return Loss.UNKNOWN
    if table.rows_now == table.rows_then == 0:
        return Loss.NOTHING
    return Loss.SOMETHING if table.rows_now != table.rows_then else Loss.UNKNOWN


def loss_of_path(path: PathChange) -> Loss:
    """Files that were not all looked at may hide a change."""
    if path.added or path.changed or path.removed:
        return Loss.SOMETHING
    return Loss.UNKNOWN if path.counted_only else Loss.NOTHING


def added_to(table: TableChange) -> int:
    """Rows added at least: by key, or by the difference of the two counts."""
    if table.added is not None:
        return table.added
    return max((table.rows_now or 0) - (table.rows_then or 0), 0) if _counted(table) else 0


def removed_from(table: TableChange) -> int:
    """Rows removed at least, in the same way."""
    if table.removed is not None:
        return table.removed
    return max((table.rows_then or 0) - (table.rows_now or 0), 0) if _counted(table) else 0


def _counted(table: TableChange) -> bool:
    known_then = table.rows_then is not None or table.is_new
    return known_then and (table.rows_now is not None or table.is_gone)
