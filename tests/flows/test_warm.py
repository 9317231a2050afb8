"""The release before, probed all through the window: its loss is told once, and a blind prober loses nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mobius.adapters.checks.memory import MemoryChecks, bad, good, unknown
from mobius.adapters.clocks.memory import MemoryClock
from mobius.flows import warm
from mobius.flows.warm import Warm
from mobius.model.settings import EnvironmentSettings, MonitorSettings
from mobius.model.verdict import CheckResult

MONITOR = MonitorSettings(interval_s=5.0, failure_threshold=3)


def told(monkeypatch: pytest.MonkeyPatch, *answers: CheckResult) -> list[bool]:
    """What each look says, one after the other."""
    clock = MemoryClock()
    ports = SimpleNamespace(
        settings=EnvironmentSettings("production", "http://127.0.0.1:1", Path("/nowhere"), monitor=MONITOR),
        clock=clock,
        target=SimpleNamespace(slot_url=lambda slot: "http://127.0.0.1:2"),
        checks=MemoryChecks(answers),
    )
    record = SimpleNamespace(ports=ports, run=SimpleNamespace(plan=SimpleNamespace(previous_slot="blue")))
    monkeypatch.setattr(warm, "keeps_warm", lambda *_: True)
    watched, seen = Warm(cast(Any, record)), []
    for _ in answers:
        seen.append(watched.is_lost_now(None, cast(Any, None)))
        clock.wait(MONITOR.interval_s)
    return seen


def test_the_third_failure_in_a_row_is_its_loss_and_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, bad(), bad(), good(), bad(), bad(), bad(), bad()) == [False] * 5 + [True, False]


def test_a_prober_that_could_not_look_lost_nobody_and_found_nobody_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert told(monkeypatch, *[unknown()] * 9) == [False] * 9
    assert told(monkeypatch, bad(), bad(), unknown(), bad()) == [False, False, False, True]
