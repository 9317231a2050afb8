"""Real traffic since the last reading, from counters that only rise until whoever keeps them starts anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mobius.model.sample import Sample
from mobius.ports import Counters

NO_TRAFFIC = Counters(0, 0, ())


class TrafficDelta:
    """Turns the counters of one release into what was added since the reading before."""

    def __init__(self, counters: Callable[[], Mapping[str, Counters]], release_id: str) -> None:
        self._read = counters
        self._release_id = release_id
        self._last: Counters | None = None
        self.sample(0.0)  # what was counted before the window is not of the window

    def sample(self, now: float) -> Sample:
        """Requests, errors and histogram since the last reading; missing when the counters cannot be read."""
        try:
            current = self._read().get(self._release_id, NO_TRAFFIC)
        except Exception as error:  # a signal never raises: what went wrong is the reason
            return Sample("traffic", now, missing=str(error).partition("\n")[0] or repr(error))
        last, self._last = self._last, current
        if last is None:
            return Sample("traffic", now, missing="first reading: nothing to compare it with")
        if _started_anew(last, current):
            # What was counted between the last reading and the restart is lost, and never becomes negative.
            last = NO_TRAFFIC
        before = (*last.histogram, *[0] * (len(current.histogram) - len(last.histogram)))
        added = tuple(count - earlier for count, earlier in zip(current.histogram, before, strict=True))
        requests, errors = current.requests - last.requests, current.errors - last.errors
        return Sample("traffic", now, requests=requests, errors=errors, histogram=added)


def _started_anew(last: Counters, current: Counters) -> bool:
    fell = any(count < earlier for count, earlier in zip(current.histogram, last.histogram, strict=False))
    shorter = len(current.histogram) < len(last.histogram)
    return fell or shorter or current.requests < last.requests or current.errors < last.errors
