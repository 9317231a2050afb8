"""Archives whose manifest or chunks say something else."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable

from archive.by_hand import MIB, Draft, build, raw_deflate, stored_blocks
from archive.hostile_case import BIG, CASES, Case, bent, usual

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
