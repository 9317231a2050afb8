"""A migration that holds requests up is cancelled when the hold ends, however its server fares meanwhile."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from mobius.adapters.migrations.postgres_waiting import cancelled_from

psycopg = pytest.importorskip("psycopg")


class Away:
    """A session whose server cannot be reached to cancel anything."""

    def __init__(self) -> None:
        self.times = 0
        self.asked_again = threading.Event()

    def cancel_safe(self) -> None:
        self.times += 1
        if self.times > 1:
            self.asked_again.set()
        raise psycopg.OperationalError("the connection is closed")


def test_a_server_that_is_away_for_a_moment_is_asked_again() -> None:
    session: Any = Away()
    with cancelled_from(time.monotonic(), session):
        assert session.asked_again.wait(30.0), "it was not asked a second time"


def test_nothing_is_cancelled_before_its_time() -> None:
    session: Any = Away()
    with cancelled_from(time.monotonic() + 600.0, session), cancelled_from(None, session):
        pass
    assert session.times == 0
