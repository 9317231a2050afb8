"""Whether enough was measured: silence is never a pass, and a blind gap is said in numbers."""

from __future__ import annotations

from itertools import pairwise

from mobius.model.sample import WAITING, Sample
from mobius.rules.health.facts import Facts, Watch, is_measured
from mobius.rules.health.words import limit_percent, minutes

LEAST_MEASURED_PCT = 80.0
LONGEST_GAP_PCT = 10.0  # of the window, and never less than this many intervals:
LONGEST_GAP_INTERVALS = 3
BLIND_INTERVALS = 5
BLIND_S = 60.0


def blindness(facts: Facts, watch: Watch) -> str:
    """Why this is a case of "could not measure" by now; "" while it is not."""
    allowed_s = watch.monitor.blind_after_s
    if allowed_s is None:
        allowed_s = max(BLIND_INTERVALS * watch.monitor.interval_s, BLIND_S)
    seen = [sample.at for sample in facts.checks if sample.at <= watch.now]
    seen += [sample.at for sample in facts.traffic if sample.requests and sample.at <= watch.now]
    blind_s = watch.now - max(seen, default=watch.opened_at)
    if blind_s <= allowed_s:
        return ""
    reason = next((f": {sample.missing}" for sample in reversed(facts.missing)), "")
    return f"nothing measured for {minutes(blind_s)} (more than {minutes(allowed_s)}){reason}"


def doubt_at_the_end(facts: Facts, watch: Watch) -> str:
    """Why the window cannot end in a pass; "" when it can."""
    doubts = (
        _too_few_checks,
        _blind_gap,
        _not_healthy_now,
        _unread_traffic,
        _untimed_traffic,
        _unread_signals,
        _unread_gauges,
    )
    return next((doubt for ask in doubts if (doubt := ask(facts, watch))), "")


def _too_few_checks(facts: Facts, watch: Watch) -> str:
    measured = len(facts.checks)
    # The next tick is an interval after the check before it ended: slow answers are not missing ones.
    took_s = sum(sample.value or 0.0 for sample in facts.checks) / max(1, measured) / 1000
    expected = max(1, round(watch.window_s / (watch.monitor.interval_s + took_s)))
    share = 100 * measured / expected
    if share >= LEAST_MEASURED_PCT:
        return ""
    needed = limit_percent(LEAST_MEASURED_PCT)
    return f"only {measured:,} of {expected:,} expected checks were made ({share:.0f} %, {needed} needed)"


def _blind_gap(facts: Facts, watch: Watch) -> str:
    allowed_s = max(LONGEST_GAP_PCT / 100 * watch.window_s, LONGEST_GAP_INTERVALS * watch.monitor.interval_s)
    within = (s.at for s in facts.checks if watch.opened_at <= s.at <= watch.deadline)
    times = [watch.opened_at, *sorted(within), watch.deadline]
    longest_s = max(later - earlier for earlier, later in pairwise(times))
    if longest_s <= allowed_s:
        return ""
    return (
        f"nothing was measured for {minutes(longest_s)} of the window (at most {minutes(allowed_s)} allowed)"
    )


def _not_healthy_now(facts: Facts, watch: Watch) -> str:
    if not facts.streak.failed:
        return ""
    if not facts.streak.good:
        return f"the last check failed ({facts.why_failed})"
    good, needed = facts.streak.good, watch.monitor.recovery_threshold
    return f"not healthy again: {good} of {needed} good checks in a row since {facts.why_failed}"


def _unread_traffic(facts: Facts, watch: Watch) -> str:
    """Only where there is a counter to read at all: a service without one is judged by its probes."""
    policy = watch.policy
    if policy.max_error_rate_pct is None and policy.max_p95_ms is None and not policy.is_adaptive:
        return ""
    unread = [sample for sample in facts.missing if sample.signal == "traffic"]
    return _mostly_unread("traffic", unread, len(unread) + len(facts.traffic))


def _untimed_traffic(facts: Facts, watch: Watch) -> str:
    """Only where response times are taken at all: a proxy that takes none is judged by the times of the probes."""
    busy = [sample for sample in facts.traffic if sample.requests]
    untimed = [sample for sample in busy if not any(sample.histogram)]
    if watch.policy.max_p95_ms is None or len(untimed) == len(busy):
        return ""
    if 100 * (len(busy) - len(untimed)) / len(busy) >= LEAST_MEASURED_PCT:
        return ""
    reason = untimed[-1].note or "no reason given"
    return f"response times could not be measured {len(untimed):,} of {len(busy):,} times ({reason})"


def _unread_signals(facts: Facts, watch: Watch) -> str:
    """Gates, smoke tests and resources that the policy judges by must have answered, too. The time that a gate waited
    for its first file counts only where none came."""
    policy = watch.policy
    used = {
        "gate": policy.max_failed_gates is not None,
        "smoke": policy.max_failed_smoke is not None,
        "cpu": policy.max_cpu_pct is not None,
        "memory": policy.max_memory_pct is not None,
    }
    for signal, samples in facts.others.items():
        if not used.get(signal.partition(":")[0], False):
            continue
        due = [sample for sample in samples if sample.note != WAITING] or samples
        unread = [s for s in due if s.missing or (s.value is None and not is_measured(s))]
        doubt = _mostly_unread(signal.replace("gate:", "gate "), unread, len(due))
        if doubt:
            return doubt
    return ""


def _unread_gauges(facts: Facts, watch: Watch) -> str:
    """Those that are required, read as often as they should be."""
    for signal in watch.signals:
        if not signal.required:
            continue
        samples = facts.others.get(f"gauge:{signal.name}", ())
        if not samples:
            return f"{signal.name} was never read"
        unread = [sample for sample in samples if sample.missing or sample.value is None]
        if doubt := _mostly_unread(signal.name, unread, len(samples)):
            return doubt
    return ""


def _mostly_unread(what: str, unread: list[Sample], total: int) -> str:
    if not unread or 100 * (total - len(unread)) / total >= LEAST_MEASURED_PCT:
        return ""
    reason = unread[-1].missing or "no reason given"
    return f"{what} could not be measured {len(unread):,} of {total:,} times ({reason})"
