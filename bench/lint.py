"""How long does it take to judge a thousand migrations, against squawk?

python -m bench.lint --files 1000 --rounds 5 [--squawk PATH] [--write]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.common import (
    REPOSITORY,
    BenchFailed,
    keep_bytecode,
    median,
    number,
    python_path,
    table,
    write_entry,
)

QUESTION = """\
A thousand migrations judged by one command, from its start to its end, against squawk (a program in Rust, from
squawk-cli) on the same files; interleaved, ratios within each round. One file alone shows what of it is starting up.
Processor time is what is left of the noise of a busy machine."""
CASES = REPOSITORY / "tests" / "rules" / "migrations" / "cases"


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="mobius-bench-") as folder:
        keep_bytecode(Path(folder) / "cache")
        files = Path(folder) / "migrations"
        files.mkdir()
        size = generate(files, options.files)
        ways = {
            "mobius migrate lint": [sys.executable, "-m", "mobius", "migrate", "lint", "--json", str(files)]
        }
        ways["mobius, one file of them"] = [*ways["mobius migrate lint"][:-1], str(files / "V00000.sql")]
        squawk = options.squawk or shutil.which("squawk")
        if squawk:
            paths = sorted(str(path) for path in files.iterdir())
            ways["squawk"] = [squawk, "--reporter", "json", "--pg-version", "15", *paths]
        took: dict[str, list[Took]] = {name: [] for name in ways}
        for _ in range(options.rounds + 1):
            for name, argv in ways.items():
                took[name].append(duration(argv))
        report(took, options, size)


def generate(folder: Path, count: int) -> int:
    """The cases of the tests over and over, PostgreSQL's only, under other numbers."""
    cases = [path.read_text() for path in sorted(CASES.glob("*.sql")) if not path.name.startswith("sqlite")]
    for number_ in range(count):
        (folder / f"V{number_:05}.sql").write_text(cases[number_ % len(cases)])
    return sum(path.stat().st_size for path in folder.iterdir())


class Took(NamedTuple):
    """Of one run."""

    wall_s: float
    cpu_s: float


def duration(argv: list[str]) -> Took:
    """How long it takes; both end with an error code when they found something. Raises BenchFailed otherwise."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(argv, capture_output=True, env={**os.environ, "PYTHONPATH": python_path()})
    wall_s, after = time.perf_counter() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1, 3, 4) or not done.stdout:
        raise BenchFailed(f"{argv[0]} failed with {done.returncode}:\n{done.stderr[-1000:].decode()}")
    return Took(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def report(took: dict[str, list[Took]], options: argparse.Namespace, size: int) -> None:
    """The first round fills the caches and does not count."""
    ours = took["mobius migrate lint"][1:]
    rows = []
    for name, every in took.items():
        each = every[1:]
        wall = median([a.wall_s / b.wall_s for a, b in zip(each, ours, strict=True)])
        cpu = median([a.cpu_s / b.cpu_s for a, b in zip(each, ours, strict=True)])
        walls, cpus = median([took.wall_s for took in each]), median([took.cpu_s for took in each])
        rows.append([name, number(1000 * walls), number(wall, 2), number(1000 * cpus), number(cpu, 2)])
    text = f"{options.files} files, {size / 1024:.0f} KiB, {options.rounds} rounds.\n\n"
    text += table(["Way", "Median, ms", "× mobius", "Processor, ms", "× mobius"], rows)
    if "squawk" not in took:
        text += "\n\n- Skipped: squawk, which is not installed (pip install squawk-cli, or --squawk PATH)."
    print(text)
    if options.write:
        write_entry("lint", QUESTION, text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--squawk", help="the program, where it is not on the PATH")
    parser.add_argument("--write", action="store_true", help="add the result to bench/RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
