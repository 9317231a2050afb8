"""The facts of a rehearsal with pending migrations, as they stand in an event, in a run and in the evidence: JSON.

They are beside the facts of the restore and of the boot on the unmigrated copy (see `mobius.ports.Backups.rehearse`).
Where nothing is pending, only `migrations` is there, and empty.
"""

from __future__ import annotations

from typing import Any, TypedDict


class WayFacts(TypedDict):
    """One way back after these migrations. `why`: why it is not open, or not proven; "" where it is open."""

    way: str  # "code alone", "down", "restore"
    is_open: bool
    tried: bool  # false: not proven; then it is not open, though it may be
    seconds: float  # measured, until the previous release answers again; 0.0 where it was not
    loses: str
    why: str


class BootFacts(TypedDict):
    """A release on its own copy of the migrated databases. `why`: what failed, or why it could not be tried."""

    tried: bool
    works: bool
    why: str
    seconds: float  # from the start to the end of the smoke tests
    failed: list[str]  # the names of the smoke tests that failed
    query: str  # the first that its database refused, without values; "" where it is not known
    broken: list[dict[str, str]]  # all of them: {"query", "error"}
    log: list[str]  # the end of what it said, where it does not work


class StatementFacts(TypedDict):
    """One statement as it ran on the copy; the slowest are told."""

    migration: str
    text: str
    seconds: float
    locks: list[list[str]]  # [relation, mode]
    rewrites: list[str]
    wal_bytes: int
    read_blocked_s: float
    write_blocked_s: float
    error: str


class RowsFacts(TypedDict):
    """A table that the migrations touched or changed. `after`: -1 where it is gone."""

    table: str
    before: int
    after: int
    touched: bool
    is_changed: bool


class TrialFacts(TypedDict):
    """What the trial of the migrations said, and the verdict on it."""

    migrations: list[str]  # names, in the order in which they ran
    database: str  # "postgresql" or "sqlite"
    version: str
    opaque: bool
    fast: bool
    migrate_s: float
    impact: str  # "LOW", "MEDIUM", "HIGH"
    felt: list[str]  # why, one reason a line
    weights: list[str]  # of each of them, as the impact
    stops: list[str]  # why a deployment must not go on
    advice: list[str]  # the next step for each of them
    way: str  # the first way that is open; "" where none is
    ways: list[WayFacts]
    down: str  # "gives everything back, in 0.4 s", or why not; "" where there is no way down
    old: BootFacts  # the backed-up release
    new: BootFacts  # the candidate
    statements: list[StatementFacts]
    rows: list[RowsFacts]
    schema_diff: str
    queue_blocked_s: float | None  # None where it was not tried
    gives_way: bool  # it waits no longer than that for a lock, whatever is in its way
    broken_checks: list[str]
    warnings: list[str]
    not_tried: str  # why none of the migrations ran; "" where they did
    known: dict[str, Any]  # `mobius.model.linting.Known` of the touched tables
