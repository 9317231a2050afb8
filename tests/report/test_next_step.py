"""What an operator is told to do after a run: a command that helps there, and never one that cannot."""

from __future__ import annotations

from dataclasses import replace

from mobius.model.plan import Step
from mobius.model.run import Event, Run, RunState
from mobius.report.next_step import StepsSeen, next_step
from report import stories


def ended(state: RunState, *actions: str, sentence: str = "it failed") -> Run:
    """A run whose rollout is of these actions; the id of each step is its action."""
    run = stories.run()
    rollout = tuple(Step(each, "phase", each, each) for each in actions)
    return replace(run, state=state, sentence=sentence, plan=replace(run.plan, rollout=rollout))


def test_after_a_failed_migration_it_is_tried_on_a_copy_for_no_slot_has_a_log_of_it() -> None:
    why, command = next_step(ended(RunState.ROLLED_BACK, "migrate", "start"), {"migrate"}, "migrate")
    assert command == "mobius migrate rehearse -e production --tag v3"
    assert why == "what it said is in logs/deployment.log; mend it, then try it on a copy"


def test_after_a_migration_that_gave_up_waiting_for_a_lock_it_is_deployed_again() -> None:
    given_up = "migration 002.sql gave up: a lock was not had within 5 s at line 1, 9 attempt(s) in 2 min"
    run = ended(RunState.ROLLED_BACK, "migrate", sentence=given_up)
    assert next_step(run, {"migrate"}, "migrate") == (
        "once nobody holds that lock",
        "mobius deploy -e production --tag v3",
    )


def test_after_a_release_that_failed_its_log_is_named() -> None:
    run = ended(RunState.ROLLED_BACK, "migrate", "start")
    assert next_step(run, {"migrate", "start"}, "start")[1] == "mobius logs -e production --slot green"


def test_where_going_back_failed_in_a_hold_the_choices_are_named_and_not_code_alone() -> None:
    run = ended(RunState.FAILED, "hold", "migrate", "release_hold")
    assert next_step(run, {"hold", "migrate"}, "migrate")[1] == "mobius report -e production"
    assert (
        next_step(run, {"hold", "migrate", "release_hold"})[1] == "mobius rollback -e production --emergency"
    )


def test_the_steps_are_known_from_the_events_as_they_come() -> None:
    seen = StepsSeen()
    for kind, step in (("step begun", "a"), ("step failed", "a"), ("step begun", "b"), ("step failed", "b")):
        seen.see(Event(1, 7, 0.0, kind, "", {"step": step}))
    assert (seen.begun, seen.failed) == ({"a", "b"}, "a")


def test_after_a_canary_that_nobody_could_judge_the_way_without_one_is_named() -> None:
    run = replace(ended(RunState.ROLLED_BACK, "split", "see_stage"), exit_code=4)
    assert next_step(run) == (
        "nobody found it bad; once there is more traffic, or with longer stages, again; or all at once",
        "mobius deploy -e production --tag v3 --no-canary",
    )
