"""Which rules of the policy are nearest to firing: each as a share of its limit, the nearest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mobius.model.sample import Sample
from mobius.model.settings import MonitorSettings, PolicySettings
from mobius.model.tick import Figures, Nearness
from mobius.rules.health.facts import streak
from mobius.rules.health.limits import checks_forgiven
from mobius.rules.health.words import limit_percent, milliseconds, percent


def nearest(
    probes: Sequence[Sample],
    gauges: Mapping[str, float],
    recent: Figures,
    policy: PolicySettings,
    monitor: MonitorSettings,
) -> tuple[Nearness, ...]:
    """As of the last probe and the last value of each gauge; `recent` are the figures of the last minute. A rule with
    nothing to judge is left out."""
    return tuple(sorted(_all(probes, gauges, recent, policy, monitor), key=lambda one: -one.share))


def _all(
    probes: Sequence[Sample],
    gauges: Mapping[str, float],
    recent: Figures,
    policy: PolicySettings,
    monitor: MonitorSettings,
) -> Iterator[Nearness]:
    if policy.max_failed_checks is not None and probes:
        failed = streak(probes, monitor).failed
        fires_at = max(policy.max_failed_checks + 1, checks_forgiven(policy, monitor))
        words = f"{failed} of {fires_at} failed checks in a row"
        yield Nearness("failed_checks", words, failed / fires_at)
    if policy.max_error_rate_pct is not None and not policy.is_adaptive and recent.errors_pct is not None:
        now, limit = recent.errors_pct, policy.max_error_rate_pct
        yield Nearness("error_rate", f"errors {percent(now)} of {limit_percent(limit)}", _share(now, limit))
    if policy.max_p95_ms is not None and recent.p95_ms is not None:
        now, limit = recent.p95_ms, policy.max_p95_ms
        yield Nearness("p95", f"p95 {milliseconds(now)} of {milliseconds(limit)}", _share(now, limit))
    resources = (("cpu", "CPU", policy.max_cpu_pct), ("memory", "memory", policy.max_memory_pct))
    for signal, name, most in resources:
        last = gauges.get(signal)
        if most is not None and last is not None:
            yield Nearness(signal, f"{name} {percent(last)} of {limit_percent(most)}", _share(last, most))


def _share(now: float, limit: float) -> float:
    return now / limit if limit else float(now > 0)
