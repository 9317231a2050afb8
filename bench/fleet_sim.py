"""How far does a fleet scale? The real flows on 3 to 1,000 simulated hosts, in a simulated clock, and what is left when
hosts die, lines are cut and the deployer is killed.

python -m bench.fleet_sim [--write]           every table; `--stories N`: so many seeds
python -m bench.fleet_sim --one 1000,100      one fleet alone: hosts, max_parallel
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import msgspec

from bench import fleet_picture
from bench.common import BenchFailed, number, parser, table, write_entry
from bench.fleet_cost import Cost, measure
from bench.fleet_faults import Broken, Story, live_through
from bench.fleet_network import HELD_UP, TAIL, Conditions

QUESTION = """\
How long do a deployment, a rollback and an emergency rollback of a fleet take, and what do they cost the controller,
against the number of hosts? The real flows, fleet target, traffic and SQLite journal; simulated are the hosts (held to
the agent's answers by a test), the lines to them, HAProxy's socket (held to a real one's answers by a test) and the
clock. Goals: a rollback within 10 min, an emergency within 5 min, also with 1,000 hosts. Times are simulated; processor
time is the controller's own, real, without that of what is simulated. Then stories, one a seed: a deployment (good,
unhealthy, failing requests) or a way back while hosts die or are cut off, every other one with its deployer killed at a
random message and another carrying on; afterwards every host must be known, none may serve anything but the live
release, and the next deployment must put right whoever is back."""
FLEETS = ((3, 5), (10, 5), (100, 5), (100, 10), (1000, 5), (1000, 50), (1000, 100))
SHARES = (0.0, 0.01, 0.05)
SIZES = (10, 10, 10, 30, 10, 10, 10, 100)  # of the fleets in the stories, in turn


def main(words: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    options = _options(words)
    if options.one:
        hosts, max_parallel = map(int, options.one.split(","))
        print(msgspec.json.encode(measure(hosts, max_parallel)).decode())
        return
    with ThreadPoolExecutor(2) as fleets, ProcessPoolExecutor(2) as seeds:
        measured = fleets.map(_in_a_process, FLEETS)
        lived = {share: list(_lived(place, options.stories, seeds)) for place, share in enumerate(SHARES)}
        costs = list(measured)
        told = _stories({share: [one.result() for one in stories] for share, stories in lived.items()})
    entry = "\n\n".join([_conditions(Conditions()), _times(costs), _price(costs), told])
    print(entry)
    if options.write:
        write_entry("fleet_sim", QUESTION, entry)
        fleet_picture.main()


def _in_a_process(fleet: tuple[int, int]) -> Cost:
    """So that its memory is its own."""
    hosts, max_parallel = fleet
    words = [sys.executable, "-m", "bench.fleet_sim", "--one", f"{hosts},{max_parallel}"]
    done = subprocess.run(words, capture_output=True)
    if done.returncode:
        raise BenchFailed(done.stderr.decode(errors="replace"))
    return msgspec.json.decode(done.stdout, type=Cost)


def _conditions(of: Conditions) -> str:
    return (
        f"Round trip {of.round_trip_s * 1000:.0f} ms, ssh to a host {of.connect_s * 1000:.0f} ms, a process up after"
        f" {of.up_s:.0f} s (medians of lognormal times, σ {of.spread}; {TAIL:.0%} of what travels takes {HELD_UP} times"
        f" as long), a release of {of.release_bytes >> 20} MiB over {of.uplink_bps / 1e9:.0f} Gbit/s for all hosts."
        " Every command and every runner is a process of its own, which opens its lines anew."
    )


def _times(costs: Sequence[Cost]) -> str:
    header = ["hosts", "max_parallel", "deployed", "back, warm", "emergency", "back, cold", "status"]
    rows = [
        [
            f"{one.hosts:,}",
            str(one.max_parallel),
            _duration(one.deploy.seconds),
            *(f"{_duration(a.moved_s)}, all {_duration(a.seconds)}" for a in (one.rollback, one.emergency)),
            f"{_duration(one.cold.moved_s)}, all {_duration(one.cold.seconds)}",
            _duration(one.status.seconds),
        ]
        for one in costs
    ]
    words = "Until the window is open; of a way back first until every request goes to the release before."
    return f"{words}\n\n{table(header, rows)}"


def _price(costs: Sequence[Cost]) -> str:
    header = [
        "hosts", "max_parallel", "questions a host", "back", "to HAProxy", "CPU", "back", "journal", "back", "memory",
    ]  # fmt: skip
    rows = [
        [
            f"{one.hosts:,}",
            str(one.max_parallel),
            number(one.deploy.questions),
            number(one.emergency.questions),
            str(one.deploy.haproxy),
            f"{one.deploy.cpu_s:.2f} s",
            f"{one.emergency.cpu_s:.2f} s",
            f"{one.deploy.journal_bytes / 1024:.0f} KiB",
            f"{one.emergency.journal_bytes / 1024:.0f} KiB",
            f"{one.peak_mib:.0f} MiB",
        ]
        for one in costs
    ]
    return (
        f"What a deployment costs the controller, and an emergency rollback (back):\n\n{table(header, rows)}"
    )


def _lived(place: int, count: int, seeds: Executor) -> Iterator[Future[Story]]:
    """So many stories, shared out between the shares of hosts that are struck. Each raises `Broken` where anything is
    not as it has to be afterwards."""
    for number_of in range(count // len(SHARES)):
        size = SIZES[number_of % len(SIZES)]
        yield seeds.submit(live_through, 1000 * place + number_of, size, SHARES[place])


def _stories(lived: Mapping[float, Sequence[Story]]) -> str:
    header = [
        "of the hosts die or are cut off", "stories", "deployers killed", "as asked", "taken back",
        "refused, or a person called", "broken",
    ]  # fmt: skip
    rows = []
    for share, stories in lived.items():
        ended = Counter(_how(story) for story in stories)
        hosts = f"{sum(s.hit for s in stories):,} of {sum(s.size for s in stories):,}"
        counts = (ended[how] for how in ("as asked", "taken back", "else"))
        killed = sum(story.was_killed for story in stories)
        rows.append([f"{share:.0%} ({hosts})", str(len(stories)), str(killed), *map(str, counts), "0"])
    return f"Stories on fleets of 10, 30 and 100 hosts:\n\n{table(header, rows)}"


def _how(story: Story) -> str:
    """Whether it came to what was asked for: an open window, or its end."""
    if story.ended in ("accepted", "observing"):
        return "as asked"
    return "taken back" if story.ended == "rolled back" else "else"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    made = parser(__doc__, rounds=1)
    made.add_argument("--stories", type=int, default=240, help="seeds (240)")
    made.add_argument("--one", default="", help="HOSTS,MAX_PARALLEL: measure this fleet alone, print JSON")
    return made.parse_args(words)


if __name__ == "__main__":
    try:
        main()
    except Broken as broken:
        raise SystemExit(str(broken)) from broken
