"""Restored content takes the live one's place whole, the old is kept, and a crash anywhere can be repeated away."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mobius.archive import Swapped, SwapState, observe_swap, swap_in
from mobius.archive import swap as swap_module
from mobius.archive.swap import record_of
from mobius.errors import MobiusError


class Killed(BaseException):
    pass


@pytest.fixture(params=["exchange", "two renames"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the kernel exchanges; every promise holds without it too."""
    if request.param == "two renames":
        monkeypatch.setattr(swap_module, "exchange", lambda one, other: False)
    return bool(request.param == "exchange")


@pytest.fixture(params=["folder", "file"])
def three(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path, Path]:
    """The new, the live and the place for the old, as folders or as files."""
    new, live = tmp_path / "new", tmp_path / "live"
    for path in (new, live):
        if request.param == "folder":
            path.mkdir()
            (path / "content").write_text(path.name)
        else:
            path.write_text(path.name)
    return new, live, tmp_path / "old"


def content(path: Path) -> str:
    return (path / "content").read_text() if path.is_dir() else path.read_text()


def test_the_new_is_live_and_the_old_is_kept(three: tuple[Path, Path, Path], both_ways: bool) -> None:
    new, live, old = three
    assert observe_swap(new, live, old) is SwapState.NOT_DONE
    assert swap_in(new, live, old) == Swapped(live, old, atomic=both_ways)
    assert (content(live), content(old), new.exists()) == ("new", "live", False)
    assert observe_swap(new, live, old) is SwapState.DONE


def test_repeating_a_swap_that_is_done_changes_nothing(
    three: tuple[Path, Path, Path], both_ways: bool
) -> None:
    for _ in range(3):
        swap_in(*three)
    assert (content(three[1]), content(three[2])) == ("new", "live")


def test_the_live_one_may_be_absent(tmp_path: Path, both_ways: bool) -> None:
    new, live, old = tmp_path / "new", tmp_path / "live", tmp_path / "old"
    new.write_text("new")
    for _ in range(2):
        assert swap_in(new, live, old).old is None
        assert observe_swap(new, live, old) is SwapState.DONE
    assert (content(live), old.exists()) == ("new", False)


def test_a_swap_is_taken_back_by_swapping_again(three: tuple[Path, Path, Path], both_ways: bool) -> None:
    new, live, old = three
    swap_in(new, live, old)
    swap_in(old, live, live.with_name("failed"))
    assert (content(live), content(live.with_name("failed"))) == ("live", "new")


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("crash_at", range(1, 9))
def test_a_crash_around_each_rename_is_repeated_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, both_ways: bool, crash_at: int, before: bool
) -> None:
    new, live, old = tmp_path / "new", tmp_path / "live", tmp_path / "old"
    for path in (new, live):
        path.write_text(path.name)
        path.with_name(path.name + "-wal").write_text(path.name + "-wal")
    calls = 0

    def crashing(real):  # type: ignore[no-untyped-def]
        def call(*args: object) -> object:
            nonlocal calls
            calls += 1
            if calls == crash_at and before:
                raise Killed
            result = real(*args)
            if calls == crash_at:
                raise Killed
            return result

        return call

    with monkeypatch.context() as patch:
        for name in ("exchange", "rename_exclusively", "_begin"):
            patch.setattr(swap_module, name, crashing(getattr(swap_module, name)))
        patch.setattr(Path, "replace", crashing(Path.replace))
        try:
            swap_in(new, live, old)
            crashed = False
        except Killed:
            crashed = True
    state = observe_swap(new, live, old)
    assert state is not SwapState.UNKNOWN
    if not crashed:
        assert state is SwapState.DONE
    if state is SwapState.DONE:
        assert content(live) == "new"
    swap_in(new, live, old)
    assert observe_swap(new, live, old) is SwapState.DONE
    names = {path.name: path.read_text() for path in tmp_path.iterdir() if not path.name.endswith(".json")}
    assert names == {"live": "new", "live-wal": "new-wal", "old": "live", "old-wal": "live-wal"}


def test_a_stale_write_ahead_log_never_meets_the_restored_database(tmp_path: Path) -> None:
    live, new, old = tmp_path / "live.db", tmp_path / "new.db", tmp_path / "old.db"
    with closing(sqlite3.connect(new)) as db:
        db.execute("CREATE TABLE t (a)")
        db.execute("INSERT INTO t VALUES ('restored')")
        db.commit()
    with closing(sqlite3.connect(live)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (a)")
        db.execute("INSERT INTO t VALUES ('lived on')")
        db.commit()
        # As a killed service leaves it: the commit is in the -wal alone.
        copies = {suffix: Path(f"{live}{suffix}").read_bytes() for suffix in ("", "-wal")}
    for suffix, raw in copies.items():
        Path(f"{live}{suffix}").write_bytes(raw)
    swap_in(new, live, old)
    for path, expected in ((live, "restored"), (old, "lived on")):
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT a FROM t").fetchall() == [(expected,)]


def test_a_live_place_that_somebody_else_changed_is_unknown_and_left_alone(tmp_path: Path) -> None:
    new, live, old = tmp_path / "new", tmp_path / "live", tmp_path / "old"
    new.write_text("new")
    live.write_text("live")
    kept = live.stat()
    record_of(old).write_text(json.dumps({"new": [1, 1], "old": [kept.st_dev, kept.st_ino]}))
    assert observe_swap(new, live, old) is SwapState.UNKNOWN
    stranger = tmp_path / "stranger"
    stranger.write_text("stranger")
    seen = new.stat()
    record_of(old).write_text(
        json.dumps({"new": [seen.st_dev, seen.st_ino], "old": [kept.st_dev, kept.st_ino]})
    )
    os.link(live, tmp_path / "keeps the inode")
    stranger.replace(live)
    assert observe_swap(new, live, old) is SwapState.UNKNOWN
    with pytest.raises(MobiusError, match="somebody else replaced it"):
        swap_in(new, live, old)
    assert (content(live), content(new)) == ("stranger", "new")


def test_a_file_that_the_service_replaced_after_the_swap_still_counts_as_done(tmp_path: Path) -> None:
    new, live, old = tmp_path / "new", tmp_path / "live", tmp_path / "old"
    new.write_text("new")
    live.write_text("live")
    swap_in(new, live, old)
    written = tmp_path / "written by the service"
    written.write_text("newer")
    written.replace(live)
    assert observe_swap(new, live, old) is SwapState.DONE


def test_nothing_that_was_never_begun_is_called_done(tmp_path: Path) -> None:
    new, live, old = tmp_path / "new", tmp_path / "live", tmp_path / "old"
    assert observe_swap(new, live, old) is SwapState.UNKNOWN
    live.write_text("live")
    assert observe_swap(new, live, old) is SwapState.UNKNOWN


def test_what_is_missing_or_in_the_way_is_named_and_nothing_changes(tmp_path: Path) -> None:
    new, live, old = tmp_path / "new", tmp_path / "live", tmp_path / "old"
    live.write_text("live")
    with pytest.raises(MobiusError, match="new does not exist"):
        swap_in(new, live, old)
    new.write_text("new")
    old.write_text("in the way")
    with pytest.raises(MobiusError, match="old is in the way"):
        swap_in(new, live, old)
    assert [content(path) for path in (new, live, old)] == ["new", "live", "in the way"]
    assert not record_of(old).exists()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second filesystem at /dev/shm")
def test_another_filesystem_is_refused_before_anything_moves(tmp_path: Path) -> None:
    new = Path("/dev/shm") / f"mobius-test-{os.getpid()}"
    live = tmp_path / "live"
    if Path("/dev/shm").stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("/dev/shm is the same filesystem here")
    new.write_text("new")
    try:
        live.write_text("live")
        with pytest.raises(MobiusError, match="are not on one filesystem"):
            swap_in(new, live, tmp_path / "old")
        assert content(live) == "live"
    finally:
        new.unlink()
