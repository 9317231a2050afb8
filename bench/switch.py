"""How many requests does a switch lose? Strict clients over an emulated distance, while releases change.

python -m bench.switch --switches 20 --rtt-ms 40 --via door --via restart-in-place [--write]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from bench.common import BenchFailed, median, number, parser, table, write_entry
from bench.haproxy import HaproxyReload, HaproxyRuntime, LiveSocket
from bench.live_socket import WAYS as LIVE_SOCKET_WAYS
from bench.ways import Door, RestartInPlace, Switch, Way
from mobius.adapters.load import Load, echoes_the_body
from mobius.adapters.load_report import LoadReport

QUESTION = """\
Requests lost while releases change under load: keep-alive and new connections, half POST with its echo
checked, 4 % taking 300 ms, no retries. Each change starts a uvicorn release beside the old one (or in its
place), moves the traffic, drains, stops the old. `restart-in-place` must lose some, or the bench is blind."""
EVERY_WAY: tuple[type[Way], ...] = (
    RestartInPlace,
    Door,
    HaproxyRuntime,
    HaproxyReload,
    LiveSocket,
    *LIVE_SOCKET_WAYS,
)
WAYS = {way.name: way for way in EVERY_WAY}
SETTLE_S = 0.7  # quiet load before each change, which is also what p99 is compared with
DURING_S = 1.0


@dataclass(slots=True)
class Outcome:
    """What one way to switch did, over all rounds."""

    way: type[Way]
    switches: int = 0
    requests: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    lost_posts: int = 0
    errors_by_release: int = 0
    first_new_ms: list[float] = field(default_factory=list)
    old_until_ms: list[float] = field(default_factory=list)
    call_ms: list[float] = field(default_factory=list)
    p99_ratios: list[float] = field(default_factory=list)

    @property
    def lost_in_all(self) -> int:
        return sum(self.lost.values())

    def add(self, switches: list[Switch], report: LoadReport) -> None:
        self.switches += len(switches)
        self.requests += report.requests
        self.lost.update(str(failure.kind) for failure in report.lost)
        self.lost_posts += sum(failure.method == "POST" for failure in report.lost)
        self.errors_by_release += sum(report.errors_by_release.values())
        for switch in switches:
            first_s = report.first_answer_s(switch.new, after_s=switch.called_s)
            until_s = report.last_started_s(switch.old)
            if first_s is None or until_s is None:
                raise BenchFailed(f"{self.way.name}: {switch.old} or {switch.new} answered nothing")
            self.first_new_ms.append(1000 * (first_s - switch.called_s))
            self.old_until_ms.append(1000 * (until_s - switch.called_s))
            self.call_ms.append(1000 * (switch.returned_s - switch.called_s))
        during = report.latency(during=[(s.called_s, s.called_s + DURING_S) for s in switches])
        quiet = report.latency(outside=[(s.began_s, s.ended_s + 0.2) for s in switches])
        self.p99_ratios.append(during.p99_ms / quiet.p99_ms)

    def row(self) -> list[str]:
        return [
            self.way.name,
            str(self.switches),
            f"{self.lost_in_all} / {self.requests}",
            number(self.lost_in_all / self.switches, 1),
            str(self.lost_posts),
            number(median(self.first_new_ms)),
            number(max(self.first_new_ms)),
            number(median(self.old_until_ms)),
            number(median(self.call_ms), 1),
            number(median(self.p99_ratios), 2),
        ]


HEADER = [
    "Way",
    "Switches",
    "Lost / requests",
    "Per switch",
    "Lost POSTs",
    "First new, ms",
    "… worst",
    "Old until, ms",
    "Call, ms",
    "p99 during / quiet",
]


def main() -> None:
    options = arguments()
    ways, skipped = choose(options.via or list(WAYS))
    outcomes = {way.name: Outcome(way) for way in ways}
    for round_number in range(options.rounds):
        share = options.switches // options.rounds + (round_number < options.switches % options.rounds)
        for way in ways[round_number % len(ways) :] + ways[: round_number % len(ways)] if share else []:
            print(f"round {round_number + 1} of {options.rounds}: {share} × {way.name} …", file=sys.stderr)
            outcomes[way.name].add(*measure(way, share, options))
    report = describe(list(outcomes.values()), skipped, options)
    print(report)
    if options.write:
        write_entry("switch", QUESTION, report)
    if complaints := judge(list(outcomes.values())):
        raise SystemExit("\n".join(complaints))


def measure(kind: type[Way], switches: int, options: argparse.Namespace) -> tuple[list[Switch], LoadReport]:
    """Put `switches` releases live one after the other, under one load."""
    way = kind()
    try:
        way.open("r0")
        load = Load(
            way.url,
            keepalive=options.keepalive,
            fresh=options.fresh,
            rtt_ms=options.rtt_ms,
            rate=options.rate,
            slow_path="/slow",
            slow_post_path="/slow",
            validate=echoes_the_body,
        )
        done = []
        with load:
            for turn in range(switches):
                time.sleep(SETTLE_S)
                done.append(way.change(f"r{turn + 1}"))
            time.sleep(SETTLE_S)
        return done, load.stop()
    finally:
        way.close()


def describe(outcomes: list[Outcome], skipped: list[str], options: argparse.Namespace) -> str:
    clients = f"{options.keepalive} keep-alive and {options.fresh} new-connection clients"
    pace = f"at {options.rate:g} requests/s" if options.rate else "each as fast as it gets answers"
    lines = [
        f"RTT {options.rtt_ms:g} ms; {clients}, {pace}; rounds: {options.rounds},",
        "interleaved. Times are from the call that moves the traffic; “old until” is the start of the last",
        "request that the old release answered.",
        "",
        table(HEADER, [outcome.row() for outcome in outcomes]),
        "",
    ]
    for outcome in outcomes:
        if outcome.lost:
            kinds = ", ".join(f"{count} {kind}" for kind, count in outcome.lost.most_common())
            lines.append(f"- {outcome.way.name} lost: {kinds}.")
    return "\n".join([*lines, *(f"- Skipped: {reason}." for reason in skipped)])


def judge(outcomes: list[Outcome]) -> list[str]:
    """What must not be: a lossless way that lost some, a control that lost none, a release that erred."""
    said = []
    for outcome in outcomes:
        name = outcome.way.name
        if outcome.way.is_lossless and outcome.lost_in_all:
            said.append(f"FAILED: {name} lost {outcome.lost_in_all} in {outcome.switches} switches")
        if name == "restart-in-place" and not outcome.lost_in_all:
            said.append("FAILED: restart-in-place lost nothing, so this run could not have seen a loss")
        if outcome.errors_by_release:
            said.append(f"FAILED: under {name} a release answered {outcome.errors_by_release} errors itself")
    return said


def choose(names: list[str]) -> tuple[list[type[Way]], list[str]]:
    ways, skipped = [], []
    for name in names:
        if reason := WAYS[name].why_not():
            skipped.append(f"{name}, because {reason}")
        else:
            ways.append(WAYS[name])
    if not ways:
        raise BenchFailed("nothing left to measure: " + "; ".join(skipped))
    return ways, skipped


def arguments() -> argparse.Namespace:
    takes = parser(__doc__, rounds=2, of="interleaved rounds they are spread over")
    takes.add_argument("--switches", type=int, default=20, help="changes of release for each way (20)")
    takes.add_argument("--rtt-ms", type=float, default=40.0, help="emulated round trip (40)")
    takes.add_argument("--via", action="append", choices=list(WAYS), help="may be repeated (all)")
    takes.add_argument("--keepalive", type=int, default=40)
    takes.add_argument("--fresh", type=int, default=10)
    takes.add_argument(
        "--rate", type=float, default=None, help="requests a second in all (as fast as answered)"
    )
    return takes.parse_args()


if __name__ == "__main__":
    main()
