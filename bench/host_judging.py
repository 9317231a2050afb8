"""`python -m bench.host_judging [--rounds N] [--ticks N] [--write]`: what a look at a window over many hosts costs:
reading HAProxy's counters by host, and the judgement of every host against the others. Time and memory, for 1 to 1,000
hosts, one after the other in every round; healthy, with every tenth host failing a check now and then, and in the worst
look, where the pool is bad and is asked again without those that stand out. Needs numpy, and `PYTHONPATH=src`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.bad_hosts import MONITOR, TICK_S, Fleet, _looks
from bench.common import median, number, parser, table, write_entry
from bench.host_bytes import Bytes, by_hour, bytes_of
from mobius.adapters.clocks.memory import MemoryClock
from mobius.adapters.fleet.hosts import Hosts
from mobius.adapters.traffic.fleet import FleetTraffic
from mobius.adapters.traffic.haproxy_memory import MemoryHaproxy
from mobius.model.baseline import Baseline, Block
from mobius.model.fleet import FleetSettings, HostSettings
from mobius.model.haproxy import SLOTS, HaproxyPlace, server_name
from mobius.model.policies import ADAPTIVE
from mobius.model.sample import Sample
from mobius.ports import ProcessStatus
from mobius.rules.adaptive.window import WHOLE, WindowTests
from mobius.rules.hosts.judging import HostJudging
from mobius.rules.hosts.packed import packed
from mobius.rules.hosts.streams import CHECK
from mobius.rules.hosts.worse import OF_THE_HOSTS, HostTests
from mobius.rules.judging import Judging

SIZES = (1, 10, 100, 1000)
KEPT_OF = 24  # looks, after which it hardly grows; watching every allocation takes several times as long
QUESTION = "What does a look at a window cost, against the number of hosts?"
Looks = list[tuple[float, tuple[Sample, ...]]]


def main() -> None:
    """Prints a table, and keeps it where that was asked."""
    asked = parser(__doc__, rounds=5)
    asked.add_argument("--ticks", type=int, default=60, help="looks of a window")
    said = asked.parse_args()
    looks = {hosts: made(hosts, said.ticks) for hosts in SIZES}
    seen: dict[int, dict[str, list[float]]] = {hosts: {} for hosts in SIZES}
    for round_number in range(said.rounds):
        for hosts in SIZES:
            for name, took in one_round(hosts, looks[hosts]).items():
                seen[hosts].setdefault(name, []).append(took)
        print(f"round {round_number + 1} of {said.rounds}", flush=True)
    entry = told(seen, {hosts: kept_bytes(hosts, looks[hosts]) for hosts in SIZES}, said.rounds, said.ticks)
    print(entry)
    if said.write:
        write_entry("host_judging", QUESTION, entry)


def made(hosts: int, ticks: int) -> Looks:
    """A healthy window over so many hosts, every one with its own health check."""
    fleet = Fleet("", hosts, window_s=ticks * TICK_S)
    found = []
    for at, samples in _looks(fleet, names_of(hosts), np.random.default_rng(hosts)):
        checks = tuple(Sample(f"{CHECK}{name}", at, True, 3.0) for name in names_of(hosts))
        found.append((at, (*samples, *checks)))
    return found


def one_round(hosts: int, looks: Looks) -> dict[str, float]:
    """Milliseconds of one look, by what it is about."""
    judging = judging_of(hosts, looks)
    took = [timed(partial(look, judging, at, samples)) for at, samples in looks]
    tenth = max(1, len(took) // 10)
    sick = judging_of(hosts, looks)
    ailing = [(at, tuple(_sick(one) for one in samples)) for at, samples in looks]
    failing = [timed(partial(look, sick, at, samples)) for at, samples in ailing]
    return {
        "judge": median(took),
        "first": median(took[:tenth]),
        "last": median(took[-tenth:]),
        "checks": median(failing),
        "again": asked_again(hosts, looks),
        "read": median([timed(read) for read in [reading(hosts)] * 10]),
    }


def look(judging: HostJudging, at: float, samples: Sequence[Sample]) -> None:
    """As the watch does it."""
    judging.feed(packed(samples), ())
    judging.verdict((), at, ())


def asked_again(hosts: int, looks: Looks) -> float:
    """The pool is bad and stays bad whoever is left out, and a tenth of the hosts stand out: all are asked about."""
    judging = judging_of(hosts, looks)
    bad = [(at, tuple(_failing(one) for one in samples)) for at, samples in looks[-10:]]
    for _at, samples in [*looks[:-10], *bad[:-1]]:
        judging.feed(packed(samples), ())
    at, samples = bad[-1]
    return timed(lambda: look(judging, at, samples))


def kept_bytes(hosts: int, looks: Looks) -> Bytes:
    """What the judgement keeps however long the window is open, and what each look adds."""
    judging, looks = judging_of(hosts, looks), looks[:KEPT_OF]

    def judge_all() -> HostJudging:
        for at, samples in looks:
            look(judging, at, samples)
        return judging

    return bytes_of([samples for _, samples in looks], judge_all)


def reading(hosts: int) -> Callable[[], object]:
    """HAProxy's counters of every host, from what it prints to what they mean."""
    names = names_of(hosts)
    servers = [server_name(slot, name) for name in names for slot in SLOTS]
    folder = Path(tempfile.mkdtemp())
    haproxy = MemoryHaproxy("shop", servers)
    settings = [HostSettings(name, name, 8001) for name in names]
    no_line: Any = None
    running: Any = type("Running", (), {"processes": lambda _: _running(names)})()
    among = Hosts(settings, FleetSettings(max_parallel=hosts), folder, MemoryClock(), lambda _: no_line)
    place = HaproxyPlace(Path("socket"), "shop", folder / "state", Path("cfg"), tuple(servers))
    traffic = FleetTraffic(place, folder, among, running, MemoryClock(), haproxy)
    traffic.switch({"blue": 100})
    return traffic.host_counters


def _running(names: Sequence[str]) -> tuple[ProcessStatus, ...]:
    return tuple(ProcessStatus("web", "web", "blue", "v1", "running", host=name) for name in names)


def judging_of(hosts: int, looks: Looks) -> HostJudging:
    """Of a window that has seen nothing yet; a tenth of the hosts may be left out."""
    window_s, names = len(looks) * TICK_S, names_of(hosts)
    whole = next(one for one in looks[0][1] if one.signal == WHOLE)
    block = Block(whole.requests * 6, round(whole.requests * 0.006), tuple(6 * n for n in whole.histogram))
    known = {WHOLE: Baseline.of([block] * 60, 30.0)}

    def as_one() -> Judging:
        tests = WindowTests(known, 0.0, window_s, share_of_alpha=1 - OF_THE_HOSTS)
        return Judging(ADAPTIVE, MONITOR, 0.0, window_s, tests)

    def each(these: Sequence[str]) -> HostTests:
        return HostTests(these, opened_at=0.0, window_s=window_s, monitor=MONITOR)

    return HostJudging(as_one, each, names, budget=max(0, hosts // 10))


def names_of(hosts: int) -> tuple[str, ...]:
    """web1 and so on."""
    return tuple(f"web{number}" for number in range(1, hosts + 1))


def _sick(sample: Sample) -> Sample:
    """Every tenth host fails its own check now and then, never long enough to be bad."""
    if not sample.signal.startswith(CHECK) or not sample.signal.endswith("0"):
        return sample
    return replace(sample, ok=sample.at / TICK_S % 3 != 0, note="503")


def _failing(sample: Sample) -> Sample:
    """The release fails everywhere, and some times as often on every tenth host."""
    if sample.signal.startswith((CHECK, "probe")):
        return sample
    return replace(sample, errors=sample.requests // (6 if sample.signal.endswith("0") else 25))


def timed(act: Callable[[], object]) -> float:
    """Milliseconds of processor time: other work on the machine does not count."""
    began = time.process_time()
    act()
    return (time.process_time() - began) * 1000


def told(seen: dict[int, dict[str, list[float]]], kept: dict[int, Bytes], rounds: int, ticks: int) -> str:
    """The table, and what a host more costs."""
    header = (
        "hosts",
        "judge ms",
        "a host µs",
        "last/first",
        "failing checks ms",
        "asked again ms",
        "read ms",
        "kept MB",
    )
    rows = []
    for hosts, of in seen.items():
        ms = {name: median(values) for name, values in of.items()}
        ratio = median([last / max(1e-6, first) for first, last in zip(of["first"], of["last"], strict=True)])
        rows.append(
            (
                f"{hosts:,}",
                number(ms["judge"], 2),
                number(ms["judge"] * 1000 / hosts, 1),
                number(ratio, 2),
                number(ms["checks"], 2),
                number(ms["again"], 1),
                number(ms["read"], 2),
                number(kept[hosts].for_good / 1e6, 2),
            )
        )
    ratio = median([b / a for a, b in zip(seen[100]["judge"], seen[1000]["judge"], strict=True)])
    return f"""\
Medians of {rounds} rounds of {ticks} looks, processor time; in every round all sizes, one after the other.
`last/first`: the last tenth of the looks against the first, in which only the length of the window differs.
`asked again`: the one look in which the pool is found bad, and is judged anew without those that stand out.
`read`: HAProxy's counters of every host. `kept`: by the judgement, without the samples, after {KEPT_OF} looks.

{table(header, rows)}

{by_hour(kept, TICK_S)}

Ten times the hosts (100 to 1,000) cost {ratio:.1f} times as much in the same round.
"""


if __name__ == "__main__":
    main()
