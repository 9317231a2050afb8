"""Response time, errors, CPU and memory of the live release against the guide's figures (row: performance gates)."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.quality import PerformanceGates, Reading
from mobius.model.sample import Sample, quantile_ms
from mobius.rules.quality.readings import below

LEAST_REQUESTS = 100  # an error rate of fewer is an accident
LEAST_PROBES = 5


def judge_performance(
    samples: Sequence[Sample], counted: tuple[int, int, tuple[int, ...]], gates: PerformanceGates
) -> tuple[Reading, ...]:
    """One reading each. `samples`: probes and resources just taken; `counted`: requests, errors and response times of
    users lately. Response time is the 95th percentile of users' requests, or of the probes where too few were made."""
    requests, errors, histogram = counted
    enough = requests >= LEAST_REQUESTS
    few = f"only {requests:,} requests were counted lately, {LEAST_REQUESTS} are needed"
    return (
        below(
            "response time (p95)",
            quantile_ms(histogram, 0.95) if enough and any(histogram) else _p95_of_probes(samples),
            gates.response_time_max,
            "ms",
            advice="look at what takes the time: mobius logs",
            why="no probe was answered",
        ),
        below(
            "error rate",
            100 * errors / requests if enough else None,
            gates.error_rate_max,
            "%",
            advice="look at the failures: mobius logs" if enough else "send it some traffic, then ask again",
            why=few,
        ),
        below("CPU", _mean(samples, "cpu"), gates.cpu_usage_max, "%", why=_why(samples, "cpu")),
        below("memory", _mean(samples, "memory"), gates.memory_usage_max, "%", why=_why(samples, "memory")),
    )


def _p95_of_probes(samples: Sequence[Sample]) -> float | None:
    probes = [sample for sample in samples if sample.signal == "probe"]
    took = sorted(sample.value for sample in probes if sample.ok and sample.value is not None)
    if len(took) < LEAST_PROBES or any(sample.ok is False for sample in probes):
        return None
    return took[min(len(took) - 1, int(0.95 * len(took)))]


def _mean(samples: Sequence[Sample], signal: str) -> float | None:
    values = [sample.value for sample in samples if sample.signal == signal and sample.value is not None]
    return sum(values) / len(values) if values else None


def _why(samples: Sequence[Sample], signal: str) -> str:
    return next(
        (s.missing for s in reversed(samples) if s.signal == signal and s.missing), "it was not measured"
    )
