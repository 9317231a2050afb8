"""What the port promises about hosts, for a target that has one."""

from __future__ import annotations

from collections.abc import Mapping
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

    def leave_out_lost(self) -> tuple[str, ...]:
        return ()

    def fence(self, token: int, *, by: str = "") -> None:
        """Nobody else acts here: the lock and the local epoch of this machine see to that."""

    def epoch(self) -> Epoch:
        return Epoch()
