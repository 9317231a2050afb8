"""What the door counts for each release and route, and how the counts of several doors are added up."""

from __future__ import annotations

from bisect import bisect_left
from itertools import zip_longest
from typing import Any

from mobius.model.sample import HISTOGRAM_EDGES_MS as HISTOGRAM_EDGES_MS

REFUSALS = ("no_upstream", "hold_overflow", "bad_request", "too_large", "timeout")
SWITCHES_KEPT = 200

Json = dict[str, Any]


def empty_histogram() -> list[int]:
    return [0] * (len(HISTOGRAM_EDGES_MS) + 1)


class RouteCount:
    """Requests of one critical route."""

    __slots__ = ("errors", "histogram", "requests", "took_ms")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.took_ms = 0.0
        self.histogram = empty_histogram()

    def as_json(self) -> Json:
        return {
            "requests": self.requests,
            "errors": self.errors,
            "histogram": self.histogram,
            "took_ms": round(self.took_ms, 3),
        }


class ReleaseCount:
    """Requests of one release, counted when they end; `in_flight` are those that have not."""

    __slots__ = (
        "bytes",
        "errors_5xx",
        "errors_door",
        "histogram",
        "in_flight",
        "requests",
        "routes",
        "status",
        "took_ms",
    )

    def __init__(self) -> None:
        self.requests = 0
        self.errors_5xx = 0
        self.errors_door = 0
        self.status = [0, 0, 0, 0, 0, 0]  # by first digit; 0 counts those that got no status at all
        self.bytes = 0
        self.in_flight = 0
        self.took_ms = 0.0
        self.histogram = empty_histogram()
        self.routes: dict[str, RouteCount] = {}

    def count(self, status: int, failed_by_door: bool, ms: float, route: str | None) -> None:
        """One request has ended: with this status, or unanswered (0), after `ms`."""
        bucket = bisect_left(HISTOGRAM_EDGES_MS, ms)
        is_error = failed_by_door or status >= 500
        self.requests += 1
        self.status[status // 100] += 1
        self.histogram[bucket] += 1
        self.took_ms += ms
        if failed_by_door:
            self.errors_door += 1
        elif is_error:
            self.errors_5xx += 1
        if route is not None:
            of_route = self.routes.get(route)
            if of_route is None:
                of_route = self.routes[route] = RouteCount()
            of_route.requests += 1
            of_route.errors += is_error
            of_route.histogram[bucket] += 1
            of_route.took_ms += ms

    def as_json(self) -> Json:
        return {
            "requests": self.requests,
            "errors_5xx": self.errors_5xx,
            "errors_door": self.errors_door,
            "status": {f"{digit}xx": n for digit, n in enumerate(self.status) if n},
            "bytes": self.bytes,
            "in_flight": self.in_flight,
            "histogram": self.histogram,
            "took_ms": round(self.took_ms, 3),
            "routes": {route: count.as_json() for route, count in self.routes.items()},
        }


class SwitchCount:
    """One change of weights and the requests that failed because of it."""

    __slots__ = ("at", "failed", "generation", "weights")

    def __init__(self, generation: int, at: float, weights: dict[str, int]) -> None:
        self.generation = generation
        self.at = at
        self.weights = weights
        self.failed = 0

    def as_json(self) -> Json:
        return {
            "generation": self.generation,
            "at": self.at,
            "weights": self.weights,
            "failed_because_of_switch": self.failed,
        }


def find_route(path: bytes, routes: tuple[tuple[str, bytes], ...]) -> str | None:
    """The critical route this path belongs to: equal to it or beneath it. `routes` has the longest first."""
    for name, prefix in routes:
        if path.startswith(prefix) and (len(path) == len(prefix) or path[len(prefix)] == 0x2F):
            return name
    return None


def add_snapshots(one: Json, other: Json) -> Json:
    """The sum of two doors' counts; what only one of them has is kept."""
    releases: dict[str, Json] = {}
    for name in {**one["releases"], **other["releases"]}:
        releases[name] = _add(one["releases"].get(name), other["releases"].get(name))
    switches: dict[int, Json] = {}
    for entry in [*one["switches"], *other["switches"]]:
        before = switches.get(entry["generation"])
        failed = entry["failed_because_of_switch"] + (before["failed_because_of_switch"] if before else 0)
        switches[entry["generation"]] = {**entry, "failed_because_of_switch": failed}
    kept = sorted(switches)[-SWITCHES_KEPT:]
    return {
        "releases": releases,
        "refused": _add(one["refused"], other["refused"]),
        "switches": [switches[generation] for generation in kept],
        "failed_because_of_switches": sum(
            counts.get("failed_because_of_switches", 0) for counts in (one, other)
        ),
    }


def empty_snapshot() -> Json:
    refused = dict.fromkeys(REFUSALS, 0)
    return {"releases": {}, "refused": refused, "switches": [], "failed_because_of_switches": 0}


def answered(snapshot: Json) -> int:
    """Requests in all, also those refused: of two counts of one door the newer has no less."""
    served = sum(count["requests"] for count in snapshot["releases"].values())
    return int(served + sum(snapshot["refused"].values()))


def without_in_flight(snapshot: Json) -> Json:
    """The counts of a door that is gone: what was in flight there is no more."""
    releases = {name: {**count, "in_flight": 0} for name, count in snapshot["releases"].items()}
    return {**snapshot, "releases": releases}


def _add(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    if isinstance(one, dict):
        return {key: _add(one.get(key), other.get(key)) for key in {**one, **other}}
    if isinstance(one, list):
        return [a + b for a, b in zip_longest(one, other, fillvalue=0)]  # an older door had fewer buckets
    return one + other
