"""Statements that PostgreSQL runs outside of a transaction: one at a time, written down before, observed after a crash.

A table of ours, `mobius_unfinished`, has the statement that was begun. It is there only while such a migration is not
done: a kill leaves it, and the next run reads it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mobius.adapters.databases.postgres_address import driver
from mobius.adapters.migrations.engine import Watched
from mobius.adapters.migrations.postgres_lock import refuse_unless_held
from mobius.adapters.migrations.postgres_observing import Seen, observed, tidy
from mobius.adapters.migrations.postgres_sql import Script, ends_transactions
from mobius.adapters.migrations.postgres_waiting import HeldUpError, Patience, set_lock_timeout
from mobius.adapters.migrations.session import PostgresSession
from mobius.adapters.migrations.source import Change, Statement
from mobius.errors import GateFailed, MobiusError

if TYPE_CHECKING:
    from mobius.adapters.migrations.session import Session

TABLE = "mobius_unfinished"
COMMITTED = "what it committed by itself stays"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """`statement`: how many of the file are done. `begun`: the next one was begun, and may be done or not."""

    name: str
    sha256: str
    statement: int
    begun: bool


class _Moving(Protocol):
    @property
    def session(self) -> PostgresSession: ...
    @property
    def patience(self) -> Patience: ...
    def execute(self, statement: Statement, path: Path, kept: str) -> None: ...


def run_outside(
    moving: _Moving,
    change: Change,
    script: Script,
    path: Path,
    *,
    before: Callable[[], None],
    after: Callable[[float], None],
    around: Watched,
) -> None:
    """Runs what is not done yet of the file `path`. Raises GateFailed where it cannot be told whether a statement is
    done, MobiusError when one fails: those before it stay, and the next run goes on after them."""
    session, began = moving.session, time.monotonic()
    db = session.connection
    if not script.sets_lock_timeout:
        set_lock_timeout(db, moving.patience.lock_timeout_s, "SESSION")
    with _together(session):
        refuse_unless_held(db)
        before()
    start = _where_to_begin(session, change, script, path)
    if start:
        moving.patience.something_is_applied()
    for number, statement in enumerate(script.statements):
        if number < start and not _only_sets(statement):
            continue
        if number >= start:  # a setting that is made again is nothing to carry on from
            _note(session, Unfinished(path.name, change.sha256, number, begun=True))
        commits = ends_transactions(statement)
        kept = "nothing of it was kept" if number == 0 else f"the {number} statement(s) before stay"
        kept = (
            f"{kept}, and what it committed by itself"
            if commits and number
            else COMMITTED
            if commits
            else kept
        )

        def attempt(statement: Statement = statement, kept: str = kept) -> None:
            if not script.sets_lock_timeout:
                set_lock_timeout(db, moving.patience.lock_timeout_s, "SESSION")
            _tidy_first(session, statement)
            with around(change, statement, db):
                moving.execute(statement, path, kept)

        try:
            moving.patience.insist(path.name, attempt, kept, once=commits)
        except MobiusError as problem:
            left = _tidied_after(session, statement)
            with contextlib.suppress(driver().Error):
                _note(session, Unfinished(path.name, change.sha256, max(number, start), begun=commits))
            raise MobiusError(problem.message, problem.hint, details=(*problem.details, *left)) from problem
        if not _only_sets(statement):
            moving.patience.something_is_applied()
    with _together(session):
        after(time.monotonic() - began)
        session.rows(f"DROP TABLE {session.named(TABLE)}")


def unfinished(session: Session) -> Unfinished | None:
    """The migration that was left in the middle, None where there is none."""
    if session.dialect != "postgresql" or not session.columns(TABLE):
        return None
    rows = session.rows(f"SELECT name, sha256, statement, begun FROM {session.named(TABLE)}")
    return Unfinished(*rows[0]) if rows else None


def left_in_the_middle(session: Session, statements: Callable[[str], Sequence[Statement]]) -> tuple[str, str]:
    """The file that is there in part, or may be, and that in words; two "" where none is. `statements` as for
    `refuse_unknown`."""
    left = unfinished(session)
    if left is None or not isinstance(session, PostgresSession):
        return "", ""
    there, told = statements(left.name), f"migration {left.name} was left in the middle"
    if left.statement >= len(there):
        return left.name, told
    done = [each for each in there[: left.statement] if not _only_sets(each)]
    seen = observed(session, there[left.statement]) if left.begun else Seen.NOT_DONE
    if not done and seen is Seen.NOT_DONE:
        return "", ""
    line = there[left.statement].line
    doubt = "" if seen is Seen.NOT_DONE else ", and may be done there too"
    return left.name, f"{told}, at line {line}: {len(done)} statement(s) before it are done{doubt}"


def refuse_unknown(session: Session, statements: Callable[[str], Sequence[Statement]]) -> None:
    """Raises GateFailed where a migration was left in the middle of a statement of which nobody can tell whether it is
    done. `statements` has those of the file of that name, none where it is not there."""
    left = unfinished(session)
    if left is None or not left.begun or not isinstance(session, PostgresSession):
        return
    there = statements(left.name)
    if left.statement >= len(there):
        raise GateFailed(
            f"migration {left.name} was left in the middle, and its file is not in the folder any more",
            f"bring it back; or finish it by hand, then: DROP TABLE {session.named(TABLE)};",
        )
    if observed(session, there[left.statement]) is Seen.UNKNOWN:
        raise _two_choices(session, left, there[left.statement])


def _where_to_begin(session: PostgresSession, change: Change, script: Script, path: Path) -> int:
    left = unfinished(session)
    if left is None:
        return 0
    if left.name != path.name:
        raise GateFailed(
            f"migration {left.name} was left in the middle: it must be finished before {path.name}",
            f"bring its file back; or finish it by hand, then: DROP TABLE {session.named(TABLE)};",
        )
    if left.sha256 != change.sha256 and left.statement > 0:
        raise GateFailed(
            f"migration {path.name} was changed after its first {left.statement} statement(s) had run",
            "bring the text back that was begun with, and write the change as a new migration",
        )
    if left.sha256 != change.sha256 or not left.begun:
        return left.statement
    statement = script.statements[left.statement]
    seen = observed(session, statement)
    if seen is Seen.UNKNOWN:
        raise _two_choices(session, left, statement)
    return left.statement + 1 if seen is Seen.DONE else left.statement


def _tidy_first(session: PostgresSession, statement: Statement) -> None:
    try:
        tidy(session, statement)
    except driver().errors.LockNotAvailable:
        raise HeldUpError(statement.line, "the lock to drop an unfinished index was not had") from None


def _tidied_after(session: PostgresSession, statement: Statement) -> tuple[str, ...]:
    """What could not be cleared away of a statement that failed."""
    try:
        tidy(session, statement)
    except (driver().Error, MobiusError):
        return ("an unfinished index is left of it, which the next try drops first",)
    return ()


def _two_choices(session: PostgresSession, left: Unfinished, statement: Statement) -> GateFailed:
    table = session.named(TABLE)
    return GateFailed(
        f"migration {left.name} was interrupted at line {statement.line}, and nobody can tell whether that"
        " statement is done",
        "look at the database, then say which it is by one of these, and try again",
        details=(
            statement.sql.splitlines()[0][:100],
            f"it is done:     UPDATE {table} SET statement = {left.statement + 1}, begun = false;",
            f"it is not done: UPDATE {table} SET begun = false;",
        ),
    )


def _note(session: PostgresSession, now: Unfinished) -> None:
    table = session.named(TABLE)
    with _together(session):
        session.rows(
            f"CREATE TABLE IF NOT EXISTS {table} (name text PRIMARY KEY, sha256 text NOT NULL,"
            " statement integer NOT NULL, begun boolean NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        session.rows(f"DELETE FROM {table}")
        values = (now.name, now.sha256, now.statement, now.begun)
        session.rows(f"INSERT INTO {table} (name, sha256, statement, begun) VALUES (?, ?, ?, ?)", *values)


def _only_sets(statement: Statement) -> bool:
    return statement.sql.split(None, 1)[0].upper() in ("SET", "RESET")


@contextlib.contextmanager
def _together(session: PostgresSession) -> Iterator[None]:
    db = session.connection
    db.execute("BEGIN")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if not db.closed:
            db.execute("ROLLBACK")
        raise
