"""The access log of a proxy as counters: requests, errors and response times by release and by critical route.

Nothing is counted twice. Behind nginx and Caddy a request went either straight to the release, and is in the log
alone, or by our front door, which counts it: their sum is all. HAProxy counts requests and errors by itself, so of
its log only the response times and the routes are taken.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mobius.adapters.signals.access_log_tail import Looked, Tail
from mobius.adapters.signals.access_log_whose import ELSEWHERE, NOBODY, Whose
from mobius.errors import MobiusError
from mobius.host.counters import find_route
from mobius.model.sample import BUCKETS, HISTOGRAM_EDGES_MS
from mobius.ports import Counters
from mobius.rules.access_log import Seen, Unread, parse

MOST_LOST_PCT = 50.0  # of the lines of one look; past this it was no measurement
SWITCHED_PROTOCOLS = 101  # a WebSocket's duration is no response time


class AccessLog:
    """Counts what is appended to the log from now on. `routes` are the critical ones."""

    def __init__(
        self,
        path: Path,
        whose: Whose,
        *,
        log_format: str = "auto",
        routes: Sequence[str] = (),
        now: Callable[[], float],
        tail: Tail | None = None,
    ) -> None:
        self._path = path
        self._tail = tail or Tail(path)
        self._whose = whose
        self._format = log_format
        self._now = now
        named = [(route, route.rstrip("/").encode()) for route in routes]
        self._routes = tuple(sorted(named, key=lambda one: -len(one[1])))  # the longest first
        self._counts: dict[str, _Count] = {}
        self._look = _Look()

    def counters(self) -> Mapping[str, Counters]:
        """By release, since this was made, with what is new. Raises `MobiusError` when the log cannot be read, or too
        little of it could be told to a release; what could stays counted, and comes with the next reading."""
        self._look = look = _Look()
        trouble: MobiusError | None = None
        try:
            self._whose.look(self._now())
        except MobiusError as error:
            trouble = error
        look.tail = self._tail.look(self._take if trouble is None else look.pass_over)
        if trouble is not None:
            raise trouble
        if look.lost_pct > MOST_LOST_PCT:
            raise MobiusError(f"{self._path.name} says too little: {look.said()}", "check access_log_format")
        return {release: count.counters() for release, count in self._counts.items()}

    def is_needed(self) -> bool:
        """Whether what the last look should have brought can be nowhere else."""
        return self._whose.is_needed()

    def remark(self) -> str:
        """What the last look left out, "" when nothing."""
        said = self._look.said()
        return f"{self._path.name}: {said}" if said else ""

    def _take(self, line: bytes) -> None:
        read = parse(line, self._format)
        if isinstance(read, Unread) and read.is_other:
            self._look.other += 1
            return
        if isinstance(read, Unread):
            self._look.unread += 1
            self._look.why_unread = self._look.why_unread or read.reason
            return
        release = self._whose.of(read)
        if not release:
            self._look.untold += 1
        elif release == NOBODY:
            self._look.refused += read.is_error
        elif release != ELSEWHERE:
            count = self._counts.get(release) or self._counts.setdefault(release, _Count())
            count.add(read, find_route(read.path.encode(), self._routes) if self._routes else None)


class LoggedTraffic:
    """The counters of whoever counts (`counted`: the front door, HAProxy) and those of an access log, as one."""

    def __init__(
        self, log: AccessLog, counted: Callable[[], Mapping[str, Counters]], *, counts_all: bool = False
    ) -> None:
        """`counts_all`: `counted` has every request, so that the log only adds times and routes."""
        self._log = log
        self._counted = counted
        self._counts_all = counts_all
        self._trouble = ""
        self._logged: Mapping[str, Counters] = {}

    def counters(self) -> Mapping[str, Counters]:
        """By release. Raises `MobiusError` when a part that is needed cannot be read."""
        self._trouble = ""
        try:
            self._logged = self._log.counters()
        except MobiusError as error:
            if not self._counts_all and self._log.is_needed():
                raise
            self._trouble = error.message
        # Without the log its last figures stay: nothing is added to them, and nothing begins anew.
        counted, logged = self._counted(), self._logged
        if self._counts_all:
            return {
                release: self._timed(count, logged.get(release, NOTHING))
                for release, count in counted.items()
            }
        return {release: _sum(counted.get(release), logged.get(release)) for release in {**counted, **logged}}

    def _timed(self, count: Counters, logged: Counters) -> Counters:
        """Requests and errors as they were counted, times and routes as they were logged, where they were."""
        routes = {} if self._trouble else logged.routes
        return Counters(
            count.requests, count.errors, logged.histogram, count.in_flight, routes, logged.took_s
        )

    def remark(self) -> str:
        """What the last reading left out, "" when nothing."""
        return self._trouble or self._log.remark()


def _sum(one: Counters | None, other: Counters | None) -> Counters:
    if one is None or other is None:
        return one or other or NOTHING
    routes = {
        route: _sum(one.routes.get(route), other.routes.get(route))
        for route in {**one.routes, **other.routes}
    }
    longest = max(len(one.histogram), len(other.histogram))
    padded = [(*count.histogram, *[0] * (longest - len(count.histogram))) for count in (one, other)]
    histogram = tuple(a + b for a, b in zip(*padded, strict=True))
    return Counters(
        one.requests + other.requests,
        one.errors + other.errors,
        histogram,
        one.in_flight + other.in_flight,
        routes,
        None if one.took_s is None or other.took_s is None else one.took_s + other.took_s,
    )


NOTHING = Counters(0, 0, (0,) * BUCKETS, took_s=0.0)


class _Count:
    """Of one release, or of one route of it."""

    __slots__ = ("errors", "histogram", "requests", "routes", "took_ms")

    def __init__(self) -> None:
        self.requests = self.errors = 0
        self.took_ms = 0.0
        self.histogram = [0] * BUCKETS
        self.routes: dict[str, _Count] = {}

    def add(self, seen: Seen, route: str | None) -> None:
        self.requests += 1
        self.errors += seen.is_error
        if seen.duration_ms is not None and seen.status != SWITCHED_PROTOCOLS:
            self.histogram[bisect_left(HISTOGRAM_EDGES_MS, seen.duration_ms)] += 1
            self.took_ms += seen.duration_ms
        if route is not None:
            (self.routes.get(route) or self.routes.setdefault(route, _Count())).add(seen, None)

    def counters(self) -> Counters:
        routes = {route: count.counters() for route, count in self.routes.items()}
        took_s = self.took_ms / 1000
        return Counters(self.requests, self.errors, tuple(self.histogram), routes=routes, took_s=took_s)


class _Look:
    """What one look left out."""

    __slots__ = ("other", "refused", "tail", "unread", "untold", "why_unread")

    def __init__(self) -> None:
        self.tail = Looked()
        self.unread = self.untold = self.refused = self.other = 0
        self.why_unread = ""

    def pass_over(self, line: bytes) -> None:
        """A line that came while nobody could tell whose it is."""
        self.untold += 1

    @property
    def lines(self) -> int:
        return self.tail.lines - self.other

    @property
    def lost_pct(self) -> float:
        return 100 * (self.unread + self.untold) / max(1, self.lines)

    def said(self) -> str:
        said = []
        if self.unread:
            said.append(f"{self.unread:,} of {self.lines:,} lines not understood ({self.why_unread})")
        if self.untold:
            said.append(f"{self.untold:,} of {self.lines:,} lines not told to a release (a switch was near)")
        if self.refused:
            said.append(f"{self.refused:,} requests failed before any release was asked")
        if self.tail.skipped_bytes:
            megabytes = self.tail.skipped_bytes / 1e6
            said.append(f"{megabytes:,.1f} MB skipped, for it grows faster than it is read")
        return "; ".join([*said, *dict.fromkeys(self.tail.remarks)])
