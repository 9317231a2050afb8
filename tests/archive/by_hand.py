"""Archives of format 2 made from its page alone, by another hand than the product's, and wrong ones on purpose."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MIB = 1 << 20
WIDE = 0xFFFFFFFF
TYPES = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "symlink": stat.S_IFLNK}


@dataclass
class Piece:
    """One path of the archive to be made."""

    path: str
    content: bytes = b""
    kind: str = "file"
    mode: int = 0o644
    mtime_ns: int = 1_700_000_000_123_456_789
    uid: int = field(default_factory=lambda: os.getuid() if hasattr(os, "getuid") else 0)
    gid: int = field(default_factory=lambda: os.getgid() if hasattr(os, "getgid") else 0)
    method: int = 8
    more: dict[str, Any] = field(default_factory=dict)  # keys of the manifest's line

    @staticmethod
    def folder(path: str, mode: int = 0o755) -> Piece:
        return Piece(path, kind="directory", mode=mode)

    @staticmethod
    def symlink(path: str, target: str | bytes) -> Piece:
        raw = target if isinstance(target, bytes) else target.encode("utf-8", "surrogatepass")
        return Piece(
            path, raw, "symlink", 0o777, more={"target": raw.decode("utf-8", "surrogatepass")}, method=0
        )


@dataclass
class Member:
    """One member as it will be written; `line` is None for the archive's own two."""

    name: bytes
    data: bytes
    local: dict[str, Any]
    central: dict[str, Any]
    line: dict[str, Any] | None
    descriptor: bytes = b""
    before: bytes = b""  # bytes that belong to no member
    offset: int = 0
    in_directory: bool = True
    in_archive: bool = True

    def header(self) -> bytes:
        h = self.local
        return (
            struct.pack(
                "<4s5H3I2H", b"PK\x03\x04", h["needed"], h["flags"], h["method"], h["time"], h["date"], h["crc"],
                h["packed"], h["size"], len(h["name"]), len(h["extra"]),
            )
            + h["name"] + h["extra"]
        )  # fmt: skip

    def record(self) -> bytes:
        c = self.central
        return (
            struct.pack(
                "<4s6H3I5H2I", c.get("signature", b"PK\x01\x02"), c["made"], c["needed"], c["flags"], c["method"],
                c["time"], c["date"], c["crc"], c["packed"], c["size"], len(c["name"]), len(c["extra"]),
                len(c["comment"]), c["disk"], c["internal"], c["external"], c["offset"],
            )
            + c["name"] + c["extra"] + c["comment"]
        )  # fmt: skip


@dataclass
class Draft:
    """Everything about an archive that can be changed before it becomes bytes."""

    members: list[Member]
    metadata: bytes
    end: dict[str, Any] = field(default_factory=dict)
    first: bytes = b""  # before the first member
    before_directory: bytes = b""
    before_end: bytes = b""
    last: bytes = b""  # behind the end
    manifest: bytes | None = None  # instead of the lines
    own_order: tuple[str, ...] = ("backup_metadata.json", "MANIFEST.jsonl")
    change_own: Callable[[Member], None] = lambda member: None
    zip64_end: bool = False

    def __getitem__(self, path: str) -> Member:
        return next(each for each in self.members if each.name.decode("utf-8", "replace").rstrip("/") == path)


def raw_deflate(content: bytes, flush: int = zlib.Z_FINISH) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush(flush)


def stored_blocks(content: bytes) -> bytes:
    parts = [content[start : start + 65535] for start in range(0, len(content), 65535)]
    return b"".join(struct.pack("<BHH", 0, len(part), len(part) ^ 0xFFFF) + part for part in parts)


def extras(piece: Piece) -> bytes:
    seconds = piece.mtime_ns // 10**9
    times = struct.pack("<HHBi", 0x5455, 5, 1, seconds) if -(2**31) <= seconds < 2**31 else b""
    return times + struct.pack("<HHBBIBI", 0x7875, 11, 1, 4, piece.uid, 4, piece.gid)


def member_of(piece: Piece) -> Member:
    """The member and its line, each right."""
    name = (piece.path + ("/" if piece.kind == "directory" else "")).encode("utf-8", "surrogatepass")
    line: dict[str, Any] = {
        "path": piece.path, "kind": piece.kind, "size": len(piece.content), "sha256": "",
        "mode": f"{piece.mode:04o}", "mtime_ns": piece.mtime_ns, "uid": piece.uid, "gid": piece.gid,
        "user": "", "group": "",
    }  # fmt: skip
    chunked = len(piece.content) > MIB
    data, method = piece.content, piece.method
    if chunked:
        method, data, line["chunks"], digests = 8, b"", [], b""
        for start in range(0, len(piece.content), MIB):
            content = piece.content[start : start + MIB]
            packed = raw_deflate(content, zlib.Z_FULL_FLUSH)
            packed = stored_blocks(content) if len(packed) > len(content) else packed
            digest = hashlib.sha256(content)
            line["chunks"].append([len(packed), digest.hexdigest()])
            data, digests = data + packed, digests + digest.digest()
        data += b"\x03\x00"
        line["sha256"] = hashlib.sha256(digests).hexdigest()
    elif piece.kind == "directory":
        method = 0
    else:
        line["sha256"] = hashlib.sha256(piece.content).hexdigest()
        if method == 8:
            data = raw_deflate(piece.content)
    line |= piece.more
    crc = zlib.crc32(piece.content)
    head = {
        "needed": 20, "flags": 0x0808 if chunked else 0x0800, "method": method, "time": 0x6000, "date": 0x5821,
        "crc": crc, "packed": len(data), "size": len(piece.content), "name": name, "extra": extras(piece),
    }  # fmt: skip
    external = (TYPES[piece.kind] | piece.mode) << 16 | (0x10 if piece.kind == "directory" else 0)
    central = head | {"made": 3 << 8 | 20, "comment": b"", "disk": 0, "internal": 0, "external": external}
    local = head | ({"crc": 0, "packed": 0, "size": 0} if chunked else {})
    descriptor = struct.pack("<4sIII", b"PK\x07\x08", crc, len(data), len(piece.content)) if chunked else b""
    return Member(name, data, local, central, line, descriptor)


def own(name: str, content: bytes) -> Member:
    member = member_of(Piece(name, content, mode=0o600))
    member.line = None
    return member


def order(member: Member) -> bytes:
    return member.name.rstrip(b"/").replace(b"/", b"\0")


def build(
    pieces: Sequence[Piece],
    *,
    name: str = "x.zip",
    arrange: Callable[[Draft], None] = lambda draft: None,
    change: Callable[[Draft], None] = lambda draft: None,
) -> bytes:
    """The archive's bytes. `arrange` may change what lies where, `change` what is then said of it."""
    metadata = {"archive": {"format": 2, "published_as": name}, "paths": {}}
    draft = Draft(sorted((member_of(piece) for piece in pieces), key=order), json.dumps(metadata).encode())
    arrange(draft)
    place = len(draft.first)
    for member in draft.members:
        place = _place(member, place)
    change(draft)
    lines = [json.dumps(m.line, ensure_ascii=False) for m in draft.members if m.line is not None]
    text = "".join(line + "\n" for line in lines).encode("utf-8", "surrogatepass")
    contents = {
        "backup_metadata.json": draft.metadata,
        "MANIFEST.jsonl": draft.manifest if draft.manifest is not None else text,
    }
    for each in draft.own_order:
        member = own(each, contents[each])
        place = _place(member, place)
        draft.change_own(member)
        draft.members.append(member)
    body = draft.first + b"".join(
        m.before + m.header() + m.data + m.descriptor for m in draft.members if m.in_archive
    )
    records = [member.record() for member in draft.members if member.in_directory]
    return body + _ending(draft, len(body), records)


def _place(member: Member, place: int) -> int:
    if not member.in_archive:
        return place
    member.offset = place + len(member.before)
    member.central.setdefault("offset", member.offset)
    at = member.offset + len(member.header())
    if member.line is not None and member.line["kind"] != "directory":
        member.line = {"at": at, "packed": len(member.data)} | member.line
    return at + len(member.data) + len(member.descriptor)


def _ending(draft: Draft, body_bytes: int, records: list[bytes]) -> bytes:
    directory = b"".join(records)
    at = body_bytes + len(draft.before_directory)
    end = {
        "disk": 0, "first_disk": 0, "here": len(records), "members": len(records), "size": len(directory),
        "offset": at, "comment": b"",
    }  # fmt: skip
    big = b""
    if len(records) > 65534 or draft.zip64_end:
        where = at + len(directory) + len(draft.before_end)
        fields = (44, 3 << 8 | 45, 45, 0, 0, len(records), len(records), len(directory), at)
        big = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", *fields)
        big += struct.pack("<4sIQI", b"PK\x06\x07", 0, where, 1)
        end |= {"here": 65535, "members": 65535}
    end |= draft.end
    small = struct.pack(
        "<4s4H2IH", b"PK\x05\x06", end["disk"], end["first_disk"], end["here"], end["members"], end["size"],
        end["offset"], len(end["comment"]),
    )  # fmt: skip
    return (
        draft.before_directory + directory + draft.before_end + end.get("zip64", big) + small + end["comment"]
    ) + draft.last


def sidecar(path: Path) -> None:
    """Make the checksum fit, as somebody does who changes a backup on purpose."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    path.with_name(path.name + ".sha256").write_text(f"{digest}  {path.name}\n")


def publish(path: Path, pieces: Sequence[Piece], **how: Any) -> Path:
    """Write an archive and its checksum."""
    path.write_bytes(build(pieces, name=path.name, **how))
    sidecar(path)
    return path
