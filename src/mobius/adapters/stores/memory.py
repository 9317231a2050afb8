"""A store in memory, for tests: it can be out of reach, cut an upload in the middle, or damage what it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from mobius.adapters.stores.agreed import (
    PIECE_BYTES,
    CopyDiffers,
    checked_name,
    refuse_changed,
    same_or_taken,
    small,
)
from mobius.errors import MobiusError
from mobius.model.stored import Created, Stored
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Clock, NotStored


class MemoryStore:
    """`cut_after` bytes the next upload breaks off, and what was sent stays for the next attempt. `unreachable` says
    why nothing works now. `damages`: what arrives is not what was sent."""

    def __init__(self, clock: Clock) -> None:
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.cut_after: int | None = None
        self.unreachable = ""
        self.damages = False
        self._clock = clock
        self._begun: dict[tuple[str, str], bytes] = {}

    def place(self, name: str = "") -> str:
        return f"memory://store/{name}"

    def create(self, name: str, content: Path, *, sha256: str, progress: Callable[[int], None]) -> Created:
        self._reach(name)
        sent = content.read_bytes()
        refuse_changed(content.name, expected=sha256, found=hashlib.sha256(sent).hexdigest())
        if name in self.objects:
            found = hashlib.sha256(self.objects[name][0]).hexdigest()
            return same_or_taken(
                self.place(name), len(sent), expected=sha256, found=found, checked="read back"
            )
        kept = len(self._begun.get((name, sha256), b""))
        if self.cut_after is not None:
            self._begun[name, sha256] = sent[: kept + self.cut_after]
            progress(min(kept + self.cut_after, len(sent)))
            self.cut_after = None
            raise MobiusError(f"the line to {self.place(name)} was cut", "do it again: it goes on")
        if self.damages:
            found = hashlib.sha256(sent + b"?").hexdigest()
            raise CopyDiffers(self.place(name), expected=sha256, found=found)
        self.objects[name] = (sent, self._clock.now())
        self._begun.pop((name, sha256), None)
        progress(len(sent))
        return Created(len(sent) - kept, kept, "read back")

    def replace(self, name: str, content: bytes) -> None:
        self._reach(name)
        self.objects[name] = (small(content, name), self._clock.now())

    def look(self, name: str) -> Stored | None:
        self._reach(name)
        if name not in self.objects:
            return None
        content, at = self.objects[name]
        return Stored(name, len(content), at)

    def listed(self, start: str = "") -> Iterator[Stored]:
        self._reach()
        for name in sorted(self.objects):
            if name.startswith(start):
                content, at = self.objects[name]
                yield Stored(name, len(content), at)

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        self._reach(name)
        if name not in self.objects:
            raise NotStored(f"there is no {self.place(name)}", "mobius backup list --store")
        content = self.objects[name][0][offset : None if length is None else offset + length]
        for start in range(0, len(content), PIECE_BYTES):
            yield content[start : start + PIECE_BYTES]

    def remove(self, name: str) -> None:
        self._reach(name)
        self.objects.pop(name, None)

    def preflight(self) -> CheckResult:
        if self.unreachable:
            return CheckResult("store", Outcome.ERROR, self.unreachable, 0.0, "plug it in")
        return CheckResult("store", Outcome.PASS, f"{self.place()} can be reached", 0.0)

    def _reach(self, name: str = "x") -> None:
        checked_name(name)
        if self.unreachable:
            raise MobiusError(self.unreachable, "plug it in")
