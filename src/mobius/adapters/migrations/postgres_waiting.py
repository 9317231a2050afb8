"""A statement that waits for a lock: not for long, not only once, and with the names of who is in its way."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from mobius.adapters.databases.postgres_address import CONNECT_TIMEOUT_S, Address, driver
from mobius.adapters.migrations.source import HOLD_ENDS, HOLD_LONGER, Progress, Target
from mobius.errors import MobiusError
from mobius.model.advance import Waiting
from mobius.report.words import duration
from mobius.rules.broken_queries import without_literals

if TYPE_CHECKING:
    import psycopg

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
LOOK_S = 0.25
NEVER_TWICE = "it may have committed a part of its work, so it is not repeated by itself"
_SHOWN = 100  # characters of a query
_BLOCKERS = """
    SELECT pid, coalesce(application_name, ''), coalesce(usename, ''), coalesce(state, ''), coalesce(query, ''),
           coalesce(extract(epoch FROM clock_timestamp() - coalesce(query_start, backend_start)), 0)
    FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(%s)) ORDER BY backend_start LIMIT 5
"""
_T = TypeVar("_T")


class HeldUpError(Exception):
    """A statement did not get its lock in time, or was chosen to end a deadlock. `line`: where it stands."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line
        self.why = why


@dataclass(slots=True)
class Blockers:
    """Who is in the way of a session, looked at from another one every quarter of a second."""

    address: Address
    pid: int
    seen: tuple[tuple[int, str], ...] = ()
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def watched(self) -> Iterator[Blockers]:
        """Looks on meanwhile. Where it may not, nobody is named."""
        thread = threading.Thread(target=self._look, name="who blocks", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join(2 * CONNECT_TIMEOUT_S)

    def forget(self) -> None:
        """For another attempt."""
        self.seen = ()

    def _look(self) -> None:
        psycopg = driver()
        parameters: dict[str, Any] = {**self.address.parameters, **self.address.secrets}
        parameters.setdefault("connect_timeout", str(CONNECT_TIMEOUT_S))
        with (
            contextlib.suppress(psycopg.Error),
            contextlib.closing(psycopg.connect(**parameters, autocommit=True)) as db,
        ):
            db.execute("SET statement_timeout = '5s'")
            while not self._stop.wait(LOOK_S):
                if rows := db.execute(_BLOCKERS, [self.pid]).fetchall():
                    self.seen = tuple((int(row[0]), _described(*row)) for row in rows)


@dataclass(slots=True)
class Patience:
    """How long one attempt may wait, and all of them together. `lock_timeout_s`: of the attempt that goes on."""

    target: Target
    blockers: Blockers
    progress: Progress
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    lock_timeout_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.lock_timeout_s = self.target.wait_s(self.target.lock_timeout_s)

    def something_is_applied(self) -> None:
        """From here on the end of a hold bounds no wait any more: the way forward is the shorter one."""
        self.target = replace(self.target, hold_ends_at=None)
        self.lock_timeout_s = self.target.lock_timeout_s

    def insist(self, name: str, attempt: Callable[[], _T], kept: str, *, once: bool = False) -> _T:
        """What `attempt` returns, tried again with growing pauses while it is held up. Raises MobiusError when the time
        is over; `kept` says what is there of the migration `name` then. `once`: never again, as it may have committed
        a part of what it does."""
        begun, number = self.monotonic(), 0
        while True:
            number += 1
            self.blockers.forget()
            self.lock_timeout_s = self.target.wait_s(self.target.lock_timeout_s)
            try:
                return attempt()
            except HeldUpError as held_up:
                pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (number - 1)) * random.uniform(0.5, 1.5)
                spent_s = self.monotonic() - begun
                hold_ends = pause_s > self._left_s()
                if once or hold_ends or spent_s + pause_s > self.target.retry_within_s:
                    raise self._given_up(name, held_up, number, spent_s, kept, hold_ends, once) from None
                whom = "; ".join(words for _, words in self.blockers.seen) or "somebody who could not be seen"
                self.progress(
                    Waiting(
                        f"{name}: {held_up.why} at line {held_up.line}, attempt {number};"
                        f" blocked by {whom}; again in {pause_s:.1f} s{self._until()}"
                    )
                )
                self.sleep(pause_s)

    def _left_s(self) -> float:
        """Of a hold; without end where there is none."""
        ends_at = self.target.hold_ends_at
        return float("inf") if ends_at is None else ends_at - self.monotonic()

    def _until(self) -> str:
        if self.target.hold_ends_at is None:
            return ""
        return f", until the hold of requests ends in {max(0.0, self._left_s()):.1f} s"

    def _given_up(
        self,
        name: str,
        held_up: HeldUpError,
        number: int,
        spent_s: float,
        kept: str,
        hold_ends: bool,
        once: bool,
    ) -> MobiusError:
        pids = [pid for pid, _ in self.blockers.seen]
        longer = HOLD_LONGER if hold_ends else "raise migrations.retry_within in mobius.toml"
        bound = f": {HOLD_ENDS}" if hold_ends else ""
        if once:
            longer, bound = "raise migrations.lock_timeout in mobius.toml", f": {NEVER_TWICE}"
        end = f"end what blocks it: SELECT pg_terminate_backend({pids[0]}); or " if pids else ""
        return MobiusError(
            f"migration {name} gave up: {held_up.why} at line {held_up.line},"
            f" {number} attempt(s) in {duration(spent_s)}{bound}; {kept}",
            f"{end}try again when the database is quieter, or {longer}",
            details=tuple(f"blocked by {words}" for _, words in self.blockers.seen),
        )


@contextlib.contextmanager
def cancelled_from(done_by: float | None, db: psycopg.Connection[Any]) -> Iterator[None]:
    """From then on, by the monotonic clock, whatever the session runs is cancelled; None for never."""
    if done_by is None:
        yield
        return
    is_done = threading.Event()

    def cancel() -> None:
        if not is_done.wait(max(0.0, done_by - time.monotonic())):
            while not is_done.wait(LOOK_S):
                with contextlib.suppress(driver().Error):  # the server is away, or the session has ended
                    db.cancel_safe()

    thread = threading.Thread(target=cancel, name="not longer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_done.set()
        thread.join(2 * CONNECT_TIMEOUT_S)


def set_lock_timeout(db: psycopg.Connection[Any], seconds: float, scope: str) -> None:
    """`scope`: "LOCAL" for a transaction, "SESSION" for all that follow."""
    db.execute(f"SET {scope} lock_timeout = {int(seconds * 1000)}".encode())


def _described(pid: int, application: str, user: str, state: str, query: str, seconds: float) -> str:
    """For a person; the query without its values, as whoever reads this need not be allowed to see them."""
    text = " ".join(without_literals(query).split())
    shown = (
        f": {text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}" if text and "insufficient" not in text else ""
    )
    who = ", ".join(word for word in (application, user) if word)
    if not state and "insufficient" in text:
        return f"process {pid} ({who}; what it does is shown to its own role and to pg_read_all_stats only)"
    return f"process {pid} ({who}; {state or 'state unknown'} for {duration(float(seconds))}){shown}"
