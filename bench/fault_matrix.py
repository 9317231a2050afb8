"""What is left of a fleet after each fault at each moment of a deployment: the fault matrix, as a table.

Runs tests/journeys/fleet/test_fault_matrix.py (three systemd hosts; `make bed` first) and writes down what every cell
found. With `--from FILE` (once, or more often) it runs nothing, and reads what earlier runs left there, the last of a
cell; `MOBIUS_MATRIX=FILE` makes a run of the tests leave it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.common import REPOSITORY, BenchFailed, parser, table, write_entry

QUESTION = (
    "A fault at a moment of a deployment on three systemd hosts behind HAProxy, its journal in PostgreSQL: "
    "what came of the run, requests that failed of those asked, and seconds until the run had come to its end."
)
TESTS = "tests/journeys/fleet/test_fault_matrix.py"
MOMENTS = ("stage", "backup", "migrate", "start", "switch", "drain", "window", "rollback")
FAULTS = (
    *("link_cut", "power_off", "sshd_killed", "disk_full", "disk_full_here"),
    *("deployer_killed", "deployer_stopped", "postgres_restart", "haproxy_restart", "clock_jump"),
)
Cells = Mapping[tuple[str, str], Mapping[str, Any]]


def main() -> None:
    made = parser(__doc__, rounds=1, of="each cell once")
    made.add_argument("--from", dest="files", action="append", default=[], help="read it, run nothing")
    asked = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(file) for file in asked.files] or [run(Path(folder) / "found.jsonl")]
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    entry = report(lines)
    print(entry)
    if asked.write:
        write_entry("fault matrix", QUESTION, entry)


def run(file: Path) -> Path:
    """Every cell; what they found is in the file, also of those that failed."""
    argv = [sys.executable, "-m", "pytest", "-q", TESTS]
    subprocess.run(argv, cwd=REPOSITORY, env={**os.environ, "MOBIUS_MATRIX": str(file)}, check=False)
    if not file.exists():
        raise BenchFailed("no cell was run: make bed, and look at what pytest said above")
    return file


def report(lines: Sequence[Mapping[str, Any]]) -> str:
    """The matrix, the times against their goals, and what was not as it must be."""
    cells = {(one["fault"], one["moment"]): one for one in lines if "fault" in one}
    times = {one["what"]: one for one in lines if "what" in one}
    bad = [one for one in cells.values() if one.get("problem")]
    said = [
        f"{len(cells)} of {len(FAULTS) * len(MOMENTS)} cells were run, {len(bad)} are not as they must be. "
        "A cell: what came of the run; failed of all requests; seconds.",
        matrix(cells),
    ]
    if times:
        said.append(timed(times.values()))
    said += [f"- {one['fault']} at {one['moment']}: {one['problem']}" for one in bad]
    return "\n\n".join(said)


def matrix(cells: Cells) -> str:
    """A row for each fault, a column for each moment."""
    rows = [[fault, *(worded(cells.get((fault, moment))) for moment in MOMENTS)] for fault in FAULTS]
    return table(["fault", *MOMENTS], rows)


def worded(cell: Mapping[str, Any] | None) -> str:
    """One cell."""
    if cell is None:
        return "not run"
    if cell.get("problem"):
        return "FAILED"
    out = f", {cell['left_out']} out" if cell["left_out"] else ""
    return f"{cell['outcome']}{out}; {cell['failed']} of {cell['asked']}; {cell['known_after_s']:.0f} s"


def timed(times: Iterable[Mapping[str, Any]]) -> str:
    """What took how long, and how long it may."""
    rows = [
        [
            str(one["what"]),
            f"{one['seconds']:.1f} s",
            f"{one['goal_s']:.0f} s" if one["goal_s"] else "",
            f"{one['failed']} of {one['asked']}",
        ]
        for one in times
    ]  # fmt: skip
    return table(["three hosts, under load", "took", "goal", "failed requests"], rows)


if __name__ == "__main__":
    main()
