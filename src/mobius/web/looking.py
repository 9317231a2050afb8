"""Looks at an environment for whoever asks the web face: read-only, and no more often than once in a while.

However many ask at once, one of them looks and the others get what it saw.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from mobius.adapters.served import url_of
from mobius.errors import MobiusError
from mobius.flows.status import status
from mobius.model.run import ENDED, Event, Run, RunState
from mobius.model.sample import Sample
from mobius.model.status import Status
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Counters, Ports
from mobius.web.verdict import WindowNow, run_shown
from mobius.web.watching import Watching

FRESH_S = 1.0  # what was seen no longer ago than this is shown again
PROBE_EVERY_S = 5.0
RUNS = 50
PAGE = 5_000  # events of one reading

T = TypeVar("T")


@dataclass(slots=True)
class Kept(Generic[T]):
    """The last answer of `look`, for `fresh_s` seconds. Nobody looks twice at once."""

    look: Callable[[], T]
    clock: Callable[[], float]
    fresh_s: float = FRESH_S
    _at: float = float("-inf")
    _seen: list[T] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> T:
        with self._turn:
            if not self._seen or not 0 <= self.clock() - self._at < self.fresh_s:
                self._seen = [self.look()]
                self._at = self.clock()
            return self._seen[0]


@dataclass(frozen=True, slots=True)
class Totals:
    """What ever happened here, by the journal. `ended`: runs by the state in which they ended."""

    rollbacks: int = 0
    pages: int = 0
    switches: int = 0
    ended: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watched:
    """The run that a verdict is about, with what was measured in its window."""

    run: Run
    events: tuple[Event, ...]
    samples: tuple[Sample, ...]
    window: WindowNow | None
    doing: str = ""  # what it does now, where no window is open

    @property
    def is_shadow(self) -> bool:
        """Whether its window judges and never acts."""
        return any(event.kind == "window opened" and event.data.get("shadow") for event in self.events)

    @property
    def reason(self) -> str:
        """What it does, or the sentence of its last verdict; "" without one."""
        said = (event.data.get("sentence") for event in reversed(self.events) if event.kind == "verdict")
        return self.doing or str(next(said, "") or "")


@dataclass(frozen=True, slots=True)
class Counted:
    """What a scrape is made of. None, or empty: it could not be seen, and `unseen` says what."""

    status: Status | None
    watched: Watched | None
    weights: Mapping[str, int]
    counters: Mapping[str, Counters]
    failed_because_of_switches: int | None
    totals: Totals | None
    probe: CheckResult | None
    unseen: tuple[str, ...] = ()


class Looker:
    """One environment. Methods raise `MobiusError` where what they are about cannot be seen, unless they say so."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        clock = ports.clock.monotonic
        self.status = Kept(self._status, clock)
        self.runs = Kept(lambda: ports.journal.runs(ports.settings.name, RUNS), clock)
        self.watched = Kept(lambda: self.watched_of(run_shown(self.runs())), clock)
        self.probe = Kept(self._probe, clock, PROBE_EVERY_S)
        self.counted = Kept(self._counted, clock)
        self._watching: Watching | None = None
        self._turn = threading.Lock()
        self._totals, self._seen_to = Totals(), 0

    def watched_of(self, run: Run | None) -> Watched | None:
        """A run with its events, its samples, and where its window is open the judgement of it."""
        if run is None:
            return None
        journal = self.ports.journal
        events, samples = journal.events(run_id=run.id), journal.samples(run.id)
        is_open = run.state is RunState.OBSERVING and bool(run.window_opened_at)
        window = self._window(run, samples) if is_open else None
        return Watched(run, events, samples, window, "" if is_open or run.ended else self._said_of(run))

    def _window(self, run: Run, samples: tuple[Sample, ...]) -> WindowNow:
        with self._turn:
            if self._watching is None or not self._watching.is_of(run):
                self._watching = Watching(run, self.ports)
            return self._watching.judge(samples)

    def _status(self) -> Status:
        return replace(status(self.ports), web=url_of(self.ports.settings.root))

    def _said_of(self, run: Run) -> str:
        """What its status says of a run that goes on, such as the stage of a canary."""
        now = self.status().run
        return now.sentence or now.step if now is not None and now.id == run.id else ""

    def _probe(self) -> CheckResult | None:
        """The health endpoint as users reach it; None where there is none. In a window it is what the window saw last:
        one more request would be one more that is judged."""
        watched, url = self.watched(), self.ports.settings.url
        if watched is not None and watched.window is not None:
            seen = next((sample for sample in reversed(watched.samples) if sample.signal == "probe"), None)
            recent_s = 2 * self.ports.settings.monitor.interval_s
            if seen is not None and self.ports.clock.now() - seen.at <= recent_s:
                return _as_check(seen)
        return self.ports.checks.health(url) if url else None

    def _counted(self) -> Counted:
        """Never raises `MobiusError`: what cannot be seen is left out, and named."""
        unseen: list[str] = []

        def tried(what: str, look: Callable[[], T]) -> T | None:
            try:
                return look()
            except MobiusError:
                unseen.append(what)
                return None

        traffic = self.ports.traffic
        now = tried("status", self.status)
        counts = self.ports.commands is None and (now is None or now.live is not None)
        return Counted(
            status=now,
            watched=tried("window", self.watched),
            weights=tried("weights", traffic.weights) or {},
            counters=(tried("counters", traffic.counters) if counts else None) or {},
            failed_because_of_switches=tried("switches", traffic.failed_because_of_switches)
            if counts
            else None,
            totals=tried("totals", self._counted_events),
            probe=tried("probe", self.probe) if now and now.live else None,
            unseen=tuple(unseen),
        )

    def _counted_events(self) -> Totals:
        """Reads what was written since it read last."""
        journal, name = self.ports.journal, self.ports.settings.name
        while True:
            fresh = journal.events(environment=name, after=self._seen_to, limit=PAGE)
            if fresh:
                self._totals, self._seen_to = _added(self._totals, fresh), fresh[-1].seq
            if len(fresh) < PAGE:
                return self._totals


def _as_check(probe: Sample) -> CheckResult:
    outcome = Outcome.PASS if probe.ok else Outcome.FAIL
    if probe.missing or probe.ok is None:
        outcome = Outcome.ERROR
    return CheckResult("health", outcome, probe.missing or probe.note, probe.value or 0.0)


def _added(totals: Totals, events: tuple[Event, ...]) -> Totals:
    kinds = Counter(event.kind for event in events)
    states = (str(event.data.get("state") or "") for event in events)
    ended = Counter(totals.ended) + Counter(state for state in states if state in ENDED_STATES)
    return Totals(
        totals.rollbacks + kinds["rolled back"],
        totals.pages + kinds["page"],
        totals.switches + kinds["switched"],
        dict(ended),
    )


ENDED_STATES = frozenset(str(state) for state in ENDED)
