"""Taking over what already runs: what was found of it, and what would change, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ProxyKind = Literal["nginx", "caddy", "haproxy"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One place of one file: the text from `start` to `end` (characters of the file read as Latin-1, so bytes)."""

    file: str
    start: int
    end: int
    old: str
    new: str
    line: int  # of `start`, from 1
    why: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file before and after, as bytes; `before` is None where there was none."""

    path: str
    before: bytes | None
    after: bytes


@dataclass(frozen=True, slots=True)
class UnitFound:
    """A service as systemd runs it now. `directives`: of [Service], drop-ins merged in, in systemd's own words."""

    name: str
    files: tuple[str, ...]  # the unit file, then its drop-ins
    directives: tuple[tuple[str, str], ...]
    argv: tuple[str, ...]
    working_directory: str
    user: str
    group: str
    environment: Mapping[str, str]
    environment_files: tuple[tuple[str, bool], ...]  # path, and whether it may be missing
    kind: str  # Type=
    main_pid: int
    enabled: str  # UnitFileState
    triggered_by: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()  # what stands in the way of reading it: each a sentence


@dataclass(frozen=True, slots=True)
class Listening:
    """One socket that the unit's processes accept on."""

    pid: int
    port: int = 0
    address: str = ""
    path: str = ""  # of a Unix socket

    def __str__(self) -> str:
        return self.path or f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class ProxyFound:
    """The proxy in front, what must change in its files, and where its clients reach the service."""

    kind: ProxyKind
    unit: str  # the proxy's own unit, which is reloaded
    config: str  # its main file
    edits: tuple[Edit, ...] = ()
    url: str = ""  # "" where it cannot be told
    dials: str = ""  # what it dials now
    user: str = ""  # who its workers run as, "" where it cannot be told
    group: str = ""  # theirs
    traffic: Mapping[str, str] = field(default_factory=dict)  # further keys of [traffic]
    notes: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """How another release gets another port: its command, its variables, and where the port is set now."""

    start: tuple[str, ...]
    where: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer beside the service; it is left alone."""

    name: str
    starts: str


@dataclass(frozen=True, slots=True)
class Adoption:
    """Everything that an adoption does, decided before the first change; it is written down before that, too."""

    service: str
    environment: str
    unit: str
    enabled: str
    port: int
    process: str
    release_id: str
    tag: str
    tree: str
    root: str
    url: str
    health: str
    proxy: ProxyKind
    proxy_unit: str
    proxy_config: str
    proxy_user: str
    proxy_files: tuple[FileChange, ...]
    project_files: tuple[FileChange, ...]
    links: tuple[tuple[str, str], ...] = ()  # a name in shared/, and what it leads to
    notes: tuple[str, ...] = ()
    units: tuple[str, ...] = ()  # mobius's own, to be installed
