"""Real traffic since the last reading, from counters that only rise until whoever keeps them starts anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mobius.model.sample import Sample
from mobius.ports import Counters

NO_TRAFFIC = Counters(0, 0, ())
ROUTE = "route:"


class TrafficDelta:
    """Turns the counters of one release into what was added since the reading before: all of it as "traffic", and
    each of `routes` that is counted by itself as "route:PATH". `remark` says what the counters leave out."""

    def __init__(
        self,
        counters: Callable[[], Mapping[str, Counters]],
        release_id: str,
        *,
        routes: Sequence[str] = (),
        remark: Callable[[], str] = lambda: "",
    ) -> None:
        self._read = counters
        self._release_id = release_id
        self._routes = routes
        self._remark = remark
        self._last: Counters | None = None
        self._last_of: dict[str, Counters] = {}
        self.samples(0.0)  # what was counted before the window is not of the window

    def samples(self, now: float) -> tuple[Sample, ...]:
        """Requests, errors and histogram since the last reading; missing when the counters cannot be read.

        A route that nobody has asked for yet, or that nobody could count, has no sample.
        """
        try:
            current = self._read().get(self._release_id, NO_TRAFFIC)
            remark = self._remark()
        except Exception as error:  # a signal never raises: what went wrong is the reason
            return (Sample("traffic", now, missing=str(error).partition("\n")[0] or repr(error)),)
        last, self._last = self._last, current
        counted = [
            (ROUTE + route, current.routes[route]) for route in self._routes if route in current.routes
        ]
        before = dict(self._last_of)
        self._last_of.update(counted)
        if last is None:
            return (Sample("traffic", now, missing="first reading: nothing to compare it with"),)
        return (
            _added("traffic", now, last, current, remark),
            *(_added(signal, now, before.get(signal, NO_TRAFFIC), count) for signal, count in counted),
        )


def _added(signal: str, now: float, last: Counters, current: Counters, note: str = "") -> Sample:
    if _started_anew(last, current):
        # What was counted between the last reading and the restart is lost, and never becomes negative.
        last = NO_TRAFFIC
    before = (*last.histogram, *[0] * (len(current.histogram) - len(last.histogram)))
    histogram = tuple(count - earlier for count, earlier in zip(current.histogram, before, strict=True))
    requests, errors = current.requests - last.requests, current.errors - last.errors
    return Sample(signal, now, requests=requests, errors=errors, histogram=histogram, note=note)


def _started_anew(last: Counters, current: Counters) -> bool:
    fell = any(count < earlier for count, earlier in zip(current.histogram, last.histogram, strict=False))
    shorter = len(current.histogram) < len(last.histogram)
    return fell or shorter or current.requests < last.requests or current.errors < last.errors
