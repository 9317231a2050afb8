"""A backup comes out as it went in, whole or not at all, and never outside of its folder."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mobius.archive import Source, Written, extract_archive, sidecar_of, write_archive
from mobius.archive import extract as extract_module
from mobius.errors import BackupInvalid, MobiusError, UsageError

Backup = Callable[..., Written]


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything that a restore must bring back, by relative path."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        seen = path.lstat()
        name = path.relative_to(root).as_posix()
        if stat.S_ISLNK(seen.st_mode):
            found[name] = ("link", str(path.readlink()), seen.st_mtime_ns)
        elif stat.S_ISDIR(seen.st_mode):
            found[name] = ("directory", stat.S_IMODE(seen.st_mode), seen.st_mtime_ns)
        else:
            found[name] = ("file", path.read_bytes(), stat.S_IMODE(seen.st_mode), seen.st_mtime_ns)
    return found


def test_a_tree_comes_back_byte_for_byte_with_modes_times_and_links(backup: Backup, project: Path) -> None:
    (project / "release" / "src").chmod(0o2750)
    (project / "release" / "locked").mkdir()
    (project / "release" / "locked" / "file").write_text("x")
    (project / "release" / "locked").chmod(0o555)
    extracted = extract_archive(backup().path, project / "out")
    assert tree(project / "out" / "release") == tree(project / "release")
    assert extracted.path == project / "out"
    assert extracted.size_bytes == sum(entry.size_bytes for entry in extracted.entries)
    assert not list(project.glob(".out*"))


def test_a_database_comes_back_with_its_rows(backup: Backup, project: Path) -> None:
    extract_archive(backup().path, project / "out")
    with closing(sqlite3.connect(project / "out/data/app.db")) as db:
        assert db.execute("SELECT count(*) FROM note").fetchone() == (100,)


def test_only_the_named_prefixes_are_extracted(backup: Backup, project: Path) -> None:
    extracted = extract_archive(backup().path, project / "out", prefixes=["data"])
    assert {path.name for path in (project / "out").iterdir()} == {"data"}
    assert {entry.path for entry in extracted.entries} == {"data", "data/.env", "data/app.db"}


def test_an_unknown_prefix_is_refused_with_those_there_are(backup: Backup, project: Path) -> None:
    with pytest.raises(UsageError, match="holds nothing below 'dat'") as caught:
        extract_archive(backup().path, project / "out", prefixes=["dat"])
    assert caught.value.hint == "it holds: data, release"


def test_nothing_is_extracted_onto_what_exists(backup: Backup, project: Path) -> None:
    (project / "out").mkdir()
    with pytest.raises(MobiusError, match="out exists already"):
        extract_archive(backup().path, project / "out")
    assert list((project / "out").iterdir()) == []


def test_a_damaged_backup_is_not_extracted(backup: Backup, project: Path) -> None:
    written = backup()
    raw = bytearray(written.path.read_bytes())
    raw[-1] ^= 1
    written.path.write_bytes(raw)
    with pytest.raises(BackupInvalid):
        extract_archive(written.path, project / "out")
    assert not (project / "out").exists()


def test_a_failure_in_the_middle_leaves_nothing(
    backup: Backup, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    written = backup()
    before = sorted(project.iterdir())
    monkeypatch.setattr(extract_module, "_write_links", fail)
    with pytest.raises(MobiusError, match=r"could not be extracted to .*: the disk below"):
        extract_archive(written.path, project / "out")
    assert sorted(project.iterdir()) == before


def test_too_little_disk_is_said_before_anything_is_written(
    backup: Backup, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = backup()

    def refuse(folder: Path, needed_bytes: int, purpose: str) -> None:
        assert needed_bytes > written.manifest.size_bytes
        raise MobiusError(f"not enough disk for {purpose}")

    monkeypatch.setattr(extract_module, "require_free_disk", refuse)
    with pytest.raises(MobiusError, match="not enough disk for extracting dhash"):
        extract_archive(written.path, project / "out")
    assert not list(project.glob("*out*"))


def test_what_a_dead_extraction_left_is_removed_by_the_next(backup: Backup, project: Path) -> None:
    left = project / ".out.dead.staging" / "release"
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    extract_archive(backup().path, project / "out")
    assert not list(project.glob(".*"))


def test_a_backup_of_a_virtual_environment_needs_trust(backup: Backup, project: Path) -> None:
    (project / "release" / "python").symlink_to("/usr/bin/python3")
    written = backup()
    with pytest.raises(BackupInvalid, match="leads out of the destination") as caught:
        extract_archive(written.path, project / "out")
    assert caught.value.hint == "if you know that this backup is your own, extract it as trusted"
    extract_archive(written.path, project / "out", trusted=True)
    assert (project / "out/release/python").readlink() == Path("/usr/bin/python3")


# Hostile archives: made by hand, with a manifest and a sidecar that fit, so that only the content is wrong.

Member = tuple[str, str, bytes]  # kind, path, content or link target


def hostile(folder: Path, members: Sequence[Member], **lies: int) -> Path:
    """An archive with these members; `lies` are sizes for the manifest, by position as `m0=...`."""
    path = folder / "x.zip"
    lines = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (kind, name, content) in enumerate(members):
            info = zipfile.ZipInfo(name + "/" if kind == "directory" else name)
            info.create_system = 3
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)
            line = {"path": name, "kind": kind, "size": lies.get(f"m{number}", len(content)), "mode": "0755"}
            line |= {
                "sha256": "" if kind == "directory" else hashlib.sha256(content).hexdigest(),
                "mtime_ns": 0,
            }
            if kind == "symlink":
                line["target"] = content.decode("utf-8", "surrogatepass")
            lines.append(json.dumps(line))
        archive.writestr("backup_metadata.json", '{"archive": {"format": 1, "published_as": "x.zip"}}')
        archive.writestr("MANIFEST.jsonl", "\n".join(lines))
    sign(path)
    return path


def sign(path: Path) -> None:
    sidecar_of(path).write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  x.zip\n")


def test_the_hand_made_archive_is_fine_when_nothing_is_wrong(tmp_path: Path) -> None:
    path = hostile(tmp_path, [("file", "a/b", b"x"), ("symlink", "a/c", b"b"), ("directory", "d", b"")])
    extract_archive(path, tmp_path / "out")
    assert (tmp_path / "out/a/c").read_bytes() == b"x"


EVIL = {
    "absolute": [("file", "/tmp/evil", b"x")],
    "climbing": [("file", "../evil", b"x")],
    "climbing in the middle": [("file", "a/../../evil", b"x")],
    "a dot": [("file", "a/./b", b"x")],
    "an empty part": [("file", "a//b", b"x")],
    "a file below a file": [("file", "a", b"x"), ("file", "a/b", b"x")],
    "a file below a link": [("symlink", "a", b"b"), ("file", "a/evil", b"x")],
    "a directory below a link": [("symlink", "a", b"b"), ("directory", "a/evil", b"")],
    "a link below a link": [("symlink", "a", b"b"), ("symlink", "a/evil", b"x")],
}
EVIL_UNLESS_TRUSTED = {
    "a drive": [("file", "C:/evil", b"x")],
    "a drive's own folder": [("file", "C:evil", b"x")],
    "a stream": [("file", "a:b", b"x")],
    "backslashes": [("file", "..\\evil", b"x")],
    "a share": [("file", "\\\\host\\share", b"x")],
    "a device": [("file", "a/con", b"x")],
    "a device with an end": [("file", "NUL.txt", b"x")],
    "a device in small letters": [("file", "com1", b"x")],
    "a dot at the end": [("file", "a.", b"x")],
    "a space at the end": [("file", "a /b", b"x")],
    "a control character": [("file", "a\nb", b"x")],
    "twins": [("file", "Readme", b"x"), ("file", "README", b"y")],
    "twin folders": [("file", "a/b", b"x"), ("file", "A/c", b"y")],
    "twins in Unicode": [("file", "é", b"x"), ("file", "e\u0301", b"y")],
    "an absolute link": [("symlink", "a", b"/etc/passwd")],
    "a climbing link": [("symlink", "a/b", b"../../x")],
    "a link through a link": [
        ("symlink", "a", b"b/.."),
        ("directory", "c", b""),
        ("symlink", "b", b"c/../.."),
    ],
    "a link through its parent": [("symlink", "d/up", b".."), ("symlink", "d/out", b"up/../x")],
    "a loop": [("symlink", "a", b"b"), ("symlink", "b", b"a")],
    "a link to a drive": [("symlink", "a", b"C:\\x")],
}


@pytest.mark.parametrize("members", EVIL.values(), ids=EVIL)
def test_hostile_paths_are_refused_even_in_a_trusted_backup(tmp_path: Path, members: list[Member]) -> None:
    path = hostile(tmp_path, members)
    for trusted in (True, False):
        with pytest.raises(BackupInvalid, match=r"backup x\.zip cannot be used: "):
            extract_archive(path, tmp_path / "out", trusted=trusted)
    assert {each.name for each in tmp_path.iterdir()} == {"x.zip", "x.zip.sha256"}


@pytest.mark.parametrize("members", EVIL_UNLESS_TRUSTED.values(), ids=EVIL_UNLESS_TRUSTED)
def test_paths_that_mean_something_else_elsewhere_are_refused(tmp_path: Path, members: list[Member]) -> None:
    path = hostile(tmp_path, members)
    with pytest.raises(BackupInvalid, match="it is not safe to extract"):
        extract_archive(path, tmp_path / "out")
    assert {each.name for each in tmp_path.iterdir()} == {"x.zip", "x.zip.sha256"}


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = hostile(tmp_path, [("file", "a", b"x")])
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("a", b"y")
    sign(path)
    with pytest.raises(BackupInvalid, match="it holds 'a' twice"):
        extract_archive(path, tmp_path / "out", trusted=True)


def test_a_manifest_that_names_a_member_twice_is_refused(tmp_path: Path) -> None:
    path = hostile(tmp_path, [("file", "a", b"x")])
    with zipfile.ZipFile(path) as old:
        manifest = old.read("MANIFEST.jsonl")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"x")
        archive.writestr("backup_metadata.json", '{"archive": {"format": 1, "published_as": "x.zip"}}')
        archive.writestr("MANIFEST.jsonl", manifest + b"\n" + manifest)
    sign(path)
    with pytest.raises(BackupInvalid, match="names 'a' twice"):
        extract_archive(path, tmp_path / "out")


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    """Two directory entries for the same bytes: how a few kilobytes become a petabyte."""
    path = hostile(tmp_path, [("file", "a", b"x"), ("file", "b", b"x")])
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        first = archive.getinfo("a").header_offset
        second_entry = raw.index(b"PK\x01\x02", raw.index(b"PK\x01\x02") + 1)
    raw[second_entry + 42 : second_entry + 46] = first.to_bytes(4, "little")
    path.write_bytes(raw)
    sign(path)
    with pytest.raises(BackupInvalid, match="overlaps another member"):
        extract_archive(path, tmp_path / "out", trusted=True)


def test_a_bomb_stops_at_the_size_of_the_manifest(tmp_path: Path) -> None:
    path = hostile(tmp_path, [("file", "bomb", b"\0" * 50_000_000)], m0=10)
    assert path.stat().st_size < 100_000
    with pytest.raises(BackupInvalid, match=r"'bomb' says it has 50000000 bytes, MANIFEST.jsonl says 10"):
        extract_archive(path, tmp_path / "out", trusted=True)


def test_a_bomb_that_lies_everywhere_about_its_size_is_refused(tmp_path: Path) -> None:
    path = hostile(tmp_path, [("file", "bomb", b"\0" * 5_000_000)], m0=10)
    raw = path.read_bytes().replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(raw)
    sign(path)
    with pytest.raises(BackupInvalid, match=r"bomb is damaged|does not match"):
        extract_archive(path, tmp_path / "out", trusted=True)
    assert {each.name for each in tmp_path.iterdir()} == {"x.zip", "x.zip.sha256"}


def test_a_manifest_that_asks_for_a_petabyte_is_refused(tmp_path: Path) -> None:
    path = hostile(tmp_path, [("file", "a", b"x")], m0=10**15)
    with pytest.raises(BackupInvalid, match=r"says it has 1 bytes, MANIFEST.jsonl says 1000000000000000"):
        extract_archive(path, tmp_path / "out", trusted=True)


def test_a_link_with_another_target_than_the_manifest_says_is_refused(tmp_path: Path) -> None:
    path = hostile(tmp_path, [("symlink", "a", b"b")])
    with zipfile.ZipFile(path) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    line = json.loads(contents["MANIFEST.jsonl"]) | {"target": "c"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (contents | {"MANIFEST.jsonl": json.dumps(line).encode()}).items():
            archive.writestr(name, content)
    sign(path)
    with pytest.raises(BackupInvalid, match="the link a has another target"):
        extract_archive(path, tmp_path / "out")


PARTS = st.sampled_from(
    ["a", "A", "..", ".", "", "con", "C:", "x.", " ", "\\", "/", "é", "e\u0301", "\x00", "\n", "nul.x"]
)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
MEMBERS = st.lists(
    st.one_of(
        st.tuples(st.just("file"), NAMES, st.binary(max_size=5)),
        st.tuples(st.just("symlink"), NAMES, NAMES.map(lambda name: name.encode() or b".")),
        st.tuples(st.just("directory"), NAMES, st.just(b"")),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members=MEMBERS, trusted=st.booleans())
@example(members=[("symlink", "a", b".."), ("file", "a/a", b"x")], trusted=True)
@example(members=[("file", "../a", b"x")], trusted=True)
@example(members=[("symlink", "a", b"\x00")], trusted=True)
@example(members=[("symlink", "a", b"\xed\xa0\x80")], trusted=True)
def test_whatever_an_archive_names_nothing_is_written_outside(
    tmp_path_factory: pytest.TempPathFactory, members: list[Member], trusted: bool
) -> None:
    world = tmp_path_factory.mktemp("world")
    room = world / "room"
    room.mkdir()
    path = hostile(room, members)
    try:
        extract_archive(path, room / "out", trusted=trusted)
    except BackupInvalid:
        assert not (room / "out").exists()
    else:
        for kind, name, content in members:
            if kind == "file":
                assert (room / "out" / name).read_bytes() == content
        if not trusted:
            inside = (room / "out").resolve()
            for each in (room / "out").rglob("*"):
                assert each.resolve(strict=False).is_relative_to(inside)
    assert {each.name for each in world.iterdir()} == {"room"}
    assert {each.name for each in room.iterdir()} <= {"x.zip", "x.zip.sha256", "out"}


def test_a_release_with_twins_comes_back_when_trusted(project: Path) -> None:
    (project / "release" / "README").write_text("one")
    (project / "release" / "Readme").write_text("two")
    written = write_archive(project / "x.zip", [Source("r", project / "release")], {}, checksum_root=project)
    extract_archive(written.path, project / "out", trusted=True)
    assert (project / "out/r/README").read_text() + (project / "out/r/Readme").read_text() == "onetwo"
    assert os.path.lexists(project / "out/r/current.py")
