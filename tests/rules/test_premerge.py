"""Whether a change may be merged, by what its steps answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.model.premerge import STEPS, Premerge, Skip, StepResult, StepState
from mobius.model.verdict import CheckResult, Outcome
from mobius.rules.premerge import of_one_checkout, said_of, state_of

ALL_PASS = tuple(StepResult(name, StepState.PASS, "good") for name in STEPS)
GOOD = Premerge("r1", "dhash", "staging", "c" * 40, "main", False, 100.0, (), ALL_PASS, 200.0)


def with_step(name: str, state: StepState, *, required: tuple[str, ...] = ()) -> Premerge:
    skipped = Skip("ada@host", "the node is being moved") if state is StepState.SKIPPED else None
    steps = tuple(
        StepResult(name, state, "why", skipped=skipped) if step.name == name else step for step in ALL_PASS
    )
    return replace(GOOD, steps=steps, required=required)


def test_all_that_pass_may_be_merged() -> None:
    assert GOOD.outcome is Outcome.PASS


@pytest.mark.parametrize("name", STEPS)
def test_each_step_alone_can_refuse_and_can_leave_it_unknown(name: str) -> None:
    assert with_step(name, StepState.FAIL).outcome is Outcome.FAIL
    assert with_step(name, StepState.ERROR).outcome is Outcome.ERROR
    assert with_step(name, StepState.INCONCLUSIVE).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("name", STEPS)
def test_a_skipped_step_lets_the_others_speak_unless_it_is_required(name: str) -> None:
    assert with_step(name, StepState.SKIPPED).outcome is Outcome.PASS
    assert with_step(name, StepState.SKIPPED, required=(name,)).outcome is Outcome.INCONCLUSIVE


def test_what_passed_says_nothing_where_another_commit_was_checked_out_meanwhile() -> None:
    failed = of_one_checkout(with_step("scan", StepState.FAIL), "moved")
    assert failed.outcome is Outcome.FAIL
    unknown = of_one_checkout(GOOD, "moved")
    assert unknown.outcome is Outcome.ERROR and {step.said for step in unknown.steps} == {"moved"}
    assert unknown.steps[0].checks[-1].advice
    assert of_one_checkout(GOOD, "") is GOOD


def test_a_no_weighs_more_than_no_answer() -> None:
    steps = (StepResult("scan", StepState.ERROR), StepResult("smoke", StepState.FAIL))
    assert replace(GOOD, steps=steps).outcome is Outcome.FAIL


def test_what_was_killed_or_has_not_ended_is_no_answer() -> None:
    assert replace(GOOD, ended_at=0.0).outcome is None
    for state in (StepState.WAITING, StepState.RUNNING):
        assert with_step("smoke", state).outcome is Outcome.INCONCLUSIVE


def test_where_everything_was_skipped_nothing_is_known() -> None:
    steps = tuple(replace(step, state=StepState.SKIPPED, skipped=Skip("ada", "because")) for step in ALL_PASS)
    assert replace(GOOD, steps=steps).outcome is Outcome.INCONCLUSIVE


def test_a_step_that_checked_nothing_found_nothing_out() -> None:
    assert state_of(()) is StepState.INCONCLUSIVE
    assert said_of((), "all good") == "nothing was checked"


def test_a_step_says_the_worst_of_its_checks_first() -> None:
    checks = (
        CheckResult("a", Outcome.ERROR, "no answer", 0.0),
        CheckResult("b", Outcome.PASS, "well", 0.0),
        CheckResult("c", Outcome.FAIL, "x" * 400, 0.0),
    )
    assert state_of(checks) is StepState.FAIL
    said = said_of(checks, "")
    assert said.startswith("c: xxx") and said.endswith("… (and 1 more)") and len(said) < 200
