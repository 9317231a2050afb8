"""How fast is the front door? Tiny keep-alive requests through it, through HAProxy (one thread), and direct.

python -m bench.door --rounds 7 --seconds 3 [--write]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.common import (
    REPOSITORY,
    BenchFailed,
    answers,
    free_port,
    median,
    number,
    parser,
    python_path,
    started,
    table,
    wait_for,
    why_missing,
    write_entry,
)
from bench.haproxy import write_haproxy_config
from mobius.host.client import ensure_running
from mobius.host.messages import ProcessSpec

QUESTION = """\
Throughput and p99 of the front door against HAProxy with one thread and against the service itself: tiny
keep-alive GETs, medians of interleaved rounds, ratios within each round. Goal: at least 0.5 × HAProxy,
stretch 0.8. On a busy machine every front waits, and throughput ratios lean towards 1; CPU is what the proxy
itself spends on a request, which other work disturbs least."""
BACKEND = """global
  nbthread 1
defaults
  mode http
  timeout client 60s
frontend tiny
  bind 127.0.0.1:"${PORT}"
  http-request return status 200 content-type text/plain string "ok"
"""
Measure = Callable[[int, int, int], tuple[float, float]]
GOAL = 0.5
HAPROXY = "haproxy, 1 thread"
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Measured:
    """One round through one front."""

    per_s: float
    p99_ms: float
    cpu_us: float  # the front's own processor time a request; NaN for direct


@dataclass(slots=True)
class Front:
    """Something to send requests to: the door, HAProxy, or the service itself."""

    name: str
    port: int
    pid: int | None
    rounds: list[Measured] = field(default_factory=list)

    def throughput_against(self, base: Front) -> float:
        """The median, over the rounds, of how many times as many requests a second as `base` in that round."""
        return median([one.per_s / other.per_s for one, other in zip(self.rounds, base.rounds, strict=True)])

    def row(self, base: Front) -> list[str]:
        per_s = [one.per_s for one in self.rounds]
        return [
            self.name,
            number(median(per_s)),
            f"{number(min(per_s))}–{number(max(per_s))}",
            number(median([one.p99_ms for one in self.rounds]), 2),
            number(median([one.cpu_us for one in self.rounds]), 1),
            number(self.throughput_against(base), 2),
            number(
                median([one.cpu_us for one in self.rounds]) / median([one.cpu_us for one in base.rounds]), 2
            ),
        ]


def main() -> None:
    options = arguments()
    notes = [f"Skipped {tool}: {reason}." for tool in ("haproxy", "wrk") if (reason := why_missing(tool))]
    measure = with_wrk if shutil.which("wrk") else with_our_own_client
    with fronts() as all_fronts:
        for turn in range(options.rounds):
            for front in all_fronts[turn % len(all_fronts) :] + all_fronts[: turn % len(all_fronts)]:
                front.rounds.append(measured(front, measure, options))
                print(f"round {turn + 1}: {front.name} {front.rounds[-1].per_s:.0f}/s", file=sys.stderr)
        report = describe(all_fronts, notes, options)
    print(report)
    if options.write:
        write_entry("door", QUESTION, report)
    if complaint := judge(all_fronts):
        raise SystemExit(complaint)


@contextlib.contextmanager
def fronts() -> Iterator[list[Front]]:
    """One service, run in a slot of the supervisor, and every way to reach it."""
    os.environ["PYTHONPATH"] = python_path()  # the supervisor and the service find this checkout
    with tempfile.TemporaryDirectory(prefix="mobius-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        has_haproxy = shutil.which("haproxy") is not None
        (folder / "backend.cfg").write_text(BACKEND)
        argv = (sys.executable, "-m", "bench.tiny", "serve")
        if has_haproxy:
            argv = ("haproxy", "-db", "-f", str(folder / "backend.cfg"))
        door_port = free_port()
        host = ensure_running(folder)
        stack.callback(host.shutdown, stop_slots=True)
        door = host.configure_door(f"127.0.0.1:{door_port}")
        spec = ProcessSpec(name="web", kind="web", argv=argv, listen="port")
        service_port = host.start_slot("blue", "tiny", REPOSITORY, [spec]).processes[0].port
        if service_port is None or door.pid is None:
            raise BenchFailed("the supervisor started no service, or no door")
        wait_for("the service", lambda: answers(service_port))
        host.route({"blue": 1})
        wait_for("the door", lambda: answers(door_port))
        found = [Front("direct", service_port, None), Front("door", door_port, door.pid)]
        if has_haproxy:
            port = free_port()
            config = write_haproxy_config(folder, port, [f"server tiny 127.0.0.1:{service_port}"])
            proxy = ["haproxy", "-db", "-f", str(config)]
            child = stack.enter_context(started(proxy, folder / "haproxy.log", port))
            found.insert(1, Front(HAPROXY, port, child.pid))
        yield found


def measured(front: Front, measure: Measure, options: argparse.Namespace) -> Measured:
    before_s = cpu_s(front.pid)
    per_s, p99_ms = measure(front.port, options.connections, options.seconds)
    cpu_us = 1e6 * (cpu_s(front.pid) - before_s) / (per_s * options.seconds)
    return Measured(per_s, p99_ms, cpu_us)


def cpu_s(pid: int | None) -> float:
    if pid is None:
        return float("nan")
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def with_wrk(port: int, connections: int, seconds: int) -> tuple[float, float]:
    """Requests a second and p99 in milliseconds by wrk, one thread. Raises BenchFailed if any failed."""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    if "Socket errors" in said or "Non-2xx" in said:
        raise BenchFailed(f"requests failed:\n{said}")
    per_s = re.search(r"Requests/sec:\s+([\d.]+)", said)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if per_s is None or p99 is None:
        raise BenchFailed(f"wrk said nothing we understand:\n{said}")
    return float(per_s[1]), float(p99[1]) * UNITS_MS[p99[2]]


def with_our_own_client(port: int, connections: int, seconds: int) -> tuple[float, float]:
    """The same by bench.tiny, which costs about as much as the door: ratios then come out too mild."""
    argv = [sys.executable, "-m", "bench.tiny", "load", "--port", str(port)]
    argv += ["--connections", str(connections), "--seconds", str(seconds)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    said = json.loads(done.stdout)
    if said["failed"]:
        raise BenchFailed(f"requests failed on {said['failed']} connections")
    return said["per_s"], said["p99_ms"]


def judge(all_fronts: list[Front]) -> str | None:
    """Why the goal is missed; None when it is met, or when there is no HAProxy to compare with."""
    by_name = {front.name: front for front in all_fronts}
    if HAPROXY not in by_name:
        return None
    ratio = by_name["door"].throughput_against(by_name[HAPROXY])
    return f"FAILED: the door reaches {ratio:.2f} × HAProxy, the goal is {GOAL:g}" if ratio < GOAL else None


def describe(all_fronts: list[Front], notes: list[str], options: argparse.Namespace) -> str:
    by_name = {front.name: front for front in all_fronts}
    base = by_name.get(HAPROXY, by_name["direct"])
    header = [
        "Front",
        "Requests/s",
        "range",
        "p99, ms",
        "CPU a request, µs",
        f"Requests × {base.name.split(',')[0]}",
        "CPU ×",
    ]
    client = "wrk, one thread" if shutil.which("wrk") else "bench.tiny, which limits all three"
    lines = [
        f"{options.connections} connections, {options.rounds} rounds of {options.seconds} s each; "
        f"client: {client}.",
        "",
        table(header, [front.row(base) for front in all_fronts]),
        "",
    ]
    return "\n".join([*lines, *(f"- {note}" for note in notes)])


def arguments() -> argparse.Namespace:
    takes = parser(__doc__, rounds=7)
    takes.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    takes.add_argument("--connections", type=int, default=32)
    return takes.parse_args()


if __name__ == "__main__":
    main()
