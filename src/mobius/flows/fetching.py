"""A copy comes back: fetched into a hidden folder, verified there, and only then given its name. Or verified where it
lies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.archive.durable import (
    drop_cache,
    folder_locked,
    in_words,
    lock_file,
    require_free_disk,
    sync_folder,
)
from mobius.archive.publish import sidecar_of
from mobius.archive.ranged import Restored, restore_from
from mobius.archive.read_at import ReaderAt
from mobius.archive.signature import Signatures
from mobius.errors import BackupInvalid, MobiusError, UsageError
from mobius.flows.off_site import CHECKSUM, beside_in_store, folder_of, sha256_in, store_of
from mobius.model.stored import Fetched
from mobius.ports import Ports, Store
from mobius.report.copying import fetching, verifying
from mobius.rules.advancing import Pace

STEP_BYTES = 1 << 20
LEFT_S = 86_400.0


def fetch(ports: Ports, named: str, folder: Path | None, *, progress: Callable[[str], None]) -> Fetched:
    """Brings a copy into `folder` (None: the one for backups) and verifies it before it gets its name. May be
    repeated, also after kill -9: what came is used again. Raises `UsageError` where there is none, `BackupInvalid`
    when it does not hold, or another archive has the name here."""
    store, began = store_of(ports), ports.clock.monotonic()
    name, sha256, size_bytes = _look_up(store, ports, named)
    into = folder or ports.settings.backup.folder
    target = into / named
    with in_words(f"{target} could not be written", into):
        into.mkdir(parents=True, exist_ok=True)
        if target.exists():
            _refuse_another(ports, target, sha256)
            took_s = ports.clock.monotonic() - began
            return Fetched(named, str(target), sha256, size_bytes, size_bytes, took_s, was_there=True)
        progress(f"fetching {store.place(name)} to {into}")
        with _staging(into, named) as staging:
            part = staging / named
            pace = Pace(progress, fetching, ports.clock.monotonic)
            kept = _continue(store, name, part, sha256, size_bytes, lambda done: pace(done, size_bytes))
            for ending, content in beside_in_store(store, name):
                (staging / (named + ending)).write_bytes(content)
            _verify_staged(ports, part, sha256)
            _publish(staging, target)
    if into.absolute() == ports.settings.backup.folder.absolute():
        record = replace(ports.backups.describe(target), verified_at=ports.clock.now())
        ports.journal.put_backup(ports.settings.name, record)
    return Fetched(named, str(target), sha256, size_bytes, kept, ports.clock.monotonic() - began)


def verify_stored(ports: Ports, named: str, *, progress: Callable[[str], None]) -> str:
    """Reads the whole copy where it lies, without keeping it, and compares it with its checksum; that with its
    signature where one is asked for. Returns who signed it. Raises `BackupInvalid`."""
    store = store_of(ports)
    name, sha256, size_bytes = _look_up(store, ports, named)
    pace = Pace(progress, verifying, ports.clock.monotonic)
    digest, done = hashlib.sha256(), 0
    for piece in store.read(name):
        digest.update(piece)
        done += len(piece)
        pace(done, size_bytes)
    if digest.hexdigest() != sha256:
        raise _does_not_match(store.place(name), sha256, digest.hexdigest())
    return _signer(ports, store, name, named)


def restore_stored(
    ports: Ports, named: str, only: Sequence[str], destination: Path, **how: Any
) -> tuple[Restored, int]:
    """Restores some paths of a copy without fetching the whole: what was restored, and how many bytes were read.
    Each piece is compared with its hash in the manifest; who signed the checksum is proven where that is asked for.
    Raises as `restore_only`."""
    store = store_of(ports)
    name, _, size_bytes = _look_up(store, ports, named)
    _signer(ports, store, name, named)
    reader = ReaderAt(lambda at, length: b"".join(store.read(name, offset=at, length=length)), size_bytes)
    done = restore_from(reader, Path(named), only, destination, **how)
    return done, reader.read_bytes


def look_up(ports: Ports, named: str) -> tuple[str, str, int]:
    """Where a copy is, for people; its SHA-256 by its checksum; its size. Raises as `fetch`."""
    store = store_of(ports)
    name, sha256, size_bytes = _look_up(store, ports, named)
    return store.place(name), sha256, size_bytes


def _look_up(store: Store, ports: Ports, named: str) -> tuple[str, str, int]:
    """(name in the store, SHA-256 by its checksum, size)."""
    if "/" in named or not named.endswith(".zip"):
        raise UsageError(f"{named} is no name of a backup", "mobius backup list --store")
    name = folder_of(ports) + named
    seen = store.look(name)
    if seen is None:
        raise UsageError(f"there is no {store.place(name)}", "mobius backup list --store")
    checksum = dict(beside_in_store(store, name)).get(CHECKSUM)
    if checksum is None:
        raise BackupInvalid(
            f"{store.place(name)} cannot be used: its checksum {named}{CHECKSUM} is missing",
            "choose another: mobius backup list --store",
        )
    return name, sha256_in(checksum, store.place(name + CHECKSUM)), seen.size_bytes


def _refuse_another(ports: Ports, target: Path, sha256: str) -> None:
    """What has the name here must be that very archive, and hold."""
    ports.backups.verify(target)
    here = sha256_in(sidecar_of(target).read_bytes(), sidecar_of(target).name)
    if here != sha256:
        raise BackupInvalid(
            f"{target} is another archive than the copy; nothing was changed",
            "fetch it to another folder: --to DIR",
            details=(f"copy     {sha256}", f"here     {here}"),
        )


@contextlib.contextmanager
def _staging(into: Path, named: str) -> Iterator[Path]:
    """A hidden folder that the next attempt finds again; the kernel's lock on it dies with us."""
    staging = into / f".{named}.fetch"
    _sweep(into)
    staging.mkdir(mode=0o700, exist_ok=True)
    fd = os.open(staging / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not lock_file(fd, wait=False):
            raise MobiusError(f"{named} is being fetched by another process", "wait until it is done")
        yield staging
    finally:
        os.close(fd)


def _sweep(into: Path) -> None:
    """What was left more than a day ago, and nobody went on with: it may be as large as a backup."""
    for left in into.glob(".*.zip.fetch"):
        lock = left / ".lock"
        if not lock.exists() or time.time() - left.stat().st_mtime < LEFT_S:
            continue
        with lock.open("r+b") as file:
            if lock_file(file.fileno(), wait=False):
                shutil.rmtree(left, ignore_errors=True)


def _continue(
    store: Store, name: str, part: Path, sha256: str, size_bytes: int, told: Callable[[int], None]
) -> int:
    """The content is in `part`, durable, and matches. Returns how much of it was there before."""
    kept = part.stat().st_size if part.exists() else 0
    if kept > size_bytes:
        part.unlink()
        kept = 0
    require_free_disk(part.parent, size_bytes - kept, f"fetching {part.name}")
    found = _receive(store, name, part, kept, told)
    if found != sha256 and kept:  # what an earlier attempt left may be of another archive, or damaged
        part.unlink()
        kept, found = 0, _receive(store, name, part, 0, told)
    if found != sha256:
        shutil.rmtree(part.parent)
        raise _does_not_match(store.place(name), sha256, found)
    return kept


def _receive(store: Store, name: str, part: Path, kept: int, told: Callable[[int], None]) -> str:
    digest, done = hashlib.sha256(), 0
    with part.open("r+b" if part.exists() else "w+b") as file:
        while done < kept and (piece := file.read(min(STEP_BYTES, kept - done))):
            digest.update(piece)
            done += len(piece)
        for piece in store.read(name, offset=done):
            digest.update(piece)
            file.write(piece)
            done += len(piece)
            told(done)
        file.flush()
        os.fsync(file.fileno())
        drop_cache(file.fileno())
    part.chmod(0o600)
    return digest.hexdigest()


def _verify_staged(ports: Ports, part: Path, sha256: str) -> None:
    """Past the page cache, with its signature; the reasons name the archive, not our hidden folder."""
    try:
        ports.backups.verify(part)
    except BackupInvalid:
        shutil.rmtree(part.parent)
        raise


def _publish(staging: Path, target: Path) -> None:
    """What lies beside it first, the archive last, and only where the name is free."""
    with folder_locked(target.parent):
        if target.exists():
            raise MobiusError(f"{target} came to be while it was fetched", "mobius backup list")
        for file in sorted(staging.glob(f"{target.name}.*")):
            file.replace(target.with_name(file.name))
        sync_folder(target.parent)
        (staging / target.name).rename(target)
        sync_folder(target.parent)
    shutil.rmtree(staging, ignore_errors=True)


def _signer(ports: Ports, store: Store, name: str, named: str) -> str:
    """The signature covers the checksum, so that the archive need not be here."""
    backup = ports.settings.backup
    with tempfile.TemporaryDirectory(prefix="mobius-") as folder:
        for ending, content in beside_in_store(store, name):
            Path(folder, named + ending).write_bytes(content)
        signatures = Signatures(backup.sign_key, backup.allowed_signers, backup.require_signature)
        return signatures.check(Path(folder, named))


def _does_not_match(place: str, sha256: str, found: str) -> BackupInvalid:
    return BackupInvalid(
        f"the copy {place} cannot be used: it does not match its SHA-256",
        "choose another: mobius backup list --store",
        details=(f"expected {sha256}", f"found    {found}"),
    )
