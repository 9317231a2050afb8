"""How the release before was, for a window that holds the new one against it."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from mobius.flows.record import Record
from mobius.model.baseline import Baseline
from mobius.model.plan import FORWARD, Plan
from mobius.model.policies import PolicySettings
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports
from mobius.report.words import counted
from mobius.rules.adaptive.gauges import OWN, PERCENT, TOLERANCE, Usual
from mobius.rules.adaptive.window import ROUTE, WHOLE, WindowTests, is_enough
from mobius.rules.canary import first_stage, longest_s, past_stages
from mobius.rules.hosts.worse import OF_THE_HOSTS

# How often traffic is counted, at least: a tick as long as the time to find what is bad would find nothing.
TICK_S = 5.0


def is_adaptive(policy: PolicySettings) -> bool:
    """Whether a policy holds a release against the one before, too."""
    return policy.is_adaptive


def has_many_hosts(settings: EnvironmentSettings) -> bool:
    """Whether several hosts serve the same release, so that one may be bad by itself."""
    return len(settings.hosts) > 1


def tick_s(settings: EnvironmentSettings, *, staged: bool = False) -> float:
    """How long it is from one look to the next; an even part of the interval, which probes keep. `staged`: of a stage,
    which is ended by what both releases answer, whatever the policy; as hosts are told apart."""
    interval_s = settings.monitor.interval_s
    often = staged or is_adaptive(settings.policy) or has_many_hosts(settings)
    return interval_s / ceil(interval_s / TICK_S) if often else interval_s


def window_tests(record: Record) -> WindowTests | None:
    """The tests of this run's window; None where the policy asks for none."""
    if not is_adaptive(record.ports.settings.policy):
        return None
    run = record.run
    if past_stages(run.plan) and (split_at := _canary_began_at(record)):
        return canary_tests(record, split_at)
    window_s = max(1.0, run.window_deadline - run.window_opened_at)
    return _tests(record, run.window_opened_at, window_s)


def canary_tests(record: Record, opened_at: float) -> WindowTests:
    """The same from the first requests that the release got, whatever the policy: a stage is ended by them. They go on
    in the window that follows."""
    return _tests(record, opened_at, longest_s(record.run.plan))


def began_at(record: Record) -> float:
    """From when on it is judged: the first requests of its canary, else its window (unix seconds; 0 before both)."""
    staged = _canary_began_at(record) if past_stages(record.run.plan) else 0.0
    return staged or record.run.window_opened_at


def _canary_began_at(record: Record) -> float:
    place, known = first_stage(record.run.plan), record.steps()
    step = record.run.plan.rollout[place] if place is not None else None
    return known[step.id].done_at if step is not None and step.id in known else 0.0


def _tests(record: Record, opened_at: float, window_s: float) -> WindowTests:
    before = _before(record)
    wanted = [WHOLE, *(f"{ROUTE}{route}" for route in record.ports.settings.critical_routes)]
    known = {signal: before.get(signal) for signal in wanted}
    blip_s = record.ports.settings.monitor.within(window_s).blip_tolerance_s
    slow_ms = record.ports.settings.quality_gates.performance.response_time_max
    share = 1 - OF_THE_HOSTS if has_many_hosts(record.ports.settings) else 1.0
    policy = record.ports.settings.policy
    most_pct = policy.max_error_rate_pct if policy.is_adaptive else None
    most = None if most_pct is None else most_pct / 100
    return WindowTests(known, opened_at, window_s, blip_s, _usual(record), slow_ms, share, most)


def what_is_known(record: Record) -> str:
    """What the window is held against, in words; "" where the policy compares nothing."""
    if not is_adaptive(record.ports.settings.policy):
        return ""
    baseline, previous = _before(record).get(WHOLE), _measure(record.run.plan)
    if baseline is None or not is_enough(baseline):
        seen = f"of {previous} " if previous else ""
        return f"too little was counted {seen}before to compare with: the fixed limits hold"
    told = f"held against {counted(baseline.total.requests, 'request')} of {previous}"
    told += f" ({baseline.known_by})" if baseline.known_by else ""
    outlook = _tests(record, 0.0, max(1.0, float(record.run.plan.facts["window_s"]))).outlook()
    return f"{told}; {outlook}" if outlook else told


def foreseen(live: Release | None, ports: Ports) -> list[CheckResult]:
    """What a window after `live` will be able to see, for the plan; nothing where nothing was counted of it."""
    settings = ports.settings
    if live is None or not is_adaptive(settings.policy):
        return []
    known = {WHOLE: ports.baselines(live.id, ports.clock.now()).get(WHOLE)}
    monitor = settings.monitor.within(settings.window_s)
    told = WindowTests(known, 0.0, settings.window_s, monitor.blip_tolerance_s).outlook()
    return [CheckResult("watch", Outcome.PASS, told, 0.0)] if told else []


def _usual(record: Record) -> dict[str, Usual]:
    """What was read of the release before, of all that is to be compared."""
    measure = _measure(record.run.plan)
    read = record.ports.gauges(measure, record.run.started_at) if measure else {}
    tolerances = {f"{OWN}{one.name}": one.tolerance for one in record.ports.settings.signals if one.compare}
    compared = {**dict.fromkeys(PERCENT, TOLERANCE), **tolerances}
    return {signal: Usual(values, compared[signal]) for signal, values in read.items() if signal in compared}


def _before(record: Record) -> Mapping[str, Baseline]:
    """What was counted of the release before, until this run began."""
    measure = _measure(record.run.plan)
    return record.ports.baselines(measure, record.run.started_at) if measure else {}


def _measure(plan: Plan) -> str:
    """Which release a new one is held against: the one before it, also in what is left of a window that was ended. One
    that came back is held against itself, as it was before: what it takes the place of was bad."""
    goes_on = plan.kind == "monitor" and bool(plan.previous_slot)
    return plan.previous_id if plan.kind in FORWARD or goes_on else plan.release_id
