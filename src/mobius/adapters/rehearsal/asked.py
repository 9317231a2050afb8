"""What is asked of an isolated boot and what it answers: plain data that crosses a pipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mobius.model.settings import HealthSettings, SmokeSettings
from mobius.model.verdict import CheckResult, Outcome

TOLD_BYTES = 1 << 20  # more than this nobody reads out of a boot


@dataclass(frozen=True, slots=True)
class Served:
    """One web process: its command, its whole environment, the folder it starts in, and where it is reached."""

    name: str
    start: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    port: int
    socket: str
    listen: str = "auto"


@dataclass(frozen=True, slots=True)
class As:
    """Who the processes run as, where that is somebody else than mobius."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """All that the program inside is told. `project`, `root`, `links`: how a path of mobius.toml is found."""

    environment: str
    url: str
    project: str
    root: str
    cwd: str
    processes: tuple[Served, ...]
    health: HealthSettings
    smoke: tuple[SmokeSettings, ...] = ()
    links: tuple[str, ...] = ()
    user: As | None = None
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run to its end: its words, its whole environment, and the folder it starts in."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    user: As | None = None
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How it went. `code`: its exit code, minus the signal where one ended it, None where it did not get to an end of
    its own, and `why` says why. `out` is its output alone, `output` that and its errors as they came; the middle is
    left out of what is too long, and then `is_whole` is false."""

    code: int | None
    why: str = ""
    out: str = ""
    output: str = ""
    is_whole: bool = True
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Mount:
    """What lies at `at` inside: the file or folder `source`; an empty folder of its own where there is none.

    kind "show" may only be read, "copy" may be written to, "mask" is empty, "link" is a link to `source`.
    """

    kind: str
    at: Path
    source: Path = Path()


@dataclass(frozen=True, slots=True)
class Booted:
    """How it went. PASS: it answered on its copy; FAIL: it did not; ERROR: it could not be tried, and why.

    `boot_s`: from the start to healthy; `took_s`: to the end of the smoke tests.
    """

    outcome: Outcome
    sentence: str
    boot_s: float = 0.0
    took_s: float = 0.0
    smoke: tuple[CheckResult, ...] = ()
    log: tuple[str, ...] = ()


class Isolation(Protocol):
    """A place with nothing in it but what it is given, whose network is its own loopback alone."""

    @property
    def name(self) -> str:
        """The tool, with its version; "" where it is not there."""

    def why_not(self) -> str:
        """Why it cannot be had here; "" where it can."""

    def boot(self, asked: Asked, mounts: Sequence[Mount], *, within_s: float, scratch: Path) -> Booted:
        """Starts the processes there, waits for their health, runs the smoke tests, and ends all of it, whatever
        happens: nothing of it runs when this returns, nor when we are killed. Never raises for what went wrong
        inside; `scratch` is the folder whose disk must not fill up."""


class Commanding(Protocol):
    """What of an isolation runs a program to its end, cut off as a boot is."""

    def why_not(self) -> str:
        """Why it cannot be had here; "" where it can."""

    def run(
        self,
        command: Command,
        mounts: Sequence[Mount],
        *,
        within_s: float,
        scratch: Path,
        progress: Callable[[str], None],
    ) -> Ended:
        """Runs it there and ends all that it left, whatever happens: nothing of it runs when this returns, nor when we
        are killed. `progress` hears each line. Never raises for what went wrong inside; `scratch` is the folder whose
        disk must not fill up."""


class ScratchDatabase(Protocol):
    """A database restored from a dump, apart from the live one. `url`: for a service; `socket`: the folder it must see
    for that, None where it is on a server that a boot cannot be shown; `rows` by table."""

    @property
    def url(self) -> str: ...

    @property
    def socket(self) -> Path | None: ...

    @property
    def rows(self) -> Mapping[str, int]: ...


class Databases(Protocol):
    """The dumps of an archive, restored into scratch databases."""

    def scratch(self, name: str, dump: Path) -> AbstractContextManager[ScratchDatabase]:
        """The scratch database of this name of mobius.toml, filled from the folder `dump`, while inside the `with`.
        Raises `MobiusError` or `BackupInvalid`."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that the program inside says. `kind`: "up", "healthy", "done", of a command also "out", "err", "cut";
    anything else is passed over."""

    kind: str
    after_s: float = 0.0
    outcome: str = ""
    sentence: str = ""
    smoke: tuple[CheckResult, ...] = ()
    log: tuple[str, ...] = ()
