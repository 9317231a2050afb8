"""The steps side by side: order, limits, crashes, and an end that leaves nothing running."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from mobius.adapters.clocks.memory import MemoryClock
from mobius.flows.premerge.validate import begun_with, validate
from mobius.model.premerge import Premerge, Skip, StepResult, StepState
from mobius.model.verdict import Outcome
from mobius.rules.premerge import of_one_checkout

BEGUN = Premerge("r1", "dhash", "staging", "c" * 40, "main", False, 100.0, (), ())
NAMES = ("backup", "deploy", "smoke", "scan")


class Running:
    def __init__(self, name: str, steps: Steps) -> None:
        self.name, self.steps, self.looks = name, steps, steps.takes.get(name, 1)

    def poll(self) -> StepResult | None:
        self.looks -= 1
        if self.looks > 0:
            return None
        self.steps.running.discard(self.name)
        return StepResult("", self.steps.states.get(self.name, StepState.PASS), "done", 1.0)

    def last_line(self) -> str:
        return f"{self.name} works"

    def end(self) -> None:
        self.steps.running.discard(self.name)
        self.steps.ended.append(self.name)


class Steps:
    def __init__(self, takes: Mapping[str, int] | None = None, **states: StepState) -> None:
        self.takes, self.states = dict(takes or {}), states
        self.running: set[str] = set()
        self.order: list[str] = []
        self.ended: list[str] = []
        self.most = 0

    def start(self, name: str) -> Running:
        self.running.add(name)
        self.order.append(name)
        self.most = max(self.most, len(self.running))
        return Running(name, self)


class Reports:
    def __init__(self) -> None:
        self.told: list[tuple[str, Premerge]] = []

    def begin(self, validation: Premerge) -> None:
        self.told.append(("begin", validation))

    def write(self, validation: Premerge) -> None:
        self.told.append(("write", validation))

    def finish(self, validation: Premerge) -> None:
        self.told.append(("finish", validation))


def run(
    steps: Steps,
    *,
    skips: Mapping[str, Skip] | None = None,
    after: Mapping[str, Sequence[str]] | None = None,
    at_once: int = 2,
    viewer: Callable[[Premerge, Mapping[str, str]], None] = lambda *_: None,
    at_the_end: Callable[[Premerge], Premerge] = lambda now: now,
) -> tuple[Premerge, Reports]:
    reports = Reports()
    begun = begun_with(BEGUN, NAMES, skips or {})
    done = validate(
        begun,
        steps,
        reports,
        MemoryClock(),
        after=after or {},
        at_once=at_once,
        viewer=viewer,
        at_the_end=at_the_end,
    )
    return done, reports


def test_every_step_runs_and_no_more_than_allowed_at_a_time() -> None:
    steps = Steps({"deploy": 3, "smoke": 2})
    done, reports = run(steps)
    assert done.outcome is Outcome.PASS and set(steps.order) == set(NAMES) and steps.most == 2
    assert [step.name for step in done.steps] == list(NAMES)
    assert reports.told[0][0] == "begin" and reports.told[-1] == ("finish", done)


def test_a_step_waits_for_those_it_comes_after_whatever_they_answer() -> None:
    steps = Steps({"smoke": 5}, smoke=StepState.FAIL)
    done, _ = run(steps, after={"backup": ("smoke",)}, at_once=4)
    assert steps.order.index("backup") > steps.order.index("smoke")
    assert steps.order[-1] == "backup" and done.outcome is Outcome.FAIL


def test_one_that_waits_for_a_skipped_step_does_not_wait_for_ever() -> None:
    steps = Steps()
    done, _ = run(steps, skips={"smoke": Skip("ada", "moved")}, after={"backup": ("smoke",)})
    assert "smoke" not in steps.order and "backup" in steps.order
    skipped = next(step for step in done.steps if step.name == "smoke")
    assert (skipped.state, skipped.skipped) == (StepState.SKIPPED, Skip("ada", "moved"))


def test_the_report_never_says_pass_before_the_end() -> None:
    _, reports = run(Steps())
    assert {validation.outcome for kind, validation in reports.told if kind != "finish"} == {None}


def test_what_is_found_out_at_the_end_stands_in_the_report_and_in_the_answer() -> None:
    done, reports = run(Steps(), at_the_end=lambda now: of_one_checkout(now, "another was checked out"))
    assert done.outcome is Outcome.ERROR
    assert {validation.outcome for _, validation in reports.told} == {None, Outcome.ERROR}


def test_whatever_stops_it_ends_every_step_and_leaves_an_incomplete_report() -> None:
    steps = Steps({"deploy": 50, "backup": 50})

    def interrupt(validation: Premerge, latest: Mapping[str, str]) -> None:
        if latest:
            raise KeyboardInterrupt

    reports = Reports()
    begun = begun_with(BEGUN, NAMES, {})
    with pytest.raises(KeyboardInterrupt):
        validate(
            begun,
            steps,
            reports,
            MemoryClock(),
            after={},
            at_once=2,
            viewer=interrupt,
            at_the_end=lambda now: now,
        )
    assert sorted(steps.ended) == ["backup", "deploy"] and not steps.running
    kind, last = reports.told[-1]
    assert kind == "finish" and last.outcome is None
    assert {step.state for step in last.steps} == {StepState.ERROR, StepState.WAITING}
    assert replace(last, ended_at=1.0).outcome is not Outcome.PASS
