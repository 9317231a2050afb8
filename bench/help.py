"""How long does `mobius --help` take, against an interpreter that does nothing?

python -m bench.help --rounds 30 [--write]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.common import BenchFailed, keep_bytecode, median, number, parser, python_path, table, write_entry

QUESTION = """\
`mobius --help` against a bare interpreter (`python -c pass`) that is started the same way, compiled modules
cached; interleaved, the median of the ratios within each round. Goal: at most 6 ×."""
GOAL = 6.0


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="mobius-bench-") as cache:
        keep_bytecode(Path(cache))
        measure(options)


def measure(options: argparse.Namespace) -> None:
    bare = [sys.executable, "-c", "pass"]
    helped = [sys.executable, "-m", "mobius", "--help"]
    bare_s, help_s = [], []
    for turn in range(options.rounds + 1):
        first, second = (bare, helped) if turn % 2 else (helped, bare)
        took_s = {first[1]: duration_s(first), second[1]: duration_s(second)}
        if turn:  # the first round fills the caches
            bare_s.append(took_s["-c"])
            help_s.append(took_s["-m"])
    ratio = median([a / b for a, b in zip(help_s, bare_s, strict=True)])
    rows = [
        ["bare interpreter", number(1000 * median(bare_s), 1), number(1000 * min(bare_s), 1), "1.00"],
        ["mobius --help", number(1000 * median(help_s), 1), number(1000 * min(help_s), 1), number(ratio, 2)],
    ]
    report = f"{options.rounds} rounds.\n\n" + table(["Command", "Median, ms", "Best, ms", "Ratio"], rows)
    print(report)
    if options.write:
        write_entry("help", QUESTION, report)
    if ratio > GOAL:
        raise SystemExit(f"FAILED: {ratio:.2f} × a bare interpreter, the goal is {GOAL:g}")


def duration_s(argv: list[str]) -> float:
    """How long the command takes. Raises BenchFailed when it does not succeed: an error is quick too."""
    began_s = time.perf_counter()
    done = subprocess.run(
        argv, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": python_path()}
    )
    took_s = time.perf_counter() - began_s
    if done.returncode != 0:
        raise BenchFailed(f"{' '.join(argv)} failed:\n{done.stderr[-1000:]}")
    return took_s


def arguments() -> argparse.Namespace:
    return parser(__doc__, rounds=30).parse_args()


if __name__ == "__main__":
    main()
