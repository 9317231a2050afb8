"""The judgement of a window that may be disarmed: of the time it was armed, and beside it, while it is not, of all.

Fed with every sample in order; a runner that was started anew feeds it with all samples at once, and it decides as if
it had never stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

from mobius.model.policies import PolicySettings
from mobius.model.sample import Sample
from mobius.model.settings import MonitorSettings, SignalSettings
from mobius.model.verdict import Finding, Verdict
from mobius.rules.adaptive.window import WindowTests
from mobius.rules.disarming import Span, closed_up, moved_up
from mobius.rules.health import judge


@dataclass(slots=True)
class Judging:
    """One window. `tests`: what holds the release against the one before, None where the policy does not."""

    policy: PolicySettings
    monitor: MonitorSettings
    opened_at: float
    deadline: float
    tests: WindowTests | None
    signals: tuple[SignalSettings, ...] = ()
    _beside: WindowTests | None = field(default=None)  # of what is seen while it is disarmed, too

    def __post_init__(self) -> None:
        self.monitor = self.monitor.within(self.deadline - self.opened_at)
        if self.tests is not None and self.tests.most_errors is not None:
            # The tests hold it against this limit, too, and forgive a bad moment there.
            self.policy = replace(self.policy, max_error_rate_pct=None)

    def feed(
        self, samples: Sequence[Sample], spans: Sequence[Span], *, is_disarmed: bool = False
    ) -> Finding | None:
        """What was found so far. The last of `spans` is the one that goes on where it `is_disarmed`."""
        if self.tests is None:
            return None
        self.tests.feed(closed_up(samples, spans))
        if is_disarmed and spans:
            self._beside = self._beside or deepcopy(self.tests)
            self._beside.feed(closed_up([s for s in samples if s.at > spans[-1].start], spans[:-1]))
        else:
            self._beside = None
        return self.tests.found

    def evidence(self) -> Mapping[str, tuple[float, float]]:
        """By signal, how much speaks against the release, and from where on it is taken for bad."""
        return self.tests.evidence() if self.tests else {}

    def forgiven_s(self, now: float) -> float:
        """How long a bad moment is forgiven, while no more than that was seen; 0 once something can count."""
        if self.tests is None or now > self.tests.opened_at + self.tests.blip_s:
            return 0.0
        return self.tests.blip_s

    def verdict(self, samples: Sequence[Sample], now: float, spans: Sequence[Span]) -> Verdict:
        """What all samples of the window say of the time in which it was armed."""
        return self._judge(samples, now, spans, self.tests.found if self.tests else None)

    def if_it_were_armed(self, samples: Sequence[Sample], now: float, spans: Sequence[Span]) -> Verdict:
        """While it is disarmed: what they would say if it were not, this time."""
        return self._judge(samples, now, spans[:-1], self._beside.found if self._beside else None)

    def _judge(
        self, samples: Sequence[Sample], now: float, spans: Sequence[Span], found: Finding | None
    ) -> Verdict:
        return judge(
            closed_up(samples, spans),
            self.policy,
            self.monitor,
            opened_at=moved_up(self.opened_at, spans),
            now=moved_up(now, spans),
            deadline=moved_up(self.deadline, spans),
            found=found,
            signals=self.signals,
            remark=self.tests.remark if self.tests else "",
            doubt=self.tests.doubt if self.tests else "",
        )
