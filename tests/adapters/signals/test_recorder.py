"""Notes of what goes past the supervisor: one writer, each half minute, and a gap where nothing can be read."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mobius.adapters.clocks.memory import MemoryClock
from mobius.adapters.signals.recorded import recorded
from mobius.adapters.signals.recorder import FILE, Recorder, live_alone
from mobius.adapters.targets.memory import MemoryTarget
from mobius.adapters.traffic.memory import MemoryTraffic
from mobius.errors import MobiusError
from mobius.host.gauges import FILE as GAUGES
from mobius.host.history import FILE as BY_SUPERVISOR
from mobius.host.lines import write_line
from mobius.ports import Counters, ProcessStatus

HISTOGRAM = (0,) * 20


class Proxy:
    """Counts that rise by 100 requests with each reading, or that cannot be read."""

    def __init__(self) -> None:
        self.requests = 1_000
        self.trouble: Exception | None = None
        self.begun = 0

    def begin(self) -> Any:
        self.begun += 1
        return self.read

    def read(self) -> Mapping[str, Counters]:
        if self.trouble is not None:
            raise self.trouble
        self.requests += 100
        route = Counters(self.requests // 10, 0, ())
        return {
            "v1": Counters(
                self.requests, self.requests // 100, (*HISTOGRAM, self.requests), routes={"/api": route}
            )
        }


def recorder(run: Path, clock: MemoryClock, proxy: Proxy | None = None, **how: Any) -> Recorder:
    return Recorder(run, clock, counting=proxy.begin if proxy else None, live=how.get("live"))


def after(clock: MemoryClock, seconds: float, *recorders: Recorder) -> None:
    clock.wait(seconds)
    for one in recorders:
        one.note()


def counted(run: Path) -> list[Any]:
    return [json.loads(line)["releases"] for line in (run / FILE).read_text().splitlines()]


def test_each_half_minute_what_was_added_is_noted_however_often_it_is_called(tmp_path: Path) -> None:
    clock, proxy = MemoryClock(), Proxy()
    notes = recorder(tmp_path, clock, proxy)
    for _ in range(41):
        after(clock, 3.0, notes)
    assert [one["v1"]["requests"] for one in counted(tmp_path)] == [100, 100, 100, 100]
    assert counted(tmp_path)[0]["v1"]["errors"] == 1
    assert counted(tmp_path)[0]["v1"]["routes"] == {"/api": {"requests": 10, "errors": 0, "histogram": {}}}
    assert proxy.begun == 1
    known = recorded(tmp_path, "v1", clock.now(), files=(FILE, BY_SUPERVISOR))
    assert known["traffic"].total.requests == 400 and known["traffic"].total.histogram[20] == 400


def test_what_cannot_be_read_is_a_gap_and_said_only_where_nobody_foresaw_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, proxy = MemoryClock(), Proxy()
    notes = recorder(tmp_path, clock, proxy)
    troubles = (None, None, MobiusError("no answer"), OSError("full"), KeyError("x"), KeyError("x"), None)
    for trouble in troubles:
        proxy.trouble = trouble
        after(clock, 30.0, notes)
    assert [one["v1"]["requests"] for one in counted(tmp_path)] == [100, 100]
    lines = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    assert [line["took_s"] for line in lines] == [30.0, 150.0], (
        "so long that it is no half minute of anything"
    )
    assert capsys.readouterr().err == "notes of what is usual: a round is left out: KeyError('x')\n"


def test_of_two_that_note_the_first_alone_does_until_it_ends(tmp_path: Path) -> None:
    clock, proxy = MemoryClock(), Proxy()
    first, second = recorder(tmp_path, clock, proxy), recorder(tmp_path, clock, proxy)
    for _ in range(3):
        after(clock, 30.0, first, second)
    assert len(counted(tmp_path)) == 2
    del first
    until = time.monotonic() + 30.0  # a process that is being started at this moment may still hold the lock
    while len(counted(tmp_path)) < 3 and time.monotonic() < until:
        after(clock, 30.0, second)
    assert len(counted(tmp_path)) == 3


def test_where_there_is_no_folder_yet_nothing_is_noted(tmp_path: Path) -> None:
    notes = recorder(tmp_path / "not" / "yet", clock := MemoryClock(), Proxy())
    after(clock, 30.0, notes)
    after(clock, 30.0, notes)
    assert list(tmp_path.iterdir()) == []


def test_what_the_live_release_uses_is_noted_beside_it(tmp_path: Path) -> None:
    clock = MemoryClock()
    notes = recorder(tmp_path, clock, live=lambda: {"v1": [os.getpid()]})
    for _ in range(3):
        after(clock, 30.0, notes)
    lines = [json.loads(line) for line in (tmp_path / GAUGES).read_text().splitlines()]
    assert [sorted(line["releases"]["v1"]) for line in lines] == [["cpu", "fds", "memory"]] * 2
    assert not (tmp_path / FILE).exists()


def test_hours_that_have_ended_become_usual_ones(tmp_path: Path) -> None:
    clock, proxy = MemoryClock(), Proxy()
    notes = recorder(tmp_path, clock, proxy)
    for _ in range(2 * 120 + 25):
        after(clock, 30.0, notes)
    told = json.loads((tmp_path / "counted.usual.json").read_text())
    assert len(told["hours"]) in (1, 2)
    assert min(hour["traffic"]["blocks"] for hour in told["hours"].values()) >= 60


def test_counts_of_the_supervisor_stand_in_where_nobody_else_counted(tmp_path: Path) -> None:
    line = {"requests": 9, "errors": 0, "histogram": {}}
    write_line(tmp_path / BY_SUPERVISOR, {"at": 1_000.0, "took_s": 30.0, "releases": {"v1": line}})
    assert recorded(tmp_path, "v1", 1_001.0, files=(FILE, BY_SUPERVISOR))["traffic"].total.requests == 9
    assert recorded(tmp_path, "v1", 1_001.0, files=(FILE,)) == {}


class Target(MemoryTarget):
    def processes(self) -> tuple[ProcessStatus, ...]:
        return (
            ProcessStatus("api", "web", "blue", "v1", "running", pid=7),
            ProcessStatus("mail", "worker", "blue", "v1", "running", pid=8),
            ProcessStatus("gone", "worker", "blue", "v1", "stopped"),
            ProcessStatus("api", "web", "green", "v2", "running", pid=9),
        )


@pytest.mark.parametrize(
    ("weights", "live"),
    [
        ({"blue": 1}, {"v1": [7, 8]}),
        ({"green": 1, "blue": 0}, {"v2": [9]}),
        ({"blue": 9, "green": 1}, {}),
        ({}, {}),
    ],
)
def test_only_a_release_that_gets_all_requests_is_looked_at(
    weights: dict[str, int], live: Mapping[str, Sequence[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = MemoryTraffic(lambda: {"blue", "green"})
    monkeypatch.setattr(traffic, "weights", lambda: weights)
    assert live_alone(traffic, Target()) == live
