"""Which paths an archive may hold: nothing that leaves the destination, nothing that two systems read differently.

Judged one path at a time, in the order of the archive, so that it needs no list of them.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
import unicodedata
from array import array
from collections.abc import Iterator
from contextlib import closing

_HOPS = 40  # as the kernel: more links than this in one path are a loop
_PARTS_LIMIT = 500  # one folder is open for each part while its content is written
_NOT_ON_WINDOWS = re.compile(r'[\\:<>"|?*\x00-\x1f]')
_DROPPED = re.compile(r"[ .](?:/|\Z)")
_DEVICES = re.compile(
    r"(?:^|/)(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[1-9¹²³]) *(?:\.[^/]*)?(?:/|\Z)", re.I
)
_BUCKETS = 64


def why_climbs(path: str) -> str | None:
    """Why this path must never be written below a folder, or None."""
    if path.startswith("/"):
        return "is absolute"
    if "\x00" in path:
        return "is a name that no system has"
    slashed = f"/{path}/"
    if "//" in slashed or "/./" in slashed or "/../" in slashed:
        return "is not a plain path"
    if slashed.count("/") > _PARTS_LIMIT:
        return f"lies more than {_PARTS_LIMIT} folders deep"
    return None


def why_unportable(path: str) -> str | None:
    """Why Windows would read this path as something else, or None."""
    if _NOT_ON_WINDOWS.search(path):
        return "holds a character that Windows reads as something else"
    if _DROPPED.search(path):
        return "has a part that ends in a dot or a space, which Windows drops"
    if _DEVICES.search(path):
        return "is a device's name on Windows"
    return None


def spelling_of(path: str) -> str:
    """What is the same for names that some file systems take for one."""
    return path if path.isascii() and path.islower() else unicodedata.normalize("NFC", path).casefold()


class Twins:
    """Finds paths that differ only by case or by how Unicode is spelled, in 8 bytes for each path.

    `add` takes paths in the archive's order; `suspects` gives the hashes that came twice (almost always none).
    """

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(_BUCKETS)]
        self._before = ""

    def add(self, path: str) -> None:
        """Remember the path, and each folder on the way to it that was not on the way to the one before."""
        for spelled in self._new(path):
            hashed = hash(spelling_of(spelled))
            self._buckets[hashed % _BUCKETS].append(hashed)

    def _new(self, path: str) -> Iterator[str]:
        before, self._before = self._before + "/", path
        cut = path.find("/")
        while cut >= 0:
            if not before.startswith(path[: cut + 1]):
                yield path[:cut]
            cut = path.find("/", cut + 1)
        yield path

    def suspects(self) -> frozenset[int]:
        """Hashes of more than one spelling; another pass over the paths tells which, and whether really."""
        found: set[int] = set()
        for bucket in self._buckets:
            ordered = sorted(bucket)
            found.update(one for one, other in itertools.pairwise(ordered) if one == other)
        return frozenset(found)

    def pair(self, paths: Iterator[str], suspects: frozenset[int]) -> tuple[str, str] | None:
        """The first two of `paths` (the same as were added, again) that are twins."""
        self._before = ""
        seen: dict[str, str] = {}
        for path in paths:
            for spelled in self._new(path):
                folded = spelling_of(spelled)
                if hash(folded) in suspects and seen.setdefault(folded, spelled) != spelled:
                    return seen[folded], spelled
        return None


class Links:
    """The links of an archive by path; kept in a temporary file that sqlite removes, since there may be many."""

    def __init__(self) -> None:
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> Links:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()

    def add(self, path: str, target: str) -> None:
        if self._db is None:
            self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA cache_size = -4000")
            self._db.execute("CREATE TABLE link (path TEXT PRIMARY KEY, target TEXT) WITHOUT ROWID")
            self._db.execute("BEGIN")
        self._db.execute("INSERT OR IGNORE INTO link VALUES (?, ?)", (path, target))

    def __getitem__(self, path: str) -> str | None:
        if self._db is None:
            return None
        with closing(self._db.execute("SELECT target FROM link WHERE path = ?", (path,))) as found:
            row = found.fetchone()
        return str(row[0]) if row else None

    def __bool__(self) -> bool:
        return self._db is not None

    def count(self) -> int:
        """How many there are."""
        return int(self._db.execute("SELECT count(*) FROM link").fetchone()[0]) if self._db else 0

    def leading_out(self) -> tuple[str, str] | None:
        """The first link (path, target) that leads out of the destination."""
        if self._db is None:
            return None
        with closing(self._db.execute("SELECT path, target FROM link ORDER BY path")) as rows:
            return next(((path, target) for path, target in rows if self._leads_out(path)), None)

    def _leads_out(self, path: str) -> bool:
        """Walk the link as the kernel would, with the archive's own links as the only ones on the way."""
        todo = list(reversed(path.split("/")))
        here: list[str] = []
        hops = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not here:
                    return True
                here.pop()
                continue
            here.append(part)
            target = self["/".join(here)]
            if target is None:
                continue
            hops += 1
            if hops > _HOPS or target.startswith("/") or "\\" in target or target[1:2] == ":":
                return True
            here.pop()
            todo.extend(reversed(target.split("/")))
        return False
