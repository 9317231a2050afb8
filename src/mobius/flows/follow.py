"""Looks on while a run goes its way; whoever looks changes nothing, and may leave at any time."""

from __future__ import annotations

from typing import Protocol

from mobius.errors import MobiusError
from mobius.model.run import Event, Run, RunState
from mobius.model.sample import Sample
from mobius.ports import Ports

POLL_S = 0.1  # how often a viewer looks for new events
LOOKS_A_SECOND = 10
LEFT_ALONE = 5  # seconds in which there was no runner and no news: from one runner to the next takes less


class Viewer(Protocol):
    """Who is shown a run as it happens; it only looks."""

    def event(self, event: Event) -> None:
        """The next event."""

    def sample(self, *samples: Sample) -> None:
        """New measurements of the window."""

    def tick(self, now: float) -> None:
        """Time passed."""


def follow(run: Run, ports: Ports, viewer: Viewer | None, *, until_window: bool, after: int = 0) -> Run:
    """The run as it then stands: ended, waiting for a person, or with `until_window` observing. Events up to the
    one with seq `after` were shown before. Raises `MobiusError` when nobody carries it on."""
    sampled, looked, alone = 0.0, 0, 0
    while True:
        try:
            now, news = ports.journal.run(run.id), ports.journal.events(run_id=run.id, after=after)
        except MobiusError as problem:
            problem.details += (_out_of_sight(run),)
            raise
        for event in news:
            after, alone = event.seq, 0
            if viewer is not None:
                viewer.event(event)
        if viewer is not None and now.state is RunState.OBSERVING:
            sampled = _show_samples(run, ports, viewer, sampled)
        if now.ended or now.state is RunState.NEEDS_OPERATOR:
            return now
        if until_window and now.state is RunState.OBSERVING:
            return now
        looked += 1
        if looked % LOOKS_A_SECOND == 0:
            alone = 0 if ports.launcher.alive(now) else alone + 1
        if alone >= LEFT_ALONE:
            raise _left_alone(now)
        if viewer is not None:
            viewer.tick(ports.clock.now())
        ports.clock.wait(POLL_S)


def _show_samples(run: Run, ports: Ports, viewer: Viewer, since: float) -> float:
    fresh = [sample for sample in ports.journal.samples(run.id, since=since) if sample.at > since]
    viewer.sample(*fresh)
    return max([since, *(sample.at for sample in fresh)])


def _out_of_sight(run: Run) -> str:
    return (
        f"run {run.id} is written down and has a runner of its own, but cannot be seen from here now; "
        f"when the journal is back: mobius status -e {run.environment}"
    )


def _left_alone(run: Run) -> MobiusError:
    return MobiusError(
        f"the runner of run {run.id} is gone and was not started again ({run.state})",
        f"finish it: mobius resume -e {run.environment}; or take it back: mobius abort -e {run.environment}",
    )
