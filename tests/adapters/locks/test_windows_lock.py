"""The lock of an environment as it is made on Windows, over a kernel32 of our own that keeps to what is documented."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from mobius.adapters.locks import os_lock
from mobius.adapters.locks.os_lock import OsLock
from mobius.errors import Locked
from mobius.host import file_lock_windows as windows

EXCLUSIVE_AT_ONCE, SHARED_AT_ONCE = 3, 1


def _pretend() -> ModuleType:
    place = Path(__file__).parents[2] / "windows" / "pretend.py"
    spec = importlib.util.spec_from_file_location("pretend_windows", place)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def kernel32(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    made = _pretend().Kernel32()
    monkeypatch.setattr(windows, "_kernel32", lambda: made)
    monkeypatch.setattr(windows, "_handle_of", lambda file: file)
    monkeypatch.setattr(windows, "_last_error", lambda: made.error)
    monkeypatch.setattr(os_lock, "lock", windows.lock)
    monkeypatch.setattr(os_lock, "unlock", windows.unlock)
    yield made
    assert all(not holders for holders in made.held.values()), "a lock was left behind"


def test_the_second_is_refused_with_the_words_of_the_first(kernel32: object, tmp_path: Path) -> None:
    lock = OsLock(tmp_path / "lock", "production")
    assert lock.holder() == ""
    with lock.held():
        assert f"(pid {os.getpid()})" in lock.holder()
        with pytest.raises(Locked) as refused, lock.held():
            pytest.fail("two holders")
        assert refused.value.message == f"production is locked: {lock.holder()}"
    assert lock.holder() == ""
    with lock.held():
        pass


def test_one_byte_far_behind_the_words_is_locked_at_once_or_not_at_all(
    kernel32: object, tmp_path: Path
) -> None:
    with OsLock(tmp_path / "lock").held():
        pass
    flags, size, offset = kernel32.asked[0]  # type: ignore[attr-defined]
    assert (flags, size) == (EXCLUSIVE_AT_ONCE, 1)
    assert offset > 1 << 60, "whoever is locked out must be able to read the words"


def test_those_who_only_look_share_it(kernel32: object, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    one, other, third = (os.open(path, os.O_RDWR) for _ in range(3))
    try:
        assert windows.lock(one, shared=True)
        assert windows.lock(other, shared=True)
        assert not windows.lock(third, shared=False)
        windows.unlock(one)
        windows.unlock(other)
        windows.unlock(other)  # not locked: a success
        assert windows.lock(third, shared=False)
        assert not windows.lock(one, shared=True)
        windows.unlock(third)
        assert kernel32.asked[0][0] == SHARED_AT_ONCE  # type: ignore[attr-defined]
    finally:
        for file in (one, other, third):
            os.close(file)


def test_a_file_system_that_cannot_lock_is_no_lock_that_is_taken(
    kernel32: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel32, "LockFileEx", lambda *_: 0)
    monkeypatch.setattr(windows, "_last_error", lambda: 50)  # ERROR_NOT_SUPPORTED
    with pytest.raises(OSError, match="LockFileEx failed with error 50"):
        windows.lock(0, shared=False)


def test_the_place_of_the_lock_is_laid_out_as_windows_has_it() -> None:
    """OVERLAPPED of 64 bits: two pointers, two double words, a handle."""
    at = windows.Overlapped
    if sys.maxsize > 1 << 32:
        assert (at.Offset.offset, at.OffsetHigh.offset, at.hEvent.offset) == (16, 20, 24)
    assert at.Offset.size == at.OffsetHigh.size == 4
