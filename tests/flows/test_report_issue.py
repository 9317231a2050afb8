"""What users report: an event, and a sample of the open window."""

from __future__ import annotations

import pytest

from mobius.errors import UsageError
from mobius.flows.report_issue import report_issue
from mobius.flows.status import status
from mobius.model.run import RunState
from mobius.model.sample import Sample
from world import Killed, World


def with_v1() -> World:
    world = World()
    assert world.deploy("v1").state is RunState.ACCEPTED
    return world


def issues(world: World, run_id: int) -> list[Sample]:
    return [sample for sample in world.journal.samples(run_id) if sample.signal == "issue"]


def test_an_issue_of_an_open_window_is_one_of_its_samples() -> None:
    world = with_v1()
    begun = world.begin(world.plan("v2"))
    world.clock.in_s(2000, lambda: report_issue(world.ports, "no sound in previews", by="support"))

    run = world.carry_on(begun)

    assert run.state is RunState.ACCEPTED, "told, and never taken back by itself"
    [issue] = issues(world, run.id)
    assert (issue.ok, issue.note) == (False, "no sound in previews")
    [event] = world.events(run, "issue")
    assert (event.message, event.who) == ("support reports: no sound in previews", "support")
    [told] = status(world.ports).issues
    assert (told.by, told.text) == ("support", "no sound in previews")


def test_a_runner_that_was_away_hears_every_issue_once() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    world.clock.in_s(1000, lambda: report_issue(world.ports, "first", by="ann"))
    world.interrupt(lambda name, _: name == "journal.add_samples" and world.looks["v2"] == 3, _kill)
    with pytest.raises(Killed):
        world.carry_on(run)
    report_issue(world.ports, "second", by="ann")

    world.carry_on(run)

    assert [issue.note for issue in issues(world, run.id)] == ["first", "second"]


def test_without_a_window_it_is_kept_with_what_is_live() -> None:
    world = with_v1()
    _, run_id = report_issue(world.ports, "the page is blank", by="ann")
    assert run_id == 0
    assert [issue.text for issue in status(world.ports).issues] == ["the page is blank"]
    world.deploy("v2")
    assert status(world.ports).issues == (), "of what was live before"


def test_what_was_written_is_bounded_and_cannot_draw() -> None:
    world = with_v1()
    told, _ = report_issue(world.ports, "a\x1b[2J\nb" + 600 * "x", by="e\x07ve")
    assert len(told.text) == 500
    assert told.text.startswith("a\N{REPLACEMENT CHARACTER}[2J bxxx") and told.text.endswith("…")
    assert told.by == "e\N{REPLACEMENT CHARACTER}ve"
    with pytest.raises(UsageError):
        report_issue(world.ports, " \n", by="ann")


def _kill() -> None:
    raise Killed
