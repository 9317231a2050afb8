"""What a load run saw: every failed request with its kind, and every answer with its time and its release."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

Interval = tuple[float, float]  # from, to: seconds on the monotonic clock


class FailureKind(StrEnum):
    """How a request failed, as its client saw it."""

    REFUSED = "refused"  # nobody listened
    RESET = "reset"  # the connection was reset while the request was under way
    CLOSED_EARLY = "closed early"  # the connection was closed before the whole answer had come
    TIMEOUT = "timeout"
    GARBLED = "garbled"  # what came is not one HTTP answer
    WRONG = "wrong answer"  # an answer with a good status, but not the answer to this request
    DOOR = "error by the door"  # an error status that no release signed
    RELEASE = "error by the release"  # an error status that a release answered itself


@dataclass(frozen=True, slots=True)
class Failure:
    """One request that failed; nothing is retried, so each is a request that a user lost."""

    at_s: float  # when the client knew, on the monotonic clock
    started_s: float
    kind: FailureKind
    method: str
    path: str
    detail: str
    release: str | None = None
    connection: str = "keep-alive"  # or "fresh"

    @property
    def is_lost(self) -> bool:
        """True unless the release itself answered an error: then the way to it was fine."""
        return self.kind is not FailureKind.RELEASE


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of the good answers, in milliseconds; NaN where there was no answer."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, took_s: Sequence[float]) -> Latency:
        ordered = sorted(took_s)
        return cls(len(ordered), *(1000 * _quantile(ordered, q) for q in (0.50, 0.95, 0.99)))


@dataclass(slots=True)
class Answers:
    """Good answers, in columns (20 bytes each), so that a run of a million requests stays small."""

    started_s: array[float] = field(default_factory=lambda: array("d"))
    ended_s: array[float] = field(default_factory=lambda: array("d"))
    release: array[int] = field(default_factory=lambda: array("i"))

    def append(self, started_s: float, ended_s: float, release: int) -> None:
        self.started_s.append(started_s)
        self.ended_s.append(ended_s)
        self.release.append(release)

    def copy(self) -> Answers:
        return Answers(self.started_s[:], self.ended_s[:], self.release[:])

    def __len__(self) -> int:
        return len(self.release)

    def __iter__(self) -> Iterator[tuple[float, float, int]]:
        return zip(self.started_s, self.ended_s, self.release, strict=True)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """One load run, finished or so far. Times are monotonic seconds; `unix_s` turns them into dates."""

    started_s: float
    ended_s: float
    unix_offset_s: float
    failures: tuple[Failure, ...]
    by_release: dict[str, int]  # every answer a release gave, good or bad
    answers: Answers
    releases: tuple[str, ...]  # the names behind `answers.release`; -1 there is an answer without a name

    @property
    def requests(self) -> int:
        return len(self.answers) + len(self.failures)

    @property
    def lost(self) -> tuple[Failure, ...]:
        """The failures that no release signed: refused, reset, cut, late, garbled, wrong, or by the door."""
        return tuple(f for f in self.failures if f.is_lost)

    @property
    def errors_by_release(self) -> dict[str, int]:
        """How many errors each release answered itself."""
        counts: dict[str, int] = {}
        for failure in self.failures:
            if not failure.is_lost and failure.release is not None:
                counts[failure.release] = counts.get(failure.release, 0) + 1
        return counts

    def unix_s(self, at_s: float) -> float:
        return at_s + self.unix_offset_s

    def failures_by_kind(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for failure in self.failures:
            counts[str(failure.kind)] = counts.get(str(failure.kind), 0) + 1
        return counts

    def latency(
        self, *, during: Sequence[Interval] | None = None, outside: Sequence[Interval] | None = None
    ) -> Latency:
        """Latency of the answers that were under way in one of `during`, and in none of `outside`."""
        return Latency.of(
            [
                ended - started
                for started, ended, _ in self.answers
                if (during is None or _touches(started, ended, during))
                and (outside is None or not _touches(started, ended, outside))
            ]
        )

    def first_answer_s(self, release: str, *, after_s: float = 0.0) -> float | None:
        """When the first good answer of a release from `after_s` on arrived; None when none did."""
        number = self._number(release)
        return min(
            (ended for _, ended, by in self.answers if by == number and ended >= after_s), default=None
        )

    def last_answer_s(self, release: str, *, before_s: float = float("inf")) -> float | None:
        """When the last good answer of a release before `before_s` arrived; None when none did."""
        number = self._number(release)
        return max(
            (ended for _, ended, by in self.answers if by == number and ended <= before_s), default=None
        )

    def last_started_s(self, release: str, *, before_s: float = float("inf")) -> float | None:
        """When the last request that this release answered well was sent; None when there was none."""
        number = self._number(release)
        starts = (started for started, _, by in self.answers if by == number and started <= before_s)
        return max(starts, default=None)

    def _number(self, release: str) -> int:
        return self.releases.index(release) if release in self.releases else -2


def _touches(started_s: float, ended_s: float, intervals: Sequence[Interval]) -> bool:
    return any(started_s <= to and ended_s >= since for since, to in intervals)


def _quantile(ordered: Sequence[float], q: float) -> float:
    """The nearest-rank quantile: a latency that a request really had, never one between two."""
    if not ordered:
        return float("nan")
    rank = max(1, -int(-q * len(ordered) // 1))  # ceil
    return ordered[rank - 1]
