"""Releases of a fleet: made on the controller, and known on every host."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from mobius.adapters.releases.store import ReleaseStore
from mobius.errors import MobiusError

if TYPE_CHECKING:
    from mobius.adapters.targets.fleet import FleetTarget


class FleetReleases(ReleaseStore):
    """The controller's releases; every host keeps its own `current`, `previous` and trees."""

    def __init__(self, target: FleetTarget, *made_of: Any) -> None:
        super().__init__(*made_of)
        self._target = target

    def point_to(self, release_id: str, previous_id: str) -> None:
        super().point_to(release_id, previous_id)
        self._target.point_to(release_id, previous_id)

    def current(self) -> tuple[str, str]:
        """As those hosts say that have seen the highest token: another machine may have deployed since. What this one
        remembers where none of them says anything."""
        return self._target.pointed() or super().current()

    def remove(self, release_id: str) -> None:
        super().remove(release_id)
        with contextlib.suppress(MobiusError):  # a host that is not reached keeps a tree too many
            self._target.remove(release_id)
