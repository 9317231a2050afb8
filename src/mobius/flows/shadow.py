"""The score of the watch over all windows there were: read from the journal, nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.plan import FORWARD
from mobius.model.run import Event, Run, RunState
from mobius.model.score import Fate, Score, ScoredWindow
from mobius.ports import Ports
from mobius.rules.shadow import SETTLED_S, WOULD, score

MOST_RUNS = 1000
ALARMS = ("page", WOULD, "verdict", "accepted")


def scored(ports: Ports) -> Score:
    """Of every deployment and restart whose window was opened, newest first. Raises `MobiusError` when the journal
    cannot be read."""
    runs = ports.journal.runs(ports.settings.name, MOST_RUNS)
    events: dict[int, list[Event]] = {}
    for event in ports.journal.events(environment=ports.settings.name, kinds=ALARMS, limit=100_000):
        events.setdefault(event.run_id, []).append(event)
    now = ports.clock.now()
    windows = [run for run in runs if run.kind in FORWARD and run.window_opened_at]
    return score(_window(run, events.get(run.id, []), runs, now) for run in windows)


def _window(run: Run, events: Sequence[Event], runs: Sequence[Run], now: float) -> ScoredWindow:
    alarm = next((event for event in events if _is_alarm(event)), None)
    back = _taken_back_at(run, runs)
    return ScoredWindow(
        run.id,
        run.plan.tag,
        run.window_opened_at,
        _fate(run, events, back, now),
        alarm_at=alarm.at if alarm else 0.0,
        rule=str(alarm.data.get("rule") or "") if alarm else "",
        sentence=str(alarm.data.get("sentence") or "") if alarm else "",
        taken_back_at=back,
    )


def _is_alarm(event: Event) -> bool:
    """A no of the watch; what it saw while it was disarmed was a known incident."""
    return event.data.get("outcome") == "FAIL" and not event.data.get("disarmed")


def _fate(run: Run, events: Sequence[Event], back: float, now: float) -> Fate:
    if any(event.kind == "verdict" and event.data.get("outcome") == "FAIL" for event in events):
        return Fate.ACTED_ON
    if back:
        return Fate.TAKEN_BACK
    kept_at = next((event.at for event in events if event.kind == "accepted"), 0.0)
    return Fate.HEALTHY if kept_at and now >= kept_at + SETTLED_S else Fate.UNKNOWN


def _taken_back_at(run: Run, runs: Sequence[Run]) -> float:
    """When a person went back from this release, in its window or within a day of its end; 0 where nobody did.
    `runs`: newest first."""
    if run.state in (RunState.ABORTED, RunState.ROLLED_BACK):
        return run.ended_at or run.started_at
    later = [one for one in reversed(runs) if one.id > run.id and one.kind != "monitor"]
    if not later or later[0].kind != "rollback":  # whatever was live after a newer deployment is another's
        return 0.0
    until = (run.ended_at or float("inf")) + SETTLED_S
    return later[0].started_at if later[0].started_at <= until else 0.0
