"""The rules about real traffic, error rate and latency, which need time and enough requests to be judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import ceil

from mobius.model.sample import Sample
from mobius.rules.health.facts import Facts, Watch, p95_of, p95_of_histogram, steady_tail
from mobius.rules.health.words import counted, limit_percent, milliseconds, minutes, percent


def error_rate(facts: Facts, watch: Watch) -> str:
    """Too many requests failed in every trailing window, for as long as the policy says."""
    policy, limit = watch.policy, watch.policy.max_error_rate_pct
    if limit is None:
        return ""
    series = steady_tail(facts.traffic, after=watch.warm_at, until=watch.now)
    rates = _Trailing(series, policy.error_window_s, policy.error_min_requests)
    held = held_s(series, watch, policy.error_window_s, lambda index: rates.pct(index) > limit)
    if held is None or (policy.error_for_s and held <= policy.error_for_s):
        return ""
    # A burst long past stays in a window that reaches back for its requests: the time itself must be bad too.
    if policy.error_for_s and rates.pct_since(watch.now - policy.error_for_s) <= limit:
        return ""
    requests, errors = rates.window(len(series) - 1)
    now = f"{percent(100 * errors / requests, beyond=limit)} of {counted(requests, 'request')}"
    if not policy.error_for_s:
        return f"errors {now} (more than {limit_percent(limit)}, over at least {policy.error_min_requests:,})"
    window = "minute" if policy.error_window_s == 60 else minutes(policy.error_window_s)
    every = f"errors over {limit_percent(limit)} in every {window} for {minutes(held)}"
    return f"{every} (more than {minutes(policy.error_for_s)}), now {now}"


def p95(facts: Facts, watch: Watch) -> str:
    """The 95th percentile of response times was too high in every window of a time, wherever it begins."""
    policy, limit = watch.policy, watch.policy.max_p95_ms
    if limit is None:
        return ""
    # A window must be able to hold a sample, however rarely we look.
    window_s = max(policy.p95_window_s, 1.5 * watch.monitor.interval_s)
    windows = max(1, ceil(policy.p95_for_s / window_s))
    first_end = watch.now - (windows - 1) * window_s
    if first_end - window_s < watch.warm_at:
        return ""
    traffic = steady_tail(facts.traffic, after=watch.warm_at, until=watch.now)
    probes = steady_tail(facts.checks, after=watch.warm_at, until=watch.now)
    ends = {watch.now, first_end, *(s.at for s in (*traffic, *probes) if s.at > first_end)}
    least_ms = float("inf")
    for end in sorted(ends, reverse=True):
        value_ms = _p95_before(end, traffic, probes, window_s, policy.p95_min_samples)
        if value_ms is None or value_ms <= limit:
            return ""
        least_ms = min(least_ms, value_ms)
    return f"p95 {milliseconds(least_ms)} in {_last(windows, window_s)} (more than {milliseconds(limit)})"


def held_s(
    series: Sequence[Sample], watch: Watch, window_s: float, is_over: Callable[[int], bool]
) -> float | None:
    """Seconds since which every measurement is over its limit, up to the last; None when the last is not.

    A gap of more than three intervals (or the rule's own window) ends it: a leap of the clock, or a time in
    which nobody looked, must not stand for a time in which it was bad.
    """
    longest_gap_s = max(window_s, 3 * watch.monitor.interval_s)
    later, since = watch.now, None
    for index in range(len(series) - 1, -1, -1):
        at = series[index].at
        if later - at > longest_gap_s or not is_over(index):
            break
        later = since = at
    return None if since is None else series[-1].at - since


class _Trailing:
    """Error rates over the window that ends at each sample, reaching back until it holds enough requests."""

    def __init__(self, series: Sequence[Sample], window_s: float, least_requests: int) -> None:
        self._at = [sample.at for sample in series]
        self._requests = [0, *accumulate(sample.requests for sample in series)]
        self._errors = [0, *accumulate(sample.errors for sample in series)]
        self._window_s = window_s
        self._least = max(1, least_requests)

    def window(self, index: int) -> tuple[int, int]:
        """Requests and errors of the window that ends with sample `index`."""
        start = index
        while start > 0 and (
            self._at[start - 1] > self._at[index] - self._window_s
            or self._requests[index + 1] - self._requests[start] < self._least
        ):
            start -= 1
        return self._requests[index + 1] - self._requests[start], self._errors[index + 1] - self._errors[
            start
        ]

    def pct(self, index: int) -> float:
        """The rate in percent; 0 where there were too few requests to say."""
        requests, errors = self.window(index)
        return 100 * errors / requests if requests >= self._least else 0.0

    def pct_since(self, start: float) -> float:
        """The rate in percent of everything after `start`."""
        first = next((index for index, at in enumerate(self._at) if at > start), len(self._at))
        requests = self._requests[-1] - self._requests[first]
        return 100 * (self._errors[-1] - self._errors[first]) / requests if requests else 0.0


def _p95_before(
    end: float, traffic: Sequence[Sample], probes: Sequence[Sample], window_s: float, least: int
) -> float | None:
    """The p95 in ms of the `window_s` before `end`, and of further back where that holds some, but too few.

    Of real traffic where there is any, else of the probes; None where there is not enough of either.
    """
    start, requests = _reach(traffic, end, window_s, least, weight=lambda sample: sum(sample.histogram))
    if requests:
        buckets = zip(*(s.histogram for s in traffic if start < s.at <= end and s.histogram), strict=False)
        return p95_of_histogram([sum(bucket) for bucket in buckets])
    start, answers = _reach(probes, end, window_s, least, weight=lambda sample: int(sample.value is not None))
    values = [s.value for s in probes if start < s.at <= end and s.value is not None]
    return p95_of(values) if answers else None


def _reach(
    series: Sequence[Sample], end: float, window_s: float, least: int, *, weight: Callable[[Sample], int]
) -> tuple[float, int]:
    """Where the window starts and how much it holds: 0 when that is too little however far it reaches."""
    start, held = end - window_s, 0
    for sample in reversed(series):
        if sample.at > end:
            continue
        if sample.at <= start:
            # A window that holds nothing is a gap, and a gap is not bridged.
            if held == 0 or held >= least:
                break
            start = sample.at - 1e-6
        held += weight(sample)
    return (start, held) if held >= least else (end - window_s, 0)


def _last(windows: int, window_s: float) -> str:
    if window_s == 60:
        return "the last minute" if windows == 1 else f"each of the last {windows} minutes"
    return (
        f"the last {minutes(window_s)}"
        if windows == 1
        else f"each of the last {windows} times {minutes(window_s)}"
    )
