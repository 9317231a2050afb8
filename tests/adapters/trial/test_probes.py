"""How long somebody was kept waiting, asked while the waiting goes on and ends; and whoever ends a statement that is
already over."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mobius.adapters.migrations.source import Change, Statement
from mobius.adapters.trial.probes import Waits
from mobius.adapters.trial.sqlite_watch import Watch


class EndsWhenAsked(Waits):
    """Whose wait ends just when somebody has asked since when it lasts."""

    @property
    def since(self) -> float:  # type: ignore[override]
        since, self._since = self._since, 0.0
        if since:
            self.spans.append((since, since + 1.0))
        return since

    @since.setter
    def since(self, at: float) -> None:
        self._since = at


def test_the_longest_wait_counts_within_the_time_asked_about_alone() -> None:
    waits = Waits([(10.0, 12.0), (20.0, 20.5)])
    assert waits.longest(0.0, 100.0) == 2.0
    assert waits.longest(11.5, 20.1) == 0.5
    assert waits.longest(13.0, 19.0) == 0.0
    waits.since = 90.0
    assert waits.longest(0.0, 100.0) == 10.0


def test_a_wait_that_ends_while_it_is_asked_for_is_neither_lost_nor_as_long_as_everything() -> None:
    waits = EndsWhenAsked([], 99.0)
    assert waits.longest(0.0, 99.5) == 0.5
    assert waits.longest(0.0, 200.0) == 1.0


class ClosedMeanwhile:
    """A connection that is closed between the look whether it is there and what is asked of it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.times = 0
        self.asked = threading.Event()

    def interrupt(self) -> None:
        self.connection.close()
        self.times += 1
        if self.times > 1:
            self.asked.set()
        self.connection.interrupt()


def test_whoever_ends_what_is_not_done_goes_on_when_the_connection_is_closed_meanwhile(
    tmp_path: Path,
) -> None:
    watch = Watch(tmp_path / "app.db")
    with closing(sqlite3.connect(tmp_path / "app.db", check_same_thread=False)) as connection:
        closed: Any = ClosedMeanwhile(connection)
        watch.connection = closed
        with watch.ended_after(0.0):
            assert closed.asked.wait(30.0), "it was not interrupted a second time"
    assert watch.is_over


def test_a_statement_that_failed_leaves_nothing_to_interrupt(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "app.db")
    change = Change("1", "001_first.sql", tmp_path / "001_first.sql", "")
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        with (
            pytest.raises(sqlite3.OperationalError),
            watch.around(change, Statement("SELECT x FROM missing", 1), connection),
        ):
            connection.execute("SELECT x FROM missing")
        assert watch.connection is None
    assert [ran.error for ran in watch.ran] == ["no such table: missing"]
