"""Data comes back where it lies: beside itself, behind a link, inside of a mount; on a full disk not at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from adapters.backups.yard import Yard
from mobius.adapters.backups.exchanging import exchange_of, half_done, is_mount, replaced_of
from mobius.adapters.backups.mounts import look_at_mounts
from mobius.archive.swap_inside import swap_inside
from mobius.errors import MobiusError
from mobius.model.loss import LostRow, PathChange
from mobius.ports import NotAllTold, nothing

needs_root = pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="mounting needs root")


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


@contextmanager
def mounted(folder: Path, *, size: str = "16m", bind: Path | None = None) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    how = ["--bind", str(bind)] if bind else ["-t", "tmpfs", "-o", f"size={size}", "tmpfs"]
    if subprocess.run(["mount", *how, folder], capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_laid_out_first_and_the_live_data_stays_until_it_is_exchanged(yard: Yard) -> None:
    made = yard.create(release=yard.stage())
    yard.write("later")

    for _ in range(2):
        yard.backups.prepare_data(Path(made.path), key="k", progress=nothing)
        assert yard.read() == "later"
        assert names(yard.data.parent) == [".data.new-k", "data"]

    told = yard.backups.restore_data(Path(made.path), key="k", progress=nothing)
    assert yard.read() == "first"
    kept = yard.data.parent / ".data.before-k"
    assert told["kept"] == {"shared/data": str(kept)}
    assert [key for key, _ in replaced_of(yard.data)] == ["k"]


def test_what_was_replaced_is_listed_and_can_be_let_go(yard: Yard) -> None:
    made = yard.create(release=yard.stage())
    (yard.data / "note.txt").write_text("later")
    yard.backups.restore_data(Path(made.path), key="k", progress=nothing)

    rows = list(yard.backups.lost(Path(made.path), key="k", emergency=Path(made.path), within_s=30))
    assert [(row.change, row.key, row.late) for row in rows] == [
        ("added", {"path": "note.txt"}, False),
        ("added", {"path": "note.txt"}, True),
    ]

    assert yard.backups.let_go("k", before=0) == ("shared/data",)
    assert names(yard.data.parent) == ["data"]
    assert yard.backups.let_go("k", before=0) == ()


def test_what_was_replaced_long_ago_is_let_go_too(yard: Yard) -> None:
    made = yard.create(release=yard.stage())
    for key in ("old", "new"):
        yard.backups.restore_data(Path(made.path), key=key, progress=nothing)
    os.utime(yard.data.parent / ".data.before-old.swap.json", (1, 1))

    assert yard.backups.let_go("", before=1000) == ("shared/data",)
    assert names(yard.data.parent) == [".data.before-new", ".data.before-new.swap.json", "data"]


def test_what_was_laid_out_by_a_run_that_was_given_up_goes_too(yard: Yard) -> None:
    made = yard.create(release=yard.stage())
    yard.backups.prepare_data(Path(made.path), key="k", progress=nothing)
    now = (yard.data.parent / ".data.new-k").stat().st_ctime

    yard.backups.let_go("", before=now - 1)
    assert names(yard.data.parent) == [".data.new-k", "data"]
    yard.backups.let_go("", before=now + 1)
    assert names(yard.data.parent) == ["data"]


def test_a_restore_that_fails_in_its_second_path_takes_the_first_one_back(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = yard.root / "shared" / "other"
    other.mkdir()
    (other / "value").write_text("first")
    backups = yard.with_paths("shared/data", "shared/other")
    made = backups.create(kind="release", release=None, run_id=1, progress=nothing)
    yard.write("later")
    (other / "value").write_text("later")

    backups.prepare_data(Path(made.path), key="k", progress=nothing)
    (yard.root / "shared" / ".other.before-k").mkdir()  # in the way
    with pytest.raises(MobiusError, match="is in the way"):
        backups.restore_data(Path(made.path), key="k", progress=nothing)

    assert (yard.read(), (other / "value").read_text()) == ("later", "later")
    (yard.root / "shared" / ".other.before-k").rmdir()
    backups.restore_data(Path(made.path), key="k", progress=nothing)
    assert (yard.read(), (other / "value").read_text()) == ("first", "first")


@needs_root
@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_a_mount_point_is_restored_inside_of_it(yard: Yard, tmp_path: Path, kind: str) -> None:
    shutil.rmtree(yard.data)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with mounted(yard.data, bind=elsewhere if kind == "bind" else None):
        assert is_mount(yard.data)
        yard.write("first")
        made = yard.create(release=yard.stage())
        yard.write("later")
        (yard.data / "since.txt").write_text("later")

        yard.backups.restore_data(Path(made.path), key="k", progress=nothing)

        assert yard.read() == "first"
        assert names(yard.data) == [".mobius-before-k", ".mobius-before-k.swap.json", "app.db"]
        assert names(yard.data / ".mobius-before-k") == ["app.db", "since.txt"]
        rows: list[LostRow] = []
        with pytest.raises(NotAllTold, match=r"word in shared/data/app\.db: it has no primary key"):
            rows.extend(yard.backups.lost(Path(made.path), key="k", emergency=None, within_s=30))
        assert [row.key for row in rows] == [{"path": "since.txt"}]
        assert yard.backups.let_go("k", before=0) == ("shared/data",)
        assert names(yard.data) == ["app.db"]


@needs_root
def test_the_next_backup_of_a_mount_does_not_hold_what_was_replaced_there(yard: Yard) -> None:
    shutil.rmtree(yard.data)
    with mounted(yard.data):
        yard.write("first")
        made = yard.create(release=yard.stage())
        yard.backups.restore_data(Path(made.path), key="k", progress=nothing)
        again = yard.create(run_id=2, release=yard.stage())
        listed = subprocess.run(["unzip", "-Z1", again.path], capture_output=True, text=True, check=True)
        assert ".mobius-" not in listed.stdout
        assert yard.backups.compare(Path(again.path), within_s=30).paths[0].added == 0


@needs_root
def test_a_mount_inside_of_the_data_is_refused_before_anything_moves(yard: Yard) -> None:
    with mounted(yard.data / "uploads"):
        made = yard.create(release=yard.stage())
        with pytest.raises(MobiusError) as refused:
            yard.backups.prepare_data(Path(made.path), key="k", progress=nothing)
        assert refused.value.message == (
            f"{yard.data} cannot be restored: {yard.data / 'uploads'} below it is a mount of its own,"
            " and would go with the content that is replaced"
        )
        assert names(yard.data.parent) == ["data"]


@needs_root
@pytest.mark.parametrize("inside", [True, False])
def test_a_disk_that_is_too_full_leaves_everything_as_it_was(yard: Yard, inside: bool) -> None:
    mount = yard.data if inside else yard.data.parent
    shutil.rmtree(yard.root / "shared")
    with mounted(mount, size="8m"):
        yard.data.mkdir(exist_ok=True)
        yard.write("first")
        (yard.data / "large").write_bytes(os.urandom(3_000_000))
        made = yard.create(release=yard.stage())
        yard.write("later")
        (yard.data / "more").write_bytes(os.urandom(4_000_000))
        before = names(mount)

        with pytest.raises(MobiusError, match=r"disk|full|room"):
            yard.backups.restore_data(Path(made.path), key="k", progress=nothing)

        assert yard.read() == "later"
        assert names(mount) == before


@needs_root
def test_mounts_are_said_before_a_deployment(yard: Yard) -> None:
    def said() -> list[tuple[str, str]]:
        checks = look_at_mounts({"shared/data": yard.data})
        return [(str(check.outcome), check.message) for check in checks]

    assert said() == []
    inner = yard.data / "uploads"
    with mounted(inner):
        told = f"shared/data could not be restored: {inner} below it is a mount of its own"
        assert said() == [("FAIL", told)]
    shutil.rmtree(yard.data)
    with mounted(yard.data):
        told = "shared/data is a mount of its own: it is restored inside of it, child by child"
        assert said() == [("PASS", told)]
        assert told in [check.message for check in yard.backups.preflight(None)]


@needs_root
def test_an_exchange_in_a_mount_that_was_cut_is_seen(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(yard.data)
    with mounted(yard.data):
        yard.write("first")
        made = yard.create(release=yard.stage())
        yard.backups.prepare_data(Path(made.path), key="k", progress=nothing)
        change = exchange_of(yard.data, "k")
        with monkeypatch.context() as patch:
            patch.setattr("mobius.archive.swap_inside._forward", _killed)
            with pytest.raises(KeyboardInterrupt):
                swap_inside(change.new, change.live, change.old)
        assert half_done(yard.data) == (yard.data / ".mobius-before-k.swap.json",)
        assert [str(check.outcome) for check in look_at_mounts({"shared/data": yard.data})] == ["FAIL"]
        yard.backups.restore_data(Path(made.path), key="k", progress=nothing)
        assert half_done(yard.data) == ()


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_database_that_is_named_by_itself_is_compared_listed_put_back_and_taken_back(yard: Yard) -> None:
    with closing(sqlite3.connect(yard.data / "app.db")) as db, db:
        db.execute("CREATE TABLE posts (id INTEGER PRIMARY KEY)")
    backups = yard.with_paths("shared/data/app.db")
    made = backups.create(kind="release", release=None, run_id=1, progress=nothing)
    with closing(sqlite3.connect(yard.data / "app.db")) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("INSERT INTO posts VALUES (7)")

    def rows() -> int:
        with closing(sqlite3.connect(yard.data / "app.db")) as db:
            return int(db.execute("SELECT count(*) FROM posts").fetchone()[0])

    found = backups.compare(Path(made.path), within_s=30)
    assert next((t.database, t.table, t.added) for t in found.tables) == ("shared/data/app.db", "posts", 1)
    assert found.paths == (PathChange("shared/data/app.db", 0, 0, 0),)
    backups.restore_data(Path(made.path), key="k", progress=nothing)
    assert rows() == 0
    listed = list(backups.lost(Path(made.path), key="k", emergency=None, within_s=30))
    assert [(row.table, row.key) for row in listed] == [("posts", {"id": 7})]
    backups.take_back_data("k")
    assert rows() == 1
