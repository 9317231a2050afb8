"""What a fleet of many hosts needs of the machine that it is controlled from."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobius.adapters.fleet.line import Line
from mobius.wiring.fleet import FILES_A_LINE, make_room

resource = pytest.importorskip("resource")
ANSWERS = """
import json, sys
sys.stdin.buffer.read(int(sys.stdin.buffer.read(8)))
print(json.dumps({"ok": True, "has": True}), flush=True)
for line in sys.stdin: print(json.dumps({"ok": True}), flush=True)
"""


@pytest.fixture
def few_files() -> Iterator[int]:
    """Fewer than this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 256
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    yield few
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_there_are_enough_open_files_for_every_line(few_files: int) -> None:
    make_room(500)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 500 * FILES_A_LINE


def test_a_limit_that_is_high_enough_stays_as_it_is(few_files: int) -> None:
    soft, hard = 4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    make_room(3)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)


def test_a_line_takes_no_more_files_than_are_counted_on(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with contextlib.closing(_line(tmp_path)) as line:
        line.ask("begin")
        assert len(list(Path("/proc/self/fd").iterdir())) - before <= FILES_A_LINE


def test_lines_that_hang_up_all_end_before_one_of_them_is_waited_for(tmp_path: Path) -> None:
    lines = [_line(tmp_path) for _ in range(3)]
    for line in lines:
        line.ask("begin")
    processes = [line._process for line in lines]
    for line in lines:
        line.hang_up()
    end = time.monotonic() + 20
    while any(process is not None and process.poll() is None for process in processes):
        assert time.monotonic() < end, "they do not end by themselves"
        time.sleep(0.01)
    for line in lines:
        line.close()


def _line(root: Path) -> Line:
    return Line("web1", [sys.executable, "-I", "-S", "-c", ANSWERS], str(root))
