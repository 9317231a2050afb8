"""What a reading of a migration's text found, before anything was run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

Dialect = Literal["postgresql", "sqlite"]


class Impact(IntEnum):
    """What a statement, or a whole file, may do to those who use the service."""

    LOW = 1  # worth knowing
    MEDIUM = 2  # felt under load, or on a large table
    HIGH = 3  # stops reads or writes, breaks the old release, or loses data


@dataclass(frozen=True, slots=True)
class Hazard:
    """One danger in one statement. `hazard` is its id, which a suppression names."""

    hazard: str
    severity: Impact
    line: int  # of the statement, from 1
    statement: str  # as written, on one line, shortened
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A hazard that the author accepted, and why."""

    found: Hazard
    because: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """All that was found in one file; `impact` is the worst of what was not accepted."""

    file: str
    findings: tuple[Hazard, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    statements: int = 0

    @property
    def impact(self) -> Impact:
        return max((found.severity for found in self.findings), default=Impact.LOW)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the database besides the text: from the rehearsal's copy, or nothing.

    Names are lower case, without a schema, unless they were quoted. `small`: tables with so few rows that a scan is
    over at once. `columns`: table to column to its type, as PostgreSQL prints it. `not_null_checks`: (table, column)
    of which a validated CHECK proves that it is not null. `indexed`: (table, column) that lead an index.
    """

    small: frozenset[str] = frozenset()
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    not_null_checks: frozenset[tuple[str, str]] = frozenset()
    indexed: frozenset[tuple[str, str]] = frozenset()
    primary_keys: frozenset[tuple[str, str]] = frozenset()  # (table, constraint)


NOTHING_KNOWN = Known()
