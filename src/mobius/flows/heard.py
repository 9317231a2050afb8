"""What people say to an open window: that it is disarmed or armed again, and what users report."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.flows.before import began_at, tick_s
from mobius.flows.record import Record
from mobius.flows.report_issue import ISSUE
from mobius.model.run import Event
from mobius.model.sample import Sample
from mobius.model.status import DisarmNow
from mobius.rules.disarming import ARMED, DISARMED, Span, disarm_of, spans_of


class Heard:
    """Asks the journal at every look; what was said while nobody watched is heard at the first. `samples` are those of
    the window so far: what was reported is among them. A journal that cannot be read says nothing new."""

    def __init__(self, record: Record, samples: Sequence[Sample]) -> None:
        self._record = record
        self._judged_from = began_at(record)
        self._after = 0
        self._switched: list[Event] = []
        self._known = sum(sample.signal == ISSUE for sample in samples)

    def listen(self, now: float) -> tuple[Sample, ...]:
        """The issues that were reported since the last time, each as a sample of now."""
        run, journal = self._record.run, self._record.ports.journal
        wanted = (DISARMED, ARMED, ISSUE)
        fresh = self._record.read(
            lambda: journal.events(environment=run.environment, after=self._after, kinds=wanted)
        )
        self._after = max([self._after, *(event.seq for event in fresh)])
        self._switched += [event for event in fresh if event.kind != ISSUE]
        issues = [event for event in fresh if event.kind == ISSUE and event.run_id == run.id]
        unknown, self._known = issues[self._known :], max(0, self._known - len(issues))
        return tuple(
            Sample(ISSUE, now, ok=False, note=str(event.data.get("text") or event.message))
            for event in unknown
        )

    def disarm(self, now: float) -> DisarmNow | None:
        """What holds now, as of the last time that was listened."""
        return disarm_of(self._switched[-1] if self._switched else None, now)

    def spans(self, now: float) -> tuple[Span, ...]:
        """What of the window is not judged: the first look after a disarmed time counts what came in it, too."""
        return self._spans(now, tick_s(self._record.ports.settings), self._judged_from)

    def away(self, now: float) -> tuple[Span, ...]:
        """The times in which it was disarmed."""
        return self._spans(now, 0.0, self._record.run.window_opened_at)

    def _spans(self, now: float, and_s: float, opened_at: float) -> tuple[Span, ...]:
        return spans_of(self._switched, opened_at=opened_at, now=now, and_s=and_s)
