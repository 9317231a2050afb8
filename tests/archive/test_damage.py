"""Damage is named by file and byte offset, and what is whole is listed and can be restored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archive.by_hand import MIB, Piece, build, sidecar
from mobius.archive.damage import survey
from mobius.archive.ranged import restore_only
from mobius.errors import BackupInvalid, MobiusError, UsageError

BIG = os.urandom(MIB) + b"second chunk " * 70_000
PIECES = [
    Piece.folder("d"),
    Piece("d/a", b"hello " * 200),
    Piece("d/big", BIG),
    Piece("d/stored", b"as it is", method=0),
    Piece.symlink("d/link", "a"),
    Piece("e", b"outside"),
    Piece("f", b"outside", more={"link": "e"}),
]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "x.zip"
    path.write_bytes(build(PIECES))
    sidecar(path)
    return path


def spoil(path: Path, place: int, raw: bytes | None = None) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        now = raw or bytes(each ^ 0xFF for each in file.read(4))
        file.seek(place)
        file.write(now)


def whole_of(path: Path) -> set[str]:
    found: set[str] = set()
    survey(path, on_whole=found.add)
    return found


ALL = {piece.path for piece in PIECES}


def test_nothing_is_damaged_in_a_whole_archive(archive: Path) -> None:
    found = survey(archive)
    assert (found.damaged, found.whole, found.lost, found.by_hash) == ((), 7, 0, True)
    assert whole_of(archive) == ALL


def test_a_damaged_chunk_is_named_by_its_bytes_in_the_file_and_in_the_archive(archive: Path) -> None:
    raw = archive.read_bytes()
    chunk = raw.index(BIG[500_000:500_100])
    spoil(archive, chunk)
    found = survey(archive)
    assert [(each.path, each.at, each.size_bytes) for each in found.damaged] == [("d/big", 0, MIB)]
    damage = found.damaged[0]
    assert damage.archive_at <= chunk < damage.archive_at + damage.archive_bytes
    assert str(damage) == (
        f"d/big: bytes 0 to {MIB} (bytes {damage.archive_at} to {damage.archive_at + damage.archive_bytes} "
        "of the archive): it does not match its SHA-256"
    )
    assert (found.whole, found.lost) == (6, 1)
    assert whole_of(archive) == ALL - {"d/big"}


def test_both_chunks_of_one_file_are_one_lost_file(archive: Path) -> None:
    first = survey_of_one(archive, BIG[:100])
    second = archive.read_bytes().index(b"PK\x07\x08") - 20
    spoil(archive, first)
    spoil(archive, second)
    found = survey(archive)
    assert [(each.path, each.at) for each in found.damaged] == [("d/big", 0), ("d/big", MIB)]
    assert (found.whole, found.lost) == (6, 1)


def survey_of_one(archive: Path, content: bytes) -> int:
    return archive.read_bytes().index(content)


def test_a_damaged_directory_hides_nothing(archive: Path) -> None:
    spoil(archive, archive.read_bytes().rindex(b"PK\x01\x02"))
    found = survey(archive)
    assert whole_of(archive) == ALL
    assert found.by_hash and found.lost == 0
    assert found.damaged and found.damaged[0].path == ""


def test_a_lost_end_hides_nothing(archive: Path) -> None:
    raw = archive.read_bytes()
    archive.write_bytes(raw[: raw.rindex(b"PK\x01\x02")])
    assert whole_of(archive) == ALL
    assert survey(archive).by_hash


def test_of_a_truncated_archive_what_came_before_the_cut_is_whole_by_its_crc(archive: Path) -> None:
    raw = archive.read_bytes()
    archive.write_bytes(raw[: raw.index(b"as it is") + 3])
    found = survey(archive)
    assert not found.by_hash
    assert whole_of(archive) == {"d", "d/a", "d/big", "d/link"}
    assert [each.path for each in found.damaged if each.path] == ["d/stored"]


def test_a_damaged_manifest_leaves_what_crc_can_vouch_for(archive: Path) -> None:
    raw = archive.read_bytes()
    spoil(archive, raw.rindex(b"MANIFEST.jsonl", 0, raw.index(b"PK\x01\x02")) + 80)
    found = survey(archive)
    assert not found.by_hash
    assert whole_of(archive) == ALL


def test_noise_is_no_backup_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(os.urandom(100_000))
    found = survey(tmp_path / "x.zip")
    assert (found.whole, found.lost) == (0, 0)
    assert found.damaged
    with pytest.raises(BackupInvalid, match="does not exist"):
        survey(tmp_path / "none.zip")


# -- restoring what is whole -----------------------------------------------------------------------------------------


def test_one_file_comes_out_of_an_archive_whose_others_are_damaged(archive: Path, tmp_path: Path) -> None:
    spoil(archive, survey_of_one(archive, BIG[:100]))
    done = restore_only(archive, ["d/a"], tmp_path / "out")
    assert (tmp_path / "out/d/a").read_bytes() == b"hello " * 200
    assert (tmp_path / "out/d/a").stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert done.places == (tmp_path / "out/d/a",)
    assert done.notes == ("the rest of the archive was not read: mobius backup verify FILE proves all of it",)
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"d"}


def test_a_damaged_file_is_not_restored_and_nothing_is_left(archive: Path, tmp_path: Path) -> None:
    spoil(archive, survey_of_one(archive, BIG[:100]))
    with pytest.raises(BackupInvalid) as caught:
        restore_only(archive, ["d"], tmp_path / "out")
    assert caught.value.message == "backup x.zip cannot be used: d/big does not match its SHA-256"
    assert caught.value.details[2].startswith(f"bytes    0 to {MIB} of the file, ")
    assert caught.value.hint == "see what is whole: mobius backup verify FILE"
    assert not (tmp_path / "out").exists()


def test_a_file_comes_out_though_the_directory_is_lost(archive: Path, tmp_path: Path) -> None:
    raw = archive.read_bytes()
    archive.write_bytes(raw[:-30])
    done = restore_only(archive, ["d/big"], tmp_path / "out")
    assert (tmp_path / "out/d/big").read_bytes() == BIG
    assert done.notes[0].startswith("the archive is damaged (it is truncated")


def test_only_the_wanted_bytes_and_the_manifest_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(
        build([Piece("a", b"wanted"), Piece("b", os.urandom(20 * MIB)), Piece("c", os.urandom(2 * MIB))])
    )
    read = 0
    really = os.pread

    def counted(fd: int, size: int, offset: int) -> bytes:
        nonlocal read
        found = really(fd, size, offset)
        read += len(found)
        return found

    monkeypatch.setattr(os, "pread", counted)
    restore_only(path, ["a"], tmp_path / "out")
    assert (tmp_path / "out/a").read_bytes() == b"wanted"
    assert read < 400_000
    read = 0
    restore_only(path, ["c"], tmp_path / "out")
    assert 2 * MIB < read < 2 * MIB + 400_000


def test_folders_links_and_further_names_come_with_their_folder(archive: Path, tmp_path: Path) -> None:
    done = restore_only(archive, ["d/", "d/a", "f"], tmp_path / "out")
    assert done.places == (tmp_path / "out/d", tmp_path / "out/f")
    assert (tmp_path / "out/d/link").readlink() == Path("a")
    assert (tmp_path / "out/f").read_bytes() == b"outside"
    assert (done.files, done.paths) == (4, 6)


def test_nothing_is_overwritten(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "out/d").mkdir(parents=True)
    (tmp_path / "out/d/mine").write_text("mine")
    with pytest.raises(MobiusError) as caught:
        restore_only(archive, ["d"], tmp_path / "out")
    assert caught.value.message == f"{tmp_path}/out/d exists already"
    assert (tmp_path / "out/d/mine").read_text() == "mine"
    done = restore_only(archive, ["d"], tmp_path / "out", force=True)
    assert (tmp_path / "out/d/a").exists() and not (tmp_path / "out/d/mine").exists()
    assert len(done.kept) == 1 and (done.kept[0] / "mine").read_text() == "mine"
    assert done.kept[0].name.startswith("d.before_")


def test_a_dry_run_writes_nothing(archive: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = restore_only(archive, ["d"], tmp_path / "out", dry_run=True)
    assert (done.files, done.paths) == (3, 5)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_the_archive_does_not_hold_is_a_mistake_of_the_call(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the backup holds nothing below 'd/none'") as caught:
        restore_only(archive, ["d/none"], tmp_path / "out")
    assert caught.value.hint == "it holds: d, e, f"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("evil", [
    [Piece("../evil", b"x")], [Piece("/etc/evil", b"x")], [Piece.symlink("a", "/etc"), Piece("a/evil", b"x")],
    [Piece.symlink("a", "/etc/passwd")], [Piece("C:evil", b"x")], [Piece("README", b"x"), Piece("Readme", b"x")],
])  # fmt: skip
def test_hostile_paths_are_refused_here_too(evil: list[Piece], tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "x.zip").write_bytes(build(evil))
    with pytest.raises(BackupInvalid, match="it is not safe to extract"):
        restore_only(room / "x.zip", [piece.path for piece in evil], room / "out")
    assert {each.name for each in room.iterdir()} == {"x.zip"}
    assert {each.name for each in tmp_path.iterdir()} == {"room"}
