"""Traffic that somebody else directs: we neither see where it goes nor move it, and say so."""

from __future__ import annotations

from collections.abc import Mapping

from mobius.adapters.traffic.one_host import OneHostTraffic
from mobius.errors import MobiusError
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Counters, Switched

HINT = 'only target = "process" or "systemd" has slots that traffic is moved between'


class ElsewhereTraffic(OneHostTraffic):
    """No slot of ours receives requests, nothing can be moved, held or counted."""

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def preflight(self) -> tuple[CheckResult, ...]:
        """There is nothing of ours to look at."""
        return ()

    def check_split(self) -> CheckResult:
        """No request passes by us."""
        told = f"the requests of {self._environment} are somebody else's to direct"
        return CheckResult("canary", Outcome.FAIL, told, 0.0, HINT)

    def weights(self) -> Mapping[str, int]:
        """Empty: none goes to a slot of ours."""
        return {}

    def switch(self, weights: Mapping[str, int]) -> Switched:
        if weights:
            raise self._not_ours("moved")
        return Switched(0, 0.0, 0)

    def drain(self, slot: str, timeout_s: float) -> int:
        raise self._not_ours("drained")

    def hold(self, max_s: float, max_requests: int, max_bytes: int) -> None:
        raise self._not_ours("held")

    def release_hold(self) -> int:
        """Nothing is held."""
        return 0

    def turned_away(self) -> int:
        """Nobody is."""
        return 0

    def counters(self) -> Mapping[str, Counters]:
        raise self._not_ours("counted")

    def failed_because_of_switches(self, since: int = 0) -> int:
        raise self._not_ours("counted")

    def _not_ours(self, what: str) -> MobiusError:
        return MobiusError(f"the traffic of {self._environment} is not ours: it cannot be {what}", HINT)
