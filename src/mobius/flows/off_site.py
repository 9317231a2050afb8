"""Copies of backups off this machine: made, listed, and found again where the host is gone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from mobius.archive.publish import BESIDE, sidecar_of
from mobius.errors import BackupInvalid, MobiusError, UsageError
from mobius.model.release import BackupRecord
from mobius.model.stored import Copied, Stored, StoredBackup
from mobius.ports import NameTaken, Note, Ports, Store
from mobius.report.copying import copied_words, copying
from mobius.rules.advancing import Pace

RECORD = ".record.json"  # what is known of the archive without opening it
CHECKSUM = ".sha256"
LARGEST_BESIDE = 1 << 20
_CHECKSUM = re.compile(rb"([0-9a-f]{64})  [^\r\n]+\n")
_ENDINGS = (*BESIDE, RECORD)


def store_of(ports: Ports) -> Store:
    """The store. Raises `UsageError` where none is configured."""
    if ports.store is None:
        raise UsageError(
            f"{ports.settings.name} has no store for copies of backups",
            'set url = "s3://bucket/prefix", or a folder on another disk, in [store] of mobius.toml',
        )
    return ports.store


def folder_of(ports: Ports) -> str:
    """Where this environment's copies lie in the store: others may share it."""
    return f"{ports.service}/{ports.settings.name}/"


def copy_backup(ports: Ports, backup: BackupRecord, *, progress: Callable[[str], None]) -> Copied:
    """Copies a published backup with what lies beside it; the archive last, so that what is listed is whole. May be
    repeated: what is there stays, what was cut goes on. Raises `NameTaken` where another archive has the name."""
    store, path, began = store_of(ports), Path(backup.path), ports.clock.monotonic()
    name = folder_of(ports) + backup.name
    checksum = _checksum_beside(path)
    sha256 = sha256_in(checksum, sidecar_of(path).name)
    _claim(store, name, sidecar_of(path), sha256)
    for ending in BESIDE:
        file = path.with_name(path.name + ending)
        if ending != CHECKSUM and file.is_file():
            store.replace(name + ending, file.read_bytes())
    size_bytes = path.stat().st_size
    store.replace(name + RECORD, _record_of(ports, backup, sha256, size_bytes))
    pace = Pace(progress, copying, ports.clock.monotonic)
    created = store.create(name, path, sha256=sha256, progress=lambda done: pace(done, size_bytes))
    took_s = ports.clock.monotonic() - began
    return Copied(backup.name, store.place(name), sha256, size_bytes, created, took_s)


def would_copy(ports: Ports, backup: BackupRecord) -> dict[str, Any]:
    """What `copy_backup` would do, for a dry run: looks, changes nothing."""
    store, name = store_of(ports), folder_of(ports) + backup.name
    told = {"name": backup.name, "place": store.place(name), "size_bytes": backup.size_bytes}
    return {"dry_run": True, **told, "is_there": store.look(name) is not None}


def _checksum_beside(path: Path) -> bytes:
    try:
        return sidecar_of(path).read_bytes()
    except OSError as problem:
        raise BackupInvalid(
            f"{path.name} cannot be copied: its checksum cannot be read: {problem.strerror or problem}",
            "try: mobius backup list --verified",
        ) from problem


def sha256_in(checksum: bytes, name: str) -> str:
    """The hash in a `.sha256` file. Raises `BackupInvalid` where there is none in it."""
    match = _CHECKSUM.fullmatch(checksum)
    if match is None:
        raise BackupInvalid(
            f"{name} is damaged: not one line of SHA-256, two spaces and name", "copy it again"
        )
    return match[1].decode()


def _claim(store: Store, name: str, sidecar: Path, sha256: str) -> None:
    """The checksum comes first, and only where none is: from then on the name stands for this archive alone."""
    if store.look(name + CHECKSUM) is None:
        content = sidecar.read_bytes()
        try:
            store.create(name + CHECKSUM, sidecar, sha256=_sha256(content), progress=lambda _: None)
            return
        except NameTaken:
            pass  # by another process, just now
    there = sha256_in(read_small(store, name + CHECKSUM), store.place(name + CHECKSUM))
    if there != sha256:
        raise NameTaken(
            f"{store.place(name)} stands for another archive; nothing was changed",
            "look who copied it there; a backup is never overwritten",
            details=(f"to copy  {sha256}", f"there    {there}"),
        )


def _sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def read_small(store: Store, name: str) -> bytes:
    """What lies beside an archive, or nothing where it is not there. Never more than 1 MiB of it."""
    if store.look(name) is None:
        return b""
    return b"".join(store.read(name, length=LARGEST_BESIDE))


def _record_of(ports: Ports, backup: BackupRecord, sha256: str, size_bytes: int) -> bytes:
    known = {**asdict(backup), "sha256": sha256, "size_bytes": size_bytes}
    facts = {name: value for name, value in known.items() if name not in ("path", "metadata")}
    whose = {"schema_version": 1, "service": ports.service, "environment": ports.settings.name}
    return json.dumps({**whose, **facts}, ensure_ascii=False, indent=1, sort_keys=True).encode()


def tell_copied(ports: Ports, copied: Copied) -> None:
    """Writes into the journal that the copy is there, outside any run."""
    note = Note("backup copied", copied_words(copied), copied_facts(copied))
    now, who = ports.clock.now(), str(ports.holder())
    ports.journal.say(None, ports.settings.name, note, now=now, who=who)


def copied_facts(copied: Copied) -> dict[str, Any]:
    """For the journal and for JSON."""
    made = asdict(copied.created)
    return {**{name: value for name, value in asdict(copied).items() if name != "created"}, **made}


# -- what lies there ------------------------------------------------------------------------------------------


def stored_backups(ports: Ports) -> tuple[StoredBackup, ...]:
    """Every copy of this environment's backups, newest first; those that were cut last."""
    store = store_of(ports)
    names = {each.name: each for each in store.listed(folder_of(ports))}
    found = [_described(store, name, names) for name in names if name.endswith(".zip")]
    cut = {name[: -len(ending)] for name in names for ending in _ENDINGS if name.endswith(ending)} - set(
        names
    )
    found.sort(key=lambda copy: copy.record.created_at, reverse=True)
    return (*found, *(_not_whole(store, name, names) for name in sorted(cut) if name.endswith(".zip")))


def _described(store: Store, name: str, names: Mapping[str, Stored]) -> StoredBackup:
    archive = names[name]
    says: dict[str, Any] = {}
    if name + RECORD in names:
        try:
            said = msgspec.json.decode(read_small(store, name + RECORD))
            says = said if isinstance(said, dict) else {}
        except msgspec.DecodeError:
            says = {}
    record = BackupRecord(
        name=name.rpartition("/")[2],
        path=store.place(name),
        sha256=_text(says, "sha256"),
        size_bytes=archive.size_bytes,
        created_at=_number(says, "created_at") or archive.modified_at,
        release_id=_text(says, "release_id"),
        run_id=int(_number(says, "run_id")),
        kind=_text(says, "kind"),
        verified_at=_number(says, "verified_at"),
        rehearsed_at=_number(says, "rehearsed_at"),
        restore_s=_number(says, "restore_s"),
    )
    return StoredBackup(record, archive.modified_at)


def _not_whole(store: Store, name: str, names: Mapping[str, Stored]) -> StoredBackup:
    newest = max(names[name + ending].modified_at for ending in _ENDINGS if name + ending in names)
    record = BackupRecord(name.rpartition("/")[2], store.place(name), "", 0, newest, "", 0, "")
    return StoredBackup(record, newest, whole=False)


def _text(says: Mapping[str, Any], name: str) -> str:
    value = says.get(name)
    return value if isinstance(value, str) else ""


def _number(says: Mapping[str, Any], name: str) -> float:
    value = says.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def is_stored(ports: Ports, name: str) -> bool:
    """Whether a whole copy of this name is in the store. Raises `MobiusError` where nobody can tell."""
    return "/" not in name and store_of(ports).look(folder_of(ports) + name) is not None


def newest_copied(ports: Ports) -> tuple[str, str]:
    """What the journal says of copying last: (name of the backup that was copied, why the newest was not)."""
    try:
        event = ports.journal.last_event(ports.settings.name, ("backup copied", "copy failed"))
    except MobiusError:
        return "", ""
    if event is None:
        return "", ""
    name = str((event.data or {}).get("name") or "")
    return (name, "") if event.kind == "backup copied" else ("", event.message)


def beside_in_store(store: Store, name: str) -> Iterator[tuple[str, bytes]]:
    """(ending, content) of everything that lies beside a stored archive and belongs beside it here."""
    for ending in BESIDE:
        content = read_small(store, name + ending)
        if content:
            yield ending, content
