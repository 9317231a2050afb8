"""How fast is an access log read, against the least one could do with its lines?

python -m bench.access_log --lines 200000 --rounds 5 [--write]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.common import BenchFailed, median, number, parser, table, write_entry
from mobius.adapters.signals.access_log import AccessLog
from mobius.adapters.signals.access_log_tail import MOST_BYTES, Tail
from mobius.adapters.signals.access_log_whose import ByServer, BySwitches, Whose
from mobius.adapters.traffic.faces import Face, Faces
from mobius.adapters.traffic.history import switching

QUESTION = """\
One look at that many new lines: followed, parsed, told to a release by time of dialling (HAProxy: by server), with
one critical route of two and the histogram. Against `wc -l` of the file and against `json.loads` of each line
(nothing else done with it); interleaved, medians of
processor time. A look never reads more than 8 MiB; what is beyond is skipped
and counted."""
BEGAN = 1_795_000_000.0
LINE = {
    "nginx, JSON": (
        '{{"time":"{at:.3f}","request_time":"0.012","upstream_response_time":"0.011",'
        '"upstream_addr":"unix:{root}/live/web.sock","status":"200","method":"GET",'
        '"uri":"/api/render?id={n}","bytes":"5124"}}\n'
    ),
    "Caddy, JSON": (
        '{{"level":"info","ts":{at:.6f},"logger":"http.log.access.log0","msg":"handled request","request":'
        '{{"remote_ip":"192.0.2.7","remote_port":"51844","proto":"HTTP/1.1","method":"GET","host":"example.org","uri":"/api/render?'
        'id={n}","headers":{{"User-Agent":["curl/8.5.0"],"Accept":["*/*"]}}}},"user_id":"","duration":0.0123,"size":5124,'
        '"status":200,"resp_headers":{{"Server":["Caddy"],"Content-Type":["application/json"]}}}}\n'
    ),
    "combined and times": (
        '192.0.2.7 - - [{clf}] "GET /api/render?id={n} HTTP/1.1" 200 5124 "https://example.org/" '
        '"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0" 0.012 0.011\n'
    ),
    "HAProxy, httplog": (
        "192.0.2.7:51844 [21/Nov/2026:15:08:01.123] web dhash/blue 0/0/1/11/12 200 5124 - - ---- 40/40/3/3/0 0/0 "
        '"GET /api/render?id={n} HTTP/1.1"\n'
    ),
}


def main() -> None:
    options = arguments()
    rows = []
    with tempfile.TemporaryDirectory(prefix="mobius-bench-") as folder:
        root = Path(folder).resolve()
        live(root)
        for name, shape in LINE.items():
            rows.append(measure(name, shape, root, options))
    header = [
        "Log",
        "Bytes a line",
        "wc -l, lines/s",
        "json.loads, lines/s",
        "read, lines/s",
        "µs a line",
        "8 MiB, ms",
    ]
    report = f"{options.lines:,} lines, {options.rounds} rounds.\n\n" + table(header, rows)
    print(report)
    if options.write:
        write_entry("access_log", QUESTION, report)


def live(root: Path) -> None:
    """One release, dialled since long ago."""
    (root / "run").mkdir()
    held = {"via": "blue", "weights": {"blue": 100}, "releases": {"blue": "v1"}}
    with switching(root, now=lambda: BEGAN - 1000, **held):  # type: ignore[arg-type]
        Faces(root).show(Face("blue", "x", "", {"blue": 100}, {"blue": "v1"}))


def measure(name: str, shape: str, root: Path, options: argparse.Namespace) -> list[str]:
    """One row: medians over the rounds."""
    log = root / "access.log"
    lines = [written(shape, root, n) for n in range(options.lines)]
    size = sum(map(len, lines))
    took_s: dict[str, list[float]] = {"wc": [], "json": [], "read": []}
    for _ in range(options.rounds):
        log.write_text("")
        reader = new_reader(name, log, root, size)
        log.write_text("".join(lines))
        took_s["wc"].append(timed(partial(count_with_wc, log)))
        if "JSON" in name:
            took_s["json"].append(timed(partial(load_each, log)))
        took_s["read"].append(timed(partial(check, reader, options.lines)))
    rates = {what: options.lines / median(times) for what, times in took_s.items()}
    per_line_us = 1e6 / rates["read"]
    full_look_ms = MOST_BYTES / (size / options.lines) * per_line_us / 1000
    figures = [size / options.lines, rates["wc"], rates["json"], rates["read"]]
    return [name, *(number(figure) for figure in figures), number(per_line_us, 1), number(full_look_ms)]


def written(shape: str, root: Path, n: int) -> str:
    at = BEGAN + n / 5000
    return shape.format(root=root, n=n, at=at, clf=time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(at)))


def new_reader(name: str, log: Path, root: Path, size: int) -> AccessLog:
    whose: Whose = ByServer("dhash", lambda: {"blue": "v1"}) if "HAProxy" in name else BySwitches(root)
    tail = Tail(log, most_bytes=2 * size)
    reader = AccessLog(log, whose, routes=("/api/render", "/upload"), now=lambda: BEGAN + 60, tail=tail)
    reader.counters()
    return reader


def check(reader: AccessLog, lines: int) -> None:
    """Reads them all. Raises BenchFailed when some were not counted: leaving lines out is quick."""
    found = reader.counters()["v1"]
    if (found.requests, sum(found.histogram), found.routes["/api/render"].requests) != (lines, lines, lines):
        raise BenchFailed(f"only {found.requests} of {lines} were counted: {reader.remark()}")


def load_each(log: Path) -> None:
    with log.open("rb") as file:
        for line in file:
            json.loads(line)


def count_with_wc(log: Path) -> None:
    subprocess.run(["wc", "-l", str(log)], check=True, capture_output=True)


def timed(act: Callable[[], object]) -> float:
    """Processor time, of children too: other work on the machine must not count."""
    began_s = processor_s()
    act()
    return processor_s() - began_s


def processor_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def arguments() -> argparse.Namespace:
    takes = parser(__doc__, rounds=5)
    takes.add_argument("--lines", type=int, default=200_000)
    return takes.parse_args()


if __name__ == "__main__":
    main()
