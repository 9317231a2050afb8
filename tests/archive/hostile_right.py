"""Archives that are right, however odd they look."""

from __future__ import annotations

from archive.by_hand import MIB, Piece, build
from archive.hostile_case import named, usual

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
