"""One holder at a time; the others are told who, and a dead holder holds nothing."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import mobius
from mobius.adapters.locks.memory import MemoryLock
from mobius.adapters.locks.os_lock import OsLock
from mobius.errors import Locked, MobiusError
from mobius.ports import Lock

posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
WORDS = r"\S+@\S+ \(pid {pid}\) since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{{4}}"


@pytest.fixture(params=["os", "memory"])
def lock(request: pytest.FixtureRequest, tmp_path: Path) -> Lock:
    return (
        OsLock(tmp_path / "state" / "lock", "production")
        if request.param == "os"
        else MemoryLock("anna", "production")
    )


class TestEveryLock:
    def test_it_is_free_held_and_free_again(self, lock: Lock) -> None:
        assert lock.holder() == ""
        for _ in range(3):
            with lock.held():
                assert lock.holder() != ""
            assert lock.holder() == ""

    def test_it_is_let_go_when_the_work_fails(self, lock: Lock) -> None:
        with pytest.raises(ZeroDivisionError), lock.held():
            1 / 0  # noqa: B018
        with lock.held():
            pass

    def test_the_second_is_refused_with_the_holders_name_and_the_first_keeps_it(self, lock: Lock) -> None:
        with lock.held():
            for _ in range(2):
                with pytest.raises(Locked) as error, lock.held():
                    pytest.fail("two holders")
                assert error.value.exit_code == 10
                assert error.value.message == f"production is locked: {lock.holder()}"
                assert (
                    error.value.hint == "look on with `mobius status`; the lock goes when that process does"
                )

    def test_of_many_threads_one_has_it_at_a_time(self, lock: Lock) -> None:
        inside: list[int] = []
        most: list[int] = []
        got: list[int] = []

        def work() -> None:
            for _ in range(20):
                try:
                    with lock.held():
                        inside.append(1)
                        most.append(len(inside))
                        got.append(1)
                        inside.pop()
                except Locked:
                    pass

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert set(most) == {1}
        assert len(got) >= 20
        assert lock.holder() == ""


def test_the_holder_is_named_with_user_host_process_and_time(tmp_path: Path) -> None:
    lock = OsLock(tmp_path / "lock")
    with lock.held():
        assert re.fullmatch(WORDS.format(pid=os.getpid()), lock.holder())
        with pytest.raises(Locked, match=f"{re.escape(str(tmp_path / 'lock'))} is locked: "), lock.held():
            pass


def test_looking_creates_nothing(tmp_path: Path) -> None:
    assert OsLock(tmp_path / "a" / "lock").holder() == ""
    assert list(tmp_path.iterdir()) == []


def test_looking_on_never_costs_anybody_the_lock(tmp_path: Path) -> None:
    lock, stop = OsLock(tmp_path / "lock"), threading.Event()

    def look() -> None:
        while not stop.is_set():
            lock.holder()

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(100):
            with lock.held():
                pass
    finally:
        stop.set()
        for looker in lookers:
            looker.join(30)


@posix
def test_a_stopped_holder_keeps_it_and_a_killed_one_loses_it_at_once(tmp_path: Path) -> None:
    lock = OsLock(tmp_path / "lock", "production")
    with another_holder(tmp_path / "lock") as holder:
        holder.send_signal(signal.SIGSTOP)
        with pytest.raises(Locked) as error, lock.held():
            pass
        assert re.fullmatch("production is locked: " + WORDS.format(pid=holder.pid), error.value.message)
        holder.kill()
        holder.wait(30)
        assert lock.holder() == ""  # though its words are still in the file
        with lock.held():
            assert f"pid {os.getpid()}" in lock.holder()


@posix
def test_a_child_that_outlives_the_holder_does_not_keep_it(tmp_path: Path) -> None:
    with another_holder(tmp_path / "lock", "subprocess.Popen(['sleep', '60'], close_fds=False)") as holder:
        assert holder.stdout
        child = int(holder.stdout.readline())
        try:
            holder.kill()
            holder.wait(30)
            os.kill(child, 0)  # it lives
            with OsLock(tmp_path / "lock").held():
                pass
        finally:
            os.kill(child, signal.SIGKILL)


@posix
def test_a_forked_child_does_not_keep_what_its_parent_let_go(tmp_path: Path) -> None:
    lock, (read, write) = OsLock(tmp_path / "lock"), os.pipe()
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom mobius.adapters.locks.os_lock import OsLock\n"
        "with OsLock(Path(sys.argv[1])).held():\n    child = os.fork()\n"
        "    if not child:\n        os.read(int(sys.argv[2]), 1)\n        os._exit(0)\n"
    )
    try:
        subprocess.run(
            [sys.executable, "-c", code, str(lock.path), str(read)], env=env(), pass_fds=[read], timeout=30
        )
        with lock.held():
            pass
    finally:
        os.close(write)
        os.close(read)


@posix
def test_a_lock_file_removed_and_made_again_is_locked_where_it_is(tmp_path: Path) -> None:
    lock = OsLock(tmp_path / "lock")
    with lock.held():
        (tmp_path / "lock").unlink()
        with OsLock(tmp_path / "lock").held(), pytest.raises(Locked), lock.held():
            pass


def test_a_lock_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(MobiusError) as error, OsLock(tmp_path / "a" / "lock").held():
        pass
    assert error.value.message == f"the lock {tmp_path / 'a' / 'lock'} cannot be opened: File exists"
    assert error.value.hint == "check the folder's owner, mode and free space"


@contextmanager
def another_holder(path: Path, child: str = "") -> Iterator[subprocess.Popen[str]]:
    code = (
        "import subprocess, sys, time\nfrom pathlib import Path\nfrom mobius.adapters.locks.os_lock import OsLock\n"
        "with OsLock(Path(sys.argv[1])).held():\n    print('held', flush=True)\n"
        + (f"    print({child}.pid, flush=True)\n" if child else "")
        + "    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], env=env(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(mobius.__path__[0]).parent)}


@pytest.mark.skipif(not hasattr(os, "ftruncate"), reason="the words are written with POSIX calls")
def test_a_full_disk_keeps_out_the_words_and_not_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, words: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    lock = OsLock(tmp_path / "lock", "production")
    with lock.held():
        assert lock.holder() != ""
    assert lock.holder() == ""
