"""What is in a folder that cannot be renamed changes places child by child: wholly, or a repetition finishes it."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from mobius.archive import swap_inside as module
from mobius.archive.swap import SwapState
from mobius.archive.swap_inside import observe_inside, swap_back_inside, swap_inside, unfinished
from mobius.errors import MobiusError

Three = tuple[Path, Path, Path]
OLD = {"app.db": "old", "app.db-wal": "old wal", "same": "old", "only-old": "old", "folder/file": "old"}
NEW = {"app.db": "new", "same": "new", "only-new": "new", "folder/file": "new", "folder/more": "new"}


@pytest.fixture
def three(tmp_path: Path) -> Three:
    """The restored content, the folder, and the place for what it had."""
    live = tmp_path / "live"
    new = live / ".mobius-new-k"
    for folder, files in ((live, OLD), (new, NEW)):
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    (live / "lost+found").mkdir()
    return new, live, live / ".mobius-before-k"


def content(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    named = {str(path.relative_to(folder)): path.read_text() for path in files}
    return {name: text for name, text in named.items() if not name.startswith(".mobius-")}


def test_the_new_is_there_and_the_old_is_kept(three: Three) -> None:
    new, live, old = three
    assert observe_inside(new, old) is SwapState.NOT_DONE

    swap_inside(*three)

    assert (content(live), content(old), new.exists()) == (NEW, OLD, False)
    assert (live / "lost+found").is_dir()
    assert observe_inside(new, old) is SwapState.DONE
    swap_inside(*three)
    assert content(live) == NEW


def test_it_can_be_taken_back(three: Three) -> None:
    new, live, old = three
    swap_inside(*three)

    for _ in range(2):
        swap_back_inside(*three)
        assert (content(live), content(new), old.exists()) == (OLD, NEW, False)
    swap_inside(*three)
    assert content(live) == NEW


def test_where_the_kernel_cannot_exchange_two_renames_do(
    three: Three, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "exchange", lambda one, other: False)
    swap_inside(*three)
    assert (content(three[1]), content(three[2])) == (NEW, OLD)


def strikes(monkeypatch: pytest.MonkeyPatch, at: int, strike: Callable[[], None]) -> list[str]:
    """Calls `strike` before the n-th change of the file system; every change is listed."""
    seen: list[str] = []

    def wrapped(name: str, change: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            seen.append(name)
            if len(seen) == at:
                strike()
            return change(*args)

        return call

    for name in ("exchange", "rename_exclusively", "_write", "sync_folder"):
        monkeypatch.setattr(module, name, wrapped(name, getattr(module, name)))
    return seen


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_at(number: int, act: Callable[[], None]) -> bool:
    """Whether a child that does this was killed before its n-th change."""
    child = os.fork()
    if not child:
        try:
            with pytest.MonkeyPatch.context() as patch:
                strikes(patch, number, kill)
                act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_kill_9_before_any_change_leaves_what_a_repetition_finishes_or_takes_back(tmp_path: Path) -> None:
    moments = 0
    for number in range(1, 100):
        for finish in (swap_inside, swap_back_inside):
            live = tmp_path / f"{number}-{finish.__name__}"
            new, old = live / ".mobius-new-k", live / ".mobius-before-k"
            for folder, files in ((live, OLD), (new, NEW)):
                for name, text in files.items():
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_text(text)
            was_killed = killed_at(number, lambda n=new, lv=live, o=old: swap_inside(n, lv, o))  # type: ignore[misc]
            if not was_killed:
                assert moments > 20
                return
            moments += 1
            begun = (live / ".mobius-before-k.swap.json").exists()
            assert begun or content(live) == OLD, "nothing moves before it is written down"
            if content(live) not in (OLD, NEW):
                assert unfinished(live), "whoever wants to start on this is told"
            finish(new, live, old)
            assert content(live) == (NEW if finish is swap_inside else OLD)
            assert content(new if finish is swap_back_inside else old) in (NEW, OLD)
            assert not unfinished(live)


@pytest.mark.parametrize("number", range(3, 12))
def test_a_rename_that_fails_takes_back_those_before_it(
    three: Three, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        seen = strikes(patch, number, fail)
        if seen and len(seen) < number:
            pytest.skip("it has fewer changes")
        with pytest.raises(MobiusError, match="could not be replaced: "):
            swap_inside(*three)
    assert content(three[1]) == OLD
    assert content(three[0]) == NEW
    swap_inside(*three)
    assert content(three[1]) == NEW


def test_a_name_that_is_not_utf_8_moves_too(three: Three) -> None:
    new, live, old = three
    strange = os.fsdecode(b"caf\xe9")
    (new / strange).write_text("new")
    (live / strange).write_text("old")
    swap_inside(*three)
    assert ((live / strange).read_text(), (old / strange).read_text()) == ("new", "old")


def test_only_names_of_ours_in_the_folder_itself_are_taken(three: Three, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(MobiusError, match="are not names of ours"):
        swap_inside(elsewhere, three[1], three[2])
    assert content(three[1]) == OLD
