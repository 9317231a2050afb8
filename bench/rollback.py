"""How long does going back take? `mobius rollback` on a small service under load, warm and cold.

python -m bench.rollback --rounds 5 [--write]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.common import (
    BenchFailed,
    free_port,
    interpreter_s,
    keep_bytecode,
    median,
    number,
    parser,
    python_path,
    table,
    write_entry,
)
from mobius.adapters.load import Load
from mobius.adapters.load_report import LoadReport
from mobius.host.client import HostClient

QUESTION = """\
From the moment `mobius rollback --emergency` is typed to all traffic on the previous release, code alone, under
load. Warm: the previous release still runs, inside the window. Cold: the window was accepted, the previous
release is stopped and must start and become healthy first. Goals: warm ≤ 1 s, cold ≤ 15 s. Includes the
interpreter's start and the command's own work; "returned" also has the smoke tests."""
GOAL_S = {"warm": 1.0, "cold": 15.0}
SERVICE = """\
import http.server, json, os, pathlib
VERSION = pathlib.Path(__file__).with_name("VERSION").read_text().strip()
class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        body = json.dumps({"status": "OK", "version": VERSION}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answers).serve_forever()
"""
CONFIGURATION = """\
service = "sample"

[release]
source = "app"

[[process]]
name = "web"
start = ["{python}", "app.py"]

[[smoke]]
name = "health"
get = "/health"
expect = ["status == 200", "json.status == \\"OK\\""]

[health]
interval = "200ms"
min_healthy = "400ms"

[environments.production]
url = "http://127.0.0.1:{port}"
policy = "conservative"
window = "60m"
"""


@dataclass(slots=True)
class Temperature:
    """What rollbacks of one kind took, in seconds from typing the command."""

    name: str
    first_old_s: list[float] = field(default_factory=list)
    all_old_s: list[float] = field(default_factory=list)
    returned_s: list[float] = field(default_factory=list)
    requests: int = 0
    lost: int = 0

    def add(self, began_s: float, ended_s: float, old: str, bad: str, report: LoadReport) -> None:
        first_s = report.first_answer_s(old, after_s=began_s)
        last_s = report.last_started_s(bad)
        if first_s is None or last_s is None:
            raise BenchFailed(f"{old} answered nothing after the rollback, or {bad} nothing before it")
        self.first_old_s.append(first_s - began_s)
        self.all_old_s.append(max(first_s, last_s) - began_s)
        self.returned_s.append(ended_s - began_s)
        self.requests += report.requests
        self.lost += len(report.lost)

    def row(self) -> list[str]:
        return [
            self.name,
            str(len(self.all_old_s)),
            number(median(self.first_old_s), 2),
            number(median(self.all_old_s), 2),
            number(max(self.all_old_s), 2),
            number(median(self.returned_s), 2),
            f"{self.lost} / {self.requests}",
            f"≤ {GOAL_S[self.name]:g} s",
        ]


def main() -> None:
    options = arguments()
    warm, cold = Temperature("warm"), Temperature("cold")
    bare_s: list[float] = []
    with deployed(Sample) as sample:
        for _ in range(options.rounds):
            bare_s.append(interpreter_s())
            measure(sample, warm, options)
            measure(sample, cold, options, accept_first=True)
    header = ["Rollback", "Times", "First old, s", "All old, s", "… worst", "Returned, s", "Lost", "Goal"]
    report = (
        f"{options.rounds} interleaved rounds, 8 keep-alive and 2 new-connection clients, {options.rate:g} "
        f"requests/s.\nA bare interpreter took {1000 * median(bare_s):.0f} ms to start meanwhile.\n\n"
        f"{table(header, [warm.row(), cold.row()])}"
    )
    print(report)
    if options.write:
        write_entry("rollback", QUESTION, report)
    if complaints := judge([warm, cold]):
        raise SystemExit("\n".join(complaints))


def judge(kinds: list[Temperature]) -> list[str]:
    """The goals that were missed."""
    said = []
    for kind in kinds:
        if (took_s := median(kind.all_old_s)) > GOAL_S[kind.name]:
            said.append(f"FAILED: {kind.name} took {took_s:.2f} s, the goal is {GOAL_S[kind.name]:g} s")
        if kind.lost:
            said.append(f"FAILED: {kind.name} rollbacks lost {kind.lost} requests")
    return said


def measure(
    sample: Sample, into: Temperature, options: argparse.Namespace, accept_first: bool = False
) -> None:
    """Deploy the next release, then go back from it under load."""
    old = sample.live
    bad = f"v{sample.deployed}"
    sample.deploy(bad)
    if accept_first:
        sample.mobius("accept")
    load = Load(sample.url, keepalive=8, fresh=2, rate=options.rate, post_share=0.0, paths=("/health",))
    with load:
        while load.snapshot().by_release.get(bad, 0) < 20:
            if not load.is_running:
                break  # `stop` says why
            time.sleep(0.02)
        began_s = time.monotonic()
        sample.mobius("rollback", "--emergency", "--reason", "bench")
        ended_s = time.monotonic()
        sample.live = old
        time.sleep(0.3)  # an answer of the other release would still be seen
    into.add(began_s, ended_s, old, bad, load.stop())


class Sample:
    """A project in a folder of its own, driven through the `mobius` command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.live = ""
        self.deployed = 0
        (folder / "app").mkdir(parents=True)
        (folder / "app" / "app.py").write_text(SERVICE)
        (folder / "mobius.toml").write_text(CONFIGURATION.format(python=sys.executable, port=port))

    def deploy(self, version: str) -> None:
        """Put a new version live; its window stays open."""
        (self.folder / "app" / "VERSION").write_text(version)
        self.mobius("deploy", "--tag", version, "--detach", "--yes")
        self.live = version
        self.deployed += 1

    def mobius(self, *arguments: str) -> str:
        """Run the command. Raises BenchFailed with its own words when it does not succeed."""
        argv = [sys.executable, "-m", "mobius", *arguments]
        done = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            said = (done.stdout + done.stderr)[-3000:]
            raise BenchFailed(f"mobius {' '.join(arguments)} left with {done.returncode}:\n{said}")
        return done.stdout

    def shut_down(self) -> None:
        """Stop the supervisor of the environment, and with it the slots, the door and the runner."""
        host = HostClient(self.folder / ".mobius" / "production")
        if host.is_running():
            host.shutdown(stop_slots=True)


SampleT = TypeVar("SampleT", bound=Sample)


@contextmanager
def deployed(make: Callable[[Path], SampleT]) -> Iterator[SampleT]:
    """A sample in a folder that is gone at the end, with its first version live."""
    with tempfile.TemporaryDirectory(prefix="mobius-bench-") as name:
        keep_bytecode(Path(name) / "bytecode")
        os.environ["PYTHONPATH"] = python_path()
        sample = make(Path(name) / "project")
        try:
            sample.deploy("v0")
            yield sample
        finally:
            sample.shut_down()


def arguments() -> argparse.Namespace:
    takes = parser(__doc__, rounds=5, of="warm and cold rollbacks, each")
    takes.add_argument("--rate", type=float, default=100.0, help="requests a second in all (100)")
    return takes.parse_args()


if __name__ == "__main__":
    main()
