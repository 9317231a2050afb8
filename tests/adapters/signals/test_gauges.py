"""What a release used before: from the notes of its life, and from the windows it was watched in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.adapters.journals.memory import MemoryJournal
from mobius.adapters.signals.gauges import ENOUGH, gauges
from mobius.errors import MobiusError
from mobius.host.gauges import FILE
from mobius.host.lines import write_line
from mobius.model.run import Run, RunState
from mobius.model.sample import Sample
from world import World

NOW = 1_800_000_000.0


def noted(run: Path, *values: Any, release: str = "v1", signal: str = "cpu", from_s: float = NOW) -> None:
    for number, value in enumerate(values):
        releases = {release: {signal: value}}
        write_line(run / FILE, {"at": from_s + 30 * number, "took_s": 30.0, "releases": releases})


class Windows(MemoryJournal):
    """A journal of these windows, newest first: the run, and what was measured in it."""

    def __init__(self, *windows: tuple[Run, tuple[Sample, ...]]) -> None:
        super().__init__()
        self.windows = windows

    def runs(self, environment: str, limit: int = 50) -> tuple[Run, ...]:
        return tuple(run for run, _ in self.windows)

    def samples(self, run_id: int, *, since: float = 0.0) -> tuple[Sample, ...]:
        return next(samples for run, samples in self.windows if run.id == run_id)


@pytest.fixture(scope="module")
def accepted() -> Run:
    """The run of a release that a window watched to its good end."""
    return World().deploy("v1")


def of(
    run: Path, release: str = "v1", until: float = NOW + 9_000, journal: MemoryJournal | None = None
) -> Any:
    return gauges(run, journal or MemoryJournal(), "production", release, until)


def test_what_was_noted_of_the_release_until_then_is_told_oldest_first(tmp_path: Path) -> None:
    noted(tmp_path, 1.0, 2, 3.5)
    noted(tmp_path, 9.0, release="v2")
    assert of(tmp_path) == {"cpu": (1.0, 2.0, 3.5)}
    assert of(tmp_path, until=NOW + 30) == {"cpu": (1.0, 2.0)}
    assert of(tmp_path, until=NOW + 2 * 86_400) == {}, "older than a day"
    assert of(tmp_path, "v9") == {}


@pytest.mark.parametrize("odd", ["many", None, -1.0, float("nan"), float("inf"), [1], {"a": 1}])
def test_what_is_no_number_is_no_gauge(odd: Any, tmp_path: Path) -> None:
    noted(tmp_path, 1.0, odd, 2.0)
    assert of(tmp_path) == {"cpu": (1.0, 2.0)}


def test_a_release_that_is_no_table_of_numbers_tells_nothing(tmp_path: Path) -> None:
    write_line(tmp_path / FILE, {"at": NOW, "took_s": 30.0, "releases": {"v1": [1, 2]}})
    assert of(tmp_path) == {}


def window(
    run: Run, signal: str, *values: float | None, number: int = 1, state: RunState | None = None
) -> Any:
    there = replace(run, id=number, state=state or run.state, window_opened_at=NOW)
    samples = (Sample(signal, NOW + n, value=v, missing="" if v else "no data") for n, v in enumerate(values))
    return there, tuple(samples)


def test_a_configured_signal_is_known_from_the_windows_of_the_release(tmp_path: Path, accepted: Run) -> None:
    release = accepted.plan.release_id
    newer = window(accepted, "gauge:queue", 4.0, None, 5.0, number=2)
    older = window(accepted, "gauge:queue", 1.0, 2.0)
    assert of(tmp_path, release, journal=Windows(newer, older)) == {"gauge:queue": (1.0, 2.0, 4.0, 5.0)}
    assert of(tmp_path, "another", journal=Windows(newer, older)) == {}


def test_a_window_that_ended_in_a_rollback_tells_nothing_of_what_is_usual(
    tmp_path: Path, accepted: Run
) -> None:
    bad = window(accepted, "gauge:queue", 400.0, state=RunState.ROLLED_BACK)
    assert of(tmp_path, accepted.plan.release_id, journal=Windows(bad)) == {}


def test_what_was_noted_goes_before_what_windows_measured(tmp_path: Path, accepted: Run) -> None:
    release = accepted.plan.release_id
    noted(tmp_path, 1.0, release=release)
    measured = Windows(window(accepted, "cpu", 80.0))
    assert of(tmp_path, release, journal=measured) == {"cpu": (1.0,)}
    assert of(tmp_path / "elsewhere", release, journal=measured) == {"cpu": (80.0,)}


def test_old_windows_are_not_read_when_newer_ones_have_enough(tmp_path: Path, accepted: Run) -> None:
    newer = window(accepted, "gauge:queue", *[1.0] * ENOUGH, number=2)
    older = window(accepted, "gauge:queue", 9.0)
    found = of(tmp_path, accepted.plan.release_id, journal=Windows(newer, older))
    assert found == {"gauge:queue": (1.0,) * ENOUGH}


def test_a_journal_that_cannot_be_read_leaves_the_notes(tmp_path: Path) -> None:
    class Broken(MemoryJournal):
        def runs(self, environment: str, limit: int = 50) -> tuple[Run, ...]:
            raise MobiusError("the journal is damaged")

    noted(tmp_path, 1.0)
    assert of(tmp_path, journal=Broken()) == {"cpu": (1.0,)}


@settings(max_examples=80, deadline=None)
@given(data=st.binary(max_size=400))
def test_whatever_lies_in_the_file_nothing_is_raised_and_nothing_is_negative(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = tmp_path_factory.mktemp("run")
    (run / FILE).write_bytes(data)
    noted(run, 3.0)
    assert of(run) == {"cpu": (3.0,)}
