"""Which release a line of an access log is about: by the server it names, or by when it was dialled.

Doubt is a value: a line that may be of either release of a switch is of neither, and is counted as that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from mobius.adapters.traffic.faces import DOOR, Face, Faces
from mobius.adapters.traffic.history import Standing, history_file, read_history
from mobius.errors import MobiusError
from mobius.rules.access_log import Seen

ELSEWHERE = "-"  # not ours to count: our front door counts it, or it is of another site
NOBODY = "?"  # ours, and the proxy answered by itself: no release was asked
UNTIMED_S = 30.0  # without durations: how long before its line a request may have been dialled
SKEW_S = 0.05  # by how much the proxy's clock may be off ours within one machine: it looks once a round
LATE_S = 120.0  # a line may be written this much later than it is stamped (buffer=, flush=)
EARLY_S = 5.0


class Whose(Protocol):
    """Tells lines to releases."""

    def look(self, now: float) -> None:
        """Before the lines of one look: how things stand. Raises `MobiusError` when nothing can be told."""

    def of(self, seen: Seen) -> str:
        """The release's id, `ELSEWHERE`, `NOBODY`, or "" when it cannot be told."""

    def is_needed(self) -> bool:
        """Whether anything since the look before can be in the log alone."""


class EveryLine:
    """A log of one service that somebody else deploys: whatever it says is about what is watched now."""

    def __init__(self, release_id: str) -> None:
        self._release_id = release_id

    def look(self, now: float) -> None:
        """Nothing to look at."""

    def of(self, seen: Seen) -> str:
        """The one there is; a request that the proxy answered by itself is nobody's."""
        return NOBODY if seen.upstream == "" else self._release_id

    def is_needed(self) -> bool:
        """Nobody else counts."""
        return True


class ByServer:
    """HAProxy names the server, which is the slot. `releases`: who is in each slot now."""

    def __init__(self, backend: str, releases: Callable[[], Mapping[str, str]]) -> None:
        self._backend = backend
        self._read = releases
        self._before: Mapping[str, str] | None = None
        self._now: Mapping[str, str] = {}

    def look(self, now: float) -> None:
        """Reads who is in which slot."""
        told = dict(self._read())
        self._before, self._now = (self._now if self._before is not None else told), told

    def of(self, seen: Seen) -> str:
        """By the server; not where the slot has got another release since the look before."""
        if seen.upstream is None:
            return ""
        backend, _, server = seen.upstream.partition("/")
        if backend != self._backend or server == DOOR:
            return ELSEWHERE
        if not server:
            return NOBODY
        release = self._now.get(server, "")
        return release if (self._before or {}).get(server, release) == release else ""

    def is_needed(self) -> bool:
        """Its durations are nowhere else."""
        return True


class BySwitches:
    """nginx and Caddy dial `<root>/live/web.sock` whoever is live: the time of dialling tells, against the history."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._faces = Faces(self._root)
        self._ours = str(self._root / "live" / "web.sock")
        self._door = str(self._root / "run" / "door.sock")
        self._spans: list[_Span] = []
        self._looked_at = self._now = 0.0
        self._ended_at = 0.0  # when a switch whose end nobody wrote down was first seen to be over

    def look(self, now: float) -> None:
        """Reads the history, and whether it fits what is live."""
        self._looked_at, self._now = self._now or now, now
        self._spans = []
        history, face = read_history(self._root), self._faces.current()
        if face is None or not history:
            raise MobiusError(f"nothing is known of who was live when: {history_file(self._root)}")
        newest = self._with_end(history[-1], face, now)
        if not _fits(newest, face):
            raise MobiusError(f"the history of switches says {newest.via} is live, and {face.via} is")
        if newest.is_done and now < newest.done - EARLY_S:
            raise MobiusError(
                "the clock was set back behind the last switch: times of requests cannot be compared"
            )
        self._spans = _spans([*history[:-1], newest])

    def of(self, seen: Seen) -> str:
        """By the one release that was dialled in all the time in which this request can have been."""
        if seen.upstream is not None and not self._is_ours(seen.upstream):
            return ELSEWHERE if seen.upstream else NOBODY
        if seen.at is None or not self._looked_at - LATE_S <= seen.at <= self._now + EARLY_S:
            return ""  # a clock that was set, a log of another day
        earliest, latest = seen.dialled or (seen.at - UNTIMED_S, seen.at + 1)
        for span in reversed(self._spans):
            if earliest >= span.since + SKEW_S:
                return span.release if latest < span.until - SKEW_S else ""
        return ""

    def is_needed(self) -> bool:
        """Not while everything went by our front door, which counts by itself; always while nothing can be told."""
        ended_since = [span for span in self._spans if span.until > self._looked_at - LATE_S]
        return not ended_since or any(span.release != ELSEWHERE for span in ended_since)

    def _is_ours(self, upstream: str) -> bool:
        """Of a name (an `upstream` of nginx, host and port) nobody can say; of a path one can."""
        if not upstream or self._door in upstream:
            return False
        return self._ours in upstream or "/" not in upstream

    def _with_end(self, newest: Standing, face: Face, now: float) -> Standing:
        """A switch that was killed before it could say that it was done, and is: done by now at the latest."""
        if newest.is_done or not _fits(newest, face):
            return newest
        if self._ended_at < newest.begun:
            self._ended_at = now
        return Standing(newest.begun, self._ended_at, newest.via, newest.weights, newest.releases)


def _fits(newest: Standing, face: Face) -> bool:
    return (newest.via, dict(newest.releases)) == (face.via, dict(face.releases))


class _Span:
    """From `since` to `until` everything that was dialled was of this release, or `ELSEWHERE` by our front door."""

    __slots__ = ("release", "since", "until")

    def __init__(self, since: float, until: float, release: str) -> None:
        self.since = since
        self.until = until
        self.release = release


def _spans(history: list[Standing]) -> list[_Span]:
    """Oldest first. A switch from a release to itself, or from the front door to itself, ends nothing."""
    spans: list[_Span] = []
    for standing in history:
        release = ELSEWHERE if standing.via == DOOR else standing.releases.get(standing.via, "")
        if spans and spans[-1].release == release and spans[-1].until == float("inf"):
            continue
        if spans:
            spans[-1].until = min(spans[-1].until, standing.begun)
        if standing.is_done:
            spans.append(_Span(standing.done, float("inf"), release))
    return spans
