"""Processor and memory of real process trees, and the limits of control groups."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mobius.adapters.signals.resources import Resources, limits_of

BUSY = "import time\nend = time.monotonic() + 30\nwhile time.monotonic() < end: pass"


def run(*argv: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", *argv], stdout=subprocess.PIPE)


def test_a_busy_child_of_the_process_counts_as_the_release() -> None:
    parent = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]])\n"
        "print(p.pid, flush=True); p.wait()"
    )
    process = run(parent, BUSY)
    child = 0
    try:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        resources = Resources(lambda: [process.pid], time.monotonic)
        began, child_began = time.monotonic(), psutil.Process(child).cpu_times().user
        # Waits on the condition that the child has really had processor time: cores are shared here.
        while psutil.Process(child).cpu_times().user - child_began < 0.2 and time.monotonic() - began < 10:
            time.sleep(0.02)
        cpu, memory = resources.sample(5.0)
    finally:
        if child:
            psutil.Process(child).kill()
        process.wait(10)
        process.stdout.close()  # type: ignore[union-attr]

    assert cpu.signal == "cpu" and cpu.at == 5.0 and cpu.value is not None and 1 < cpu.value <= 101
    assert memory.value is not None and 0 < memory.value < 50


def test_a_release_whose_processes_are_gone_or_unknown_is_not_measured() -> None:
    process = run("pass")
    process.wait(10)
    process.stdout.close()  # type: ignore[union-attr]

    assert [s.missing for s in Resources(lambda: [process.pid], time.monotonic).sample(1.0)] == [
        "none of its processes is there"
    ] * 2
    assert [s.missing for s in Resources(list, time.monotonic).sample(1.0)] == [
        "its processes are not known"
    ] * 2


def test_processes_that_were_restarted_are_measured_from_the_next_reading_on() -> None:
    pids = [os.getpid()]
    resources = Resources(lambda: list(pids), time.monotonic)
    pids[:] = [os.getppid()]

    assert resources.sample(1.0)[0].missing == "its processes have just started"
    assert resources.sample(2.0)[0].value is not None


def test_a_list_of_processes_that_cannot_be_had_is_a_reason() -> None:
    def broken() -> list[int]:
        raise RuntimeError("the supervisor does not answer\nmore")

    assert {s.missing for s in Resources(broken, time.monotonic).sample(1.0)} == {
        "the supervisor does not answer"
    }


def test_without_processes_to_name_the_machine_is_measured() -> None:
    cpu, memory = Resources(None, time.monotonic).sample(1.0)

    assert cpu.value is not None and memory.value is not None and 0 < memory.value <= 100


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
