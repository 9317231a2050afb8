"""What the outside world answers with: small facts that ports hand to flows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Note:
    """An event to be written: what happened, in one line, with its data. `topic` puts it in the outbox."""

    kind: str
    message: str
    data: Mapping[str, Any] | None = None
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """What a tag stands for, found without changing anything."""

    tag: str
    commit: str
    digest: str  # SHA-256 that changes when the content does
    dirty: bool
    branch: str = ""
    message: str = ""
    committed_at: float = 0.0  # unix seconds, 0 where there is no commit


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process as the target sees it."""

    name: str
    kind: str
    slot: str
    release_id: str
    state: str  # "running", "backoff", "stopped", "failed"
    pid: int = 0  # on its host
    restarts: int = 0
    url: str = ""  # where it can be reached directly, for web processes
    host: str = ""  # of a fleet; "" where there is one host only


@dataclass(frozen=True, slots=True)
class Counters:
    """Requests since whoever counts began to, of one release (or one route of it); they only ever rise.

    The histogram has the requests that were timed: all of them, fewer, or none where nobody takes times. `routes`
    has the critical routes that were counted by themselves; their requests are among the release's own. `took_s`: the
    times of those in the histogram, added up; None where nobody adds them.
    """

    requests: int
    errors: int  # answered 5xx, or not answered at all
    histogram: tuple[int, ...]
    in_flight: int = 0
    routes: Mapping[str, Counters] = field(default_factory=dict)
    took_s: float | None = None


@dataclass(frozen=True, slots=True)
class Switched:
    """One switch: how long the call took and how many requests failed because of it so far."""

    generation: int
    took_ms: float
    failed_requests: int


@dataclass(frozen=True, slots=True)
class Migration:
    """One change of the database's shape."""

    version: str
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CommandSeen:
    """How one command stands: "absent" (never begun), "running", "ended", or "lost" (it was begun, and with it went
    whoever kept it). `failed` is why an ended one did not do what it should, "" when it did."""

    state: Literal["absent", "running", "ended", "lost"]
    failed: str = ""
