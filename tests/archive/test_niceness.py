"""A backup steps back behind the service, with its own threads only and only while it lasts."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mobius.archive import Source, write_archive
from mobius.archive import ahead as ahead_module
from mobius.archive.niceness import NICE, Caller, Interrupted, run_nicely

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="priorities of threads are Linux's"
)


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_work_has_a_low_priority_and_so_have_its_threads_but_not_its_caller() -> None:
    before = priority()
    seen: list[int] = []

    def work(_: Caller) -> str:
        child = threading.Thread(target=lambda: seen.append(priority()))
        child.start()
        child.join()
        seen.append(priority())
        return "done"

    assert run_nicely(work) == "done"
    assert seen == [max(NICE, before), max(NICE, before)]
    assert priority() == before


def test_a_nice_backup_packs_at_a_low_priority_and_tells_where_it_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "f").write_bytes(os.urandom(3_000_000))
    before, me = priority(), threading.get_ident()
    packing: set[int] = set()
    told: list[tuple[int, int, int]] = []
    callers: list[int] = []
    real = ahead_module.pack_chunk

    def pack_chunk(*given: Any) -> Any:
        packing.add(priority())
        return real(*given)

    def complete(facts: Mapping[str, object]) -> Mapping[str, object]:
        callers.append(threading.get_ident())
        return {"more": facts["format"]}

    def sign(content: bytes) -> bytes:
        callers.append(threading.get_ident())
        return b"signature of " + content

    monkeypatch.setattr(ahead_module, "pack_chunk", pack_chunk)
    written = write_archive(
        tmp_path / "x.zip",
        [Source("d", tmp_path / "data")],
        {},
        checksum_root=tmp_path,
        progress=lambda done, total: told.append((done, total, threading.get_ident())),
        complete=complete,
        sign=sign,
        nice=True,
    )
    assert packing == {max(NICE, before)}
    assert told[-1] == (3_000_000, 3_000_000, me)
    assert callers == [me, me]
    assert written.manifest.metadata["more"] == 2
    assert (tmp_path / "x.zip.sig").read_bytes() == b"signature of " + written.sidecar.read_bytes()
    assert priority() == before


@pytest.mark.parametrize("nice", [False, True])
def test_what_is_called_may_stop_the_backup_and_nothing_is_left(tmp_path: Path, nice: bool) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "f").write_bytes(os.urandom(3_000_000))

    def stop(*_: object) -> bytes:
        raise RuntimeError("no more")

    for wrong in ({"progress": stop}, {"complete": stop}, {"sign": stop}):
        with pytest.raises(RuntimeError, match="no more"):
            write_archive(
                tmp_path / "b" / "x.zip",
                [Source("d", tmp_path / "data")],
                {},
                checksum_root=tmp_path,
                nice=nice,
                **wrong,  # type: ignore[arg-type]
            )
        assert list((tmp_path / "b").iterdir()) == []


def test_what_the_work_raises_is_raised() -> None:
    def work(_: Caller) -> None:
        raise ValueError("as it was")

    with pytest.raises(ValueError, match="as it was"):
        run_nicely(work)


def test_of_many_news_the_last_is_told_and_questions_are_answered() -> None:
    told: list[int] = []

    def work(caller: Caller) -> int:
        for number in range(1000):
            caller.tell(functools.partial(told.append, number))
        return caller.ask(lambda: len(told)) + caller.ask(lambda: 1000)

    assert 1001 <= run_nicely(work) <= 2000
    assert told[-1] == 999
    assert told == sorted(set(told))


def test_a_question_that_fails_fails_where_it_was_asked() -> None:
    def work(caller: Caller) -> str:
        try:
            caller.ask(lambda: 1 // 0)
        except ZeroDivisionError:
            return "heard"
        return "not heard"

    assert run_nicely(work) == "heard"


def test_work_ends_when_its_caller_is_interrupted() -> None:
    ended: list[type[BaseException]] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    def work(caller: Caller) -> None:
        caller.tell(interrupt)
        try:
            for _ in range(10_000):
                caller.checkpoint()
                threading.Event().wait(0.001)
        except BaseException as error:
            ended.append(type(error))
            raise

    with pytest.raises(KeyboardInterrupt):
        run_nicely(work)
    assert ended == [Interrupted]


def test_a_question_to_an_interrupted_caller_ends_the_work() -> None:
    ended: list[type[BaseException]] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    def work(caller: Caller) -> None:
        try:
            caller.ask(interrupt)
        except BaseException as error:
            ended.append(type(error))
            raise

    with pytest.raises(KeyboardInterrupt):
        run_nicely(work)
    assert ended == [Interrupted]
