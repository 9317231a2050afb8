"""From the samples of a window to the figures of one look."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from mobius.model.sample import Sample, quantile_ms
from mobius.model.settings import MonitorSettings, PolicySettings
from mobius.model.status import DisarmNow
from mobius.model.tick import Figures, Tick
from mobius.model.verdict import Verdict
from mobius.rules.nearness import nearest

RECENT_S = 60.0
COUNTED = ("traffic", "route:", "control")
RESOURCES = ("cpu", "memory", "fds", "disk")
GAUGE = "gauge:"
ISSUE = "issue"
LAST_PROBES = 100  # enough for any row of failures that a policy knows


class Tally:
    """Counts the samples of one window as they come, so that a look costs the same however long it is open."""

    def __init__(
        self, policy: PolicySettings, monitor: MonitorSettings, opened_at: float, deadline: float
    ) -> None:
        self.deadline = deadline
        self._policy, self._opened_at = policy, opened_at
        self._monitor = monitor.within(deadline - opened_at)
        self._checks = self._failed = self._requests = self._errors = self._issues = 0
        self._gauges: dict[str, float] = {}
        self._probes: deque[Sample] = deque(maxlen=LAST_PROBES)
        self._recent: deque[Sample] = deque()
        self._recent_s = max(RECENT_S, 2 * monitor.interval_s)

    def add(self, samples: Iterable[Sample]) -> None:
        """In the order in which they were taken."""
        for sample in samples:
            self._recent.append(sample)
            if sample.signal == "probe" and sample.ok is not None and not sample.missing:
                self._checks += 1
                self._failed += not sample.ok
                self._probes.append(sample)
            elif sample.signal == "traffic":  # a route's own samples are part of it
                self._requests += sample.requests
                self._errors += sample.errors
            elif sample.signal == ISSUE:
                self._issues += 1
            elif sample.value is not None and (sample.signal in RESOURCES or sample.signal.startswith(GAUGE)):
                self._gauges[sample.signal] = sample.value

    def tick(
        self,
        now: float,
        verdict: Verdict,
        evidence: Mapping[str, tuple[float, float]],
        disarm: DisarmNow | None = None,
        forgiven_s: float = 0.0,
    ) -> Tick:
        """How the window stands at `now`, in unix seconds."""
        while self._recent and self._recent[0].at <= now - self._recent_s:
            self._recent.popleft()
        recent = [sample for sample in self._recent if sample.at <= now]
        traffic = _traffic(recent, max(1e-3, min(self._recent_s, now - self._opened_at)))
        timed = traffic.get("traffic", Figures())
        timed = timed if timed.p95_ms is not None else _with_times_of_probes(timed, recent)
        return Tick(
            at=now,
            left_s=max(0.0, self.deadline - now),
            outcome=verdict.outcome,
            sentence=verdict.sentence,
            checks=self._checks,
            failed=self._failed,
            requests=self._requests,
            errors=self._errors,
            traffic={**traffic, "traffic": timed},
            gauges=dict(sorted(self._gauges.items())),
            evidence=dict(evidence),
            nearest=nearest(tuple(self._probes), self._gauges, timed, self._policy, self._monitor),
            issues=self._issues,
            disarmed_until=disarm.until if disarm else 0.0,
            missing={
                s.signal: s.missing for s in recent if s.missing and s.at > now - self._monitor.interval_s
            },
            forgiven_s=forgiven_s,
        )


def binned(
    samples: Iterable[Sample], start: float, length_s: float, number: int
) -> list[tuple[Figures, Mapping[str, float]]]:
    """So many equal parts of a time, oldest first: its requests (without any, the times of probes), and the highest
    value of each gauge."""
    held: list[list[Sample]] = [[] for _ in range(number)]
    for sample in samples:
        held[min(number - 1, max(0, int((sample.at - start) / length_s)))].append(sample)
    return [_part(there, length_s) for there in held]


def figures_of(samples: Iterable[Sample], over_s: float) -> Figures:
    """Of the samples of one signal, taken together."""
    there = [s for s in samples if not s.missing]
    requests, errors = sum(s.requests for s in there), sum(s.errors for s in there)
    columns = zip_longest(*(s.histogram for s in there if s.histogram), fillvalue=0)
    histogram = tuple(sum(column) for column in columns)
    return Figures(
        requests_per_s=requests / over_s if there else None,
        errors_pct=100 * errors / requests if requests else None,
        p50_ms=quantile_ms(histogram, 0.5),
        p95_ms=quantile_ms(histogram, 0.95),
        p99_ms=quantile_ms(histogram, 0.99),
    )


def _part(samples: Sequence[Sample], length_s: float) -> tuple[Figures, Mapping[str, float]]:
    figures = figures_of((s for s in samples if s.signal == "traffic"), length_s)
    highest: dict[str, float] = {}
    for sample in samples:
        if sample.value is not None and sample.signal != "probe":
            highest[sample.signal] = max(sample.value, highest.get(sample.signal, sample.value))
    return figures if figures.p95_ms is not None else _with_times_of_probes(figures, samples), highest


def _with_times_of_probes(figures: Figures, samples: Iterable[Sample]) -> Figures:
    """Where there are no requests to take times of."""
    times = sorted(s.value for s in samples if s.signal == "probe" and s.value is not None)
    if not times:
        return figures
    p50, p95, p99 = (times[max(0, -(-percent * len(times) // 100) - 1)] for percent in (50, 95, 99))
    return replace(figures, p50_ms=p50, p95_ms=p95, p99_ms=p99)


def _traffic(recent: Sequence[Sample], over_s: float) -> Mapping[str, Figures]:
    of: dict[str, list[Sample]] = {}
    for sample in recent:
        if sample.signal.startswith(COUNTED):
            of.setdefault(sample.signal, []).append(sample)
    return {signal: figures_of(group, over_s) for signal, group in sorted(of.items())}
