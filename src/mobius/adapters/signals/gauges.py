"""What a release used before now: noted while it was live, or measured in the windows it was watched in."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

from mobius.errors import MobiusError
from mobius.host.gauges import FILE
from mobius.host.lines import read_lines
from mobius.model.run import Run, RunState
from mobius.model.sample import Sample
from mobius.ports import Journal

DAY_S = 86_400.0
OWN = "gauge:"  # what the configuration names itself is measured in windows only
USED = ("cpu", "memory", "fds", "disk")
ENOUGH = 240  # values of one signal that need no older window: two hours of half minutes
RUNS = 50
BAD = (RunState.ROLLED_BACK, RunState.ROLLING_BACK)

Gauges = Mapping[str, tuple[float, ...]]


def gauges(run: Path, journal: Journal, environment: str, release_id: str, until: float) -> Gauges:
    """By signal, what was measured of this release up to `until` (unix seconds), oldest first. "cpu", "memory" and
    "fds" stand for half a minute each, of the last day; where nobody noted them, and for all others, there are the
    values of the release's windows. Empty where nothing was measured."""
    measured = _of_windows(journal, environment, release_id, until)
    return {**measured, **_noted(run, release_id, until)}


def _noted(run: Path, release_id: str, until: float) -> Gauges:
    there: dict[str, list[float]] = {}
    for line in read_lines(run / FILE, until - DAY_S, until):
        told = line.releases.get(release_id)
        used = told if isinstance(told, dict) else {}
        for signal in USED:
            value = used.get(signal)
            if isinstance(value, int | float) and isfinite(value) and value >= 0:
                there.setdefault(signal, []).append(float(value))
    return {signal: tuple(values) for signal, values in there.items()}


def _of_windows(journal: Journal, environment: str, release_id: str, until: float) -> Gauges:
    """Of the newest windows first, until there is enough; one that ended in a rollback tells nothing of what is
    usual."""
    there: dict[str, tuple[float, ...]] = {}
    try:
        for run in journal.runs(environment, RUNS):
            if not _watched(run, release_id, until):
                continue
            for signal, values in _values(journal.samples(run.id), until).items():
                if len(there.get(signal, ())) < ENOUGH:
                    there[signal] = values + there.get(signal, ())
            if there and all(len(values) >= ENOUGH for values in there.values()):
                break
    except MobiusError:  # a journal that cannot be read: judged by what is noted beside it
        pass
    return there


def _watched(run: Run, release_id: str, until: float) -> bool:
    opened = run.window_opened_at
    return run.plan.release_id == release_id and 0 < opened < until and run.state not in BAD


def _values(samples: tuple[Sample, ...], until: float) -> dict[str, tuple[float, ...]]:
    there: dict[str, list[float]] = {}
    for sample in samples:
        is_gauge = sample.signal in USED or sample.signal.startswith(OWN)
        if is_gauge and sample.value is not None and isfinite(sample.value) and sample.at <= until:
            there.setdefault(sample.signal, []).append(sample.value)
    return {signal: tuple(values) for signal, values in there.items()}
