"""What does one probe cost, each with a connection of its own, and several hundred at once?

python -m bench.probe --rounds 15 [--write]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.common import (
    BenchFailed,
    Child,
    free_port,
    keep_bytecode,
    median,
    number,
    parser,
    python_path,
    started,
    table,
    why_missing,
    write_entry,
)
from mobius.adapters.checks.answering import Answering
from mobius.adapters.checks.ask import Request, ask_all
from mobius.adapters.checks.http import HttpChecks
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import Outcome
from mobius.rules.expect import Answer

QUESTION = """\
One HTTP probe with a new connection, its answer judged: processor time (user and system) of this process,
against that of `prometheus-blackbox-exporter`, asked over connections that stay open as Prometheus asks it
(what its asker spends is not counted). Interleaved, the median of the ratios within each round.
Goal: at most 250 µs a probe."""
GOAL_US = 250.0
EXPORTER = "prometheus-blackbox-exporter"
TARGETS, TIMEOUT_S = 300, 20.0
SLOW_S = 0.5  # long enough that all targets are in the air together while memory is looked at
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"OK"}'
MODULES = """\
modules:
  ok:
    prober: http
    timeout: 20s
    http:
      preferred_ip_protocol: ip4
"""


class Target(asyncio.Protocol):
    """Answers each request at once, `/slow` later."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if b"/slow" in data[:20]:
            asyncio.get_running_loop().call_later(SLOW_S, self.transport.write, ANSWER)
        else:
            self.transport.write(ANSWER)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Target, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


# -- the exporter -------------------------------------------------------------------------------------------------


class Exporter:
    """The exporter, and connections to it that stay open."""

    def __init__(self, child: Child, port: int, target: int) -> None:
        self._process, self._port, self._target = psutil.Process(child.pid), port, target
        self._loop = asyncio.new_event_loop()
        self._lines: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    def cpu_s(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    def resident_bytes(self) -> int:
        """The most it ever had."""
        return most_resident_bytes(self._process.pid)

    def probe(self, many: int, at_once: int, path: str = "/") -> None:
        self._loop.run_until_complete(self._probe(many, at_once, path))

    def close(self) -> None:
        for _, writer in self._lines:
            writer.close()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _probe(self, many: int, at_once: int, path: str) -> None:
        while len(self._lines) < at_once:
            self._lines.append(await asyncio.open_connection("127.0.0.1", self._port))
        left = iter(range(many))

        async def work(line: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
            for _ in left:
                await self._one(*line, path)

        await asyncio.gather(*(work(line) for line in self._lines[:at_once]))

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
        wanted = f"/probe?module=ok&target=http%3A%2F%2F127.0.0.1%3A{self._target}{path.replace('/', '%2F')}"
        writer.write(f"GET {wanted} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        said = Answering("GET")
        while not said.is_done:
            said.feed(await reader.read(65_536))
        if b"\nprobe_success 1" not in said.body:
            raise BenchFailed(f"the exporter's probe failed:\n{said.body.decode()[-600:]}")


@contextlib.contextmanager
def exporter(folder: Path, target: int) -> Iterator[Exporter]:
    config, port = folder / "modules.yml", free_port()
    config.write_text(MODULES)
    argv = [EXPORTER, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    with started(argv, folder / "exporter.log", port) as child:
        made = Exporter(child, port, target)
        try:
            yield made
        finally:
            made.close()


# -- ours ---------------------------------------------------------------------------------------------------------


def ours_in_turn(target: int, many: int) -> None:
    """As the window probes."""
    url = f"http://127.0.0.1:{target}"
    checks = HttpChecks(EnvironmentSettings("bench", url, Path("/nowhere")), resolve=Path)
    for _ in range(many):
        if checks.health(url).outcome is not Outcome.PASS:
            raise BenchFailed("our probe failed")


def ours_at_once(target: int, many: int, path: str = "/") -> None:
    found = ask_all([Request(f"http://127.0.0.1:{target}{path}")] * many, TIMEOUT_S)
    wrong = [one for one in found if not isinstance(one, Answer)]
    if wrong:
        raise BenchFailed(f"{len(wrong)} of our probes failed: {wrong[0]}")


def memory_ours(target: int) -> None:
    """Run as a process of its own: bytes that one more target takes while all are in the air."""
    ours_at_once(target, 1, "/slow")
    before = most_resident_bytes(os.getpid())
    ours_at_once(target, 250, "/slow")
    print((most_resident_bytes(os.getpid()) - before) / 249)


def most_resident_bytes(pid: int) -> int:
    """The most memory this process ever had; what its parent had before it began is not in it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return 1024 * int(found[1])


# -- the measurement ----------------------------------------------------------------------------------------------


@dataclass
class Way:
    name: str
    act: Callable[[], None]
    cpu_s: Callable[[], float]
    cpu_us: list[float] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)


def main() -> None:
    options = arguments()
    if options.what == "serve":
        asyncio.run(serve(options.port))
    elif options.what == "memory":
        memory_ours(options.port)
    else:
        if missing := why_missing(EXPORTER):
            raise BenchFailed(missing)
        with tempfile.TemporaryDirectory(prefix="mobius-bench-") as folder:
            keep_bytecode(Path(folder))
            measure(options, Path(folder))


def measure(options: argparse.Namespace, folder: Path) -> None:
    port = free_port()
    serving = [sys.executable, "-m", "bench.probe", "serve", "--port", str(port)]
    with started(serving, folder / "target.log", port), exporter(folder, port) as theirs:
        ways = [
            Way("mobius, in turn", lambda: ours_in_turn(port, TARGETS), time.process_time),
            Way("mobius, 300 at once", lambda: ours_at_once(port, TARGETS), time.process_time),
            Way("exporter, in turn", lambda: theirs.probe(TARGETS, 1), theirs.cpu_s),
            Way("exporter, 300 at once", lambda: theirs.probe(TARGETS, TARGETS), theirs.cpu_s),
        ]
        for turn in range(options.rounds + 1):
            for way in ways if turn % 2 else reversed(ways):
                cpu_s, began_s = way.cpu_s(), time.perf_counter()
                way.act()
                if turn:  # the first round opens connections and fills caches
                    way.took_ms.append(1000 * (time.perf_counter() - began_s))
                    way.cpu_us.append(1e6 * (way.cpu_s() - cpu_s) / TARGETS)
    with started(serving, folder / "target.log", port):
        memory = memory_of_both(folder, port)
    report = told(ways, memory, options.rounds)
    print(report)
    if options.write:
        write_entry("probe", QUESTION, report)
    if median(ways[0].cpu_us) > GOAL_US:
        raise SystemExit(f"FAILED: {median(ways[0].cpu_us):.0f} µs a probe, the goal is {GOAL_US:g}")


def memory_of_both(folder: Path, port: int) -> tuple[float, float]:
    """Bytes a target, ours and the exporter's, each in a fresh process while 250 are in the air."""
    argv = [sys.executable, "-m", "bench.probe", "memory", "--port", str(port)]
    done = subprocess.run(argv, capture_output=True, text=True, env={"PYTHONPATH": python_path()})
    if done.returncode:
        raise BenchFailed(done.stderr[-1000:])
    with exporter(folder, port) as theirs:
        theirs.probe(1, 1, "/slow")
        before = theirs.resident_bytes()
        theirs.probe(250, 250, "/slow")
        return float(done.stdout), (theirs.resident_bytes() - before) / 249


def told(ways: Sequence[Way], memory: tuple[float, float], rounds: int) -> str:
    rows = []
    for way, other in zip(ways, (ways[0], ways[1], ways[0], ways[1]), strict=True):
        ratio = median([a / b for a, b in zip(way.cpu_us, other.cpu_us, strict=True)])
        rows.append(
            [
                way.name,
                number(median(way.cpu_us)),
                number(min(way.cpu_us)),
                number(ratio, 1),
                number(median(way.took_ms)),
            ]
        )
    head = ["Way", "CPU a probe, µs: median", "best", "× ours", f"{TARGETS} probes took, ms"]
    return (
        f"{rounds} rounds of {TARGETS} probes each way; the target answers at once.\n\n"
        + table(head, rows)
        + f"\n\nMemory for each further target while 250 are in the air: {memory[0] / 1024:.0f} KB, the exporter "
        f"{memory[1] / 1024:.0f} KB (the most that was ever resident)."
    )


def arguments() -> argparse.Namespace:
    made = parser(__doc__, rounds=15)
    made.add_argument("what", nargs="?", choices=["measure", "serve", "memory"], default="measure")
    made.add_argument("--port", type=int, default=0, help="of the target, for the parts of this benchmark")
    return made.parse_args()


if __name__ == "__main__":
    main()
