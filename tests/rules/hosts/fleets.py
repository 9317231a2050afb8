"""Windows over many hosts, made of so many requests, errors and slow answers a look on each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from mobius.model.baseline import Baseline, Block
from mobius.model.policies import ADAPTIVE, PolicySettings
from mobius.model.sample import BUCKETS, HISTOGRAM_EDGES_MS, Sample
from mobius.model.settings import MonitorSettings
from mobius.rules.adaptive.window import WHOLE, WindowTests
from mobius.rules.hosts.judging import HostJudging
from mobius.rules.hosts.streams import CHECK, HOST, Out
from mobius.rules.hosts.worse import OF_THE_HOSTS, HostTests
from mobius.rules.judging import Judging

TICK_S, WINDOW_S = 5.0, 3600.0
MONITOR = MonitorSettings(interval_s=5.0)
Fails = Callable[
    [str, float], float
]  # of a host at a time (seconds since the window opened): its share of errors


def hosts_of(number: int) -> tuple[str, ...]:
    """web1, web2, …"""
    return tuple(f"web{place}" for place in range(1, number + 1))


def judging(
    hosts: Sequence[str],
    *,
    budget: int = 1,
    errors: float = 0.001,
    per_s: float = 100.0,
    policy: PolicySettings = ADAPTIVE,
    outs: Sequence[Out] = (),
) -> HostJudging:
    """A window of an hour from 0 on, after half an hour of a release before that failed so often."""
    blocks = [
        Block(round(per_s * 30), round(per_s * 30 * errors), timed(round(per_s * 30))) for _ in range(60)
    ]
    known = {WHOLE: Baseline.of(blocks, 30.0)}

    def as_one() -> Judging:
        tests = WindowTests(known, 0.0, WINDOW_S, share_of_alpha=1 - OF_THE_HOSTS)
        return Judging(policy, MONITOR, 0.0, WINDOW_S, tests)

    def each(names: Sequence[str]) -> HostTests:
        return HostTests(names, opened_at=0.0, window_s=WINDOW_S, monitor=MONITOR, max_failed_checks=3)

    return HostJudging(as_one, each, tuple(hosts), budget, tuple(outs))


def looks(
    hosts: Sequence[str],
    fails: Fails,
    *,
    for_s: float,
    per_s: float = 100.0,
    slower: Callable[[str], float] = lambda _: 1.0,
    checks: Callable[[str, float], bool] = lambda _, __: True,
    since: float = 0.0,
    seed: int = 1,
) -> Iterator[tuple[float, tuple[Sample, ...]]]:
    """Every look, with all its samples; the requests are shared out evenly."""
    random, at = Random(seed), since
    while at < since + for_s - 1e-6:
        at += TICK_S
        parts = []
        for host in hosts:
            of = round(per_s * TICK_S / len(hosts))
            bad = sum(random.random() < fails(host, at) for _ in range(of))
            parts.append(
                Sample(f"{HOST}{host}", at, requests=of, errors=bad, histogram=timed(of, slower(host)))
            )
        whole = Sample(
            WHOLE,
            at,
            requests=sum(one.requests for one in parts),
            errors=sum(one.errors for one in parts),
            histogram=tuple(sum(column) for column in zip(*(one.histogram for one in parts), strict=True)),
        )
        own = [Sample(f"{CHECK}{host}", at, ok=checks(host, at), note="503") for host in hosts]
        yield at, (Sample("probe", at, ok=True, value=20.0), whole, *parts, *own)


def timed(of: int, slower: float = 1.0) -> tuple[int, ...]:
    """Answers of a release: most take 50 to 100 ms, some of them three and ten times that."""
    histogram = [0] * BUCKETS
    for ms, part in ((50.0, 0.5), (100.0, 0.4), (250.0, 0.08), (800.0, 0.02)):
        bucket = next(place for place, edge in enumerate(HISTOGRAM_EDGES_MS) if ms * slower <= edge)
        histogram[bucket] += round(of * part)
    return tuple(histogram)
