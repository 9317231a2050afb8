"""What processes may use at most, and what is theirs alone: control groups of both versions, made as files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mobius.host.groups import limits_of, memory_of, own_group
from mobius.host.usage import Meter


def group(root: Path, path: str, **files: str) -> None:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.mark.parametrize(
    ("membership", "cpus", "memory"),
    [
        ("0::/app.slice/dhash.service\n", 0.5, 1024.0),
        ("0::/app.slice\n", 0.5, 2048.0),
        ("0::/elsewhere\n", None, None),
        ("0::/../../gone\n", None, None),
        ("4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n", 0.25, 512.0),
        ("4:memory:/unlimited\n0::/\n", None, None),
    ],
)
def test_the_tightest_control_group_is_the_limit(
    membership: str, cpus: float | None, memory: float | None, tmp_path: Path
) -> None:
    groups, proc = tmp_path / "cgroup", tmp_path / "proc"
    group(groups, "app.slice", cpu__max="50000 100000\n", memory__max="2048\n")
    group(groups, "app.slice/dhash.service", cpu__max="max 100000\n", memory__max="1024\n")
    group(groups, "elsewhere", cpu__max="max 100000\n", memory__max="max\n")
    group(groups, "memory/box", memory__limit_in_bytes="512\n")
    group(groups, "memory/unlimited", memory__limit_in_bytes="9223372036854771712\n")
    group(groups, "cpu/box", **{"cpu__cfs_quota_us": "25000\n", "cpu__cfs_period_us": "100000\n"})
    (proc / "1").mkdir(parents=True)
    (proc / "1" / "cgroup").write_text(membership)

    limits = limits_of(1, groups, proc)

    assert limits.cpus == (cpus or float(psutil.cpu_count() or 1))
    assert limits.memory_bytes == (memory or float(psutil.virtual_memory().total))


STAT = "anon 500\nfile 400\ninactive_file 300\nactive_file 100\n"


@pytest.fixture
def alone() -> Iterator[int]:
    """A process without children: that of the tests may have some."""
    words = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


@pytest.fixture
def boxed(tmp_path: Path, alone: int) -> tuple[Path, Path]:
    """That process in a group of a service that uses 1,000 bytes, 300 of them files that were read once."""
    groups, proc = tmp_path / "cgroup", tmp_path / "proc"
    group(groups, "box.service", memory__current="1000\n", memory__stat=STAT, cgroup__procs=f"{alone}\n")
    group(groups, "box.service/inner", cgroup__procs="")
    (proc / str(alone)).mkdir(parents=True)
    (proc / str(alone) / "cgroup").write_text("1:name=systemd:/\n0::/box.service\n")
    return groups, proc


def test_memory_of_a_group_leaves_out_files_that_are_only_cached(boxed: tuple[Path, Path]) -> None:
    assert memory_of(boxed[0] / "box.service") == 700.0
    assert memory_of(boxed[0]) is None


def test_memory_of_a_group_of_version_1_does_too(tmp_path: Path) -> None:
    usage = {"memory__usage_in_bytes": "900\n", "memory__stat": "inactive_file 1\ntotal_inactive_file 200\n"}
    group(tmp_path, "memory/box", **usage)
    assert memory_of(tmp_path / "memory" / "box") == 700.0


def test_a_group_is_the_processs_own_only_while_nobody_else_is_in_it(
    boxed: tuple[Path, Path], alone: int
) -> None:
    (groups, proc), me = boxed, alone
    assert own_group(me, [me], groups, proc) == groups / "box.service"
    (groups / "box.service" / "inner" / "cgroup.procs").write_text("1\n")
    assert own_group(me, [me], groups, proc) is None
    assert own_group(me, [me, 1], groups, proc) == groups / "box.service"
    (proc / str(me) / "cgroup").write_text("0::/gone\n")
    assert own_group(me, [me], groups, proc) is None


def test_the_memory_of_a_release_is_that_of_its_own_group_where_it_has_one(
    boxed: tuple[Path, Path], alone: int
) -> None:
    total = psutil.virtual_memory().total
    told = Meter(*boxed).read([alone], 1.0)
    assert told["memory"] == pytest.approx(100 * 700 / total)
    without = Meter(boxed[0], boxed[1] / "nothing").read([alone], 1.0)["memory"]
    assert isinstance(without, float) and without > 100 * 1_000_000 / total


def test_two_roots_of_one_tree_are_counted_once() -> None:
    me = os.getpid()
    once, twice = (Meter().read(pids, 1.0)["memory"] for pids in ([me], [me, me]))
    assert isinstance(once, float) and isinstance(twice, float) and abs(twice - once) < 0.05 * once
