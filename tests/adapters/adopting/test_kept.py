"""Files of others, kept and given back: content, mode, owner and time, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from mobius.adapters.adopting.kept import Kept
from mobius.errors import MobiusError
from mobius.model.adoption import Adoption, FileChange

MTIME_NS = 1_580_608_922_123_456_789


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "site.conf"
    made.write_bytes(b"old \xff\r\n")
    made.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(made, 12, 34)
    os.utime(made, ns=(MTIME_NS, MTIME_NS))
    with contextlib.suppress(OSError):
        os.setxattr(made, "user.mark", b"x")
    return made


def adoption(root: Path, *changes: FileChange) -> Adoption:
    words = ["s", "production", "app.service", "enabled"]
    return Adoption(
        *words, 3000, "web", "adopted-1", "v1", "/srv/app", str(root), "http://x", "/h", "nginx",  # type: ignore[arg-type]
        "nginx.service", "/etc/nginx.conf", "www-data", changes, (),
    )  # fmt: skip


def facts(path: Path) -> tuple[object, ...]:
    found = path.stat()
    marks = {}
    with contextlib.suppress(OSError):
        marks = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return path.read_bytes(), found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, marks


def test_a_file_comes_back_as_it_was(file: Path, tmp_path: Path) -> None:
    before, kept = facts(file), Kept(tmp_path / "root")
    change = FileChange(str(file), b"old \xff\r\n", b"new\n")
    record = kept.begin(adoption(tmp_path / "root", change), {}, 1.0)
    kept.put(change)
    assert file.read_bytes() == b"new\n"
    assert facts(file)[1:4] == before[1:4], "it keeps its mode and owner meanwhile"
    again = Kept(tmp_path / "root").record()
    assert again == record
    kept.restore(again.files[0])
    assert facts(file) == before
    kept.restore(again.files[0])
    assert facts(file) == before
    kept.end()
    assert kept.record() is None and not (tmp_path / "root" / "adopted").exists()


def test_what_was_not_there_is_gone_again(tmp_path: Path) -> None:
    kept, path = Kept(tmp_path / "root"), tmp_path / "new" / "x.env"
    change = FileChange(str(path), None, b"SECRET=1\n")
    record = kept.begin(adoption(tmp_path / "root", change), {}, 1.0)
    kept.put(change)
    assert path.stat().st_mode & 0o777 == 0o600
    kept.restore(record.files[0])
    assert not path.exists()
    kept.restore(record.files[0])


def test_the_record_and_the_copies_are_for_their_owner_alone(file: Path, tmp_path: Path) -> None:
    change = FileChange(str(file), b"old \xff\r\n", b"new\n")
    Kept(tmp_path / "root").begin(adoption(tmp_path / "root", change), {}, 1.0)
    folder = tmp_path / "root" / "adopted"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_copy_that_was_changed_is_not_put_back(file: Path, tmp_path: Path) -> None:
    kept = Kept(tmp_path / "root")
    change = FileChange(str(file), b"old \xff\r\n", b"new\n")
    record = kept.begin(adoption(tmp_path / "root", change), {}, 1.0)
    kept.put(change)
    (tmp_path / "root" / "adopted" / "1-site.conf").write_bytes(b"evil\n")
    with pytest.raises(MobiusError, match=r"its copy .* was changed"):
        kept.restore(record.files[0])
    assert file.read_bytes() == b"new\n"


def test_a_link_in_the_way_of_the_new_file_is_not_followed(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"mine")
    (tmp_path / ".site.conf.mobius-new").symlink_to(target)
    kept = Kept(tmp_path / "root")
    change = FileChange(str(file), b"old \xff\r\n", b"new\n")
    kept.begin(adoption(tmp_path / "root", change), {}, 1.0)
    kept.put(change)
    assert (target.read_bytes(), file.read_bytes(), file.is_symlink()) == (b"mine", b"new\n", False)


def test_a_full_folder_is_said_and_nothing_is_changed(file: Path, tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file where the folder should be")
    with pytest.raises(MobiusError, match="the files could not be kept"):
        Kept(tmp_path / "root").begin(
            adoption(tmp_path / "root", FileChange(str(file), b"old \xff\r\n", b"new\n")), {}, 1.0
        )
    assert file.read_bytes() == b"old \xff\r\n"
