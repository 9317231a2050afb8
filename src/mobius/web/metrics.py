"""What is seen of an environment as Prometheus metrics: base units, `_total` for what only rises, times as timestamps.

What could not be seen is left out and named in `mobius_unseen`: a missing number is never a good one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mobius.model.run import RunState
from mobius.model.seen import Counters
from mobius.model.verdict import Outcome
from mobius.rules.canary import nobody_could_tell
from mobius.web.families import Families, Scrape
from mobius.web.looking import Counted
from mobius.web.verdict import outcome_of

if TYPE_CHECKING:
    from prometheus_client.core import Metric

OPENMETRICS = "application/openmetrics-text"
MOST_RELEASES = 10  # whose requests are shown
SEEN = ("status", "window", "weights", "counters", "switches", "totals", "probe")
Text = Callable[[str], str]


def exposition(
    counted: Counted,
    *,
    names: tuple[str, str],
    version: str,
    journal_writable: bool | None,
    redact: Text,
    accept: str,
) -> tuple[bytes, str]:
    """The page and its content type: OpenMetrics for whoever accepts it, else Prometheus's own text. `names`: of the
    service and the environment, on every sample."""
    from prometheus_client import generate_latest
    from prometheus_client.openmetrics import exposition as openmetrics

    families = _Page(counted, names, redact).all(version, journal_writable)
    found = Scrape([family for family in families if family.samples])
    if OPENMETRICS in accept:
        return openmetrics.generate_latest(found), openmetrics.CONTENT_TYPE_LATEST  # type: ignore[no-untyped-call]
    return generate_latest(found), "text/plain; version=0.0.4; charset=utf-8"


class _Page(Families):
    """The families of one environment, as it was seen."""

    def __init__(self, counted: Counted, names: tuple[str, str], redact: Text) -> None:
        super().__init__(names, redact)
        self._counted = counted

    def all(self, version: str, journal_writable: bool | None) -> Iterator[Metric]:
        yield self.gauge("mobius_build_info", "The version that answers.", ("version",), [((version,), 1)])
        yield from self._releases()
        yield from self._traffic()
        yield from self._window()
        yield from self._ways_back()
        yield from self._totals()
        yield from self._probe()
        if journal_writable is not None:
            told = "Whether the journal can be written, as far as rights and room on the disk say."
            yield self.one("mobius_journal_writable", told, journal_writable)
        unseen = [((part,), part in self._counted.unseen) for part in SEEN]
        yield self.gauge(
            "mobius_unseen", "1 for what could not be looked at in this scrape.", ("part",), unseen
        )

    def _releases(self) -> Iterator[Metric]:
        status = self._counted.status
        if status is None:
            return
        pairs = [("live", status.live), ("previous", status.previous)]
        known = [(role, release) for role, release in pairs if release is not None]
        yield self.gauge(
            "mobius_release_info",
            "The release that is live, and the one before.",
            ("role", "release", "tag", "slot"),
            [((role, one.id, one.tag, one.slot), 1) for role, one in known],
        )
        yield self.one("mobius_live", "Whether a release is live.", status.live is not None)
        if status.live and status.live.since:
            told = "Since when the live release is live."
            yield self.one("mobius_live_since_timestamp_seconds", told, status.live.since)
        if status.processes:
            states = [((p.name, p.slot, p.release_id), p.state == "running") for p in status.processes]
            told = "Whether a process of a slot runs."
            yield self.gauge("mobius_process_up", told, ("process", "slot", "release"), states)
            restarts = [((p.name, p.slot, p.release_id), p.restarts) for p in status.processes]
            told = "Restarts of a process since its slot was started."
            yield self.gauge("mobius_process_restarts", told, ("process", "slot", "release"), restarts)
        yield self.one("mobius_frozen", "Whether no deployment may begin.", status.freeze is not None)
        yield self.one("mobius_alerts_unsent", "Alerts that reached nobody yet.", status.unsent)

    def _traffic(self) -> Iterator[Metric]:
        counted = self._counted
        whole = sum(counted.weights.values())
        status = counted.status
        in_slot = {p.slot: p.release_id for p in status.processes if p.kind == "web"} if status else {}
        yield self.gauge(
            "mobius_slot_weight_ratio",
            "The share of new requests that a slot gets.",
            ("slot", "release"),
            [
                ((slot, in_slot.get(slot, "")), weight / whole)
                for slot, weight in counted.weights.items()
                if whole
            ],
        )
        by_release = _shown(counted)
        by = ("release",)
        yield self.counter(
            "mobius_requests", "Requests answered.", by, [((name,), one.requests) for name, one in by_release]
        )
        yield self.counter(
            "mobius_request_errors",
            "Requests answered 5xx, or not at all.",
            by,
            [((name,), one.errors) for name, one in by_release],
        )
        yield self.gauge(
            "mobius_requests_in_flight",
            "Requests that are being answered.",
            by,
            [((name,), one.in_flight) for name, one in by_release],
        )
        yield self.histogram(
            "mobius_request_duration_seconds",
            "How long requests took, those that were timed.",
            by,
            [((name,), one.histogram, one.took_s) for name, one in by_release if any(one.histogram)],
        )
        routes = [((name, route), one) for name, of in by_release for route, one in sorted(of.routes.items())]
        yield self.counter(
            "mobius_route_requests",
            "Requests of a critical route.",
            ("release", "route"),
            [(at, one.requests) for at, one in routes],
        )
        yield self.counter(
            "mobius_route_request_errors",
            "Of these, the failed ones.",
            ("release", "route"),
            [(at, one.errors) for at, one in routes],
        )
        if counted.failed_because_of_switches is not None:
            told = "Requests that failed because traffic was moved."
            failed = counted.failed_because_of_switches
            yield self.counter("mobius_switch_failed_requests", told, (), [((), failed)])

    def _window(self) -> Iterator[Metric]:
        watched, status = self._counted.watched, self._counted.status
        if "window" in self._counted.unseen:
            return
        window = watched.window if watched else None
        yield self.one("mobius_window_open", "Whether a release is being watched.", window is not None)
        if watched is None:
            return
        if window is not None and status is not None:
            left_s = max(0.0, watched.run.window_deadline - status.at)
            yield self.one("mobius_window_left_seconds", "How long the window is still open.", left_s)
        if window is not None:
            told = "Whether no verdict acts at the moment, because a person said so."
            yield self.one("mobius_window_disarmed", told, window.disarmed_until > 0)
            yield self.one("mobius_window_issues", "What users reported in this window.", window.issues)
            told = "How much speaks against the release; at the threshold it is taken for bad."
            evidence = [((one.signal,), one.value) for one in window.evidence]
            yield self.gauge("mobius_window_evidence", told, ("signal",), evidence)
            thresholds = [((one.signal,), one.threshold) for one in window.evidence]
            told = "What the evidence is held against."
            yield self.gauge("mobius_window_evidence_threshold", told, ("signal",), thresholds)
        untold = nobody_could_tell(watched.events)
        outcome, plan = outcome_of(watched.run, window, untold=untold), watched.run.plan
        yield self.gauge(
            "mobius_verdict",
            "1 for how the running or last window stands.",
            ("outcome", "release"),
            [((str(one), plan.release_id), one is outcome) for one in Outcome],
        )
        waits = watched.run.state in (RunState.NEEDS_OPERATOR, RunState.FAILED)
        yield self.one("mobius_needs_person", "Whether a run waits for a person.", waits)

    def _ways_back(self) -> Iterator[Metric]:
        status = self._counted.status
        if status is None:
            return
        way, backup = status.way_back, status.backup
        yield self.one("mobius_way_back", "Whether there is a way back.", way is not None)
        if way is not None:
            told = "How long the way back is expected to take."
            yield self.gauge(
                "mobius_way_back_expected_seconds", told, ("way",), [((str(way.way),), way.expected_s)]
            )
            proven = way.proven_at > 0
            yield self.one("mobius_way_back_proven", "Whether that way was tried and works.", proven)
            if proven:
                told = "When that was seen last."
                yield self.one("mobius_way_back_proven_timestamp_seconds", told, way.proven_at)
        if backup is None:
            return
        for what, at in (
            ("created", backup.created_at),
            ("verified", backup.verified_at),
            ("rehearsed", backup.rehearsed_at),
        ):
            if at:
                told = f"When the newest backup was {what}."
                yield self.one(f"mobius_backup_{what}_timestamp_seconds", told, at)
        yield self.one("mobius_backup_size_bytes", "How large the newest backup is.", backup.size_bytes)
        if backup.rehearsed_at:
            told = "How long its rehearsed restore took."
            yield self.one("mobius_backup_restore_duration_seconds", told, backup.restore_s)

    def _totals(self) -> Iterator[Metric]:
        totals = self._counted.totals
        if totals is None:
            return
        yield self.counter("mobius_rollbacks", "Releases that were taken back.", (), [((), totals.rollbacks)])
        yield self.counter("mobius_pages", "Times that a person was called.", (), [((), totals.pages)])
        yield self.counter("mobius_switches", "Times that traffic was moved.", (), [((), totals.switches)])
        ended = [((state,), number) for state, number in sorted(totals.ended.items())]
        yield self.counter("mobius_runs_ended", "Runs by how they ended.", ("state",), ended)

    def _probe(self) -> Iterator[Metric]:
        probe = self._counted.probe
        if probe is None:
            return
        if probe.outcome in (Outcome.PASS, Outcome.FAIL):
            up = probe.outcome is Outcome.PASS
            yield self.one("mobius_probe_up", "Whether the health endpoint answered well.", up)
        if probe.duration_ms > 0:
            took = probe.duration_ms / 1000
            yield self.one("mobius_probe_duration_seconds", "How long it took to answer.", took)


def _shown(counted: Counted) -> list[tuple[str, Counters]]:
    """Whoever serves or may serve again, then those with the most requests: what counts remembers every release since
    it was started, and each is fifty series."""
    status = counted.status
    known = {one.id for one in (status.live, status.previous) if one} if status else set()
    known |= {process.release_id for process in status.processes} if status else set()
    first = sorted(
        counted.counters, key=lambda name: (name not in known, -counted.counters[name].requests, name)
    )
    return sorted((name, counted.counters[name]) for name in first[:MOST_RELEASES])
