"""What every benchmark needs: tools, child processes that go away, medians, tables, the page of results."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("RESULTS.md")
BUSY_AT_START = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


class BenchFailed(SystemExit):
    """The benchmark could not be run to its end; the message says why."""


def parser(doc: str | None, *, rounds: int, of: str = "") -> argparse.ArgumentParser:
    """What every benchmark takes: how many rounds (`of` what), and whether the result is kept."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=rounds, help=f"{of} ({rounds})".lstrip())
    made.add_argument("--write", action="store_true", help="add the result to bench/RESULTS.md")
    return made


def write_entry(bench: str, question: str, entry: str) -> None:
    """Add a dated entry under the heading of this benchmark, newest first; the page is made if need be."""
    page = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Results\n"
    heading = f"## {bench}\n\n{question}\n"
    if f"## {bench}\n" not in page:
        page = page.rstrip("\n") + f"\n\n{heading}"
    before, after = page.split(f"## {bench}\n", 1)
    after = after.removeprefix("\n" + question + "\n").lstrip("\n")
    today = datetime.date.today().isoformat()
    page = f"{before}{heading}\n### {today}, {machine()}\n\n{entry.strip()}\n\n{after}"
    RESULTS.write_text(page.rstrip("\n") + "\n", encoding="utf-8")
    print(f"added to {RESULTS.relative_to(REPOSITORY)}")


def machine() -> str:
    """Where the numbers were made: cores, system, Python, and how busy it was with other work before."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = platform.system()
    with contextlib.suppress(OSError):
        system = platform.freedesktop_os_release()["PRETTY_NAME"].split(" (")[0].replace("GNU/Linux ", "")
    busy = f"load {BUSY_AT_START:.1f} before"
    return f"{cores} cores, {system}, Python {platform.python_version()}, {busy}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table that also reads well in a terminal; columns after the first to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = [("-" * w) if i == 0 else ("-" * (w - 1) + ":") for i, w in enumerate(widths)]
    return "\n".join([line(header), "|" + "|".join(f" {cell} " for cell in rule) + "|", *map(line, rows)])


def median(values: Sequence[float]) -> float:
    """The median, NaN of nothing."""
    return statistics.median(values) if values else float("nan")


def number(value: float, digits: int = 0) -> str:
    return "–" if value != value else f"{value:.{digits}f}"


def why_missing(tool: str) -> str | None:
    """None when the tool is there, installed from the distribution if we may; else why it is not."""
    if shutil.which(tool):
        return None
    if not (shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0):
        return f"{tool} is not installed (as root on Debian this bench would install it)"
    done = subprocess.run(
        ["apt-get", "install", "-y", "--no-install-recommends", tool],
        capture_output=True,
        text=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    if done.returncode == 0 and shutil.which(tool):
        return None
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return f"apt-get could not install {tool}: {reason}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, holds: Callable[[], bool], within_s: float = 15.0) -> None:
    """Poll until it holds. Raises BenchFailed, naming what did not become true."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise BenchFailed(f"{what}: not within {within_s:g} s")
        time.sleep(0.01)


def answers(port: int) -> bool:
    """Something on this loopback port answers an HTTP request with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return client.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


class Child:
    """A process of the benchmark, its output in a file."""

    def __init__(self, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(argv),
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONPATH": python_path(), **(env or {})},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait_until_it_answers(self, port: int) -> None:
        def up() -> bool:
            if not self.is_running:
                raise BenchFailed(f"{self._process.args!r} has ended:\n{self.log.read_text()[-2000:]}")
            return answers(port)

        wait_for(f"an answer on port {port}", up)

    def stop(self, within_s: float = 10.0) -> None:
        """Ask it to end, wait, and make it."""
        if self.is_running:
            self._process.terminate()
        self.wait(within_s)

    def wait(self, within_s: float = 10.0) -> None:
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def interpreter_s() -> float:
    """How long an interpreter that does nothing takes now: what any command costs on this machine, this busy."""
    began_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began_s


def keep_bytecode(folder: Path) -> None:
    """Let child processes cache compiled modules here, whatever the caller's shell says: as once installed."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def python_path() -> str:
    """So that child processes find this checkout, installed or not."""
    return os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])


@contextlib.contextmanager
def started(argv: Sequence[str], log: Path, port: int) -> Iterator[Child]:
    """A child that answers on its port, and is gone afterwards."""
    child = Child(argv, log)
    try:
        child.wait_until_it_answers(port)
        yield child
    finally:
        child.stop()
