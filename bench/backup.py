"""How long do a full backup, its verification and its restore take, next to other ways and to what cannot be beaten?

python -m bench.backup --size-mb 1000 --rounds 5 [--write]        (to try it: --size-mb 100 --rounds 1)
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.backup_measure import Cost, evict, python, warm
from bench.backup_mix import describe, files, mix
from bench.backup_ways import BY_DEFAULT, WAYS, Ours, Way, Zip
from bench.common import BenchFailed, keep_bytecode, median, number, parser, table, write_entry

QUESTION = """\
A generated mix of small JSON files, one SQLite database, logs and incompressible media; every way once in each round,
in turn. Ours includes fsync, reading everything back past the page cache, the check of the captured database and the
start of the interpreter; the others have no fsync, and only `zip` and zipfile read back at all. CPU is user and system
with all children; peak is the sum of all processes of the way. `verify` is each tool's own: every hash of ours,
`sha256sum -c`, `restic check --read-data`, `borg check --verify-data`. `restore` verifies, too. Limits: reading with
SHA-256 and copying with sync, each by two threads in steps of 1 MiB. Ratios are medians of those within a round."""
STEPS = ("full", "verify", "restore")
LIMITS = {"full": "read + SHA-256, 2 threads", "restore": "copy + sync, 2 threads"}
MOST_PEAK_BYTES = 128 * 1024 * 1024


@dataclass(slots=True)
class Outcome:
    """What one way, or one limit, cost in each round; a limit has only one step."""

    name: str
    costs: dict[str, list[Cost]] = field(default_factory=lambda: {step: [] for step in STEPS})
    stored_bytes: list[int] = field(default_factory=list)

    def walls(self, step: str) -> list[float]:
        return [cost.wall_s for cost in self.costs[step]]

    def cpus(self, step: str) -> list[float]:
        return [cost.cpu_s for cost in self.costs[step]]

    def peak_bytes(self, step: str) -> int:
        return max((cost.peak_bytes for cost in self.costs[step]), default=0)


def main() -> None:
    options = arguments()
    ways, skipped = choose(options.via or list(BY_DEFAULT))
    source = mix(options.size_mb, options.folder)
    print(f"{source}: {describe(source)}", file=sys.stderr)
    outcomes = {way.name: Outcome(way.name) for way in ways} | {
        name: Outcome(name) for name in LIMITS.values()
    }
    with tempfile.TemporaryDirectory(prefix="mobius-bench-backup-", dir=options.folder) as name:
        keep_bytecode(Path(name) / "bytecode")
        for round_number in range(options.rounds):
            turn = round_number % len(ways)
            measure_limits(outcomes, source, Path(name), options.cache)
            for way in ways[turn:] + ways[:turn]:
                print(f"round {round_number + 1} of {options.rounds}: {way.name} …", file=sys.stderr)
                measure(way(source, Path(name) / "way"), outcomes[way.name], options.cache, round_number == 0)
    report = describe_all(list(outcomes.values()), skipped, options, describe(source))
    print(report)
    if options.write:
        write_entry("backup", QUESTION, report)
    if complaints := judge(outcomes):
        raise SystemExit("\n".join(complaints))


# -- measuring ---------------------------------------------------------------------------------------------------


def measure(way: Way, outcome: Outcome, cache: str, compare: bool) -> None:
    """One full backup, its verification, its restore; in the first round what was restored is compared."""
    state = CACHES[cache]
    try:
        way.prepare()
        state(way.source)
        outcome.costs["full"].append(way.full())
        outcome.stored_bytes.append(way.stored_bytes())
        state(way.made)
        outcome.costs["verify"].append(way.verify())
        state(way.made)
        outcome.costs["restore"].append(way.restore())
        if compare and _digests(way.tree()) != _digests(way.source):
            raise BenchFailed(f"{way.name}: what was restored is not what was backed up")
    finally:
        way.clean()


def measure_limits(outcomes: dict[str, Outcome], source: Path, folder: Path, cache: str) -> None:
    state = CACHES[cache]
    state(source)
    read = python("bench.backup_ours", "limit-read", str(source), cwd=folder)
    outcomes[LIMITS["full"]].costs["full"].append(read)
    target = folder / "copied"
    state(source)
    try:
        copied = python("bench.backup_ours", "limit-copy", str(source), str(target), cwd=folder)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    outcomes[LIMITS["restore"]].costs["restore"].append(copied)


CACHES: dict[str, Callable[..., None]] = {"evicted": evict, "warm": warm}


def _digests(root: Path) -> dict[str, str]:
    """A copy by SQLite's backup API differs in its counters: bytes 24 to 27, 40 to 43 and 92 to 99 of the header."""
    found = {}
    for path in files(root):
        with path.open("rb") as file:
            first = file.read(100)
            if first.startswith(b"SQLite format 3\0"):
                first = first[:24] + first[28:40] + first[44:92]
            digest = hashlib.sha256(first)
            while piece := file.read(1 << 20):
                digest.update(piece)
        found[str(path.relative_to(root))] = digest.hexdigest()
    return found


# -- saying what was seen ------------------------------------------------------------------------------------------


def describe_all(outcomes: list[Outcome], skipped: list[str], options: argparse.Namespace, what: str) -> str:
    states = {
        "evicted": "out of the page cache (synced, then POSIX_FADV_DONTNEED file by file)",
        "warm": "in the page cache (read once before, and synced)",
    }
    lines = [f"{what}; rounds: {options.rounds}, interleaved. Before each step all that it reads is"]
    lines += [f"{states[options.cache]}.", ""]
    by_name = {outcome.name: outcome for outcome in outcomes}
    for step in STEPS:
        rows = [row(outcome, step, by_name) for outcome in outcomes if outcome.costs[step]]
        lines += [f"**{step}**", "", table(HEADER, rows), ""]
    lines += [f"- {line}" for line in goals(by_name)]
    return "\n".join([*lines, *(f"- Skipped: {reason}." for reason in skipped)])


HEADER = ["Way", "Wall, s", "Worst", "CPU, s", "Stored, MB", "Peak, MiB", "Wall / ours", "CPU / ours"]


def row(outcome: Outcome, step: str, by_name: dict[str, Outcome]) -> list[str]:
    ours = by_name.get(Ours.name)
    stored = median(outcome.stored_bytes) / 1e6 if step == "full" and outcome.stored_bytes else float("nan")
    return [
        outcome.name,
        number(median(outcome.walls(step)), 2),
        number(max(outcome.walls(step)), 2),
        number(median(outcome.cpus(step)), 2),
        number(stored),
        number(outcome.peak_bytes(step) / (1 << 20)),
        number(ratio(outcome.walls(step), ours.walls(step) if ours else []), 2),
        number(ratio(outcome.cpus(step), ours.cpus(step) if ours else []), 2),
    ]


def ratio(upper: list[float], lower: list[float]) -> float:
    """The median of the ratios within each round, NaN of nothing."""
    return median([above / below for above, below in zip(upper, lower, strict=False)])


def goals(by_name: dict[str, Outcome]) -> list[str]:
    """Each goal with what was reached; a miss begins with MISSED."""
    if Ours.name not in by_name:
        return []
    ours, zipped = by_name[Ours.name], by_name.get(Zip.name)
    said = []
    if zipped is not None:
        faster = ratio(zipped.walls("full"), ours.walls("full"))
        said.append(_goal(faster >= 5, f"full: {faster:.1f} × faster than zip (goal 5, stretch 7)"))
        size = ratio(list(map(float, ours.stored_bytes)), list(map(float, zipped.stored_bytes)))
        said.append(_goal(size <= 1.02, f"size: {size:.3f} of zip's (goal ≤ 1.02)"))
    for step, most in (("full", 2.5), ("restore", 1.3)):
        limit = ratio(ours.walls(step), by_name[LIMITS[step]].walls(step))
        said.append(_goal(limit <= most, f"{step}: {limit:.2f} × of “{LIMITS[step]}” (goal ≤ {most:g})"))
    peak = max(ours.peak_bytes(step) for step in STEPS)
    said.append(_goal(peak <= MOST_PEAK_BYTES, f"peak: {peak / (1 << 20):.0f} MiB (goal ≤ 128)"))
    return said


def judge(outcomes: dict[str, Outcome]) -> list[str]:
    """The goals that were missed."""
    return [line for line in goals(outcomes) if line.startswith("MISSED")]


def _goal(reached: bool, said: str) -> str:
    return said if reached else f"MISSED: {said}"


def choose(names: list[str]) -> tuple[list[type[Way]], list[str]]:
    ways: list[type[Way]] = []
    skipped = []
    for name in names:
        if reason := WAYS[name].why_not():
            skipped.append(f"{WAYS[name].name}, because {reason}")
        else:
            ways.append(WAYS[name])
    if not ways:
        raise BenchFailed("nothing left to measure: " + "; ".join(skipped))
    return ways, skipped


def arguments() -> argparse.Namespace:
    takes = parser(__doc__, rounds=5, of="each way once in every round")
    takes.add_argument("--size-mb", type=int, default=1000, help="of the generated tree (1000)")
    takes.add_argument("--via", action="append", choices=list(WAYS), help="may be repeated (all but Python)")
    takes.add_argument("--cache", choices=list(CACHES), default="evicted", help="before each step (evicted)")
    takes.add_argument("--folder", type=Path, default=None, help="a disk with 4 times the size free")
    return takes.parse_args()


if __name__ == "__main__":
    main()
