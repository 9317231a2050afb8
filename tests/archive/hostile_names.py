"""Archives whose names, links and kinds of members lead where they must not."""

from __future__ import annotations

from archive.by_hand import Piece, build
from archive.hostile_case import bent, both, case, named, renamed, usual

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
