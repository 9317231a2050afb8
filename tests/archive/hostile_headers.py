"""Archives whose headers and end records say something else."""

from __future__ import annotations

import struct

from archive.by_hand import WIDE, Draft, Piece, build, extras
from archive.hostile_case import BIG, CASES, bent, both, case, named, usual

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
