"""The four figures of an environment, from its journal alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mobius.model.dora import Change, Dora
from mobius.model.run import Event, Run, RunState
from mobius.ports import Journal
from mobius.rules.dora import DAY_S, dora

MET = ("switched", "split", "window opened")  # users met the release
EVERY = 1_000_000
KINDS = ("switched", "split", "window opened", "traffic back", "rolled back")


def dora_of(journal: Journal, environment: str, *, days: float, now: float) -> Dora:
    """Over the last so many days, or since the first run where that is less."""
    runs = list(reversed(journal.runs(environment, EVERY)))
    since = max(now - days * DAY_S, runs[0].started_at if runs else now)
    deployed = [run for run in runs if run.kind == "deploy"]
    changes, stopped = [], 0
    for run in deployed:
        change = _change(run, journal.events(run_id=run.id, kinds=KINDS, limit=EVERY))
        if change.reached_at:
            changes.append(_judged_later(change, run, runs, journal))
        elif run.ended and run.started_at >= since:
            stopped += 1
    return dora(changes, since=since, until=now, stopped=stopped)


def _change(run: Run, events: Sequence[Event]) -> Change:
    """What the run itself says of it."""
    mine = [e for e in events if e.kind in MET and e.data.get("to", run.plan.slot) == run.plan.slot]
    whole = [e for e in mine if e.kind != "split"]
    committed = run.plan.facts.get("committed_at")
    change = Change(
        run_id=run.id,
        release_id=run.plan.release_id,
        reached_at=mine[0].at if mine else 0.0,
        live_at=whole[0].at if whole else 0.0,
        committed_at=float(committed) if isinstance(committed, int | float) else 0.0,
    )
    if run.state is RunState.ROLLED_BACK:
        back = [e.at for e in events if e.kind in ("traffic back", "rolled back")]
        back += [e.at for e in events if e.kind == "switched" and e.data.get("to") == run.plan.previous_slot]
        return replace(change, failed_because="it was taken back", back_at=min(back, default=0.0))
    if run.state is RunState.FAILED:
        return replace(change, failed_because="taking it back failed")
    if run.state is RunState.INCONCLUSIVE and run.exit_code == 3:
        return replace(change, failed_because="its window said no, and nothing may act on it")
    if run.state is RunState.ABORTED:
        back = [e.at for e in events if e.kind in ("traffic back", "rolled back")]
        return replace(change, failed_because="a person stopped it", back_at=min(back, default=run.ended_at))
    return change


def _judged_later(change: Change, run: Run, runs: Sequence[Run], journal: Journal) -> Change:
    """What later runs say of it: a rollback that left it, or, where it had failed, the next release that took over."""
    for later in (one for one in runs if one.id > run.id):
        if later.kind == "rollback" and later.plan.previous_id == change.release_id:
            back_at = _back_at(later, journal)
            if back_at and not (change.failed_because and change.back_at):
                return replace(
                    change, failed_because=change.failed_because or "it was rolled back", back_at=back_at
                )
        if later.kind == "deploy" and later.plan.release_id != change.release_id:
            after = _change(later, journal.events(run_id=later.id, kinds=KINDS, limit=EVERY))
            if after.live_at and not after.failed_because:
                if change.failed_because and not change.back_at:
                    return replace(change, back_at=after.live_at)
                return change  # what comes after that is about another release
    return change


def _back_at(rollback: Run, journal: Journal) -> float:
    """When all traffic was on the release that it went to; 0 where that never was."""
    found = journal.events(run_id=rollback.id, kinds=("traffic back", "switched", "rolled back"), limit=EVERY)
    return min((event.at for event in found if event.kind != "switched" or event.data.get("to")), default=0.0)
