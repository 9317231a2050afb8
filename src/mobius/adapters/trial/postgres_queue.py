"""The migrations once more behind an open query: how long readers queue behind a migration that waits for a lock.

They run as live ones do, with a lock_timeout, only a shorter one: whether it is obeyed is soon seen, and a live
migration that obeys it waits as long as the live one says.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mobius.adapters.databases.postgres_address import Address, driver
from mobius.adapters.trial.postgres_copies import Copies, onlooker
from mobius.adapters.trial.postgres_looking import MOST_PROBED, Before
from mobius.adapters.trial.postgres_observers import MODES, Sampler
from mobius.adapters.trial.postgres_probes import PostgresProbes
from mobius.model.trial import Trial

HOLD_S = 1.5  # how long the open query lasts once somebody waits behind it
LOCK_TIMEOUT_S = 0.5  # of this run: well before the open query ends


@dataclass(frozen=True, slots=True)
class Queued:
    """The longest that somebody waited to read, in seconds. `gave_way`: the migration waited no more before the open
    query ended."""

    seconds: float
    gave_way: bool = False

    def live(self, lock_timeout_s: float) -> Queued:
        """As it would be with the lock_timeout of a live run: one that gave way sooner has a shorter one of its own."""
        if self.gave_way and lock_timeout_s and self.seconds > 0.8 * min(LOCK_TIMEOUT_S, lock_timeout_s):
            return Queued(lock_timeout_s, True)
        return self


def queued(
    copies: Copies,
    address: Address,
    again: Callable[[], None],
    trial: Trial,
    there: Before,
    *,
    within_s: float,
) -> Queued | None:
    """Nothing is waited for where nothing was locked against readers; None where nothing that was there before was
    locked at all. `again` runs the migrations on the database at `address`; they are not run to their end."""
    locks = [lock for statement in trial.statements for lock in statement.locks]
    if not any(lock.relation in there.tables for lock in locks):
        return None
    shut = {lock.relation for lock in locks if lock.mode == MODES[-1]}
    tables = [relation for name, relation in there.tables.items() if name in shut]
    if not tables:
        return Queued(0.0)
    probes, sampler = PostgresProbes(address, min(MOST_PROBED, len(tables))), Sampler(address)
    with contextlib.closing(onlooker(address)) as reader, probes.looking(), sampler.looking():
        reader.execute("BEGIN")
        for table in tables:
            reader.execute(f"SELECT 1 FROM {table.quoted} LIMIT 1")
            probes.at(table.quoted)
        began = time.monotonic()
        runner = threading.Thread(target=again, daemon=True)
        runner.start()
        gave_way = _hold(runner, sampler, until=began + min(within_s, 2 * trial.seconds + 10))
        longest = probes.longest(began, time.monotonic())[0]
        reader.execute("ROLLBACK")
        _end(copies, address, runner)
        return Queued(longest, gave_way)


def _hold(runner: threading.Thread, sampler: Sampler, *, until: float) -> bool:
    """Until somebody has waited for long enough, waits no more, or is done. Whether they waited, and gave way."""
    waiting_since = 0.0
    while runner.is_alive() and time.monotonic() < until:
        now = time.monotonic()
        if sampler.waits and not waiting_since:
            waiting_since = now
        if waiting_since and (not sampler.waits or now - waiting_since > HOLD_S):
            return not sampler.waits
        time.sleep(0.005)
    return bool(waiting_since) and not runner.is_alive()


def _end(copies: Copies, address: Address, runner: threading.Thread) -> None:
    """What was to be seen is seen: the rest of the run is ended, however often it tries again."""
    while runner.is_alive():
        with contextlib.suppress(driver().Error):
            copies.end_sessions(address.database)
        runner.join(0.2)
