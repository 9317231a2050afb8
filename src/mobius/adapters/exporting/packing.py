"""The archive of an export: members in a fixed order, checksums of all of them, whole or not there at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from mobius.archive.durable import in_words, sync_folder
from mobius.errors import UsageError
from mobius.model.exporting import Contents, Exported

README, MANIFEST, SUMS = "README.txt", "MANIFEST.json", "SHA256SUMS"
WARNING = "WARNING-SECRETS-INSIDE.txt"
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the same content is the same archive, whenever it is made


def write(path: Path, contents: Contents, facts: dict[str, Any], readme: str, warning: str) -> Exported:
    """Writes the archive for its owner alone, with `.sha256` beside it. Raises UsageError where there is one already,
    MobiusError where it cannot be written, with nothing left behind."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"there is a file already: {path}", "choose another name with --out")
    members = {member.name: member.content for member in contents.members}
    members[MANIFEST] = manifest(contents, facts)
    members[README] = readme.encode()
    if contents.with_secrets:
        members[WARNING] = warning.encode()
    sums = "".join(f"{_sha256(content)}  {name}\n" for name, content in sorted(members.items()))
    members[SUMS] = sums.encode()
    packed = _packed(members)
    with in_words(f"the export {path.name} could not be written", path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        _published(path.with_name(f"{path.name}.sha256"), f"{_sha256(packed)}  {path.name}\n".encode())
        try:
            _published(path, packed)
        except OSError:
            path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    return Exported(path, _sha256(packed), len(packed))


def manifest(contents: Contents, facts: dict[str, Any]) -> bytes:
    """What is in it, with hashes, and what is not, with reasons."""
    rows = [
        {
            "name": member.name,
            "size_bytes": len(member.content),
            "sha256": _sha256(member.content),
            "source": member.source,
            **({"redacted": dict(member.redacted)} if member.redacted else {}),
            **({"note": member.note} if member.note else {}),
        }
        for member in sorted(contents.members, key=lambda one: one.name)
    ]
    left_out = [{"name": one.name, "why": one.why} for one in contents.left_out]
    told = {
        "schema_version": 1,
        **facts,
        "with_secrets": contents.with_secrets,
        "audit_head": contents.head,
        "members": rows,
        "left_out": left_out,
    }
    return json.dumps(told, indent=1, ensure_ascii=False).encode() + b"\n"


def _packed(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in sorted(members.items()):
            entry = zipfile.ZipInfo(name, FIRST_DAY)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = 0o100600 << 16
            archive.writestr(entry, content)
    return held.getvalue()


def _published(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
