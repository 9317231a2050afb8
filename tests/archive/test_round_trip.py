"""What was backed up comes back the same: content, modes, owners, times, links, attributes and holes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import pytest

from archive.by_hand import MIB, Piece, publish, sidecar
from archive.hostile import CASES
from mobius.archive import Source, extract_archive, write_archive
from mobius.archive.zip_in_inflate import engine
from mobius.errors import BackupInvalid

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def everything(root: Path) -> dict[str, tuple[object, ...]]:
    """All that a restore must bring back, by path; hard links by the first name of their file."""
    found: dict[str, tuple[object, ...]] = {}
    firsts: dict[int, str] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        seen = path.lstat()
        name = path.relative_to(root).as_posix()
        names = sorted(os.listxattr(path, follow_symlinks=False))
        xattrs = [(each, os.getxattr(path, each, follow_symlinks=False)) for each in names]
        content: object = None
        if stat.S_ISLNK(seen.st_mode):
            content = str(path.readlink())
        elif stat.S_ISREG(seen.st_mode):
            content = path.read_bytes(), firsts.setdefault(seen.st_ino, name)
        found[name] = (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, xattrs, content)
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "deep/er/empty").mkdir(parents=True)
    (root / "deep/er/file").write_text("x" * 1000)
    (root / "big").write_bytes(os.urandom(MIB) + b"y" * (2 * MIB) + b"the end")
    (root / "one chunk").write_bytes(os.urandom(MIB))
    (root / "nothing").touch()
    (root / "secret").write_text("s")
    (root / "secret").chmod(0o400)
    (root / "deep/dangling").symlink_to("../no/where")
    (root / "deep/twin").hardlink_to(root / "big")
    (root / "deep/er/triplet").hardlink_to(root / "big")
    (root / "locked").mkdir()
    (root / "locked/file").write_text("x")
    (root / "locked").chmod(0o511)
    (root / "deep/er").chmod(0o2775)
    for number, path in enumerate(sorted(root.rglob("*"), reverse=True)):
        os.utime(path, ns=(0, 1_600_000_000_000_000_001 + number), follow_symlinks=False)
    return root


def restored(root: Path, *, trusted: bool = True) -> Path:
    project = root.parent
    written = write_archive(project / "b/x.zip", [Source("d", root)], {}, checksum_root=project)
    extracted = extract_archive(written.path, project / "out", trusted=trusted)
    assert extracted.files == written.manifest.files
    assert extracted.size_bytes == written.manifest.size_bytes
    return project / "out/d"


def test_a_tree_is_the_same_afterwards(tree: Path) -> None:
    assert everything(restored(tree)) == everything(tree)


@as_root
def test_owners_come_back_when_root_restores(tree: Path) -> None:
    for number, path in enumerate(sorted(tree.rglob("*"))):
        os.chown(path, 4000 + number, 5000, follow_symlinks=False)
    for number, path in enumerate(sorted(tree.rglob("*"), reverse=True)):
        os.utime(path, ns=(0, 1_600_000_000_000_000_001 + number), follow_symlinks=False)
    assert everything(restored(tree)) == everything(tree)


@as_root
def test_who_is_not_root_is_told_which_owners_were_not_restored() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folder is for one user
        folder = Path(name)
        folder.chmod(0o777)
        pieces = [Piece("a", b"x", uid=4711, gid=4711), Piece("b", b"x", uid=65534, gid=65534)]
        path = publish(folder / "x.zip", pieces)
        code = (
            "import os, sys, concurrent.futures.thread, fcntl\n"
            "from pathlib import Path\n"
            "from mobius.archive import extract_archive\n"
            "from mobius.archive.zip_in_inflate import engine; engine()\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "print(*extract_archive(Path(sys.argv[1]), Path(sys.argv[2])).not_restored)\n"
        )
        command = [sys.executable, "-c", code, str(path), str(folder / "out")]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == "1 times not restored: owner(s): only root may give files to others\n"


def test_attributes_come_back(tree: Path) -> None:
    try:
        os.setxattr(tree / "deep/er/file", "user.note", b"\0\xff words")
        os.setxattr(tree / "deep", "user.folder", b"")
        os.setxattr(tree / "secret", "user.of a read-only file", b"1")
    except OSError as error:
        pytest.skip(f"no extended attributes here: {error}")
    assert everything(restored(tree)) == everything(tree)


@as_root
def test_attributes_that_give_rights_need_trust(tmp_path: Path) -> None:
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/program").write_text("x")
    try:
        os.setxattr(tmp_path / "data/program", "security.capability", capability)
    except OSError as error:
        pytest.skip(f"no capabilities here: {error}")
    written = write_archive(tmp_path / "x.zip", [Source("d", tmp_path / "data")], {}, checksum_root=tmp_path)
    ours = extract_archive(written.path, tmp_path / "ours", trusted=True)
    assert os.listxattr(tmp_path / "ours/d/program") == ["security.capability"]
    assert ours.not_restored == ()
    theirs = extract_archive(written.path, tmp_path / "theirs")
    assert os.listxattr(tmp_path / "theirs/d/program") == []
    assert theirs.not_restored == ("1 times not restored: extended attribute(s) security.*",)


def test_holes_come_back_as_holes(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with (tmp_path / "data/sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(40 * MIB)
        file.write(b"middle")
        file.truncate(64 * MIB)
    (tmp_path / "data/only hole").touch()
    os.truncate(tmp_path / "data/only hole", 3 * MIB)
    if (tmp_path / "data/sparse").stat().st_blocks * 512 > MIB:
        pytest.skip("no holes here")
    back = restored(tmp_path / "data")
    assert everything(back) == everything(tmp_path / "data")
    for name in ("sparse", "only hole"):
        assert (back / name).stat().st_blocks <= (tmp_path / "data" / name).stat().st_blocks + 16


def test_a_wanted_hard_link_brings_its_content_where_the_first_name_is_not_wanted(tree: Path) -> None:
    written = write_archive(tree.parent / "x.zip", [Source("d", tree)], {}, checksum_root=tree.parent)
    extract_archive(written.path, tree.parent / "out", prefixes=["d/deep"], trusted=True)
    out = tree.parent / "out/d/deep"
    assert (out / "twin").read_bytes() == (tree / "big").read_bytes()
    assert (out / "twin").samefile(out / "er/triplet")


def test_without_isal_zlib_reads_the_same(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_archive(tree.parent / "x.zip", [Source("d", tree)], {}, checksum_root=tree.parent)
    monkeypatch.setitem(sys.modules, "isal", None)
    engine.cache_clear()
    try:
        assert engine().error is zlib.error
        extract_archive(written.path, tree.parent / "out", trusted=True)
        for name, expect in (("an end in the middle", "end too early"), ("no tail", "do not end where they should"),
                             ("pointing back into another", "it cannot be unpacked")):  # fmt: skip
            path = tree.parent / "hostile.zip"
            path.write_bytes(CASES[f"chunks: {name}"]())
            sidecar(path)
            with pytest.raises(BackupInvalid, match=expect):
                extract_archive(path, tree.parent / "hostile")
    finally:
        engine.cache_clear()
    assert everything(tree.parent / "out/d") == everything(tree)


def test_set_uid_never_comes_back(tmp_path: Path) -> None:
    path = publish(tmp_path / "x.zip", [Piece("a", b"x", mode=0o4755), Piece.folder("d", mode=0o2775)])
    extract_archive(path, tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out/a").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "out/d").stat().st_mode) == 0o2775


def test_what_is_read_is_what_was_written_by_another_hand(tmp_path: Path) -> None:
    pieces = [
        Piece.folder("d"), Piece("d/a", b"hello"), Piece("d/big", os.urandom(2 * MIB + 1), method=8),
        Piece("d-x", b"stored", method=0), Piece.symlink("d/link", "a"), Piece("top/without/folders", b"x"),
    ]  # fmt: skip
    path = publish(tmp_path / "x.zip", pieces)
    extracted = extract_archive(path, tmp_path / "out")
    for piece in pieces:
        place = tmp_path / "out" / piece.path
        if piece.kind == "file":
            assert place.read_bytes() == piece.content
            assert place.stat().st_mtime_ns == piece.mtime_ns
    assert extracted.manifest.tops == ("d", "d-x", "top/without/folders")
    assert [extracted.manifest.holds(each) for each in ("d", "top", "to", "d/a", "x")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_wrong_archive_hash_leaves_nothing_though_every_chunk_holds(tmp_path: Path) -> None:
    path = publish(tmp_path / "x.zip", [Piece("a", b"x")])
    sidecar = path.with_name("x.zip.sha256")
    sidecar.write_text("0" * 64 + sidecar.read_text()[64:])
    with pytest.raises(BackupInvalid, match="it does not match its SHA-256"):
        extract_archive(path, tmp_path / "out")
    assert {each.name for each in tmp_path.iterdir()} == {"x.zip", "x.zip.sha256"}
