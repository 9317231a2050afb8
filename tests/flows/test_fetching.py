"""A copy comes back from the store: verified before it has its name, gone on with after a kill, refused when wrong."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.backups.yard import Yard
from mobius.adapters.backups.folder import FolderBackups
from mobius.adapters.places import Places
from mobius.adapters.stores.memory import MemoryStore
from mobius.errors import BackupInvalid, UsageError
from mobius.flows.fetching import fetch, verify_stored
from mobius.flows.off_site import copy_backup, stored_backups
from mobius.model.release import BackupRecord
from mobius.ports import Ports, nothing
from world import World

FOLDER = "dhash/production/"


class InPieces(MemoryStore):
    """Gives its content a thousand bytes at a time; after `dies_after` of them the reader is killed."""

    dies_after: int | None = None

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        whole = b"".join(super().read(name, offset=offset, length=length))
        for start in range(0, len(whole), 1000):
            if self.dies_after is not None and name.endswith(".zip"):
                if self.dies_after == 0:
                    raise KeyboardInterrupt
                self.dies_after -= 1
            yield whole[start : start + 1000]


class Place:
    """A yard with a real archive of 300 kB or so, its copy in the store, and the folder for backups emptied."""

    def __init__(self, tmp_path: Path) -> None:
        self.yard = Yard(tmp_path)
        self.yard.write("first")
        noise = self.yard.data / "noise.bin"
        noise.write_bytes(os.urandom(300_000))
        release = self.yard.stage()
        self.record: BackupRecord = self.yard.backups.create(
            kind="release", release=release, run_id=1, progress=nothing
        )
        world = World()
        settings = replace(self.yard.settings, name="production")
        self.store = InPieces(world.clock)
        self.ports: Ports = replace(
            world.ports, settings=settings, backups=self.yard.backups, store=self.store, journal=world.journal
        )
        copy_backup(self.ports, self.record, progress=nothing)
        self.folder = Path(self.record.path).parent
        for file in self.folder.iterdir():
            if not file.is_symlink():
                file.unlink()

    def files(self, folder: Path | None = None) -> list[str]:
        return sorted(path.name for path in (folder or self.folder).iterdir() if not path.is_symlink())

    def fetch(self, **more: Any) -> Any:
        return fetch(self.ports, self.record.name, more.get("folder"), progress=nothing)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_copy_comes_back_with_its_checksum_and_is_a_backup_again(place: Place) -> None:
    fetched = place.fetch()
    name = place.record.name
    assert place.files() == [name, f"{name}.sha256"]
    assert (fetched.sha256, fetched.kept_bytes, fetched.was_there) == (place.record.sha256, 0, False)
    place.yard.backups.verify(place.folder / name)
    assert [found.name for found in place.yard.backups.found()] == [name]
    known = place.ports.journal.backups("production")
    assert [(backup.name, backup.sha256) for backup in known] == [(name, place.record.sha256)]
    assert (place.folder / name).stat().st_mode & 0o077 == 0


def test_it_goes_to_another_folder_where_one_is_given(place: Place, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "deep"
    fetched = place.fetch(folder=elsewhere)
    assert Path(fetched.path).parent == elsewhere
    assert place.files(elsewhere) == [place.record.name, f"{place.record.name}.sha256"]
    assert place.files() == []
    assert place.ports.journal.backups("production") == ()


def test_one_that_is_here_already_is_verified_and_left(place: Place) -> None:
    place.fetch()
    assert place.fetch().was_there
    path = place.folder / place.record.name
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupInvalid):
        place.fetch()
    assert path.read_bytes() == content


def test_a_damaged_copy_never_gets_its_name(place: Place) -> None:
    name = FOLDER + place.record.name
    content, at = place.store.objects[name]
    place.store.objects[name] = (content[:5000] + b"?" + content[5001:], at)
    with pytest.raises(BackupInvalid) as found:
        place.fetch()
    assert found.value.message == (
        f"the copy memory://store/{name} cannot be used: it does not match its SHA-256"
    )
    assert place.files() == []
    with pytest.raises(BackupInvalid, match="does not match its SHA-256"):
        verify_stored(place.ports, place.record.name, progress=nothing)


def test_a_kill_in_the_middle_leaves_no_backup_and_the_next_attempt_goes_on(place: Place) -> None:
    place.store.dies_after = 100
    with pytest.raises(KeyboardInterrupt):
        place.fetch()
    assert place.files() == [f".{place.record.name}.fetch"]
    assert place.yard.backups.files() == ()
    place.store.dies_after = None
    assert place.fetch().kept_bytes == 100_000
    assert place.files() == [place.record.name, f"{place.record.name}.sha256"]


def test_what_an_attempt_left_of_another_archive_is_fetched_again(place: Place) -> None:
    staging = place.folder / f".{place.record.name}.fetch"
    staging.mkdir()
    (staging / place.record.name).write_bytes(b"?" * 5000)
    assert place.fetch().kept_bytes == 0
    place.yard.backups.verify(place.folder / place.record.name)


def test_a_copy_without_its_checksum_is_not_used(place: Place) -> None:
    del place.store.objects[f"{FOLDER}{place.record.name}.sha256"]
    with pytest.raises(BackupInvalid, match=r"its checksum .*\.zip\.sha256 is missing"):
        place.fetch()


def test_what_is_not_there_is_a_mistake_with_the_next_step(place: Place) -> None:
    with pytest.raises(UsageError) as none:
        fetch(place.ports, "other.zip", None, progress=nothing)
    assert none.value.message == f"there is no memory://store/{FOLDER}other.zip"
    assert none.value.hint == "mobius backup list --store"
    for named in ("../x.zip", "x", "a/b.zip"):
        with pytest.raises(UsageError, match="is no name of a backup"):
            fetch(place.ports, named, None, progress=nothing)


def test_a_copy_is_verified_where_it_lies_and_nothing_of_it_is_kept(place: Place) -> None:
    assert verify_stored(place.ports, place.record.name, progress=nothing) == ""
    assert place.files() == []


def test_a_listing_says_of_each_what_it_guards(place: Place) -> None:
    (copy,) = stored_backups(place.ports)
    assert (copy.record.name, copy.record.sha256) == (place.record.name, place.record.sha256)
    assert copy.record.release_id == place.record.release_id
    assert copy.record.created_at == place.record.created_at


def test_what_nobody_went_on_with_for_a_day_is_swept_by_the_next_fetch(place: Place) -> None:
    old, new = place.folder / ".old.zip.fetch", place.folder / ".new.zip.fetch"
    for left in (old, new):
        left.mkdir()
        (left / ".lock").touch()
    os.utime(old, (1.0, 1.0))
    place.fetch()
    assert (old.exists(), new.exists()) == (False, True)


def test_an_archive_that_somebody_put_there_with_its_checksum_is_refused_without_a_signature(
    place: Place, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"ann {key.with_suffix('.pub').read_text()}")
    backup = replace(
        place.yard.settings.backup, sign_key=key, allowed_signers=allowed, require_signature=True
    )
    settings = replace(place.ports.settings, backup=backup)
    places = Places(place.yard.project, place.yard.root)
    strict = FolderBackups("dhash", settings, places, place.yard.store)
    ports = replace(place.ports, settings=settings, backups=strict)
    name = place.record.name
    with pytest.raises(BackupInvalid):
        fetch(ports, name, None, progress=nothing)
    assert place.files() == []
    with pytest.raises(BackupInvalid):
        verify_stored(ports, name, progress=nothing)

    signed = strict.create(kind="release", release=None, run_id=2, progress=nothing)
    copy_backup(ports, signed, progress=nothing)
    for file in place.folder.iterdir():
        if not file.is_symlink():
            file.unlink()
    assert verify_stored(ports, signed.name, progress=nothing) == "ann"
    fetch(ports, signed.name, None, progress=nothing)
    assert place.files() == [signed.name, f"{signed.name}.sha256", f"{signed.name}.sig"]
    assert strict.verify(place.folder / signed.name) == "ann"
