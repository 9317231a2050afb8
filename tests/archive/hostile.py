"""How each case of `tests/vectors/backup/cases.toml` is made: right archives, bent in one way each."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

from archive.by_hand import MIB, WIDE, Draft, Member, Piece, build, extras, raw_deflate, stored_blocks

Case = Callable[[], bytes]
CASES: dict[str, Case] = {}
BIG = bytes(range(256)) * 4096 + b"the end of a second chunk"


def case(words: str) -> Callable[[Case], Case]:
    def keep(make: Case) -> Case:
        assert words not in CASES
        CASES[words] = make
        return make

    return keep


def named(words: str, *pieces: Piece, **how: Any) -> None:
    CASES[words] = lambda: build(pieces, **how)


def bent(words: str, change: Callable[[Draft], None], *, early: bool = False) -> None:
    """The usual small archive, changed after (or before) its layout is known."""
    CASES[words] = lambda: build(usual(), **{"arrange" if early else "change": change})


def usual() -> list[Piece]:
    return [
        Piece.folder("d"),
        Piece("d/a", b"hello " * 20),
        Piece("d/b", b"stored", method=0),
        Piece("d/big", BIG),
        Piece.symlink("d/link", "a"),
        Piece("e", b"hello " * 20),
    ]


def both(member: Member, **values: Any) -> None:
    member.local |= values
    member.central |= values


def renamed(member: Member, name: bytes) -> None:
    both(member, name=name)


# -- right ones ------------------------------------------------------------------------------------------------------

named("usual", *usual())
named("empty files", Piece("a", b""), Piece("b", b"", method=0))
named("nothing at all")
named("a file of exactly one chunk", Piece("a", b"\x01" * MIB))
named("a file of one chunk and a byte", Piece("a", b"\x01" * (MIB + 1)))
named("a zip within", Piece("a.zip", build([Piece("bomb", b"\0" * MIB)])))
named("much in little", Piece("zeros", b"\0" * (8 * MIB)))
named("a hard link", Piece("a", b"x"), Piece("b", b"x", more={"link": "a"}))
named("a hole", Piece("a", b"x" * 4096 + b"\0" * 8192, more={"holes": [[4096, 8192]]}))
named("before 1970", Piece("a", b"x", mtime_ns=-1))
named("after 2038", Piece("a", b"x", mtime_ns=2**31 * 10**9))
named("signature bytes as content", Piece("a", b"PK\x01\x02PK\x05\x06PK\x03\x04" * 9, method=0))

# -- names -----------------------------------------------------------------------------------------------------------

for words, path in {
    "absolute": "/etc/evil", "climbing": "../evil", "climbing in the middle": "a/../../evil", "dot": "a/./b",
    "empty part": "a//b", "only dots": "..", "NUL": "a\x00b", "drive": "C:/evil", "drive's own folder": "C:evil",
    "stream": "a:b", "backslashes": "..\\evil", "share": "\\\\host\\share", "device": "a/con",
    "device with an end": "NUL.txt", "device in small letters": "com1", "device with a superscript": "LPT¹.log",
    "dot at the end": "a.", "space at the end": "a /b", "control character": "a\nb",
    "very deep": "/".join(["d"] * 600),
}.items():  # fmt: skip
    named(f"name: {words}", Piece(path, b"x"))
named("name: absolute folder", Piece.folder("/tmp/evil"))
named("name: climbing folder", Piece.folder("../evil"))
named("name: half a character", Piece("a\ud800", b"x"))
named("twins: files", Piece("README", b"x"), Piece("Readme", b"y"))
named("twins: folders", Piece("A/c", b"y"), Piece("a/b", b"x"))
named("twins: Unicode", Piece("e\u0301", b"y"), Piece("é", b"x"))
named("twins: sharp s", Piece("STRASSE", b"y"), Piece("straße", b"x"))
named("below a file", Piece("a", b"x"), Piece("a/b", b"x"))
named("below a link: file", Piece.symlink("a", "b"), Piece("a/evil", b"x"))
named("below a link: folder", Piece.symlink("a", "b"), Piece.folder("a/evil"))
named("below a link: link", Piece.symlink("a", "b"), Piece.symlink("a/evil", "x"))


@case("name: not UTF-8")
def _not_utf8() -> bytes:
    return build(usual(), change=lambda draft: renamed(draft["d/a"], b"d/\xff"))


@case("name: without the UTF-8 flag")
def _no_flag() -> bytes:
    return build(usual(), change=lambda draft: both(draft["d/a"], flags=0))


# -- links -----------------------------------------------------------------------------------------------------------

named("symlink: absolute", Piece.symlink("a", "/etc/passwd"))
named("symlink: climbing", Piece.symlink("a/b", "../../x"))
named("symlink: through a link", Piece.symlink("a", "b/.."), Piece.symlink("b", "c/../.."), Piece.folder("c"))
named("symlink: through its parent", Piece.symlink("d/out", "up/../x"), Piece.symlink("d/up", ".."))
named("symlink: loop", Piece.symlink("a", "b"), Piece.symlink("b", "a"))
named("symlink: to a drive", Piece.symlink("a", "C:\\x"))
named("symlink: NUL", Piece.symlink("a", "b\x00c"))
named("symlink: half a character", Piece.symlink("a", "b\ud800"))
named("symlink: longer than any", Piece.symlink("a", "b/" * 4096))
named("symlink: empty", Piece.symlink("a", ""))
bent("symlink: other target than content", lambda d: d["d/link"].line.update(target="e"))
bent("symlink: a file in the directory", lambda d: d["d/link"].central.update(external=0o100777 << 16))
named("hard link: out", Piece("a", b"x", more={"link": "../../etc/passwd"}))
named("hard link: absolute", Piece("a", b"x", more={"link": "/etc/passwd"}))
named("hard link: to nothing", Piece("b", b"x", more={"link": "a"}))
named("hard link: to itself", Piece("b", b"x", more={"link": "b"}))
named("hard link: to a later one", Piece("a", b"x", more={"link": "b"}), Piece("b", b"x"))
named("hard link: to other content", Piece("a", b"x"), Piece("b", b"y", more={"link": "a"}))
named("hard link: to a link", Piece("a", b"x"), Piece("b", b"x", more={"link": "a"}),
      Piece("c", b"x", more={"link": "b"}))  # fmt: skip
named("hard link: to a symlink", Piece.symlink("a", "x"), Piece("b", b"x", more={"link": "a"}))
named("hard link: two that differ", Piece("a", b"x"), Piece("b", b"x", more={"link": "a"}),
      Piece("c", b"z", more={"link": "a"}))  # fmt: skip

# -- kinds -----------------------------------------------------------------------------------------------------------

for words, kind in {"character": 0o020644, "block": 0o060644, "pipe": 0o010644, "socket": 0o140644}.items():
    bent(f"device: {words}", lambda d, kind=kind: d["d/a"].central.update(external=kind << 16))  # type: ignore[misc]
bent("kind: unknown in the manifest", lambda d: d["d/a"].line.update(kind="device"))
bent("kind: a directory with content", lambda d: d["d/a"].line.update(kind="directory", sha256="", size=0))
bent("kind: a file in the manifest, a directory in the archive", lambda d: d["d"].line.update(kind="file"))
bent("kind: DOS, not Unix", lambda d: d["d/a"].central.update(made=20))

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


# -- headers ---------------------------------------------------------------------------------------------------------

bent("crc: wrong everywhere", lambda d: both(d["d/a"], crc=1))
bent("crc: wrong in the local header", lambda d: d["d/a"].local.update(crc=1))
bent("crc: of a chunked member", lambda d: (
    d["d/big"].central.update(crc=1),
    setattr(d["d/big"], "descriptor", struct.pack("<4sIII", b"PK\x07\x08", 1, len(d["d/big"].data), len(BIG)))))  # type: ignore[arg-type,return-value]  # fmt: skip
bent("descriptor: other CRC", lambda d: setattr(
    d["d/big"], "descriptor", struct.pack("<4sIII", b"PK\x07\x08", 1, len(d["d/big"].data), len(BIG))))  # fmt: skip
bent("descriptor: without signature", lambda d: setattr(
    d["d/big"], "descriptor", d["d/big"].descriptor[4:] + b"PK\x03\x04"))  # fmt: skip
bent("local: another name", lambda d: d["d/a"].local.update(name=b"d/x"))
bent("local: another method", lambda d: d["d/a"].local.update(method=0))
bent("local: another time", lambda d: d["d/a"].local.update(time=1))
bent(
    "local: another extra field",
    lambda d: d["d/a"].local.update(extra=b"\x99\x99" + d["d/a"].local["extra"][2:]),
)
bent("local: sizes of a chunked member", lambda d: d["d/big"].local.update(size=len(BIG)))
bent("directory: another time", lambda d: d["d/a"].central.update(time=1))
bent(
    "directory: an unknown extra field",
    lambda d: both(d["d/a"], extra=d["d/a"].local["extra"] + b"\x99\x99\0\0"),
    early=True,
)
bent("directory: no extra field", lambda d: both(d["d/a"], extra=b""), early=True)
bent("directory: another owner", lambda d: both(d["d/a"], extra=extras(Piece("", uid=4711))), early=True)
bent(
    "directory: another modification time",
    lambda d: both(d["d/a"], extra=extras(Piece("", mtime_ns=5 * 10**9))),
    early=True,
)
bent("directory: another mode", lambda d: d["d/a"].central.update(external=0o100600 << 16))
bent("directory: set-uid", lambda d: d["d/a"].central.update(external=0o104755 << 16))
bent("directory: another disk", lambda d: d["d/a"].central.update(disk=1))
bent("directory: internal attributes", lambda d: d["d/a"].central.update(internal=1))
bent("directory: no signature", lambda d: d["d/a"].central.update(signature=b"PK\x01\x03"))
bent("directory: future version", lambda d: both(d["d/a"], needed=63))
bent("directory: one record missing", lambda d: setattr(d["d/a"], "in_directory", False))
bent("encrypted", lambda d: both(d["d/a"], flags=0x0801))
bent("encrypted strongly", lambda d: both(d["d/a"], flags=0x0841))
bent("encrypted in the local header only", lambda d: d["d/a"].local.update(flags=0x0801))
bent("masked headers", lambda d: both(d["d/a"], flags=0x2800))
bent("patched data", lambda d: both(d["d/a"], flags=0x0820))
bent("a descriptor for a small member", lambda d: both(d["d/a"], flags=0x0808))
for words, method in {"deflate64": 9, "bzip2": 12, "lzma": 14, "zstd": 93, "xz": 95, "aes": 99}.items():
    bent(f"method: {words}", lambda d, method=method: both(d["d/a"], method=method))  # type: ignore[misc]
bent("method: a large one stored", lambda d: both(d["d/big"], method=0))

# -- end records -----------------------------------------------------------------------------------------------------

bent("end: more members than there are", lambda d: d.end.update(here=99, members=99))
bent("end: fewer members than there are", lambda d: d.end.update(here=7, members=7))
bent("end: a disk", lambda d: d.end.update(disk=1))
bent("end: members on other disks", lambda d: d.end.update(here=1))
bent("end: the directory elsewhere", lambda d: d.end.update(offset=0))
bent("end: the directory past the end", lambda d: d.end.update(offset=1 << 30))
bent("end: no members", lambda d: d.end.update(here=0, members=0))
bent("zip64: an end record that is not needed", lambda d: setattr(d, "zip64_end", True))
bent("zip64: promised and missing", lambda d: d.end.update(members=65535, here=65535))
bent("zip64: offset promised and missing", lambda d: d.end.update(offset=WIDE))
bent("zip64: a locator to nowhere", lambda d: d.end.update(
    zip64=struct.pack("<4sIQI", b"PK\x06\x07", 0, 1, 1), members=65535, here=65535))  # fmt: skip
bent("zip64: size promised and missing", lambda d: both(d["d/a"], size=WIDE))


@case("zip64: a field that is not needed")
def _zip64_field() -> bytes:
    def arrange(draft: Draft) -> None:
        member = draft["d/a"]
        block = struct.pack("<HHQ", 1, 8, 120)
        both(member, size=WIDE, extra=block + member.local["extra"])

    return build(usual(), arrange=arrange)


@case("zip64: a field beside the true sizes")
def _zip64_beside() -> bytes:
    def arrange(draft: Draft) -> None:
        member = draft["d/a"]
        both(member, extra=struct.pack("<HHQQ", 1, 16, 1, 1) + member.local["extra"])

    return build(usual(), arrange=arrange)


def _many() -> list[Piece]:
    return [Piece.folder("d"), *(Piece(f"d/{number:06}", method=0) for number in range(65_532))]


CASES["zip64: 65,535 members with their end record"] = lambda: build(_many())
CASES["zip64: 65,535 members without it"] = lambda: build(
    _many(), change=lambda draft: draft.end.update(zip64=b"")
)
named("own: named in the manifest, below", Piece("MANIFEST.jsonl/a", b"{}"))


# -- the manifest ----------------------------------------------------------------------------------------------------

bent("manifest: one line missing", lambda d: setattr(d["d/a"], "line", None))
bent("manifest: other path", lambda d: d["d/a"].line.update(path="d/aa"))
bent("manifest: other hash", lambda d: d["d/a"].line.update(sha256="0" * 64))
bent("manifest: other mode", lambda d: d["d/a"].line.update(mode="0600"))
bent("manifest: other owner", lambda d: d["d/a"].line.update(uid=4711))
bent("manifest: mode with more", lambda d: d["d/a"].line.update(mode="100644"))
bent("manifest: time out of range", lambda d: d["d/a"].line.update(mtime_ns=2**63))
bent("manifest: unknown key", lambda d: d["d/a"].line.update(sparse=True))
bent("manifest: no hash", lambda d: d["d/a"].line.pop("sha256"))
bent("manifest: short hash", lambda d: d["d/a"].line.update(sha256="ab"))
bent("manifest: hash with a newline", lambda d: d["d/a"].line.update(sha256="a" * 64 + "\n"))
bent("manifest: not JSON", lambda d: setattr(d, "manifest", b"{\n"))
bent("manifest: no newline at its end", lambda d: setattr(d, "manifest", b"{}"))
bent("manifest: an array", lambda d: setattr(d, "manifest", b"[]\n"))
bent("manifest: empty", lambda d: setattr(d, "manifest", b""))
bent("manifest: not UTF-8", lambda d: setattr(d, "manifest", b'{"path": "\xff"}\n'))
bent("manifest: chunks of a small file", lambda d: d["d/a"].line.update(chunks=[[1, "0" * 64]]))
bent("manifest: no chunks of a large file", lambda d: d["d/big"].line.pop("chunks"))
bent("manifest: one chunk too few", lambda d: d["d/big"].line["chunks"].pop())
bent("manifest: other chunk sizes", lambda d: d["d/big"].line["chunks"][0].__setitem__(0, 7))
bent("manifest: other chunk hash", lambda d: d["d/big"].line["chunks"][0].__setitem__(1, "0" * 64))
bent("manifest: chunks that are none", lambda d: d["d/big"].line.update(chunks={"a": 1}))
bent("manifest: holes that overlap", lambda d: d["d/a"].line.update(holes=[[0, 10], [5, 10]]))
bent("manifest: a hole outside", lambda d: d["d/a"].line.update(holes=[[0, 1000]]))
bent("manifest: an empty hole", lambda d: d["d/a"].line.update(holes=[[0, 0]]))
bent("manifest: a hole where content is", lambda d: d["d/a"].line.update(holes=[[0, 10]]))
bent("metadata: not JSON", lambda d: setattr(d, "metadata", b"{"))
bent("metadata: an array", lambda d: setattr(d, "metadata", b"[]"))
bent("metadata: empty", lambda d: setattr(d, "metadata", b""))
bent(
    "metadata: format 1",
    lambda d: setattr(d, "metadata", b'{"archive": {"format": 1, "published_as": "x.zip"}}'),
)
bent("metadata: format true", lambda d: setattr(d, "metadata", b'{"archive": {"format": true}}'))
bent("metadata: deep", lambda d: setattr(d, "metadata", b"[" * 100_000))
bent("metadata: no name", lambda d: setattr(d, "metadata", b'{"archive": {"format": 2}}'))
bent("metadata: another name", lambda d: setattr(d, "metadata", json.dumps(
    {"archive": {"format": 2, "published_as": "/elsewhere/y.zip"}}).encode()))  # fmt: skip


# -- chunks ----------------------------------------------------------------------------------------------------------


def _chunked(data: Callable[[bytes, bytes], tuple[bytes, bytes, bytes]]) -> Case:
    """The large file with other packed chunks and tail, everything said of them right."""

    def make() -> bytes:
        def arrange(draft: Draft) -> None:
            member = draft["d/big"]
            assert member.line is not None
            one, other, tail = data(BIG[:MIB], BIG[MIB:])
            member.data = one + other + tail
            member.line["chunks"][0][0], member.line["chunks"][1][0] = len(one), len(other) + len(tail) - 2
            member.central["packed"] = len(member.data)
            member.descriptor = struct.pack(
                "<4sIII", b"PK\x07\x08", member.central["crc"], len(member.data), len(BIG)
            )

        return build(usual(), arrange=arrange)

    return make


def _flushed(content: bytes) -> bytes:
    return raw_deflate(content, zlib.Z_FULL_FLUSH)


def _with_history(one: bytes, other: bytes) -> tuple[bytes, bytes, bytes]:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    first = packer.compress(one) + packer.flush(zlib.Z_SYNC_FLUSH)
    again = one[-len(other) :]  # what can be said by pointing back
    return first, packer.compress(again) + packer.flush(zlib.Z_SYNC_FLUSH), b"\x03\x00"


CASES["chunks: stored blocks"] = _chunked(lambda a, b: (stored_blocks(a), stored_blocks(b), b"\x03\x00"))
CASES["chunks: no tail"] = _chunked(lambda a, b: (_flushed(a), _flushed(b), b""))
CASES["chunks: other tail"] = _chunked(lambda a, b: (_flushed(a), _flushed(b), b"\x01\x00\x00\xff\xff"))
CASES["chunks: an end in the middle"] = _chunked(lambda a, b: (raw_deflate(a), _flushed(b), b"\x03\x00"))
CASES["chunks: not on a byte boundary"] = _chunked(
    lambda a, b: (raw_deflate(a, zlib.Z_PARTIAL_FLUSH), _flushed(b), b"\x03\x00")
)
CASES["chunks: pointing back into another"] = _chunked(_with_history)
