"""Traffic of a proxy that dials `<root>/live/web.sock` (nginx, Caddy): moved by one rename, never by a reload.

Requests go straight to a release's own Unix socket where one slot has all of them, the release listens there, and
the proxy's access log is read, for nobody else counts them then. Otherwise they go by our front door (the bridge):
a service that only has a port, a canary, a hold. The front door is always told first, so it is right about where
requests belong whenever `live` comes to lead there.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from mobius.adapters.signals.access_log_checks import access_log_checks
from mobius.adapters.traffic.door import DoorTraffic
from mobius.adapters.traffic.faces import DOOR, Face, Faces
from mobius.adapters.traffic.history import read_history, switching
from mobius.adapters.traffic.one_host import OneHostTraffic
from mobius.adapters.traffic.proxy_checks import proxy_checks
from mobius.errors import MobiusError
from mobius.host.client import HostClient
from mobius.host.direct import in_flight, is_seen
from mobius.host.messages import Routed, SlotStatus
from mobius.host.reach import group_may_connect
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult
from mobius.ports import Counters, Switched


class LiveSocketTraffic(OneHostTraffic):
    """`tree_of` says where a release's files are. `settings.traffic.access_log`: without one all goes by the door."""

    def __init__(self, root: Path, settings: EnvironmentSettings, tree_of: Callable[[str], Path]) -> None:
        self._root = root.resolve()
        self._settings = settings
        self._faces = Faces(self._root)
        self._door = DoorTraffic(root)
        self._host = HostClient(root, revives=True)
        self._tree_of = tree_of
        web = next((process for process in settings.processes if process.kind == "web"), None)
        self._may_be_direct = settings.traffic.access_log is not None and (
            web is None or web.listen != "port"
        )

    def preflight(self) -> tuple[CheckResult, ...]:
        """The proxy's configuration, its way to our sockets, and its log."""
        return (*proxy_checks(self._settings), *access_log_checks(self._settings.traffic))

    def check_split(self) -> CheckResult:
        """By the front door, where `live` comes to lead for so long."""
        return self._door.check_split()

    def weights(self) -> Mapping[str, int]:
        """Where `live` leads; the front door's own where it leads there. No supervisor is needed to look."""
        face = self._faces.current()
        if face is None:
            return {}
        return self._door.weights() if face.via == DOOR else dict(face.weights)

    def switch(self, weights: Mapping[str, int]) -> Switched:
        """First the front door, then `live`. Killed in between, `live` still leads where it led, which `weights()`
        says; the same switch again finishes it."""
        began = time.perf_counter()
        with self._faces.moving():
            routed = self._host.route(weights)
            self._show(routed)
        took_ms = (time.perf_counter() - began) * 1000
        return Switched(routed.generation, took_ms, self._door.failed_because_of_switches(routed.generation))

    def drain(self, slot: str, timeout_s: float) -> int:
        """Waits for the front door's requests, and for what the proxy connected to the slot's own socket. Raises
        MobiusError while `live` leads there."""
        face = self._faces.current()
        if face is not None and face.via == slot:
            raise MobiusError(
                f"slot {slot} still gets new requests, so it cannot be drained",
                "switch to another slot first, or hold",
            )
        return self._host.drain(slot, timeout_s, direct=True).cut

    def hold(self, max_s: float, max_requests: int, max_bytes: int) -> None:
        """The front door holds, so `live` comes to lead there."""
        with self._faces.moving():
            self._door.hold(max_s, max_requests, max_bytes)
            self._show(self._as_it_is())

    def release_hold(self) -> int:
        """Those that wait go on at once; then, where it may, `live` leads to the release itself again."""
        with self._faces.moving():
            released = self._door.release_hold()
            if self._faces.current() is not None:
                self._show(self._as_it_is())
            return released

    def turned_away(self) -> int:
        return self._door.turned_away()

    def _as_it_is(self) -> Routed:
        """How the door routes now: the same again changes nothing."""
        return self._host.route(self._door.weights())

    def counters(self) -> Mapping[str, Counters]:
        """What came by the front door. Raises MobiusError while the proxy dials the release itself: then nobody
        counts but its access log, and an unmoved count would look like silence."""
        face = self._faces.current()
        if face is not None and face.via != DOOR:
            raise MobiusError(
                f"the proxy dials {face.via} itself, so only its access log counts requests",
                "set [traffic] access_log",
            )
        return self.door_counters()

    def door_counters(self) -> Mapping[str, Counters]:
        """What ever came by the front door, also while the proxy dials a release itself."""
        return self._door.counters()

    def failed_because_of_switches(self, since: int = 0) -> int:
        """Those that the front door saw fail; what the proxy sent straight to a release is in its log alone."""
        return self._door.failed_because_of_switches(since)

    def in_flight(self, slot: str) -> int:
        """Requests on the slot's own socket now, whoever sent them there."""
        there = self._host.status().slots.get(slot)
        path = _socket_of(there) if there is not None else ""
        return in_flight(path) if path else 0

    def _show(self, routed: Routed) -> None:
        wanted = self._face(routed)
        is_shown = wanted == self._faces.current()
        if is_shown and self._is_written(wanted):
            return
        with switching(self._root, via=wanted.via, weights=wanted.weights, releases=wanted.releases):
            if not is_shown:
                self._faces.show(wanted)

    def _is_written(self, face: Face) -> bool:
        """Whether the history ends with this face; not, where a kill came between the rename and its line."""
        last = next(reversed(read_history(self._root)), None)
        held = (face.via, face.weights, face.releases)
        return last is not None and last.is_done and (last.via, last.weights, last.releases) == held

    def _face(self, routed: Routed) -> Face:
        weights, slots = routed.weights, routed.slots
        releases = {slot: slots[slot].release for slot in weights if slot in slots}
        chief = max(weights, key=lambda slot: (weights[slot], slot), default="")
        tree = str(self._tree_of(releases[chief])) if chief in releases else ""
        own = slots[chief].socket if chief in slots else None
        if self._may_be_direct and len(weights) == 1 and not routed.held and own and self._accepts(own):
            return Face(chief, own, tree, weights, releases)
        return Face(DOOR, str(self._root / "run" / "door.sock"), tree, weights, releases)

    def _accepts(self, path: str) -> bool:
        """Whether a release listens there in a way that can be drained, and that the proxy can reach."""
        try:
            is_socket = stat.S_ISSOCK(Path(path).stat().st_mode)
            return is_socket and is_seen(path) and group_may_connect(self._root / "run", Path(path))
        except OSError:
            return False


def _socket_of(slot: SlotStatus) -> str:
    """The Unix socket of the slot's web process; "" when it has none."""
    if slot.placed:
        return slot.socket or ""
    return next((process.socket or "" for process in slot.processes if process.kind == "web"), "")
