"""An open window judged a second time from what its keeper wrote down, by the same code: to be shown, not acted on."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.flows.look_on import LookingOn
from mobius.model.run import Run
from mobius.model.sample import Sample
from mobius.ports import Ports
from mobius.web.verdict import Evidence, WindowNow


class Watching:
    """One window. What was fed once is not fed again: an hour of samples costs nothing the next time."""

    def __init__(self, run: Run, ports: Ports) -> None:
        self._run = run
        self._ports = ports
        self._looking = LookingOn(run, ports)
        self._fed: list[Sample] = []

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
        self._feed(samples)
        now = self._ports.clock.now()
        verdict, tick = self._looking.verdict(now), self._looking.tick(now)
        evidence = tuple(Evidence(signal, *numbers) for signal, numbers in tick.evidence.items())
        return WindowNow(verdict, evidence, tick.issues, tick.disarmed_until)

    def _feed(self, samples: Sequence[Sample]) -> None:
        fed = len(self._fed)
        if list(samples[:fed]) != self._fed:  # a clock was set back: in another order they are judged anew
            self._looking = LookingOn(self._run, self._ports)
            fed = 0
        if len(samples) > fed:
            self._looking.add(samples[fed:])
        self._fed = list(samples)
