"""What a window over a release reads, by the settings of its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from mobius.adapters.checks.http import HttpChecks
from mobius.adapters.clocks.system import SystemClock
from mobius.adapters.places import Places
from mobius.adapters.signals.background import Background
from mobius.adapters.signals.configured import Reader, background, look_at
from mobius.adapters.signals.window import WindowSignals
from mobius.flows.before import has_many_hosts, is_adaptive, tick_s
from mobius.model.haproxy import haproxy_place
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings, Settings
from mobius.model.verdict import CheckResult
from mobius.ports import Around, Signals, Target, Traffic
from mobius.rules.commanding import ELSEWHERE
from mobius.wiring.counting import counting
from mobius.wiring.media_signals import film_signals


@dataclass(frozen=True, slots=True)
class Watching:
    """Makes the signals of each window; `of_hosts` puts those of each host beside the pooled ones."""

    all_settings: Settings
    settings: EnvironmentSettings
    environ: Mapping[str, str]
    places: Places
    clock: SystemClock
    checks: HttpChecks
    target: Target
    traffic: Traffic
    redact: Callable[[str], str]
    of_hosts: Callable[[Signals, Release], Signals] | None = None

    def signals(self, release: Release, beside: Release | None = None) -> Signals:
        """Of this release; while both have traffic, `beside` the other."""
        settings, service = self.settings, self.all_settings.service
        counted = counting(
            service, settings, self.places.root, self.traffic, self.target, self.clock.now, release.id
        )
        is_ours = settings.target not in ELSEWHERE
        whole = WindowSignals(
            settings,
            self.checks,
            clock=self.clock,
            release_id=release.id,
            beside=beside.id if beside else "",
            own_url=partial(self.target.slot_url, release.slot) if beside else None,
            counters=counted.counters,
            remark=counted.remark,
            pids=partial(self._pids, release.slot) if is_ours else None,
            probe_every_s=self._probe_every_s(beside),
            restarts=partial(self._restarts, release.slot) if is_ours else None,
            gauges=self._gauges(release, beside),
            resolve=self.places.resolve,
            made_since=release.live_since,
        )
        return self.of_hosts(whole, release) if self.of_hosts and not beside else whole

    def look(self) -> tuple[CheckResult, ...]:
        """Each configured signal asked once."""
        return look_at(self._readers(""))

    def _readers(self, release_id: str) -> list[Reader]:
        around = Around(
            self.settings.name,
            self.settings.url,
            self.environ,
            self.places.resolve,
            self.all_settings.project,
            release_id=release_id,
            backend=haproxy_place(self.all_settings.service, self.settings).backend,
        )
        return [Reader(signal, around, self.redact) for signal in self.settings.signals]

    def _gauges(self, release: Release, beside: Release | None) -> list[Background]:
        every_s, ticks_s = self.settings.monitor.interval_s, tick_s(self.settings)
        read = background(self._readers(release.id), self.clock, every_s, ticks_s)
        if beside:  # nobody knows whose films they are
            return [*read]
        since = release.live_since
        return [*read, *film_signals(self.all_settings, self.settings, self.places, self.clock, since)]

    def _probe_every_s(self, beside: Release | None) -> float:
        settings = self.settings
        if beside or is_adaptive(settings.policy) or has_many_hosts(settings):
            return settings.monitor.interval_s - tick_s(settings, staged=True) / 2
        return 0.0

    def _pids(self, slot: str) -> list[int]:
        return [p.pid for p in self.target.processes() if p.slot == slot and p.pid and not p.host]

    def _restarts(self, slot: str) -> dict[str, int]:
        return {p.name: p.restarts for p in self.target.processes() if p.slot == slot}
