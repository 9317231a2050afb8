"""Who looks on while migrations run on a copy of an SQLite database, and ends what is not done in time."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mobius.adapters.migrations.source import Change, Statement
from mobius.adapters.trial.probes import Probes
from mobius.errors import MobiusError
from mobius.model.trial import Locked, TrialStatement
from mobius.rules.migrations.tokens import statements

FELT_S = 0.0005


@dataclass(slots=True)
class _Ran:
    migration: str
    text: str
    began: float
    ended: float
    error: str


@dataclass(slots=True)
class Watch:
    """Writes down each statement as it ran; ends what is not done in time."""

    copy: Path
    probes: Probes = field(init=False)
    ran: list[_Ran] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # of all statements, in lower case
    running: str = ""
    is_over: bool = False
    connection: Any = None

    def __post_init__(self) -> None:
        self.probes = Probes(self.copy)

    @contextlib.contextmanager
    def around(self, change: Change, statement: Statement | None, connection: Any) -> Iterator[None]:
        """See `mobius.adapters.migrations.source.Around`."""
        self.running = " ".join(statement.sql.split())[:400] if statement else "COMMIT"
        self.names |= names_in(statement.sql) if statement else set()
        self.connection = connection
        self.probes.runs()
        try:
            with self._timed(change.name, self.running):
                yield
        finally:
            self.connection = None

    @contextlib.contextmanager
    def whole(self, opaque: bool) -> Iterator[None]:
        """A program's run is one statement: nobody can look into it."""
        with self._timed("", "") if opaque else contextlib.nullcontext():
            yield

    @contextlib.contextmanager
    def _timed(self, migration: str, text: str) -> Iterator[None]:
        began, error = time.monotonic(), ""
        try:
            yield
        except (sqlite3.Error, MobiusError) as problem:
            cause = problem.__cause__ if isinstance(problem.__cause__, sqlite3.Error) else problem
            error = cause.message if isinstance(cause, MobiusError) else str(cause)
            raise
        finally:
            self.ran.append(_Ran(migration, text, began, time.monotonic(), error))

    @contextlib.contextmanager
    def ended_after(self, within_s: float) -> Iterator[None]:
        """Interrupts the statement that runs when the time is up, and those after it."""
        done = threading.Event()

        def end() -> None:
            left_s = within_s
            while not done.wait(left_s):
                self.is_over, left_s = True, 0.1
                connection = self.connection
                if connection is not None:
                    with contextlib.suppress(sqlite3.ProgrammingError):  # closed in this moment
                        connection.interrupt()

        thread = threading.Thread(target=end, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def statements(self, problem: str, called: str) -> list[TrialStatement]:
        """What ran, with what users would have felt of it."""
        found = []
        for each in self.ran:
            waits = (self.probes.reads, self.probes.writes)
            read_s, write_s = (wait.longest(each.began, each.ended) for wait in waits)
            who = "readers and writers" if read_s > FELT_S else "writers" if write_s > FELT_S else ""
            locks = (Locked("the database", who),) if who else ()
            name, text, took_s = each.migration or called, each.text or called, each.ended - each.began
            error = problem if each.error and self.is_over else each.error
            found.append(TrialStatement(name, text, took_s, locks, (), 0, read_s, write_s, error))
        if problem and not any(each.error for each in found):
            found.append(TrialStatement(called, called, 0.0, error=problem))
        return found


def names_in(text: str) -> set[str]:
    """Every name of a text of SQL, in lower case."""
    kinds = ("word", "quoted", "backtick")
    return {token.name.lower() for raw in statements(text) for token in raw.tokens if token.kind in kinds}
