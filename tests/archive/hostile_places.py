"""Archives whose members lie over one another, or hold more than they say."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from archive.by_hand import Draft, Member, Piece, build, raw_deflate
from archive.hostile_case import BIG, bent, both, case, named, usual

# -- places ----------------------------------------------------------------------------------------------------------


@case("duplicate: everywhere")
def _duplicate() -> bytes:
    return build([*usual(), Piece("e", b"other")])


@case("duplicate: in the directory only")
def _duplicate_record() -> bytes:
    def change(draft: Draft) -> None:
        again = Member(b"e", b"", {}, dict(draft["e"].central), None, in_archive=False)
        draft.members.insert(len(draft.members), again)

    return build(usual(), change=change)


@case("overlap: two records for one place")
def _overlap() -> bytes:
    return build(usual(), change=lambda d: d["e"].central.update(offset=d["d/a"].offset))


@case("overlap: the quoted bomb")
def _quoted() -> bytes:
    """Each member's data begins with the headers of those behind it, so that few bytes unpack many times."""
    pieces = [Piece(f"f{number}", b"\0" * 50_000) for number in range(4)]

    def change(draft: Draft) -> None:
        last = draft.members[-1]
        for member in draft.members[:-1]:
            quoted = last.offset + len(last.header()) + len(last.data) - member.offset - len(member.header())
            both(member, packed=quoted)

    return build(pieces, change=change)


def _gap(path: str) -> Callable[[Draft], None]:
    return lambda draft: setattr(draft[path], "before", b"gap")


bent("gap: between members", _gap("d/b"), early=True)
bent("gap: before the first", _gap("d"), early=True)
bent("gap: a whole hidden member", lambda d: setattr(d["d/b"], "in_directory", False))
bent("gap: before the directory", lambda d: setattr(d, "before_directory", b"gap"), early=True)
bent("gap: before the end record", lambda d: setattr(d, "before_end", b"gap"), early=True)
bent("data before", lambda d: setattr(d, "first", b"#!/bin/sh\n"), early=True)
bent("data behind", lambda d: setattr(d, "last", b"more"), early=True)
bent("comment of the archive", lambda d: d.end.update(comment=b"hi"))
bent("comment that looks like an end", lambda d: d.end.update(comment=b"PK\x05\x06" + bytes(18)))
bent("comment of a member", lambda d: d["e"].central.update(comment=b"hi"))


@case("order: files")
def _order() -> bytes:
    return build(usual(), arrange=lambda draft: draft.members.reverse())


@case("order: directory other than archive")
def _order_of_records() -> bytes:
    def change(draft: Draft) -> None:
        one, other = draft["d/a"], draft["d/b"]
        one.central, other.central = other.central, one.central

    return build(usual(), change=change)


@case("order: plain bytes, not folder by folder")
def _order_bytes() -> bytes:
    return build(
        [Piece.folder("d"), Piece("d/a", b"x"), Piece("d-x", b"y")],
        arrange=lambda draft: draft.members.sort(key=lambda m: m.name),
    )


bent("order: metadata last", lambda d: setattr(d, "own_order", ("MANIFEST.jsonl", "backup_metadata.json")))
bent("own: no metadata", lambda d: setattr(d, "own_order", ("MANIFEST.jsonl",)))
bent("own: no manifest", lambda d: setattr(d, "own_order", ("backup_metadata.json",)))
bent("own: metadata twice", lambda d: setattr(
    d, "own_order", ("backup_metadata.json", "backup_metadata.json", "MANIFEST.jsonl")))  # fmt: skip
named("own: named in the manifest", Piece("MANIFEST.jsonl", b"{}"), Piece("a", b"x"))

# -- sizes and bombs -------------------------------------------------------------------------------------------------


def _says(size: int) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        member = draft["d/a"]
        both(member, size=size)
        assert member.line is not None
        member.line["size"] = size

    return change


bent("size: smaller, everywhere", _says(10))
bent("size: larger, everywhere", _says(121))
bent("size: smaller in the manifest", lambda d: d["d/a"].line.update(size=10))
bent("size: a petabyte in the manifest", lambda d: d["d/a"].line.update(size=10**15))
bent("size: negative", lambda d: d["d/a"].line.update(size=-1))
bent("size: true", lambda d: d["d/a"].line.update(size=True))
bent("size: other in the local header", lambda d: d["d/a"].local.update(size=10))
bent("size: of a stored member", lambda d: both(d["d/b"], size=5))
bent("packed: shorter everywhere", lambda d: both(d["d/a"], packed=3))
bent("packed: other in the manifest", lambda d: d["d/a"].line.update(packed=3))
bent("at: other in the manifest", lambda d: d["d/a"].line.update(at=3))


@case("bomb: unpacks to more than everything says")
def _bomb() -> bytes:
    def arrange(draft: Draft) -> None:
        draft["d/a"].data = raw_deflate(b"\0" * 50_000_000)
        both(draft["d/a"], packed=len(draft["d/a"].data))

    return build(usual(), arrange=arrange)


@case("bomb: a chunk of many")
def _chunk_bomb() -> bytes:
    def arrange(draft: Draft) -> None:
        member = draft["d/big"]
        bomb = raw_deflate(b"\0" * 50_000_000, zlib.Z_FULL_FLUSH)
        assert member.line is not None
        first = member.line["chunks"][0][0]
        member.data = bomb + member.data[first:]
        member.line["chunks"][0][0] = len(bomb)
        member.central["packed"] = len(member.data)
        member.descriptor = struct.pack(
            "<4sIII", b"PK\x07\x08", member.central["crc"], len(member.data), len(BIG)
        )

    return build(usual(), arrange=arrange)


@case("bomb: in the manifest")
def _manifest_bomb() -> bytes:
    return build(usual(), change=lambda d: setattr(d, "manifest", b" " * (80 << 20)))


@case("bomb: in the metadata")
def _metadata_bomb() -> bytes:
    return build(usual(), change=lambda d: setattr(d, "metadata", b'{"a": "' + b" " * (20 << 20) + b'"}'))


@case("bomb: bytes behind the packed stream")
def _surplus() -> bytes:
    def arrange(draft: Draft) -> None:
        draft["d/a"].data += b"hidden"
        both(draft["d/a"], packed=len(draft["d/a"].data))

    return build(usual(), arrange=arrange)
