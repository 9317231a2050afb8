"""The settings of the targets that hand the service to somebody else: systemd, and commands of the owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SystemdSettings:
    """The units of the systemd target. `user`: who the service runs as, "" for whoever owns the project.
    `credentials`: name to file, for LoadCredential=. `directives`: further lines of [Service], as they are."""

    user: str = ""
    group: str = ""
    harden: bool = True
    credentials: Mapping[str, str] = field(default_factory=dict)
    directives: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """Somebody else's way to deploy, go back, start and stop, inside our gates; empty where there is none."""

    deploy: tuple[str, ...] = ()
    rollback: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    version: tuple[str, ...] = ()  # prints the version that is live
    timeout_s: float = 1800.0
