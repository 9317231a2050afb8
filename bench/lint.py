"""How long does it take to judge a thousand migrations, against squawk?

python -m bench.lint --files 1000 --rounds 5 [--squawk PATH] [--write]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
squawk-cli) on the same files; interleaved, ratios within each round."""
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
        squawk = options.squawk or shutil.which("squawk")
        if squawk:
            paths = sorted(str(path) for path in files.iterdir())
            ways["squawk"] = [squawk, "--reporter", "json", "--pg-version", "15", *paths]
        took = {name: [] for name in ways}  # type: dict[str, list[float]]
        for _ in range(options.rounds + 1):
            for name, argv in ways.items():
                took[name].append(duration_s(argv))
        report(took, options, size)


def generate(folder: Path, count: int) -> int:
    """The cases of the tests over and over, PostgreSQL's only, under other numbers."""
    cases = [path.read_text() for path in sorted(CASES.glob("*.sql")) if not path.name.startswith("sqlite")]
    for number_ in range(count):
        (folder / f"V{number_:05}.sql").write_text(cases[number_ % len(cases)])
    return sum(path.stat().st_size for path in folder.iterdir())


def duration_s(argv: list[str]) -> float:
    """How long it takes; both end with an error code when they found something. Raises BenchFailed otherwise."""
    began_s = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, env={**os.environ, "PYTHONPATH": python_path()})
    took_s = time.perf_counter() - began_s
    if done.returncode not in (0, 1, 3) or not done.stdout:
        raise BenchFailed(f"{argv[0]} failed with {done.returncode}:\n{done.stderr[-1000:].decode()}")
    return took_s


def report(took: dict[str, list[float]], options: argparse.Namespace, size: int) -> None:
    """The first round fills the caches and does not count."""
    ours = took["mobius migrate lint"][1:]
    rows = []
    for name, each in took.items():
        ratio = median([a / b for a, b in zip(each[1:], ours, strict=True)])
        rows.append([name, number(1000 * median(each[1:])), number(ratio, 2)])
    text = f"{options.files} files, {size / 1024:.0f} KiB, {options.rounds} rounds.\n\n"
    text += table(["Way", "Median, ms", "× mobius"], rows)
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
