"""The samples of a window, sorted by what they measure, with what the rules ask of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mobius.model.policies import PolicySettings
from mobius.model.sample import HISTOGRAM_EDGES_MS, Sample
from mobius.model.settings import MonitorSettings, SignalSettings

# Results of background checks carry the time they ended, which may lie a little before the tick before.
CLOCK_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What is judged against, and when: the policy, the cadence and the window's times in unix seconds."""

    policy: PolicySettings
    monitor: MonitorSettings
    opened_at: float
    now: float
    deadline: float
    signals: tuple[SignalSettings, ...] = ()

    @property
    def warm_at(self) -> float:
        """From here on rates and latencies count; what a sample at this time counted came before it."""
        warmup_s = self.monitor.warmup_s
        return self.opened_at + (2 * self.monitor.interval_s if warmup_s is None else warmup_s)

    @property
    def window_s(self) -> float:
        """How long the window is."""
        return self.deadline - self.opened_at


@dataclass(frozen=True, slots=True)
class Streak:
    """How the last checks of one kind went, in the order they were made.

    `failed` counts failures in a row. Once a signal is unhealthy, fewer than the recovery threshold of good
    ones between two failures do not start the count anew; `broken_up` says that this happened.
    """

    failed: int = 0
    good: int = 0
    unhealthy: bool = False
    broken_up: bool = False

    def after(self, ok: bool, monitor: MonitorSettings) -> Streak:
        """With one more check, as `streak` counts all of them."""
        if not ok:
            broken_up = self.failed > 0 and (self.broken_up or self.good > 0)
            unhealthy = self.unhealthy or self.failed + 1 >= monitor.failure_threshold
            return Streak(self.failed + 1, 0, unhealthy, broken_up)
        if not self.unhealthy or self.good + 1 >= monitor.recovery_threshold:
            return Streak(good=self.good + 1)
        return Streak(self.failed, self.good + 1, True, self.broken_up)


@dataclass(frozen=True, slots=True)
class Facts:
    """The samples by signal. `checks` are the probes that were made; `traffic` and the rest as they came."""

    checks: tuple[Sample, ...]
    traffic: tuple[Sample, ...]
    others: Mapping[str, tuple[Sample, ...]]  # "cpu", "memory", "smoke", "gate:NAME"; missing ones included
    missing: tuple[Sample, ...]  # probes and traffic that could not be measured
    streak: Streak

    @classmethod
    def of(cls, samples: Sequence[Sample], watch: Watch) -> Facts:
        """Sorts the samples (oldest first)."""
        checks: list[Sample] = []
        traffic: list[Sample] = []
        missing: list[Sample] = []
        others: dict[str, list[Sample]] = {}
        for sample in samples:
            if sample.signal == "probe":
                (checks if is_measured(sample) else missing).append(sample)
            elif sample.signal == "traffic":
                (missing if sample.missing else traffic).append(sample)
            else:
                others.setdefault(sample.signal, []).append(sample)
        grouped = {name: tuple(group) for name, group in sorted(others.items())}
        return cls(tuple(checks), tuple(traffic), grouped, tuple(missing), streak(checks, watch.monitor))

    @property
    def why_failed(self) -> str:
        """What the last failed check said."""
        return next((s.note or "no reason given" for s in reversed(self.checks) if not s.ok), "")


def is_measured(sample: Sample) -> bool:
    """Whether a yes/no signal answered."""
    return sample.ok is not None and not sample.missing


def streak(samples: Iterable[Sample], monitor: MonitorSettings) -> Streak:
    """Counts in order of measuring, never by time: a clock that is set cannot make or break a row."""
    failed = good = 0
    unhealthy = broken_up = False
    for sample in samples:
        if not is_measured(sample):
            continue
        if not sample.ok:
            broken_up = failed > 0 and (broken_up or good > 0)
            failed, good = failed + 1, 0
            unhealthy = unhealthy or failed >= monitor.failure_threshold
            continue
        good += 1
        if not unhealthy or good >= monitor.recovery_threshold:
            failed, unhealthy, broken_up = 0, False, False
    return Streak(failed, good, unhealthy, broken_up)


def steady_tail(samples: Sequence[Sample], *, after: float, until: float) -> tuple[Sample, ...]:
    """The measured ones after `after` and not past `until`, since the clock was last set back.

    Rates need times that rise; a clock that was set back starts them anew instead of mixing two pasts.
    """
    tail: list[Sample] = []
    later = float("inf")
    for sample in reversed(samples):
        if sample.at > later + CLOCK_STEP_S:
            break
        later = min(later, sample.at)
        if not sample.missing and after < sample.at <= until:
            tail.append(sample)
    return tuple(sorted(tail, key=lambda sample: sample.at))


def p95_of_histogram(histogram: Sequence[int]) -> float | None:
    """The 95th percentile in ms, None without requests.

    A bucket is 25 % wide: within it the requests are taken to be spread evenly. A wider reading (the bucket's
    upper edge) rolls a healthy release back, a narrower one (its lower edge) overlooks 6 s against a limit of 5.
    """
    wanted = 0.95 * sum(histogram)
    seen = 0
    for index, count in enumerate(histogram):
        if count and seen + count >= wanted:
            low = HISTOGRAM_EDGES_MS[index - 1] if index else 0.0
            high = HISTOGRAM_EDGES_MS[index] if index < len(HISTOGRAM_EDGES_MS) else low
            return low + (high - low) * (wanted - seen) / count
        seen += count
    return None


def p95_of(values: Sequence[float]) -> float | None:
    """The smallest value that at least 95 % of the values do not exceed."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, -(-95 * len(ranked) // 100) - 1)]
