"""A swap can be taken back; killed at any point, either of the two finishes it: old or new, whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from mobius.archive import swap as module
from mobius.archive.swap import swap_back, swap_in
from mobius.errors import MobiusError

MOMENTS = 30


def laid_out(folder: Path, *, of_files: bool) -> tuple[Path, Path, Path]:
    new, live = folder / "new", folder / "live"
    for path in (new, live):
        place = path if of_files else path / "content"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(path.name)
        if of_files and path is live:
            Path(f"{path}-wal").write_text("wal of live")
    return new, live, folder / "old"


def content(path: Path) -> str:
    return (path / "content").read_text() if path.is_dir() else path.read_text()


@pytest.mark.parametrize("of_files", [True, False])
def test_what_was_live_is_live_again_and_can_be_replaced_again(tmp_path: Path, of_files: bool) -> None:
    three = laid_out(tmp_path, of_files=of_files)
    for _ in range(2):
        swap_in(*three)
        assert (content(three[1]), content(three[2])) == ("new", "live")
        for _ in range(2):
            swap_back(*three)
            assert (content(three[1]), content(three[0])) == ("live", "new")
            assert Path(f"{three[1]}-wal").exists() == of_files
        assert sorted(path.name for path in tmp_path.iterdir()) == (
            ["live", "live-wal", "new"] if of_files else ["live", "new"]
        )


def test_content_that_was_not_there_before_is_gone_again(tmp_path: Path) -> None:
    three = laid_out(tmp_path, of_files=True)
    Path(f"{three[1]}-wal").unlink()
    three[1].unlink()
    swap_in(*three)
    swap_back(*three)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]


def test_what_somebody_else_put_there_since_is_not_taken_away(tmp_path: Path) -> None:
    three = laid_out(tmp_path, of_files=False)
    swap_in(*three)
    three[1].rename(tmp_path / "elsewhere")
    three[1].mkdir()
    with pytest.raises(MobiusError, match="was replaced by somebody else since"):
        swap_back(*three)


def killed_at(number: int, act: Callable[[], None]) -> bool:
    """Whether a child that does this was killed before its n-th change of the file system."""
    child = os.fork()
    if not child:
        seen = 0

        def struck(change: Callable[..., object]) -> Callable[..., object]:
            def call(*args: object) -> object:
                nonlocal seen
                seen += 1
                if seen == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return change(*args)

            return call

        try:
            for name in ("exchange", "rename_exclusively", "sync_folder", "_move_companions"):
                setattr(module, name, struck(getattr(module, name)))
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("of_files", [True, False])
@pytest.mark.parametrize("finish", [swap_in, swap_back])
@pytest.mark.parametrize("begun", [swap_in, swap_back])
def test_kill_9_at_any_point_leaves_what_either_of_the_two_finishes(
    tmp_path: Path,
    of_files: bool,
    begun: Callable[[Path, Path, Path], object],
    finish: Callable[[Path, Path, Path], object],
) -> None:
    for number in range(1, MOMENTS):
        three = laid_out(tmp_path / str(number), of_files=of_files)
        if begun is swap_back:
            swap_in(*three)
        was_killed = killed_at(number, lambda t=three: begun(*t))  # type: ignore[misc]
        assert not three[1].exists() or content(three[1]) in ("new", "live")
        finish(*three)
        assert content(three[1]) == ("new" if finish is swap_in else "live"), number
        if not was_killed:
            assert number > 4
            return
    raise AssertionError("it never ended")
