"""What taking over and giving back ask of the outside world. Every act may be repeated, and raises `MobiusError`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from mobius.model.adoption import Adoption, FileChange
from mobius.model.release import Release
from mobius.ports import Ports

WITHIN_S = 20.0  # a reload of a proxy takes effect after the command is back
LOOK_EVERY_S = 0.2


class KeptFile(Protocol):
    """One file as it was."""

    @property
    def path(self) -> str: ...

    @property
    def copy(self) -> str: ...


class Record(Protocol):
    """How far an adoption is."""

    @property
    def plan(self) -> Adoption: ...

    @property
    def files(self) -> tuple[KeptFile, ...]: ...

    @property
    def boot_links(self) -> Mapping[str, str]: ...

    @property
    def phase(self) -> str: ...

    @property
    def begun_at(self) -> float: ...


class Keeper(Protocol):
    """Keeps what must be given back, and says how far it is; each write is durable and whole."""

    def record(self) -> Any: ...

    def begin(self, plan: Adoption, boot_links: Mapping[str, str], now: float) -> Any: ...

    def mark(self, record: Any, phase: Any) -> Any: ...

    def end(self) -> None: ...

    def put(self, change: FileChange) -> None: ...

    def restore(self, kept: Any) -> None: ...

    def put_back(self, path: str, content: bytes) -> None: ...

    def put_aside(self, path: str) -> str: ...

    def content(self, path: str) -> bytes | None: ...


class Machine(Protocol):
    """The acts on this machine, each of which may be repeated. All raise `MobiusError`."""

    def is_active(self, unit: str) -> bool: ...

    def start(self, unit: str) -> None: ...

    def disable(self, unit: str, enabled: str) -> None: ...

    def link(self, links: Mapping[str, str]) -> None: ...

    def check_proxy(self, plan: Adoption) -> None: ...

    def reload_proxy(self, plan: Adoption) -> None: ...

    def reaches(self, plan: Adoption) -> str: ...

    def answers(self, plan: Adoption) -> bool: ...


class House(Protocol):
    """What is mobius's own of the environment: its ports, its units, what it knows of release 0."""

    @property
    def ports(self) -> Ports: ...

    def install(self) -> None: ...

    def uninstall(self) -> None: ...

    def register(self, plan: Adoption) -> Release: ...

    def open_up(self, plan: Adoption) -> None: ...

    def forget(self, plan: Adoption) -> None: ...


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside. `house` can be opened once mobius.toml is there; `counting` counts requests meanwhile."""

    keeper: Keeper
    machine: Machine
    house: Callable[[], House]
    now: Callable[[], float]
    wait: Callable[[float], None]
    tell: Callable[[str], None]
    counting: Callable[[], AbstractContextManager[None]]
