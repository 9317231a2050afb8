"""What every store keeps to: names, the time one act may take, and the words for a name that is taken."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable

from mobius.archive.durable import human
from mobius.errors import BackupInvalid, MobiusError, UsageError
from mobius.model.stored import Created
from mobius.ports import NameTaken

PIECE_BYTES = 8 << 20
SMALL_BYTES = 1 << 20  # what `replace` takes
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class Deadline:
    """When one act has to be over."""

    def __init__(self, within_s: float) -> None:
        self.within_s = within_s
        self._at = time.monotonic() + within_s

    @property
    def left_s(self) -> float:
        """Seconds, 0 when it is past."""
        return max(0.0, self._at - time.monotonic())

    def check(self, doing: str, kept: str = "") -> None:
        """Raises `MobiusError` once it is past; `kept` says what the next attempt finds."""
        if not self.left_s:
            raise MobiusError(
                f"{doing} did not end within {self.within_s:g} s{f'; {kept}' if kept else ''}",
                "do it again, with a longer store.timeout in mobius.toml",
            )


def checked_name(name: str) -> str:
    """The name, when it is one. Raises `UsageError`."""
    if not _NAME.fullmatch(name) or len(name) > 700:
        raise UsageError(f"{name!r} is no name for a store", "letters, digits and ._- in parts joined by /")
    return name


def small(content: bytes, name: str) -> bytes:
    """The content, when it is small enough to be put in one piece."""
    if len(content) > SMALL_BYTES:
        raise UsageError(f"{name} is too large to be replaced: {human(len(content))}", "create a new name")
    return content


def sha256_of_pieces(pieces: Iterable[bytes]) -> str:
    """Their SHA-256, of one after the other."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def same_or_taken(place: str, size_bytes: int, *, expected: str, found: str, checked: str) -> Created:
    """What `create` answers where the name is there already. Raises `NameTaken` for other content."""
    if found == expected:
        return Created(0, size_bytes, checked, was_there=True)
    raise NameTaken(
        f"{place} is there already, with other content; nothing was changed",
        "look who wrote it; a backup is never overwritten",
        details=(f"to copy  {expected}", f"there    {found}"),
    )


def refuse_changed(name: str, *, expected: str, found: str) -> None:
    """Raises `BackupInvalid` when what was read to be copied is not what it should be."""
    if found != expected:
        raise BackupInvalid(
            f"{name} was not copied: it does not match its SHA-256",
            "try: mobius backup list --verified",
            details=(f"expected {expected}", f"found    {found}"),
        )


class CopyDiffers(MobiusError):
    """What arrived is not what was sent. `left`: what became of it."""

    def __init__(self, place: str, *, expected: str, found: str, left: str = "it was removed") -> None:
        super().__init__(
            f"the copy {place} differs from what was sent; {left}",
            "check the disk or the network, then copy it again",
            details=(f"sent     {expected}", f"there    {found}"),
        )
