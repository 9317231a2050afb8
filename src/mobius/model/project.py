"""A repository as it was found, and the service that is in it: what `mobius init` starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Repository:
    """What was seen in a folder. Paths are relative, with "/"; `texts` holds the files worth reading."""

    folder: str  # its name
    files: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    is_git: bool = False
    inside: str = ""  # where the folder lies in its repository, "" at the top
    tags: tuple[str, ...] = ()  # newest first
    uncommitted: int = 0  # tracked files with changes


@dataclass(frozen=True, slots=True)
class Started:
    """One process as the repository tells it. `why` says where that was read."""

    name: str
    kind: str
    start: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Project:
    """The service in a repository. `notes` is what a person should know or do, in whole sentences."""

    service: str
    processes: tuple[Started, ...]
    port: int
    port_why: str
    health: str
    health_why: str
    health_says: str = ""  # what json.status is when it is well
    build: tuple[tuple[str, ...], ...] = ()
    build_why: str = ""
    databases: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()  # with data that outlives a release; the databases lie in them
    env_file: str = ""
    migrations: str = ""  # folder of .sql files, "" where none can be applied
    source: str = "git"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file that a project should have. `theirs_wins`: where there is one already, it stays."""

    path: str
    text: str
    executable: bool = False
    theirs_wins: bool = False
