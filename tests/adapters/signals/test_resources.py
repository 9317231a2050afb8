"""What real process trees use: a burner, a leak of memory, a leak of files; and the disk below the environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from mobius.adapters.signals.resources import Resources
from mobius.model.sample import Sample

BUSY = "import time\nend = time.monotonic() + 30\nwhile time.monotonic() < end: pass"


def by_signal(samples: Sequence[Sample]) -> dict[str, Sample]:
    return {sample.signal: sample for sample in samples}


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
        told = by_signal(resources.sample(5.0))
    finally:
        if child:
            psutil.Process(child).kill()
        process.wait(30)
        process.stdout.close()  # type: ignore[union-attr]

    cpu, memory = told["cpu"], told["memory"]
    assert cpu.at == 5.0 and cpu.value is not None and 1 < cpu.value <= 101
    assert memory.value is not None and 0 < memory.value < 50


def test_a_release_whose_processes_are_gone_or_unknown_is_not_measured() -> None:
    process = run("pass")
    process.wait(30)
    process.stdout.close()  # type: ignore[union-attr]

    assert [s.missing for s in Resources(lambda: [process.pid], time.monotonic).sample(1.0)] == [
        "none of its processes is there"
    ] * 3
    assert [s.missing for s in Resources(list, time.monotonic).sample(1.0)] == [
        "its processes are not known"
    ] * 3


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
    cpu, memory = Resources(None, time.monotonic).sample(1.0)  # nobody asks for the files of a whole machine

    assert cpu.value is not None and memory.value is not None and 0 < memory.value <= 100


LEAKS = """
import sys, time
kept = []
print("ready", flush=True)
for line in sys.stdin:
    what, many = line.split()
    if what == "memory":
        kept.append(bytearray(b"x" * int(many)))
    else:
        kept += [open("/dev/null") for _ in range(int(many))]
    print(len(kept), flush=True)
"""


def test_leaks_of_memory_and_of_files_show_in_the_process_that_leaks() -> None:
    argv = [sys.executable, "-c", LEAKS]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        psutil.Process(process.pid).rlimit(psutil.RLIMIT_NOFILE, (200, 200))
        resources = Resources(lambda: [process.pid], time.monotonic)
        seen = [by_signal(resources.sample(0.0))]
        for order in ("memory 40000000", "files 100"):
            process.stdin.write(order + "\n")
            process.stdin.flush()
            process.stdout.readline()
            seen.append(by_signal(resources.sample(1.0)))
        process.stdin.close()

    memory, files = ([told[name].value for told in seen] for name in ("memory", "fds"))
    grown = (memory[1] - memory[0]) / 100 * psutil.virtual_memory().total  # type: ignore[operator]
    assert 35e6 < grown < 60e6
    assert files[1] == files[0] and files[2] == files[0] + 50.0  # type: ignore[operator]


def test_the_disk_below_the_environment_is_measured_also_before_the_folder_is_there(tmp_path: Path) -> None:
    told = by_signal(
        Resources(lambda: [os.getpid()], time.monotonic, root=tmp_path / "not" / "yet").sample(1.0)
    )

    assert told["disk"].value == psutil.disk_usage(str(tmp_path)).percent
    assert sorted(told) == ["cpu", "disk", "fds", "memory"]
