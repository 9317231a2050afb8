"""Reads files for an export with suspicion: a link, a pipe, what is huge, binary or gone is said and not read."""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mobius.adapters.exporting.scrub import Scrubber
from mobius.model.exporting import LeftOut, Member
from mobius.report.words import size

LARGEST_BYTES = 8 << 20
TAIL_BYTES = 2 << 20  # of a log that is larger
MOST_BYTES = 128 << 20
MOST_FILES = 20_000
SKIPPED = frozenset({".git", ".hg", ".svn", ".mobius", "node_modules", ".venv", "venv", "__pycache__"})


@dataclass(slots=True)
class Collector:
    """Gathers members. `inside`: only what lies in these folders, links resolved, is ever read. `scrub` None: as it
    is."""

    inside: Sequence[Path]
    scrub: Scrubber | None
    members: list[Member] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    _bytes: int = 0
    _names: set[str] = field(default_factory=set)

    def add(self, name: str, content: bytes, *, source: str = "", note: str = "") -> None:
        """One member, secrets taken out of name and content."""
        redacted: dict[str, int] = {}
        if self.scrub is not None:
            content, redacted = self.scrub.content(content)
        self._keep(Member(self._free(name), content, self._name(source), redacted, note))

    def add_as_it_is(self, name: str, content: bytes, *, source: str = "") -> None:
        """One member that must stay byte for byte, as what is signed must: withheld where a secret is in it."""
        if self.scrub is not None and any(self.scrub.text(reading)[1] for reading in _readings(content)):
            self.leave_out(
                source or name, "what looks like a secret is in it, and changed it would prove nothing"
            )
            return
        self._keep(Member(self._free(name), content, self._name(source)))

    def leave_out(self, name: str, why: str) -> None:
        """Says that it is not in the export."""
        self.left_out.append(LeftOut(self._name(name), why))

    def file(self, name: str, path: Path, *, tail: bool = False, signed: bool = False) -> None:
        """One file of the disk; with `tail` the end of one that is too large; `signed`: as it is, or not at all."""
        shown = str(path)
        content, why = self._read(path, tail=tail)
        if content is None:
            self.leave_out(shown, why)
        elif signed:
            self.add_as_it_is(name, content, source=shown)
        elif _is_binary(content):
            self.leave_out(
                shown, f"it is no text, and secrets could not be taken out of it ({size(len(content))})"
            )
        else:
            self.add(name, content, source=shown, note=why)

    def file_if_there(self, name: str, path: Path, *, tail: bool = False) -> None:
        """The same for a file that need not be."""
        if os.path.lexists(path):
            self.file(name, path, tail=tail)

    def folder(self, name: str, top: Path, pattern: str = "*", *, tail: bool = False) -> None:
        """Every file below `top` whose name matches, by name; nothing where the folder is not there."""
        if top.is_symlink() and not self._is_inside(top):
            self.leave_out(str(top), "it is a link out of the project")
            return
        for path in _walk(top, self):
            if path.match(pattern):
                self.file(f"{name}/{path.relative_to(top).as_posix()}", path, tail=tail)

    def _read(self, path: Path, *, tail: bool) -> tuple[bytes | None, str]:
        """The content and a note, or None and why not."""
        try:
            if path.is_symlink() and not self._is_inside(path):
                return None, "it is a link out of the project"
            # Not to wait for whoever may one day write into a pipe.
            flags = (
                os.O_RDONLY
                | getattr(os, "O_NONBLOCK", 0)
                | getattr(os, "O_NOFOLLOW", 0)
                | getattr(os, "O_BINARY", 0)
            )
            with os.fdopen(os.open(os.path.realpath(path), flags), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return None, "it is no regular file"
                if (
                    self._bytes + min(status.st_size, LARGEST_BYTES) > MOST_BYTES
                    or len(self.members) >= MOST_FILES
                ):
                    return None, f"the export is full: {size(MOST_BYTES)}, or {MOST_FILES:,} files"
                if status.st_size <= LARGEST_BYTES:
                    return file.read(LARGEST_BYTES), ""
                if not tail:
                    return None, f"it is larger than {size(LARGEST_BYTES)} ({size(status.st_size)})"
                file.seek(-TAIL_BYTES, os.SEEK_END)
                end = file.read(TAIL_BYTES).partition(b"\n")[2]
                return end, f"only its last {size(len(end))} of {size(status.st_size)}"
        except FileNotFoundError:
            return None, "it is gone: a link to nothing, or it went while it was looked at"
        except (OSError, ValueError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else str(problem)
            return None, f"it cannot be read: {why}"

    def _is_inside(self, path: Path) -> bool:
        real = Path(os.path.realpath(path))
        return any(real.is_relative_to(os.path.realpath(top)) for top in self.inside)

    def _keep(self, member: Member) -> None:
        self._bytes += len(member.content)
        self.members.append(member)

    def _free(self, name: str) -> str:
        """A name that every system can write, that has no secret in it, and that no other member has."""
        wanted = safe_name(self._name(name))
        free, number = wanted, 2
        while free.casefold() in self._names:
            free, number = f"{wanted}.{number}", number + 1
        self._names.add(free.casefold())
        return free

    def _name(self, name: str) -> str:
        shown = name.encode("utf-8", "backslashreplace").decode()
        return self.scrub.text(shown)[0] if self.scrub is not None else shown


def safe_name(name: str) -> str:
    """The name with what could leave a folder or break a line written as `%0A`."""
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    return (
        "/".join("".join(c if _is_plain(c) else _percent(c) for c in part)[:200] for part in parts)
        or "unnamed"
    )


def _is_plain(character: str) -> bool:
    return (character.isprintable() and character not in '\\:*?"<>|%') or character == "«"


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _is_binary(content: bytes) -> bool:
    """NUL bytes, as in UTF-16, archives and pictures: what cannot be read as text cannot be searched."""
    return b"\0" in content


def _readings(content: bytes) -> Iterator[str]:
    """The text itself, and what an envelope in it holds."""
    text = content.decode("utf-8", "surrogateescape")
    yield text
    try:
        yield base64.b64decode(json.loads(text)["payload"]).decode("utf-8", "surrogateescape")
    except (ValueError, KeyError, TypeError, RecursionError):
        return


def _walk(top: Path, collector: Collector) -> Iterator[Path]:
    def refused(problem: OSError) -> None:
        if not isinstance(problem, FileNotFoundError):
            collector.leave_out(str(problem.filename), f"it cannot be read: {problem.strerror}")

    if top.is_file() or top.is_symlink():
        yield top
        return
    for here, names, files in os.walk(top, onerror=refused):
        links = sorted(name for name in names if Path(here, name).is_symlink())
        for name in links:
            collector.leave_out(str(Path(here, name)), "it is a link to a folder")
        names[:] = sorted(name for name in names if name not in SKIPPED and name not in links)
        yield from (Path(here, name) for name in sorted(files))
