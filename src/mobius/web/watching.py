"""An open window judged a second time from what its keeper wrote down, by the same rules: to be shown, not acted on."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.flows.before import window_tests
from mobius.flows.record import Record
from mobius.model.run import Run
from mobius.model.sample import Sample
from mobius.model.verdict import Finding
from mobius.ports import Ports
from mobius.rules.health import judge
from mobius.web.verdict import Evidence, WindowNow


class Watching:
    """One window. What was fed once is not fed again: an hour of samples costs nothing the next time."""

    def __init__(self, run: Run, ports: Ports) -> None:
        self._run = run
        self._ports = ports
        self._tests = window_tests(Record(run, ports, forgiving=True))
        self._fed: list[Sample] = []
        self._found: Finding | None = None

    def is_of(self, run: Run) -> bool:
        """Whether this is the window of that run as it stands."""
        ours = self._run
        return (run.id, run.window_opened_at, run.window_deadline) == (
            ours.id,
            ours.window_opened_at,
            ours.window_deadline,
        )

    def judge(self, samples: Sequence[Sample]) -> WindowNow:
        """`samples` are all of the window, oldest first."""
        run, settings = self._run, self._ports.settings
        self._feed(samples)
        now = self._ports.clock.now()
        verdict = judge(
            samples,
            settings.policy,
            settings.monitor,
            opened_at=run.window_opened_at,
            now=min(now, run.window_deadline - 1e-3),  # only its keeper ends a window
            deadline=run.window_deadline,
            found=self._found,
            signals=settings.signals,
        )
        return WindowNow(verdict, self._evidence())

    def _feed(self, samples: Sequence[Sample]) -> None:
        fed = len(self._fed)
        if list(samples[:fed]) != self._fed:  # a clock was set back: in another order they are judged anew
            self._tests = window_tests(Record(self._run, self._ports, forgiving=True))
            fed = 0
        if self._tests is not None and len(samples) > fed:
            self._found = self._tests.feed(samples[fed:])
        self._fed = list(samples)

    def _evidence(self) -> tuple[Evidence, ...]:
        if self._tests is None:
            return ()
        return tuple(Evidence(signal, *numbers) for signal, numbers in self._tests.evidence().items())
