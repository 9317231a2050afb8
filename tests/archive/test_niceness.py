"""A backup steps back behind the service, with its own threads only and only while it lasts."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mobius.archive import Source, write_archive
from mobius.archive.niceness import NICE, Interrupted, run_nicely

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="priorities of threads are Linux's"
)


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_work_has_a_low_priority_and_so_have_its_threads_but_not_its_caller() -> None:
    before = priority()
    seen: list[int] = []

    def work(_: Callable[[], None]) -> str:
        child = threading.Thread(target=lambda: seen.append(priority()))
        child.start()
        child.join()
        seen.append(priority())
        return "done"

    assert run_nicely(work) == "done"
    assert seen == [max(NICE, before), max(NICE, before)]
    assert priority() == before


def test_a_nice_backup_packs_at_a_low_priority(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "f").write_bytes(os.urandom(3_000_000))
    before = priority()
    seen: set[int] = set()
    written = write_archive(
        tmp_path / "x.zip",
        [Source("d", tmp_path / "data")],
        {},
        checksum_root=tmp_path,
        progress=lambda *_: seen.add(priority()),
        nice=True,
    )
    assert written.path.exists()
    assert seen == {max(NICE, before)}
    assert priority() == before


def test_what_the_work_raises_is_raised() -> None:
    def work(_: Callable[[], None]) -> None:
        raise ValueError("as it was")

    with pytest.raises(ValueError, match="as it was"):
        run_nicely(work)


def test_work_ends_when_its_caller_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[type[BaseException]] = []
    waiting = threading.Event()
    join = threading.Thread.join
    calls: list[str] = []

    def interrupted_once(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "archive-nice" and not calls:
            calls.append(thread.name)
            assert waiting.wait(10)
            raise KeyboardInterrupt
        join(thread, timeout)

    def work(checkpoint: Callable[[], None]) -> None:
        waiting.set()
        try:
            for _ in range(10_000):
                checkpoint()
                threading.Event().wait(0.001)
        except BaseException as error:
            ended.append(type(error))
            raise

    monkeypatch.setattr(threading.Thread, "join", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        run_nicely(work)
    assert ended == [Interrupted]
