"""Real traffic since the last reading, from counters that only rise until whoever keeps them starts anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mobius.model.sample import Sample
from mobius.ports import Counters

NO_TRAFFIC = Counters(0, 0, ())
ROUTE = "route:"
CONTROL, CONTROL_ROUTE = "control", "control:"


class TrafficDelta:
    """Turns the counters of one release into what was added since the reading before: all of it as "traffic", and
    each of `routes` that is counted by itself as "route:PATH". `remark` says what the counters leave out. `beside`: a
    release that gets requests meanwhile, whose are "control" and "control:PATH" of the same reading."""

    def __init__(
        self,
        counters: Callable[[], Mapping[str, Counters]],
        release_id: str,
        *,
        routes: Sequence[str] = (),
        remark: Callable[[], str] = lambda: "",
        beside: str = "",
    ) -> None:
        self._read = counters
        self._remark = remark
        self._watched = [Stream(release_id, "traffic", ROUTE, routes)]
        if beside:
            self._watched.append(Stream(beside, CONTROL, CONTROL_ROUTE, routes))
        self.samples(0.0)  # what was counted before the window is not of the window

    def samples(self, now: float) -> tuple[Sample, ...]:
        """Requests, errors and histogram since the last reading; missing when the counters cannot be read.

        A route that nobody has asked for yet, or that nobody could count, has no sample.
        """
        try:
            counted, remark = self._read(), self._remark()
        except Exception as error:  # a signal never raises: what went wrong is the reason
            missing = str(error).partition("\n")[0] or repr(error)
            return tuple(Sample(release.whole, now, missing=missing) for release in self._watched)
        return tuple(sample for release in self._watched for sample in release.added(counted, now, remark))


class Stream:
    """One that is counted, and what was counted of it when it was looked at last: all of it as `whole`, and each of
    `routes` as `route` and its path."""

    def __init__(self, release_id: str, whole: str, route: str, routes: Sequence[str]) -> None:
        self.whole = whole
        self._id, self._route, self._routes = release_id, route, routes
        self._last: Counters | None = None
        self._last_of: dict[str, Counters] = {}

    def added(self, counters: Mapping[str, Counters], now: float, remark: str = "") -> tuple[Sample, ...]:
        """What came since the look before; missing at the first."""
        current = counters.get(self._id, NO_TRAFFIC)
        last, self._last = self._last, current
        counted = [(route, current.routes[route]) for route in self._routes if route in current.routes]
        before = dict(self._last_of)
        self._last_of.update(counted)
        if last is None:
            return (Sample(self.whole, now, missing="first reading: nothing to compare it with"),)
        return (
            _added(self.whole, now, last, current, remark),
            *(
                _added(self._route + route, now, before.get(route, NO_TRAFFIC), count)
                for route, count in counted
            ),
        )


def _added(signal: str, now: float, last: Counters, current: Counters, note: str = "") -> Sample:
    if _started_anew(last, current):
        # What was counted between the last reading and the restart is lost, and never becomes negative.
        last = NO_TRAFFIC
        if (
            max(current.errors, sum(current.histogram)) > current.requests
        ):  # one of them wrapped, or was set back
            return Sample(signal, now, missing="one of the counters began anew, and the others did not")
    before = (*last.histogram, *[0] * (len(current.histogram) - len(last.histogram)))
    histogram = tuple(count - earlier for count, earlier in zip(current.histogram, before, strict=True))
    requests, errors = current.requests - last.requests, current.errors - last.errors
    return Sample(signal, now, requests=requests, errors=errors, histogram=histogram, note=note)


def _started_anew(last: Counters, current: Counters) -> bool:
    fell = any(count < earlier for count, earlier in zip(current.histogram, last.histogram, strict=False))
    shorter = len(current.histogram) < len(last.histogram)
    return fell or shorter or current.requests < last.requests or current.errors < last.errors
