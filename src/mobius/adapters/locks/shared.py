"""The lock of an environment that several machines act on: the system's lock here, and a lease among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mobius.adapters.journals.lease import TURN, Heart
from mobius.adapters.journals.postgres import PostgresJournal
from mobius.errors import Locked, MobiusError
from mobius.ports import Lock

UNKNOWN = "nobody knows, since the journal cannot be reached"


class SharedLock:
    """Held on this machine by the system's lock, and by a lease among the machines.

    Where the journal cannot be reached the lock of this machine is enough: a run that goes forward cannot begin a step
    without the journal, and one that goes back must not wait for it.
    """

    def __init__(self, here: Lock, journal: PostgresJournal, environment: str, words: str) -> None:
        self._here = here
        self._lease = journal.lease(environment, TURN, words)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the lock inside the `with`. Raises `Locked` at once, naming the holder, if another has it."""
        with self._here.held():
            heart = None
            try:
                self._lease.take()
                heart = Heart(self._lease)
            except Locked:
                raise
            except MobiusError:
                pass
            try:
                yield
            finally:
                if heart is not None:
                    heart.stop()
                with suppress(MobiusError):
                    self._lease.give_back()

    def holder(self) -> str:
        """Who holds it now, or "" when nobody does."""
        here = self._here.holder()
        if here:
            return here
        try:
            return self._lease.held_elsewhere()
        except MobiusError:
            return UNKNOWN
