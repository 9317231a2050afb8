"""The tests of one window: all requests together, and each critical route by itself, within one bound for them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mobius.model.baseline import Baseline, Block
from mobius.model.sample import Sample
from mobius.model.verdict import Finding, Severity
from mobius.rules.adaptive import Adaptive
from mobius.rules.adaptive.ceilings import BLIP_S, is_asked
from mobius.rules.adaptive.fewer import Fewer
from mobius.rules.adaptive.gauges import Gauge, Usual
from mobius.rules.adaptive.limit import LastMinute, Limit
from mobius.rules.adaptive.outlook import outlook
from mobius.rules.adaptive.stage import CONTROL, Enough, seen_enough
from mobius.rules.adaptive.stage import WHOLE as WHOLE

ROUTE = "route:"
RULE = "adaptive"
OF_THE_WHOLE = 0.5  # of the claimed chance of a false alarm; the routes share the rest
OF_THE_GAUGES = 0.1  # of it for all gauges together; requests have the rest
ENOUGH_BLOCKS, ENOUGH_REQUESTS = 5, 100  # with less nobody knows what is usual


def is_enough(baseline: Baseline | None) -> bool:
    """Whether so much was seen of the release before that a new one can be held against it."""
    return (
        baseline is not None
        and len(baseline.blocks) >= ENOUGH_BLOCKS
        and baseline.total.requests >= ENOUGH_REQUESTS
    )


@dataclass(slots=True)
class WindowTests:
    """Fed with every sample, in order; says what it found. Fed with the samples of before it decides as if it had
    never stopped."""

    baselines: Mapping[str, Baseline | None]  # by signal: "traffic", "route:/api"
    opened_at: float
    window_s: float
    blip_s: float = BLIP_S  # the longest bad moment that is forgiven
    gauges: Mapping[str, Usual] = field(default_factory=dict)  # by signal: "memory", "gauge:queue"
    slow_ms: float | None = None  # what the quality gates call slow
    share_of_alpha: float = 1.0  # of the claimed chance of a false alarm, where others are judged besides
    most_errors: float | None = None  # the policy's own limit, as a share, for all requests together
    found: Finding | None = None
    _tests: dict[str, Adaptive] = field(default_factory=dict)
    _gauges: dict[str, Gauge] = field(default_factory=dict)
    _limit: Limit | None = None
    _last_minute: LastMinute | None = None  # where the policy's own limit is asked
    _fewer: Fewer | None = None
    _last_at: dict[str, float] = field(default_factory=dict)
    _took_s: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        routes = sum(signal.startswith(ROUTE) for signal in self.baselines)
        gauges = {signal: usual for signal, usual in self.gauges.items() if usual.is_enough(signal)}
        for signal, usual in gauges.items():
            part = self.share_of_alpha * OF_THE_GAUGES / len(gauges)
            self._gauges[signal] = Gauge(signal, usual, window_s=self.window_s, share_of_alpha=part)
        for signal, baseline in self.baselines.items():
            part = 1.0 if not routes else OF_THE_WHOLE if signal == WHOLE else (1 - OF_THE_WHOLE) / routes
            part *= self.share_of_alpha * (1 - OF_THE_GAUGES if gauges else 1.0)
            there = baseline if is_enough(baseline) else None
            if signal == WHOLE and there is not None:
                self._fewer = Fewer(there)
            most = self.most_errors if signal == WHOLE else None
            self._tests[signal] = Adaptive(
                there,
                window_s=self.window_s,
                share_of_alpha=part,
                blip_s=self.blip_s,
                slow_ms=self.slow_ms,
                most_errors=most,
            )
            if most is not None and (there is None or is_asked(most, there)):
                self._last_minute = LastMinute(most)
            if most is not None and there is None:
                self._limit = Limit(most, self.window_s, part, self.blip_s)

    def evidence(self) -> Mapping[str, tuple[float, float]]:
        """By signal, how much speaks against the release as of the last tick, and from where on it is taken for bad.
        Only of what has something to be held against."""
        limits = {WHOLE: (self._limit.evidence, self._limit.threshold)} if self._limit else {}
        return limits | {
            signal: (test.evidence, test.threshold) for signal, test in self._tests.items() if test.ceilings
        }

    @property
    def remark(self) -> str:
        """What is told and never acted on; "" for nothing."""
        return self._fewer.words if self._fewer else ""

    @property
    def doubt(self) -> str:
        """Why the window cannot end in a pass now; "" when it can."""
        return self._last_minute.doubt if self._last_minute else ""

    def feed(self, samples: Sequence[Sample]) -> Finding | None:
        """The first thing that was found so far, or None. What the release before answers is a sample of the same time
        in the same call. Missing samples, and a clock that was set back, are no time in which anything was well or ill.
        """
        beside = {
            (sample.signal, sample.at): Block(sample.requests, sample.errors, sample.histogram)
            for sample in samples
            if sample.signal.startswith(CONTROL) and not sample.missing
        }
        for sample in samples:
            if sample.missing or (sample.signal not in self._tests and sample.signal not in self._gauges):
                continue
            took_s = self._took(sample)
            if took_s <= 0:
                continue
            if gauge := self._gauges.get(sample.signal):
                if sample.value is not None and (why := gauge.observe(sample.value, took_s)):
                    self.found = self.found or Finding(RULE, Severity.FAIL, why)
                continue
            test = self._tests[sample.signal]
            control = beside.get((control_of(sample.signal), sample.at))
            judged = test.observe(sample.requests, sample.errors, sample.histogram, took_s, control)
            if judged.is_bad and self.found is None:
                where = f"{sample.signal.removeprefix(ROUTE)}: " if sample.signal.startswith(ROUTE) else ""
                self.found = Finding(RULE, Severity.FAIL, where + judged.sentence)
            if self._fewer and sample.signal == WHOLE:
                self._fewer.observe(sample.requests + (control.requests if control else 0), took_s)
            if self._last_minute and sample.signal == WHOLE:
                self._last_minute.observe(sample.requests, sample.errors, took_s, control)
                counted = (sample.requests, sample.errors, took_s, self._last_minute)
                why = self._limit.observe(*counted) if self._limit else ""
                if why and self.found is None:
                    self.found = Finding(RULE, Severity.FAIL, why)
        return self.found

    def _took(self, sample: Sample) -> float:
        """How long it was to this sample, in seconds; 0 or less where the clock was set back, or it came twice. A tick
        far longer than the one before (a clock that was set forward, a machine that slept) counts for no more than two:
        whatever befell in it is then one bad moment, which is forgiven."""
        last = self._last_at.get(sample.signal, self.opened_at)
        before_s = self._took_s.get(sample.signal, float("inf"))
        self._last_at[sample.signal] = sample.at
        took_s = sample.at - last
        if took_s > 0:
            self._took_s[sample.signal] = took_s
        return min(took_s, 2 * before_s)

    def outlook(self) -> str:
        """What the window will be able to see, in words; "" where nothing is known of before."""
        baseline = self.baselines.get(WHOLE)
        if baseline is None or not is_enough(baseline):
            return ""
        return outlook(self._tests[WHOLE], baseline, self.window_s)

    def seen_enough(self, samples: Sequence[Sample], since: float, next_percent: float) -> Enough:
        """Whether a stage of a canary, which began at `since`, may be followed by one of `next_percent` of the traffic;
        `samples` are those of the window, that this was fed with."""
        return seen_enough(self._tests[WHOLE], samples, since, next_percent)


def control_of(signal: str) -> str:
    """The signal that counts the same of the release before."""
    return CONTROL if signal == WHOLE else f"{CONTROL}:{signal.removeprefix(ROUTE)}"
