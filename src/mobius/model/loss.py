"""What going back to a backup takes away: facts of comparing it with the present, by table and by path."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableChange:
    """One table now, against the backup. Rows are None where they could not be counted, or there is no such table;
    added, changed and removed are all None where they were not told apart, and `counted_only` says why."""

    database: str  # the configured path or name
    table: str
    rows_then: int | None
    rows_now: int | None
    added: int | None = None
    changed: int | None = None
    removed: int | None = None
    counted_only: str = ""
    is_new: bool = False  # the backup has no such table
    is_gone: bool = False  # there is none now


@dataclass(frozen=True, slots=True)
class PathChange:
    """The files of one backup path now, against the backup; databases are told by their tables. `examples` are some
    of them, as `+ name`, `~ name` or `- name`. `counted_only`: why nothing but this is known, "" where all is."""

    path: str
    added: int
    changed: int
    removed: int
    examples: tuple[str, ...] = ()
    counted_only: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The present against one backup. `notes` are what could not be compared, with the reason."""

    backup: str
    taken_at: float  # unix seconds
    tables: tuple[TableChange, ...] = ()
    paths: tuple[PathChange, ...] = ()
    notes: tuple[str, ...] = ()
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LostRow:
    """One row or file that was written since the backup and is not in the live data any more.

    `change`: "added", "changed" or "removed" since the backup. `key` and `row` are JSON types; a value that is too
    long, or whose column sounds secret, is not shown. `late`: it came after the emergency backup was captured, so
    only the replaced tree has it.
    """

    source: str  # the database or backup path
    table: str  # "" for a file
    change: str
    key: dict[str, object]
    row: dict[str, object]
    late: bool = False
