"""Traffic in memory, for tests: weights that change at once, and a memory of every change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from mobius.adapters.traffic.one_host import OneHostTraffic
from mobius.errors import MobiusError
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Counters, Switched


class MemoryTraffic(OneHostTraffic):
    """Knows the slots that `slots` names. `moves` has the weights after every switch that changed something."""

    def __init__(self, slots: Callable[[], Collection[str]]) -> None:
        self.moves: list[dict[str, int]] = []
        self.drained: list[str] = []
        self.held = False
        self.failed_requests = 0
        self.no_split = ""  # why requests cannot be shared out
        self.unseen = ""  # why nobody can look, while nobody can
        self.counted: dict[str, Counters] = {}
        self._slots = slots
        self._weights: dict[str, int] = {}

    def preflight(self) -> tuple[CheckResult, ...]:
        """It can always be moved."""
        return ()

    def check_split(self) -> CheckResult:
        """As the test says."""
        if self.no_split:
            return CheckResult("canary", Outcome.FAIL, self.no_split, 0.0, "deploy without a canary")
        return CheckResult("canary", Outcome.PASS, "a client stays with its release", 0.0)

    def weights(self) -> Mapping[str, int]:
        """Slot to weight. Raises `MobiusError` while nobody can look."""
        self._look()
        return dict(self._weights)

    def switch(self, weights: Mapping[str, int]) -> Switched:
        """Traffic goes by these weights. Raises `MobiusError`, nothing changed, for an unknown slot."""
        for slot in weights:
            if slot not in self._slots():
                raise MobiusError(f"there is no slot {slot} to send traffic to", "mobius status")
        if dict(weights) != self._weights:
            self._weights = dict(weights)
            self.moves.append(dict(weights))
        return Switched(len(self.moves), 1.0, self.failed_requests)

    def drain(self, slot: str, timeout_s: float) -> int:
        """Nothing is ever in flight. Raises `MobiusError` for a slot that still gets new requests."""
        if self._weights.get(slot) and not self.held:
            raise MobiusError(f"slot {slot} still gets new requests, so it cannot be drained", "switch first")
        self.drained.append(slot)
        return 0

    def hold(self, max_s: float, max_requests: int, max_bytes: int) -> None:
        """New requests wait."""
        self.held = True

    def release_hold(self) -> int:
        """They go on."""
        self.held = False
        return 0

    def turned_away(self) -> int:
        """Nobody is."""
        return 0

    def counters(self) -> Mapping[str, Counters]:
        """What the test put there."""
        self._look()
        return dict(self.counted)

    def failed_because_of_switches(self, since: int = 0) -> int:
        """What the test put there."""
        return self.failed_requests

    def _look(self) -> None:
        if self.unseen:
            raise MobiusError(self.unseen, "mobius host status")
