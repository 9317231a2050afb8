"""What every `Store` promises: in memory, in a folder, and in a bucket of a real S3 server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mobius.adapters.clocks.memory import MemoryClock
from mobius.adapters.stores.folder import FolderStore
from mobius.adapters.stores.memory import MemoryStore
from mobius.adapters.stores.s3 import S3Store
from mobius.errors import BackupInvalid, MobiusError, UsageError
from mobius.model.verdict import Outcome
from mobius.ports import NameTaken, NotStored, Store
from s3_server import ENVIRON, S3Server, s3_server

MIB = 1 << 20


@dataclass
class Ground:
    """The store, a place for files, and the same store made anew, as the next process does."""

    store: Store
    folder: Path
    again: Callable[[], Store]
    heard: list[int] = field(default_factory=list)

    def file(self, name: str, content: bytes) -> tuple[Path, str]:
        path = self.folder / name
        path.write_bytes(content)
        return path, hashlib.sha256(content).hexdigest()

    def create(self, name: str, content: bytes) -> object:
        path, sha256 = self.file("content", content)
        return self.store.create(name, path, sha256=sha256, progress=self.heard.append)

    def content(self, name: str) -> bytes:
        return b"".join(self.store.read(name))


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture(params=["memory", "folder", "s3"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    files = tmp_path / "files"
    files.mkdir()
    if request.param == "memory":
        made: Store = MemoryStore(MemoryClock())
        return Ground(made, files, lambda: made)
    if request.param == "folder":
        root = tmp_path / "disk"
        root.mkdir()
        return Ground(FolderStore(root, timeout_s=60), files, lambda: FolderStore(root, timeout_s=60))
    server: S3Server = request.getfixturevalue("server")
    bucket = f"b-{hashlib.sha256(request.node.name.encode()).hexdigest()[:20]}"
    server.make_bucket(bucket)
    settings = server.settings(bucket)
    return Ground(S3Store(settings, ENVIRON), files, lambda: S3Store(settings, ENVIRON))


def test_what_was_created_is_read_again_whole_and_by_range(ground: Ground) -> None:
    content = os.urandom(3 * MIB)
    created = ground.create("dhash/production/a.zip", content)
    assert created.sent_bytes == len(content)  # type: ignore[attr-defined]
    assert created.checked  # type: ignore[attr-defined]
    assert ground.content("dhash/production/a.zip") == content
    assert b"".join(ground.store.read("dhash/production/a.zip", offset=5, length=11)) == content[5:16]
    tail = b"".join(ground.store.read("dhash/production/a.zip", offset=len(content) - 3, length=99))
    assert tail == content[-3:]
    seen = ground.again().look("dhash/production/a.zip")
    assert seen is not None
    assert (seen.name, seen.size_bytes) == ("dhash/production/a.zip", len(content))
    assert ground.heard[-1] == len(content)


def test_a_large_one_goes_over_and_is_the_same(ground: Ground) -> None:
    content = os.urandom(MIB) * 37 + b"end"
    ground.create("large.zip", content)
    assert ground.content("large.zip") == content
    assert ground.heard == sorted(ground.heard)
    assert ground.heard[-1] == len(content)


@pytest.mark.parametrize("size_bytes", [100, 17 * MIB])
def test_the_same_content_again_is_a_success_and_sends_nothing(ground: Ground, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    ground.create("a.zip", content)
    ground.store = ground.again()
    created = ground.create("a.zip", content)
    assert (created.was_there, created.sent_bytes) == (True, 0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("size_bytes", [100, 17 * MIB])
def test_other_content_under_the_same_name_is_refused_with_both_hashes(
    ground: Ground, size_bytes: int
) -> None:
    first, second = b"1" * size_bytes, b"2" * size_bytes
    ground.create("a.zip", first)
    with pytest.raises(NameTaken) as refused:
        ground.create("a.zip", second)
    hashes = [hashlib.sha256(content).hexdigest() for content in (second, first)]
    assert str(refused.value).splitlines() == [
        f"{ground.store.place('a.zip')} is there already, with other content; nothing was changed",
        f"  to copy  {hashes[0]}",
        f"  there    {hashes[1]}",
    ]
    assert ground.content("a.zip") == first


@pytest.mark.parametrize("size_bytes", [100, 17 * MIB])
def test_a_file_that_is_not_what_it_should_be_is_not_copied(ground: Ground, size_bytes: int) -> None:
    path, _ = ground.file("a.zip", b"1" * size_bytes)
    with pytest.raises(BackupInvalid, match=r"a\.zip was not copied: it does not match its SHA-256"):
        ground.store.create("a.zip", path, sha256="0" * 64, progress=ground.heard.append)
    assert ground.store.look("a.zip") is None
    assert list(ground.store.listed()) == []


def test_small_content_is_replaced_and_what_is_too_large_is_not(ground: Ground) -> None:
    ground.store.replace("x/note.json", b"one")
    ground.store.replace("x/note.json", b"two")
    assert ground.content("x/note.json") == b"two"
    with pytest.raises(UsageError, match="too large to be replaced"):
        ground.store.replace("x/note.json", bytes(MIB + 1))


def test_everything_is_listed_by_name_from_its_beginning(ground: Ground) -> None:
    for name in ("b/x.zip", "a/y.zip.sha256", "a/y.zip", "a/z/deep.zip", "ab.zip"):
        ground.store.replace(name, b"1")
    assert [each.name for each in ground.store.listed()] == [
        "a/y.zip", "a/y.zip.sha256", "a/z/deep.zip", "ab.zip", "b/x.zip",
    ]  # fmt: skip
    assert [each.name for each in ground.store.listed("a/y")] == ["a/y.zip", "a/y.zip.sha256"]
    assert [each.name for each in ground.store.listed("a")][-1] == "ab.zip"
    assert list(ground.store.listed("none/")) == []


def test_what_is_not_there_is_none_and_cannot_be_read_and_is_removed_as_a_success(ground: Ground) -> None:
    assert ground.store.look("nothing.zip") is None
    with pytest.raises(NotStored, match=r"nothing\.zip"):
        ground.content("nothing.zip")
    ground.store.remove("nothing.zip")
    ground.create("a.zip", b"1")
    ground.store.remove("a.zip")
    assert ground.store.look("a.zip") is None


def test_a_name_that_could_leave_the_store_is_refused(ground: Ground) -> None:
    for name in ("", "/a", "../a", "a/../b", "a//b", ".a", "a/.b", "a b", "ü", "a\n"):
        with pytest.raises(UsageError, match="is no name for a store"):
            ground.store.replace(name, b"1")


def test_a_store_that_can_be_used_says_so(ground: Ground) -> None:
    assert ground.store.preflight().outcome is Outcome.PASS


def test_two_that_create_the_same_name_at_once_leave_one_of_them_whole(ground: Ground) -> None:
    from concurrent.futures import ThreadPoolExecutor

    contents = [bytes([number]) * (2 * MIB) for number in range(4)]
    files = [ground.file(f"file{number}", content) for number, content in enumerate(contents)]

    def create(given: tuple[Path, str]) -> bool:
        try:
            ground.again().create("a.zip", given[0], sha256=given[1], progress=lambda _: None)
        except MobiusError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(create, files))
    assert won.count(True) == 1
    assert ground.content("a.zip") == contents[won.index(True)]
