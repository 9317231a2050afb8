"""What was seen when pending migrations ran on a copy of the real data: times, locks, rows, and who could go on."""

from __future__ import annotations

from dataclasses import dataclass, field

from mobius.model.linting import NOTHING_KNOWN, Impact, Known
from mobius.model.plan import Way


@dataclass(frozen=True, slots=True)
class Locked:
    """A relation that was there before, and the strongest lock that was taken on it."""

    relation: str
    mode: str  # "AccessExclusiveLock"; for SQLite "writers" or "readers and writers"


@dataclass(frozen=True, slots=True)
class TrialStatement:
    """One statement as it ran. Times in seconds; `read_blocked_s` and `write_blocked_s` are the longest waits of probes
    that read and wrote the touched tables meanwhile."""

    migration: str
    text: str
    seconds: float
    locks: tuple[Locked, ...] = ()
    rewrites: tuple[str, ...] = ()  # relations whose every row was written anew
    wal_bytes: int = 0
    read_blocked_s: float = 0.0
    write_blocked_s: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """One table before and after. A checksum is over the columns that both have; "" where it was not taken."""

    table: str
    before: int
    after: int  # -1: the table is gone
    checksum_before: str = ""
    checksum_after: str = ""
    touched: bool = False  # a statement of the migration names it
    only_more: bool = False  # every row of before is there as it was, beside those that came

    @property
    def is_changed(self) -> bool:
        """Whether rows are gone, came, or hold other values in the columns that stayed."""
        return self.before != self.after or self.checksum_before != self.checksum_after


@dataclass(frozen=True, slots=True)
class DownTrial:
    """The way down, as it was tried on the same copy after the way up."""

    there: bool
    seconds: float = 0.0
    error: str = ""
    rows: tuple[Rows, ...] = ()  # before: what the backup had; after: what is there after up and down
    schema_differs: str = ""  # how the schema differs from before, "" when it is the same


@dataclass(frozen=True, slots=True)
class Broken:
    """What a database refused to a release: the query without its values, "" where only the error is known."""

    query: str
    error: str


@dataclass(frozen=True, slots=True)
class Booted:
    """A release that was started on the copy. `tried` is false where it could not be isolated, with the reason."""

    tried: bool
    works: bool = False
    why: str = ""  # the check that failed and its words, or the reason it was not tried
    seconds: float = 0.0
    failed: tuple[str, ...] = ()  # the names of the smoke tests that failed
    broken: tuple[Broken, ...] = ()  # the first first
    log: tuple[str, ...] = ()  # the end of what it said, where it does not work

    @property
    def query(self) -> str:
        """The query that broke first, or what was said of it; "" where it is not known."""
        first = next(iter(self.broken), None)
        return (first.query or first.error) if first else ""


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything seen of one rehearsal of migrations."""

    database: str  # "postgresql" or "sqlite"
    version: str  # of the server or library
    migrations: tuple[str, ...]
    statements: tuple[TrialStatement, ...] = ()
    seconds: float = 0.0
    queue_blocked_s: float | None = None  # how long readers wait behind it while it waits for an open reader
    gives_way: bool = False  # it waits no longer than that, by the lock_timeout of a live run or its own
    rows: tuple[Rows, ...] = ()
    schema_diff: str = ""
    broken_checks: tuple[str, ...] = ()  # integrity, foreign keys, views that no longer open
    down: DownTrial = field(default_factory=lambda: DownTrial(False))
    restore_s: float = 0.0
    opaque: bool = False  # run by a command: statements are what the observers saw of it
    known: Known = NOTHING_KNOWN
    warnings: tuple[str, ...] = ()  # another version than the target's, observers that could not look
    not_tried: str = ""  # why none of it ran: then nothing but the names is known


@dataclass(frozen=True, slots=True)
class OpenWay:
    """One way back after these migrations: whether it is open, how long it takes, what it loses."""

    way: Way
    is_open: bool
    seconds: float
    loses: str
    why: str = ""  # why it is not open, or not proven
    tried: bool = True  # false: nobody knows, and it does not count as open


@dataclass(frozen=True, slots=True)
class TrialVerdict:
    """What the rehearsal says: the first way that is open, the impact, and one reason a line."""

    way: Way | None
    ways: tuple[OpenWay, ...]
    impact: Impact
    reasons: tuple[str, ...]
    stops: tuple[str, ...] = ()  # why a deployment must not go on
    advice: tuple[str, ...] = ()  # the next step for each of them
    weights: tuple[Impact, ...] = ()  # of each reason
