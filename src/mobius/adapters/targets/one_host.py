"""What the port promises about hosts, for a target that has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from mobius.model.emergency import Epoch
from mobius.model.fleet import HostSeen


class _HasSlots(Protocol):
    def slot_url(self, slot: str) -> str: ...


class OneHost:
    """The slots are on one host, which the lock and the journal's token fence."""

    def slot_urls(self: _HasSlots, slot: str) -> Mapping[str, str]:
        return {"": self.slot_url(slot)}

    def hosts(self) -> tuple[HostSeen, ...]:
        return ()

    def leave_out(self, hosts: Mapping[str, str]) -> None:
        """There is none to leave out."""

    def left_out(self) -> tuple[str, ...]:
        return ()

    def put_right(self) -> tuple[str, ...]:
        return ()

    def take_back_in(self, hosts: Sequence[str]) -> None:
        """None is ever out."""

    def addresses(self, slot: str) -> Mapping[str, str]:
        return {}

    def leave_out_lost(self) -> tuple[str, ...]:
        return ()

    def fence(self, token: int, *, by: str = "") -> None:
        """Nobody else acts here: the lock and the local epoch of this machine see to that."""

    def epoch(self) -> Epoch:
        return Epoch()
