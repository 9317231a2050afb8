"""The stages of a canary: their steps, how long they will take, and what both releases answered in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from mobius.model.baseline import Baseline, Block, added
from mobius.model.plan import Plan, Repeat, Step
from mobius.model.policies import PolicySettings
from mobius.model.run import Event, Run, RunState
from mobius.model.sample import Sample
from mobius.model.settings import CanarySettings
from mobius.model.verdict import Outcome
from mobius.rules.adaptive.stage import CONTROL
from mobius.rules.adaptive.window import WHOLE, WindowTests

PHASE = "canary"
TICK_S = 5.0
PRACTICE_S = 600.0  # of the present traffic, from which the time of a stage is foretold
AFTERWARDS_S = 600.0  # the most between the last stage and its window: the switch, a drain, the workers


# -- steps ----------------------------------------------------------------------------------------------------


def split(percent: int, to: str, away_from: str, hosts: Sequence[str] = ()) -> Step:
    """One write that shares new requests out between two slots; or that gives these hosts the new one alone."""
    what: dict[str, Any] = {"percent": percent, "to": to, "from": away_from}
    title = f"send {percent} % of the requests to {to}"
    if hosts:
        what["hosts"], title = list(hosts), f"send all requests of {', '.join(hosts)} to {to}"
    return Step("", PHASE, "split", title, what, Repeat.OBSERVABLE, 0.1, effect=True)


def see_stage(percent: int, next_percent: int, canary: CanarySettings, expected_s: float) -> Step:
    """Both releases are watched until a bad one would have been found; nobody is locked out meanwhile."""
    least, most = canary.stage_min_s, canary.stage_max_s
    title = f"watch both releases until enough was seen, at least {least:g} s, at most {most:g} s"
    what = {"percent": percent, "next_percent": next_percent, "min_s": least, "max_s": most}
    return Step("", PHASE, "see_stage", title, what, expected_s=min(max(expected_s, least), most))


def end_split(live_slot: str, other_slot: str, release_id: str, canary_id: str) -> Step:
    """An earlier canary ends before anything else begins: the live release has all the requests."""
    title = f"end the canary of {canary_id or 'a release'} in {other_slot}: all requests go to {live_slot}"
    return Step(
        "",
        PHASE,
        "end_split",
        title,
        {"to": live_slot, "from": other_slot, "release": release_id, "canary": canary_id},
        Repeat.OBSERVABLE,
        0.1,
    )


def stages(
    percents: Sequence[int],
    canary: CanarySettings,
    to: str,
    away_from: str,
    expected_s: Sequence[float],
    hosts: Sequence[str] = (),
) -> list[Step]:
    """Two steps for each: the write, and the watching. `expected_s`: of each, at the present traffic; `hosts`: those
    that get the new release in the only stage there is, by which its share of the requests comes about."""
    found = []
    for percent, after, takes_s in zip(percents, (*percents, 100)[1:], expected_s, strict=True):
        found += [split(percent, to, away_from, hosts), see_stage(percent, after, canary, takes_s)]
    return found


def first_stage(plan: Plan) -> int | None:
    """The place of the first step of its canary in the rollout; None where it has none."""
    return next((place for place, step in enumerate(plan.rollout) if step.action == "split"), None)


def past_stages(plan: Plan) -> int:
    """The place of the first step after its canary; 0 where it has none."""
    last = [place for place, step in enumerate(plan.rollout) if step.action == "see_stage"]
    return last[-1] + 1 if last else 0


def is_in_a_stage(run: Run) -> bool:
    """Whether two releases are watched side by side: the window, which has all the traffic, is not open yet."""
    return run.state is RunState.OBSERVING and not run.window_opened_at and past_stages(run.plan) > 0


def longest_s(plan: Plan) -> float:
    """From the first stage to the end of the window, at most."""
    most = [float(step.params["max_s"]) for step in plan.rollout if step.action == "see_stage"]
    return sum(most) + AFTERWARDS_S + float(plan.facts["window_s"])


# -- what is to be expected ------------------------------------------------------------------------------------


def needed_s(baseline: Baseline | None, percent: int, next_percent: int, longest_s: float) -> float:
    """How long a stage has to be at the traffic of the release before; infinite where that has none."""
    seconds = len(baseline.blocks) * baseline.block_s if baseline else 0.0
    if baseline is None or not seconds or not baseline.total.requests:
        return inf
    tests = WindowTests({WHOLE: baseline}, 0.0, longest_s)
    samples: list[Sample] = []
    parts = {WHOLE: percent / 100, CONTROL: 1 - percent / 100}
    for tick in range(1, int(PRACTICE_S / TICK_S) + 1):
        till, since = (tick * TICK_S / seconds, (tick - 1) * TICK_S / seconds)
        fresh = [
            _part(baseline.total, signal, tick * TICK_S, since * share, till * share)
            for signal, share in parts.items()
        ]
        tests.feed(fresh)
        samples += fresh
    return tests.seen_enough(samples, 0.0, next_percent).needed_s


def _part(total: Block, signal: str, at: float, since: float, till: float) -> Sample:
    def part(count: int) -> int:
        return round(count * till) - round(count * since)

    histogram = tuple(part(count) for count in total.histogram)
    return Sample(signal, at, requests=part(total.requests), errors=part(total.errors), histogram=histogram)


# -- what was seen ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sides:
    """What the new release and the one before answered in one stage."""

    new: Block
    old: Block

    @classmethod
    def of(cls, samples: Sequence[Sample], since: float) -> Sides:
        """From the samples after `since` (unix seconds)."""
        here = [sample for sample in samples if sample.at > since and not sample.missing]
        return cls(*(added(_block(s) for s in here if s.signal == signal) for signal in (WHOLE, CONTROL)))

    def words(self, new: str, old: str) -> str:
        """ "3,412 requests on v2, 31,002 on v1" """
        return f"{_requests(self.new.requests)} on {new}, {self.old.requests:,} on {old}"

    def errors(self, new: str, old: str) -> str:
        """ "v2 1.9 % of 310 requests failed, v1 0.1 % of 30,690" """
        return f"{new} {_failed(self.new)}, {old} {_failed(self.old, '')}"

    def figures(self) -> dict[str, int]:
        """The same as data."""
        return {
            "requests": self.new.requests,
            "errors": self.new.errors,
            "control_requests": self.old.requests,
            "control_errors": self.old.errors,
        }


def is_over(side: Block, policy: PolicySettings) -> bool:
    """Whether more requests of a stage failed than the policy bears, also before its rule may speak (warm-up)."""
    limit, least = policy.max_error_rate_pct, max(1, policy.error_min_requests)
    return limit is not None and side.requests >= least and 100 * side.errors > limit * side.requests


def _block(sample: Sample) -> Block:
    return Block(sample.requests, sample.errors, sample.histogram)


def _requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"


def _failed(side: Block, words: str = " requests failed") -> str:
    share = 100 * side.errors / side.requests if side.requests else 0.0
    return (
        f"{share:.1f} % of {side.requests:,}{words}"
        if share >= 1
        else f"{share:.2g} % of {side.requests:,}{words}"
    )


def nobody_could_tell(events: Sequence[Event]) -> bool:
    """Of a run that goes back, or went: whether that is because a stage could not be judged. Then nobody found it
    bad."""
    verdicts = [event.data.get("outcome") for event in events if event.kind == "verdict"]
    return verdicts[-1:] == [str(Outcome.INCONCLUSIVE)]
