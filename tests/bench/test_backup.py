"""The bench of backups: costs are those of all processes, ratios are paired, a missed goal is said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bench.backup import LIMITS, Outcome, goals, judge, measure, ratio
from bench.backup_measure import Cost, evict, run
from bench.backup_mix import describe, files, mix
from bench.backup_ways import WAYS, Ours, Zip
from bench.common import BenchFailed

SPEND = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
KEEP = "x = bytearray(60_000_000)\nimport time; time.sleep(0.3)"


def outcome(name: str, step: str, *walls: float, peak: int = 1, stored: int = 100) -> Outcome:
    made = Outcome(name)
    made.costs[step] += [Cost(wall, wall, peak) for wall in walls]
    made.stored_bytes += [stored for _ in walls]
    return made


def outcomes(zipped_s: float, peak: int = 1 << 20, stored: int = 100) -> dict[str, Outcome]:
    ours = outcome(Ours.name, "full", 1.0, peak=peak, stored=stored)
    ours.costs["restore"].append(Cost(1.0, 1.0, 1))
    return {
        Ours.name: ours,
        Zip.name: outcome(Zip.name, "full", zipped_s),
        LIMITS["full"]: outcome(LIMITS["full"], "full", 0.5),
        LIMITS["restore"]: outcome(LIMITS["restore"], "restore", 0.8),
    }


def test_a_cost_is_that_of_children_and_of_every_process_of_a_pipeline(tmp_path: Path) -> None:
    spend = [
        sys.executable,
        "-c",
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPEND!r}])",
    ]
    cost = run(spend, [sys.executable, "-c", SPEND], cwd=tmp_path)
    assert cost.cpu_s >= 0.6
    held = run([sys.executable, "-c", KEEP], [sys.executable, "-c", KEEP], cwd=tmp_path)
    assert 2 * 60_000_000 < held.peak_bytes < 2 * 120_000_000


def test_a_way_that_fails_ends_the_bench_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(BenchFailed, match="no such luck"):
        run([sys.executable, "-c", "raise SystemExit('no such luck')"], cwd=tmp_path)


def test_ratios_are_those_within_a_round() -> None:
    assert ratio([10.0, 2.0, 3.0], [1.0, 1.0, 1.0]) == 3.0
    assert ratio([10.0, 4.0], [5.0, 1.0]) == 3.0


def test_goals_that_are_reached_are_said_and_those_that_are_missed_fail_the_bench() -> None:
    assert goals(outcomes(6.0)) == [
        "full: 6.0 × faster than zip (goal 5, stretch 7)",
        "size: 1.000 of zip's (goal ≤ 1.02)",
        "full: 2.00 × of “read + SHA-256, 2 threads” (goal ≤ 2.5)",
        "restore: 1.25 × of “copy + sync, 2 threads” (goal ≤ 1.3)",
        "peak: 1 MiB (goal ≤ 128)",
    ]
    assert judge(outcomes(6.0)) == []
    assert judge(outcomes(4.0, peak=129 << 20, stored=103)) == [
        "MISSED: full: 4.0 × faster than zip (goal 5, stretch 7)",
        "MISSED: size: 1.030 of zip's (goal ≤ 1.02)",
        "MISSED: peak: 129 MiB (goal ≤ 128)",
    ]


def test_the_mix_is_the_same_every_time_and_made_once(tmp_path: Path) -> None:
    one, other = mix(2, tmp_path), mix(2, tmp_path / "other")
    assert mix(2, tmp_path) == one
    same = [path.read_bytes() for path in files(one)] == [path.read_bytes() for path in files(other)]
    assert same
    assert describe(one).startswith("4")


def test_every_way_that_is_here_gives_back_what_it_took(tmp_path: Path) -> None:
    source = mix(2, tmp_path)
    tried = [way for way in WAYS.values() if not any(_is_missing(tool) for tool in way.tools)]
    assert Ours in tried
    for way in tried:
        seen = Outcome(way.name)
        measure(way(source, tmp_path / "way"), seen, "evicted", True)
        assert all(len(seen.costs[step]) == 1 for step in ("full", "verify", "restore"))
    evict(source)


def _is_missing(tool: str) -> bool:
    import shutil

    return shutil.which(tool) is None
