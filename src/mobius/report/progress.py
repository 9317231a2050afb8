"""The open window in one line: checks, errors, p95 and the time left, from the samples so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from mobius.model.sample import BUCKETS, Sample, quantile_ms
from mobius.report.words import count, counted, duration, milliseconds, percent, printable, shortened

LATENCY_S = 60.0  # p95 is of the last minute: what is slow now, not what was


class Progress:
    """Counts the samples of one window as they come; `reach` takes over figures counted elsewhere."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._checks = self._failed = self._requests = self._errors = 0
        self._recent: deque[Sample] = deque()
        self._p95_ms: float | None = None
        self._note = ""
        self._sentence = ""  # how it stands in words, where no figures came

    def add(self, sample: Sample) -> None:
        """Counts one sample; what could not be measured counts as nothing, and is shown."""
        if sample.signal == "probe":
            self._probe(sample)
        if sample.signal == "traffic":  # a route's own samples are part of it
            self._requests += sample.requests
            self._errors += sample.errors
        is_timed = sample.signal == "traffic" and sample.histogram
        if is_timed or (sample.signal == "probe" and sample.value is not None):
            self._recent.append(sample)
            while self._recent and self._recent[0].at < sample.at - LATENCY_S:
                self._recent.popleft()
            self._p95_ms = _p95(self._recent)

    def reach(self, data: Mapping[str, Any]) -> None:
        """Never goes down: figures of a "so far" event, for who attached later than the window opened."""
        self._sentence = printable(str(data.get("sentence") or ""))
        self._checks = max(self._checks, int(data.get("checks") or 0))
        self._failed = max(self._failed, int(data.get("failed") or 0))
        requests = int(data.get("requests") or 0)
        if requests > self._requests:
            self._requests = requests
            self._errors = round(requests * float(data.get("errors_pct") or 0) / 100)
        if self._p95_ms is None and data.get("p95_ms") is not None:
            self._p95_ms = float(data["p95_ms"])

    def words(self, now: float, width: int) -> str:
        """The line, leaving out what matters least until it fits."""
        left_s = max(0, round(self._deadline - now))
        left = f"{duration(left_s)} left" if left_s else "window over"
        if not self._checks and not self._requests and not self._note:
            return shortened(self._sentence or f"watching · {left}", width)
        checks = f"{counted(self._checks, 'check')}, {count(self._failed)} failed"
        traffic = ""
        if self._requests:
            share = percent(100 * self._errors / self._requests)
            traffic = f"{counted(self._requests, 'request')}, {share} errors"
        p95 = f"p95 {milliseconds(self._p95_ms)}" if self._p95_ms is not None else ""
        for parts in ((checks, traffic, p95, left, self._note), (checks, traffic, left), (checks, left)):
            line = " · ".join(part for part in parts if part)
            if len(line) <= width:
                return line
        return shortened(line, width)

    def _probe(self, sample: Sample) -> None:
        if sample.missing:
            self._note = f"could not measure: {sample.missing}"
            return
        self._checks += 1
        self._failed += sample.ok is False
        self._note = sample.note if sample.ok is False else ""


def _p95(samples: deque[Sample]) -> float | None:
    """Of real traffic where there is any; otherwise of the probes."""
    total = [0] * BUCKETS
    for sample in samples:
        for bucket, number in enumerate(sample.histogram[:BUCKETS]):
            total[bucket] += number
    of_traffic = quantile_ms(tuple(total), 0.95)
    if of_traffic is not None:
        return of_traffic
    probes = sorted(s.value for s in samples if s.signal == "probe" and s.value is not None)
    return probes[max(0, -(-95 * len(probes) // 100) - 1)] if probes else None
