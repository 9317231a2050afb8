"""A window as who only looks on sees it: judged again from what its keeper wrote down, by the code that keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mobius.flows.bad_hosts import outs_of
from mobius.flows.before import has_many_hosts, tick_s, window_tests
from mobius.flows.heard import Heard
from mobius.flows.record import Record
from mobius.model.policies import PRESETS
from mobius.model.run import Run
from mobius.model.sample import Sample
from mobius.model.status import DisarmNow
from mobius.model.tick import Figures, Tick
from mobius.model.verdict import Verdict
from mobius.ports import Ports
from mobius.rules.hosts.judging import HostJudging
from mobius.rules.hosts.packed import unpacked
from mobius.rules.hosts.worse import HostTests
from mobius.rules.judging import Judging
from mobius.rules.ticking import Tally, binned

LISTEN_EVERY_S = 2.0


def judging_of(record: Record) -> Judging | HostJudging:
    """What the window of this run is judged by: as one service, and where many hosts serve it, those too."""
    run, settings = record.run, record.ports.settings

    def as_one() -> Judging:
        return Judging(
            settings.policy,
            settings.monitor,
            run.window_opened_at,
            run.window_deadline,
            window_tests(record),
            settings.signals,
        )

    if not has_many_hosts(settings):
        return as_one()

    def tests(hosts: Sequence[str]) -> HostTests:
        return HostTests(
            hosts,
            opened_at=run.window_opened_at,
            window_s=max(1.0, run.window_deadline - run.window_opened_at),
            monitor=settings.monitor,
            max_failed_checks=settings.policy.max_failed_checks,
        )

    names = tuple(host.name for host in settings.hosts)
    return HostJudging(as_one, tests, names, settings.fleet.failure_budget, outs_of(record))


class LookingOn:
    """One open window. Changes nothing, and ends nothing: at its deadline only its keeper does. `run` as it is once the
    window is open."""

    def __init__(self, run: Run, ports: Ports, *, way_back: str = "") -> None:
        self.run, self.way_back, self.service = run, way_back, ports.service
        self._ports = _as_it_began(run, ports)
        record = self._record = Record(run, self._ports, forgiving=True)
        settings = self._ports.settings
        self._judging = judging_of(record)
        self._tally = Tally(settings.policy, settings.monitor, run.window_opened_at, run.window_deadline)
        self._heard = Heard(record, ())
        self._listened_at = float("-inf")
        self._samples: list[Sample] = []
        self._verdict: Verdict | None = None

    def add(self, samples: Sequence[Sample]) -> None:
        """What was measured since, oldest first."""
        self._samples += samples
        self._tally.add(unpacked(samples) if isinstance(self._judging, HostJudging) else samples)
        now = max((sample.at for sample in samples), default=self.run.window_opened_at)
        self._listen()
        is_disarmed = self._heard.disarm(now) is not None
        self._judging.feed(samples, self._heard.spans(now), is_disarmed=is_disarmed)
        self._verdict = None

    def tick(self, now: float) -> Tick:
        """How it stands at `now`, in unix seconds."""
        self._listen()
        if self._verdict is None:
            until = min(now, self.run.window_deadline - 1e-3)
            self._verdict = self._judging.verdict(self._samples, until, self._heard.spans(until))
        judging = self._judging
        return self._tally.tick(
            now, self._verdict, judging.evidence(), self.disarm(now), judging.forgiven_s(now)
        )

    def verdict(self, now: float) -> Verdict:
        """How it is judged at `now`, also where nothing was measured since: then it may have gone blind."""
        self._verdict = None
        self.tick(now)
        assert self._verdict is not None
        return self._verdict

    def disarm(self, now: float) -> DisarmNow | None:
        """Whether nothing acts at the moment, and why."""
        return self._heard.disarm(now)

    def issues(self) -> Sequence[Sample]:
        """What users reported, oldest first."""
        return [sample for sample in self._samples if sample.signal == "issue"]

    def curves(self, now: float, number: int) -> Sequence[tuple[Figures, Mapping[str, float]]]:
        """The window up to now in at most so many equal parts: requests, and the highest of each gauge."""
        elapsed_s = max(1.0, min(now, self.run.window_deadline) - self.run.window_opened_at)
        parts = max(1, min(number, int(elapsed_s / tick_s(self._ports.settings))))
        return binned(self._samples, self.run.window_opened_at, elapsed_s / parts, parts)

    def _listen(self) -> None:
        at = self._ports.clock.monotonic()
        if at >= self._listened_at + LISTEN_EVERY_S:
            self._listened_at = at
            now = self._ports.clock.now()
            self._heard.listen(now)
            if isinstance(judging := self._judging, HostJudging):
                judging.hear(outs_of(self._record), self._ports.target.left_out(), self._heard.spans(now))


def _as_it_began(run: Run, ports: Ports) -> Ports:
    """With the policy that the run was begun with, where the file names another one by now."""
    settings, began_with = ports.settings, str(run.plan.facts.get("policy") or "")
    if settings.policy.name == began_with or began_with not in PRESETS:
        return ports
    return replace(ports, settings=replace(settings, policy=PRESETS[began_with]))
