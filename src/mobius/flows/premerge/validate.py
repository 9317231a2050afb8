"""Runs the steps of a validation side by side, writes down each end, and leaves nothing running."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mobius.model.premerge import ENDED, Premerge, Skip, StepResult, StepState
from mobius.ports import Clock
from mobius.ports.validating import Reports, Running, Steps

LOOK_EVERY_S = 0.1
Viewer = Callable[[Premerge, Mapping[str, str]], None]


def validate(
    begun: Premerge,
    steps: Steps,
    reports: Reports,
    clock: Clock,
    *,
    after: Mapping[str, Sequence[str]],
    at_once: int,
    viewer: Viewer,
    at_the_end: Callable[[Premerge], Premerge],
) -> Premerge:
    """All steps of `begun` that wait, at most `at_once` at a time, each when those that it comes `after` have ended.
    `at_the_end` makes of all their answers what they are worth once the checkout was looked at again.
    `viewer` sees how it stands, with the newest line of each step that runs. Ctrl-C, or anything else that stops this,
    ends every step first; the report then says that it is incomplete."""
    reports.begin(begun)
    now, running = begun, dict[str, Running]()
    try:
        while any(step.state not in ENDED for step in now.steps):
            now = _started(now, steps, running, after, at_once)
            ended = {name: found for name, one in running.items() if (found := one.poll()) is not None}
            for name, result in ended.items():
                running.pop(name)
                now = _with(now, replace(result, name=name))
            if ended:
                reports.write(now)
            viewer(now, {name: one.last_line() for name, one in running.items()})
            if not ended:
                clock.wait(LOOK_EVERY_S)
    except BaseException:
        for one in running.values():
            one.end()
        reports.finish(_stopped(now))
        raise
    done = replace(at_the_end(now), ended_at=clock.now())
    reports.finish(done)
    viewer(done, {})
    return done


def begun_with(validation: Premerge, names: Sequence[str], skips: Mapping[str, Skip]) -> Premerge:
    """The same with its steps: all wait, but those that a person skips."""
    made = [
        StepResult(name, StepState.SKIPPED, skips[name].reason, skipped=skips[name])
        if name in skips
        else StepResult(name)
        for name in names
    ]
    return replace(validation, steps=tuple(made))


def _started(
    now: Premerge,
    steps: Steps,
    running: dict[str, Running],
    after: Mapping[str, Sequence[str]],
    at_once: int,
) -> Premerge:
    ended = {step.name for step in now.steps if step.state in ENDED}
    there = {step.name for step in now.steps}
    for step in now.steps:
        waits = [name for name in after.get(step.name, ()) if name in there and name not in ended]
        if step.state is StepState.WAITING and not waits and len(running) < at_once:
            running[step.name] = steps.start(step.name)
            now = _with(now, StepResult(step.name, StepState.RUNNING))
    return now


def _with(now: Premerge, result: StepResult) -> Premerge:
    return replace(now, steps=tuple(result if step.name == result.name else step for step in now.steps))


def _stopped(now: Premerge) -> Premerge:
    """What ran has no answer any more."""
    ended = [
        replace(step, state=StepState.ERROR, said="stopped before it ended")
        if step.state is StepState.RUNNING
        else step
        for step in now.steps
    ]
    return replace(now, steps=tuple(ended))
