"""Looking on: every event once, until there is nothing more to see, or nobody who carries the run on."""

from __future__ import annotations

import pytest

from mobius.errors import MobiusError
from mobius.flows.follow import follow
from mobius.model.run import Event, RunState
from mobius.model.sample import Sample
from world import World


class Eyes:
    """Remembers what it was shown."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.samples: list[Sample] = []
        self.ticks = 0

    def event(self, event: Event) -> None:
        self.events.append(event)

    def sample(self, *samples: Sample) -> None:
        self.samples += samples

    def tick(self, now: float) -> None:
        self.ticks += 1


def test_a_viewer_is_shown_every_event_of_an_ended_run_once() -> None:
    world, eyes = World(), Eyes()
    run = world.deploy("v1")

    seen = follow(run, world.ports, eyes, until_window=False)

    assert seen.state is RunState.ACCEPTED
    assert tuple(eyes.events) == world.journal.events(run_id=run.id)


def test_a_run_that_nobody_carries_on_is_told_with_both_ways_out_after_a_while() -> None:
    world, eyes = World(), Eyes()
    run = world.begin(world.plan("v1"))
    world.ports.launcher.stop(run)
    began = world.clock.monotonic()

    with pytest.raises(MobiusError) as told:
        follow(run, world.ports, eyes, until_window=False)

    assert told.value.message == f"the runner of run {run.id} is gone and was not started again (queued)"
    assert "mobius resume" in told.value.hint and "mobius abort" in told.value.hint
    assert world.clock.monotonic() - began >= 4, "one runner may follow another"
    assert eyes.ticks > 10


def test_when_the_journal_goes_away_it_is_said_that_the_run_has_a_runner_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    run = world.begin(world.plan("v1"))

    def gone(_: int) -> None:
        raise MobiusError("the journal cannot be reached", "see whether it runs", details=("refused",))

    monkeypatch.setattr(world.journal, "run", gone)
    with pytest.raises(MobiusError) as told:
        follow(run, world.ports, None, until_window=False)

    assert (told.value.message, told.value.hint) == ("the journal cannot be reached", "see whether it runs")
    assert told.value.details[0] == "refused"
    assert f"run {run.id} is written down" in told.value.details[1]
    assert f"mobius status -e {run.environment}" in told.value.details[1]
