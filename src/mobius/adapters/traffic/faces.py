"""Faces: what a proxy sees of the live release, a socket and a tree of files, moved by one rename of `live`.

`<root>/live` is a link to `<root>/run/faces/NAME/`, which never changes once it is there: `web.sock` leads to where
requests are accepted (a release's own socket, or our front door's), `tree` to the release's files, and `about` says
what that stands for. It is the text of a link, not of a file: making a face writes names only, which reach the disk in
order and with the rename, so that a switch waits for the disk once, after it. Older faces stay for a while: whoever
was just looking one up must still find it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mobius.errors import MobiusError
from mobius.model.numbers import whole

DOOR = "door"
KEPT = 16
MOVED_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Face:
    """What the proxy dials. `via`: the slot whose own socket that is, or "door". `weights` and `releases` are those
    of the switch that made it; with "door" in between, the front door's own weights hold."""

    via: str
    socket: str
    tree: str = ""
    weights: Mapping[str, int] = field(default_factory=dict)
    releases: Mapping[str, str] = field(default_factory=dict)  # slot to release id


class Faces:
    """The faces of one root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / "run" / "faces"
        self.live = root / "live"

    @contextlib.contextmanager
    def moving(self) -> Iterator[None]:
        """One at a time: a door told by one and a `live` moved by another would not agree. Whoever hangs in there for
        longer than that keeps nobody from going back."""
        import fcntl

        self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(self._folder.parent / "live.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            until = time.monotonic() + MOVED_WITHIN_S
            while time.monotonic() < until:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                time.sleep(0.005)
            yield
        finally:
            os.close(file)

    def current(self) -> Face | None:
        """Where `live` leads now; None when there is none yet. Raises MobiusError when that makes no sense."""
        try:
            folder = self._root / self.live.readlink()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise MobiusError(
                f"{self.live} is no link: {problem.strerror}",
                "move it away; the next switch makes it anew",
            ) from problem
        try:
            told = json.loads(os.readlink(folder / "about"))  # noqa: PTH115, it is no path
            return Face(told["via"], told["socket"], told["tree"], told["weights"], told["releases"])
        except (OSError, ValueError, LookupError, TypeError) as problem:
            raise MobiusError(
                f"{self.live} leads to {folder}, which cannot be read: {problem}",
                "switch again: mobius host start",
            ) from problem

    def show(self, face: Face) -> None:
        """From here on whoever dials, or opens a file, meets this face: one rename, and durable. Raises MobiusError,
        nothing changed, when it cannot be written."""
        try:
            folder = self._make(face)
            fresh = self._root / "run" / ".live.new"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(folder.relative_to(self._root))
            fresh.replace(self.live)
            _sync(self._root)
        except OSError as problem:
            raise MobiusError(
                f"{self.live} cannot be moved: {problem.filename}: {problem.strerror}",
                "make room on that disk, and check who may write there",
            ) from problem
        self._forget_old(folder)

    def _make(self, face: Face) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._folder.chmod(0o711)  # whoever may pass through `run` may come to the face they know
        number = max((_number(one) for one in self._folder.iterdir()), default=0) + 1
        folder = self._folder / f"{number:06}.{face.via}"
        folder.mkdir(mode=0o711)
        folder.chmod(0o711)
        (folder / "web.sock").symlink_to(face.socket)
        if face.tree:
            (folder / "tree").symlink_to(face.tree)
        (folder / "about").symlink_to(json.dumps(asdict(face), separators=(",", ":")))
        return folder

    def _forget_old(self, current: Path) -> None:
        with contextlib.suppress(OSError):
            known = sorted(self._folder.iterdir(), key=_number)
            for folder in known[:-KEPT]:
                if folder != current:
                    shutil.rmtree(folder, ignore_errors=True)


def _number(folder: Path) -> int:
    return whole(folder.name.partition(".")[0]) or 0


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
