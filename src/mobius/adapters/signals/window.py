"""One reading of every signal of the window, each a measurement or the reason there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from mobius.adapters.signals.background import Background
from mobius.adapters.signals.gates import FileGate, answer
from mobius.adapters.signals.resources import Resources
from mobius.adapters.signals.restarts import Restarts
from mobius.adapters.signals.traffic import TrafficDelta
from mobius.model.sample import Sample
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import Outcome
from mobius.ports import Checks, Clock, Counters

NOT_UP = "its web process is not up"
LONGEST_PAUSE_S = 300.0  # between two runs of a gate, however long it takes


class WindowSignals:
    """Implements `mobius.ports.Signals` for one release.

    `counters` reads what is counted of real traffic (None where nobody counts), and `remark` what that leaves out;
    `pids` the processes of the release (None: the whole machine is measured); `restarts` how often each of them was
    started again; `gauges` are the signals of the configuration; `resolve` says where a path of it lies. Traffic
    counts from the moment this is made; a gate that is asked of files sees those made after `made_since` (unix seconds;
    0: from now on). `own_url`: where the release itself is reached ("": nowhere now), for a canary: by the address of
    the service the one `beside` it answers, too. A tick waits for the probe and the readings only: gates, gauges and
    smoke tests run in the background, each at its own pace, and their results come with the first tick after they end.
    Where ticks come more often than `probe_every_s`, only traffic is read in between.
    """

    def __init__(
        self,
        settings: EnvironmentSettings,
        checks: Checks,
        *,
        clock: Clock,
        release_id: str = "",
        counters: Callable[[], Mapping[str, Counters]] | None = None,
        pids: Callable[[], Sequence[int]] | None = None,
        gates: Sequence[str] | None = None,
        own_url: Callable[[], str] | None = None,
        beside: str = "",
        remark: Callable[[], str] = lambda: "",
        restarts: Callable[[], Mapping[str, int]] | None = None,
        probe_every_s: float = 0.0,
        gauges: Sequence[Background] = (),
        resolve: Callable[[str], Path] = Path,
        made_since: float = 0.0,
    ) -> None:
        self._checks = checks
        self._clock, self._probe_every_s, self._probed_at = clock, probe_every_s, float("-inf")
        self._url = own_url or (lambda: settings.url)
        self._made_since = made_since or clock.now()
        routes = settings.critical_routes
        self._traffic = (
            TrafficDelta(counters, release_id, routes=routes, remark=remark, beside=beside)
            if counters
            else None
        )
        self._resources = Resources(pids, clock.monotonic, root=settings.root)
        self._restarts = Restarts(restarts) if restarts else None
        if gates is None:
            gates = [gate.name for gate in settings.checks if gate.when in ("window", "both")]
        pause_s = settings.monitor.interval_s
        asked_of = {gate.name: str(resolve(gate.file)) for gate in settings.checks if gate.file}
        self._jobs = [
            Background(
                f"gate:{name}", self._gate_of(name, asked_of.get(name, "")), clock, pause_s, LONGEST_PAUSE_S
            )
            for name in gates
        ]
        self._jobs += gauges
        if (smoke_every_s := settings.monitor.smoke_interval_s) > 0 and settings.smoke:
            # The smoke tests of the switch itself have just been made: the first round comes after a pause.
            smoke = Background("smoke", self._smoke, clock, smoke_every_s, smoke_every_s, first_at_once=False)
            self._jobs.append(smoke)

    def sample(self, now: float) -> tuple[Sample, ...]:
        """The probe, traffic since the last call (also of each critical route), resources, and what the background
        jobs found since."""
        samples = [sample for job in self._jobs for sample in job.collect(now)]
        if is_due := self._clock.monotonic() >= self._probed_at + self._probe_every_s:
            self._probed_at = self._clock.monotonic()
            samples.append(self._probe(now))
        if self._traffic:
            samples += self._traffic.samples(now)
        if is_due:
            samples += self._resources.sample(now)
            samples += [self._restarts.sample(now)] if self._restarts else []
        return tuple(samples)

    def _probe(self, now: float) -> Sample:
        try:
            url = self._url()
            if not url:
                return Sample("probe", now, ok=False, note=NOT_UP)
            result = self._checks.health(url)
        except Exception as error:  # a signal never raises: what went wrong is the reason
            return Sample("probe", now, missing=f"the check broke: {error!r}")
        if result.outcome in (Outcome.ERROR, Outcome.INCONCLUSIVE):
            return Sample("probe", now, missing=result.message)
        is_good = result.outcome is Outcome.PASS
        return Sample("probe", now, is_good, result.duration_ms, note="" if is_good else result.message)

    def _gate_of(self, name: str, pattern: str) -> Callable[[], Sample | None]:
        if not pattern:
            return partial(self._gate, name)
        return FileGate(name, pattern, self._checks, self._clock, self._made_since).ask

    def _gate(self, name: str) -> Sample:
        return answer(f"gate:{name}", [self._checks.gate(name)])

    def _smoke(self) -> Sample:
        url = self._url()
        return answer("smoke", self._checks.smoke(url)) if url else Sample("smoke", 0.0, missing=NOT_UP)
