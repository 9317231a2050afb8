"""Restarts of the release's processes as a signal: counted from the window on, and never guessed."""

from __future__ import annotations

from mobius.adapters.signals.restarts import Restarts
from mobius.errors import MobiusError
from mobius.model.sample import Sample


def test_only_what_came_after_the_window_opened_is_counted() -> None:
    counts = {"api": 3, "mail": 0}
    signal = Restarts(lambda: counts)
    assert signal.sample(1.0) == Sample("restarts", 1.0, value=0.0)
    counts = {"api": 4, "mail": 2}
    assert signal.sample(2.0).value == 3.0
    assert signal.sample(3.0).value == 3.0


def test_a_count_that_begins_anew_adds_up() -> None:
    counts = {"api": 3}
    signal = Restarts(lambda: counts)
    counts = {"api": 1}
    assert signal.sample(1.0).value == 1.0


def test_what_cannot_be_seen_is_missing_and_not_zero() -> None:
    def fail() -> dict[str, int]:
        raise MobiusError("systemd cannot be asked", "look")

    assert Restarts(fail).sample(1.0) == Sample("restarts", 1.0, missing="systemd cannot be asked")
    assert Restarts(dict).sample(1.0) == Sample("restarts", 1.0, missing="its processes are not known")
