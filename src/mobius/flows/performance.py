"""Measures the live release for a short while, and holds it against the performance gates."""

from __future__ import annotations

from mobius.errors import GateUnknown
from mobius.flows.standing import standing
from mobius.model.quality import Reading
from mobius.model.sample import Sample
from mobius.ports import Ports
from mobius.rules.quality.performance import judge_performance

EVERY_S = 0.5
TRAFFIC = "traffic"


def performance(ports: Ports, *, for_s: float) -> tuple[Reading, ...]:
    """Probes and resources for so long, and what users asked lately. Raises `GateUnknown` where nothing is live."""
    live = standing(ports).live
    if live is None:
        raise GateUnknown(
            "nothing is live: there is nothing to measure", "deploy a release first: mobius deploy"
        )
    signals, clock = ports.signals(live), ports.clock
    samples: list[Sample] = []
    until = clock.monotonic() + for_s
    while clock.monotonic() < until:
        samples += signals.sample(clock.now())
        clock.wait(EVERY_S)
    return judge_performance(
        samples, _counted(ports, live.id, samples), ports.settings.quality_gates.performance
    )


def _counted(ports: Ports, release_id: str, samples: list[Sample]) -> tuple[int, int, tuple[int, ...]]:
    """Requests, errors and times of the last hour, or of just now where nobody wrote anything down."""
    before = ports.baselines(release_id, ports.clock.now()).get(TRAFFIC)
    if before is not None and before.total.requests:
        return before.total.requests, before.total.errors, before.total.histogram
    now = [sample for sample in samples if sample.signal == TRAFFIC and not sample.missing]
    columns = zip(*(sample.histogram for sample in now if sample.histogram), strict=False)
    return sum(s.requests for s in now), sum(s.errors for s in now), tuple(sum(column) for column in columns)
