"""The rules for rolling back, one function each: the sentence that says which limit was broken, or ""."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import floor

from mobius.model.policies import PolicySettings
from mobius.model.sample import Sample
from mobius.model.settings import MonitorSettings
from mobius.rules.health.facts import Facts, Watch, steady_tail, streak
from mobius.rules.health.rates import error_rate, held_s, p95
from mobius.rules.health.words import counted, limit_percent, minutes, percent

GAUGE = "gauge:"
ISSUES_WITHIN_S = 600.0

Rule = Callable[[Facts, Watch], str]


def failed_checks(facts: Facts, watch: Watch) -> str:
    """More health checks in a row failed than the policy bears."""
    limit = watch.policy.max_failed_checks
    row = facts.streak
    if limit is None or row.failed <= limit or _is_forgiven(facts.checks, row.failed, watch):
        return ""
    few = f" without {watch.monitor.recovery_threshold} good ones in a row between" if row.broken_up else ""
    in_a_row = "" if few or row.failed == 1 else " in a row"
    return (
        f"{counted(row.failed, 'health check')}{in_a_row} failed{few} (more than {limit}): {facts.why_failed}"
    )


def success_rate(facts: Facts, watch: Watch) -> str:
    """Too few of all checks of the window succeeded."""
    limit, total = watch.policy.min_success_rate_pct, len(facts.checks)
    if limit is None or total == 0 or total < watch.policy.success_min_checks:
        return ""
    rate = 100 * sum(bool(sample.ok) for sample in facts.checks) / total
    failed = total - sum(bool(sample.ok) for sample in facts.checks)
    if rate >= limit or failed < checks_forgiven(watch.policy, watch.monitor):
        return ""
    least = watch.policy.success_min_checks
    return (
        f"success {percent(rate, beyond=limit)} of {counted(total, 'check')} "
        f"(less than {limit_percent(limit)}, after at least {least}): {facts.why_failed}"
    )


def gates(facts: Facts, watch: Watch) -> str:
    """One quality gate failed more often in a row than the policy bears."""
    limit = watch.policy.max_failed_gates
    for signal, samples in facts.others.items():
        if limit is None or not signal.startswith("gate:"):
            continue
        row = streak(samples, watch.monitor)
        if row.failed > limit:
            few = f" without {watch.monitor.recovery_threshold} good ones in a row between"
            how = few if row.broken_up else "" if row.failed == 1 else " in a row"
            name, why = signal.removeprefix("gate:"), _why(samples)
            return f"gate {name} failed {counted(row.failed, 'time')}{how} (more than {limit}){why}"
    return ""


def smoke(facts: Facts, watch: Watch) -> str:
    """Critical functionality is broken, as reported by the smoke tests."""
    limit = watch.policy.max_failed_smoke
    samples = facts.others.get("smoke", ())
    row = streak(samples, watch.monitor)
    if limit is None or row.failed <= limit:
        return ""
    often = f" {counted(row.failed, 'time')} in a row (more than {limit})" if limit else ""
    return f"smoke tests failed{often}{_why(samples)}"


def cpu(facts: Facts, watch: Watch) -> str:
    """The processor was exhausted the whole time."""
    return _exhausted("CPU", facts.others.get("cpu", ()), watch.policy.max_cpu_pct, watch)


def memory(facts: Facts, watch: Watch) -> str:
    """Memory was exhausted the whole time."""
    return _exhausted("memory", facts.others.get("memory", ()), watch.policy.max_memory_pct, watch)


def gauges(facts: Facts, watch: Watch) -> str:
    """A number of one's own was above its limit without a break."""
    for signal in watch.signals:
        limit, samples = signal.max, facts.others.get(f"{GAUGE}{signal.name}", ())
        if limit is None:
            continue
        series = [
            s for s in steady_tail(samples, after=watch.opened_at, until=watch.now) if s.value is not None
        ]
        every_s = watch.monitor.interval_s if signal.interval_s is None else signal.interval_s
        held = held_s(series, watch, 3 * every_s, partial(_is_above, series, limit))
        if held is not None and held >= signal.for_s:
            now = f"{series[-1].value or 0.0:,.6g}"
            return f"{signal.name} {now} for {minutes(held)} (more than {limit:,.6g} for {minutes(signal.for_s)})"
    return ""


def issues(facts: Facts, watch: Watch) -> str:
    """Users reported more trouble than the policy bears."""
    limit = watch.policy.max_issues
    if limit is None:
        return ""
    recent = [s for s in facts.others.get("issue", ()) if watch.now - ISSUES_WITHIN_S < s.at <= watch.now]
    if len(recent) <= limit:
        return ""
    within = minutes(ISSUES_WITHIN_S)
    return f"{counted(len(recent), 'issue')} reported within {within} (more than {limit}){_why(recent)}"


RULES: tuple[tuple[str, Rule], ...] = (
    ("failed_checks", failed_checks),
    ("success_rate", success_rate),
    ("error_rate", error_rate),
    ("p95", p95),
    ("smoke", smoke),
    ("gates", gates),
    ("cpu", cpu),
    ("memory", memory),
    ("gauges", gauges),
    ("issues", issues),
)


def checks_forgiven(policy: PolicySettings, monitor: MonitorSettings) -> int:
    """Fewer failed checks than so many may be one bad moment (`blip_tolerance`), which is forgiven by what holds a
    release against the one before; 0 where nothing is."""
    if not policy.is_adaptive or not monitor.blip_tolerance_s:
        return 0
    return floor(monitor.blip_tolerance_s / monitor.interval_s) + 1


def _is_forgiven(checks: Sequence[Sample], failed: int, watch: Watch) -> bool:
    """Whether the last `failed` failures are one bad moment still: few, and of a short time. A clock that was set
    cannot make many checks few, nor slow ones a short time."""
    if failed >= checks_forgiven(watch.policy, watch.monitor):
        return False
    row = [sample.at for sample in checks if not sample.ok][-failed:]
    return row[-1] - row[0] <= watch.monitor.blip_tolerance_s


def _exhausted(what: str, samples: Sequence[Sample], limit: float | None, watch: Watch) -> str:
    if limit is None:
        return ""
    series = [s for s in steady_tail(samples, after=watch.opened_at, until=watch.now) if s.value is not None]
    held = held_s(series, watch, 0.0, lambda index: (series[index].value or 0.0) > limit)
    if held is None or held < watch.policy.resources_for_s:
        return ""
    now = percent(series[-1].value or 0.0, beyond=limit)
    return f"{what} {now} for {minutes(held)} (more than {limit_percent(limit)})"


def _is_above(series: Sequence[Sample], limit: float, index: int) -> bool:
    return (series[index].value or 0.0) > limit


def _why(samples: Sequence[Sample]) -> str:
    return next((f": {s.note}" for s in reversed(samples) if s.ok is False and s.note), "")
