"""What every source of migrations can do, whatever tool they were written for: one port, and its nouns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mobius.model.seen import Migration
from mobius.ports import nothing

if TYPE_CHECKING:
    from mobius.adapters.databases.postgres_address import Address

Progress = Callable[[str], None]
"""Takes lines; one that is a `mobius.model.advance.Waiting` is for whoever looks on, the others for the log."""

LEAST_S = 0.5  # of a wait for a lock, where the hold is over already
HOLD_ENDS = "the hold of requests ends, and nothing is migrated yet"
HOLD_LONGER = "let requests wait longer: hold in [migrations] of mobius.toml"


@dataclass(frozen=True, slots=True)
class Target:
    """The database that migrations run on, live or scratch: an SQLite file, or an address of PostgreSQL.

    `lock_timeout_s`: how long a statement of PostgreSQL waits for a lock, unless the migration says it itself; 0 for no
    limit. What had to wait longer is tried again for `retry_within_s`; 0 for never. SQLite waits `busy_timeout_s`.
    `hold_ends_at`: by the monotonic clock; until something is applied, no lock is waited for beyond it. `done_by`: by
    the same clock; what SQL is not done then is ended, and has failed.
    """

    kind: Literal["sqlite", "postgresql"]
    path: Path | None = None
    address: Address | None = None
    lock_timeout_s: float = 5.0
    retry_within_s: float = 0.0
    busy_timeout_s: float = 10.0
    hold_ends_at: float | None = None
    done_by: float | None = None

    def wait_s(self, longest_s: float) -> float:
        """How long a wait that begins now may last: `longest_s` (0 for no limit), or what is left of the hold."""
        if self.hold_ends_at is None:
            return longest_s
        left_s = max(self.hold_ends_at - time.monotonic(), LEAST_S)
        return min(longest_s or left_s, left_s)

    def __str__(self) -> str:
        return str(self.path if self.kind == "sqlite" else self.address)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement and the line of the file where it begins."""

    sql: str
    line: int


@dataclass(frozen=True, slots=True)
class Change:
    """One migration of a folder.

    `version` is what its tool orders it by, "" for one that runs whenever it changed; `name` is unique in the folder.
    `sha256` does not depend on line endings. `up` and `down` are its SQL, None where its own tool does not say it; the
    lines of a section stand where they stand in the file. `down_path`: where the way down is a file of its own.
    `opaque`: only its own tool can run it.
    """

    version: str
    name: str
    path: Path
    sha256: str
    up: str | None = None
    down: str | None = None
    has_down: bool = False
    transactional: bool = True
    opaque: bool = False
    down_path: Path | None = None

    @property
    def seen(self) -> Migration:
        """As flows know it."""
        return Migration(self.version, self.name, self.sha256)


class Around(Protocol):
    """Who looks on while a migration runs: entered around each statement, and around the COMMIT of each that runs in a
    transaction (the statement is None). `connection` is the session that runs it, of sqlite3 or psycopg."""

    def __call__(
        self, change: Change, statement: Statement | None, connection: Any
    ) -> AbstractContextManager[object]: ...


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program of the project's own ended. `output`: both streams, redacted, bounded; `out`: what it printed,
    without its errors, None where that is too long to be whole."""

    code: int
    output: str
    seconds: float
    out: str | None = ""


class Runner(Protocol):
    """Runs a program of the project's own, live or cut off from everything but the target."""

    def run(
        self, argv: Sequence[str], *, cwd: Path, target: Target, within_s: float, progress: Progress
    ) -> Ran:
        """Runs it in the folder `cwd` of a release's tree, and returns when it has ended; its lines go to `progress`. A
        relative program is looked for in the tree first. Any exit code is an answer. Raises `MobiusError` when it
        cannot be started, or is not done in `within_s`: then nothing of it runs any more."""


class Finding(Runner, Protocol):
    """A runner that says beforehand whether it would find a program."""

    def finds(self, argv: Sequence[str], *, cwd: Path) -> bool:
        """Whether there is such a program in the tree around `cwd`, or where else `run` looks. Starts nothing."""


class MigrationSource(Protocol):
    """The migrations of one tool. `root` is the folder `migrations.path` of a release.

    Raises `GateFailed` for what can be seen to be wrong before anything is changed (files, order, a database that
    was left half migrated), `Locked` when somebody else migrates this database, `MobiusError` when one fails.
    """

    @property
    def layout(self) -> str:
        """ "numbered", "flyway", "golang-migrate", "dbmate", "prisma", "alembic", "django", "command"; "sql" for plain
        SQL whose folder was not seen yet."""

    @property
    def opaque(self) -> bool:
        """Whether its own program runs the migrations, so that a `Runner` is needed."""

    @property
    def programs(self) -> Sequence[Sequence[str]]:
        """What is started to migrate, as it is said; nothing where none is."""

    def applied(self, target: Target, root: Path | None = None) -> tuple[Migration, ...]:
        """What the database has, oldest first, by the tool's own table; nothing for one that is not there yet. With
        `root`, names are those of its files where the table has only versions."""

    def pending(self, root: Path, target: Target, *, runner: Runner | None = None) -> tuple[Change, ...]:
        """What the folder has and the database has not, in the order in which it is applied. Runs no code of the
        release, unless a runner is given and the tool cannot be read otherwise."""

    def apply(
        self,
        root: Path,
        target: Target,
        *,
        progress: Progress,
        runner: Runner | None = None,
        around: Around | None = None,
    ) -> tuple[Migration, ...]:
        """Applies what is pending, and returns it. May be repeated. A kill -9 leaves each migration that runs in a
        transaction applied and recorded, or neither; one that cannot is looked at before it is repeated. An opaque
        source never calls `around`."""

    def left_half(self, root: Path, target: Target, *, runner: Runner | None = None) -> str:
        """After an `apply` that did not end well: what is half applied, or may be, in words; "" where nothing is."""

    def can_go_down(self, root: Path, versions: Sequence[str]) -> bool:
        """Whether each of these (versions or names) has a way down."""

    def down(
        self,
        root: Path,
        target: Target,
        versions: Sequence[str],
        *,
        progress: Progress = nothing,
        runner: Runner | None = None,
    ) -> None:
        """Takes these back, newest first; those that are not applied are done already. They must be the newest."""
