"""PostgreSQL's own programs: which of those installed to use, and running one to its end."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mobius.adapters.databases.postgres_address import Address
from mobius.adapters.processes import kill_group
from mobius.errors import MobiusError

# Debian and Ubuntu; Red Hat's; Homebrew's. The PATH comes last: Debian's has wrappers that need a cluster.
_HOMES = (
    "/usr/lib/postgresql/{major}/bin",
    "/usr/pgsql-{major}/bin",
    "/opt/homebrew/opt/postgresql@{major}/bin",
)
_NEWEST = 40  # no PostgreSQL is as new


@dataclass(frozen=True, slots=True)
class Program:
    """An installed program and its version, as in 15.14."""

    path: Path
    version: str

    @property
    def major(self) -> int:
        """15 of 15.14."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])


def program(name: str, server_major: int, *, same: bool = False) -> Program:
    """One that can work with a server of this version: the same where there is one, else a newer one; `same` takes
    no newer one. Raises `MobiusError` with what to install."""
    found = sorted(_installed(name), key=lambda each: each.major)
    fit = [each for each in found if each.major == server_major or (each.major > server_major and not same)]
    if fit:
        return fit[0]
    if found:
        told = f"{name} is version {found[-1].version}, and the server is version {server_major}: it does not fit"
    else:
        told = f"{name} of PostgreSQL {server_major} is not installed here"
    package = "postgresql-client" if name in ("pg_dump", "pg_restore") else "postgresql"
    raise MobiusError(told, f"apt install {package}-{server_major}")


def newest_major(name: str) -> int:
    """Of those installed here. Raises `MobiusError` where there is none."""
    found = [each.major for each in _installed(name)]
    if not found:
        raise MobiusError(f"{name} of PostgreSQL is not installed here", "apt install postgresql")
    return max(found)


def _installed(name: str) -> Iterator[Program]:
    homes = [Path(home.format(major=major)) for home in _HOMES for major in range(9, _NEWEST)]
    on_path = shutil.which(name)
    for path in [*(home / name for home in homes), *([Path(on_path)] if on_path else [])]:
        if path.is_file() and os.access(path, os.X_OK):
            said = subprocess.run(
                [path, "--version"], capture_output=True, text=True, timeout=30, check=False
            )
            version = re.search(r"\b(\d+(?:\.\d+|devel|beta\d+|rc\d+)?)", said.stdout)
            if said.returncode == 0 and version:
                yield Program(path, version[1])


@dataclass(slots=True)
class Running:
    """A program at work, and the file that takes what it says."""

    process: subprocess.Popen[bytes]
    said: IO[bytes]
    until: float

    def wait(self, doing: str, redact: Callable[[str], str], advice: Callable[[str], str]) -> str:
        """To its end; what it said. Raises `MobiusError` when it failed or its time is up."""
        try:
            code = self.process.wait(max(0.0, self.until - time.monotonic()))
        except subprocess.TimeoutExpired:
            kill_group(self.process)
            name = Path(str(self._words()[0])).name
            raise MobiusError(
                f"{doing}: {name} was not done in time, and was ended", advice("timeout expired")
            ) from None
        text = redact(self.text())
        if code == 0:
            return text
        lines = [line for line in text.splitlines() if line.strip()]
        ended = f"exit code {code}" if code > 0 else f"killed by signal {-code}"
        raise MobiusError(
            f"{doing}: {_telling(lines) or ended}", advice(text), details=tuple(lines[-8:]) if lines else ()
        )

    def text(self) -> str:
        """What it has said so far."""
        self.said.seek(0)
        return self.said.read().decode(errors="replace").strip()

    def _words(self) -> Sequence[object]:
        words = self.process.args
        return words if isinstance(words, Sequence) and not isinstance(words, (str, bytes)) else [words]


@contextmanager
def running(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    timeout_s: float,
    cwd: Path | None = None,
    uid: int = -1,
) -> Iterator[Running]:
    """Starts it, through no shell; leaving the `with` ends it and all that it started. `uid`: who it runs as, by
    default ourselves."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                [str(word) for word in argv],
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **(identity(uid)),  # type: ignore[call-overload]
            )
        except OSError as problem:
            raise MobiusError(
                f"{argv[0]} cannot be started: {problem.strerror}",
                "install it, or put its folder on the PATH",
            ) from problem
        try:
            yield Running(process, said, time.monotonic() + timeout_s)
        finally:
            if process.poll() is None:
                kill_group(process)


def identity(uid: int) -> dict[str, object]:
    """What makes a child run as this user, with its own group only."""
    if uid < 0 or uid == os.geteuid():
        return {}
    import pwd

    return {"user": uid, "group": pwd.getpwuid(uid).pw_gid, "extra_groups": []}


def advice_of(address: Address, folder: Path) -> Callable[[str], str]:
    """What to do about what pg_dump or pg_restore said."""

    def advice(text: str) -> str:
        user = address.parameters.get("user", "its user")
        if "timeout expired" in text:
            return f"raise timeout of the database {address.name} in mobius.toml"
        if "No space left on device" in text or "Disk quota exceeded" in text:
            return f"the disk below {folder} is full, or the server's: free some space there"
        if "row-level security" in text or "row security" in text:
            return f"ALTER ROLE {user} BYPASSRLS; without it rows would be missing from the dump"
        if "permission denied" in text:
            return f"let {user} read everything: GRANT pg_read_all_data TO {user};"
        if "server version mismatch" in text:
            return "install the postgresql-client of the server's version"
        if "is not available" in text or "extension control file" in text:
            return "install the extension on the server that it is restored to"
        return ""

    return advice


def _telling(lines: Sequence[str]) -> str:
    """The line of several that says what happened."""
    for line in lines:
        if "error:" in line or "ERROR:" in line or "FATAL:" in line:
            return line.strip()
    return lines[-1].strip() if lines else ""
