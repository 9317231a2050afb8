"""A tree that is restored stays in its folder, also when the archive is changed after it was judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from archive.by_hand import Piece, publish
from mobius.archive import extract_archive
from mobius.archive.zip_in import Archive, Member
from mobius.archive.zip_in_tree import Tree
from mobius.errors import BackupInvalid

EVIL = ["../evil", "..", "a/../../evil", ".", "a/./b", "/etc/evil", "a//b"]


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    (tmp_path / "root").mkdir()
    made = Tree(tmp_path / "root", trusted=True)
    yield made
    made.close()


@pytest.mark.parametrize("path", EVIL)
def test_no_path_leads_out_whoever_asks(tree: Tree, tmp_path: Path, path: str) -> None:
    tree.make_folder("a")
    with pytest.raises(BackupInvalid, match="it is not safe to extract"):
        tree.create(path)
    with pytest.raises((BackupInvalid, FileExistsError)):
        tree.make_folder(path)
    assert [each.name for each in tmp_path.iterdir()] == ["root"]
    assert [each.name for each in (tmp_path / "root").rglob("*")] == ["a"]


def test_nothing_is_written_through_a_link(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "outside")
    (tmp_path / "root/file").symlink_to(tmp_path / "outside/file")
    with pytest.raises(OSError):
        tree.create("link/evil")
    with pytest.raises(OSError):
        tree.make_folder("link/evil")
    with pytest.raises(FileExistsError):
        tree.create("file")
    assert list((tmp_path / "outside").iterdir()) == []


def test_an_archive_that_changes_under_us_writes_nothing_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "room"
    room.mkdir()
    path = publish(room / "x.zip", [Piece("a", b"x"), Piece.folder("d"), Piece.symlink("l", "a")])
    really = Archive.members

    def changed(self: Archive) -> Iterator[Member]:
        for member in really(self):
            yield member._replace(entry=msgspec.structs.replace(member.entry, path="../" + member.entry.path))

    monkeypatch.setattr(Archive, "members", changed)
    with pytest.raises(BackupInvalid, match="it is not safe to extract"):
        extract_archive(path, room / "out")
    assert {each.name for each in tmp_path.iterdir()} == {"room"}
    assert {each.name for each in room.iterdir()} == {"x.zip", "x.zip.sha256"}


def test_every_open_folder_and_file_is_closed(tmp_path: Path) -> None:
    pieces = [Piece.folder("d"), *(Piece(f"d/{number}/deep/{number}", b"x") for number in range(50))]
    path = publish(tmp_path / "x.zip", pieces)
    before = len(list(Path("/proc/self/fd").iterdir()))
    extract_archive(path, tmp_path / "out")
    (tmp_path / "x.zip.sha256").write_text("0" * 64 + "  x.zip\n")
    with pytest.raises(BackupInvalid):
        extract_archive(path, tmp_path / "again")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
