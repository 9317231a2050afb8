"""The warm release is probed all through the window, so that going back needs no gate; its loss calls a person."""

from __future__ import annotations

from mobius.errors import MobiusError
from mobius.flows.before import tick_s
from mobius.flows.record import Record
from mobius.model.plan import WayBack
from mobius.model.proven import Proven
from mobius.model.verdict import Outcome
from mobius.rules.choosing import keeps_warm

WARM = "way back"  # what its loss is called among the rules


class Warm:
    """The release before, in its slot, of one window."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._failed = 0
        self._asked_at = float("-inf")

    def is_lost_now(self, way: WayBack | None, proven: Proven) -> bool:
        """Asks it where that is due; true at the look that makes it too many failures in a row."""
        record, ports = self._record, self._record.ports
        plan, monitor = record.run.plan, ports.settings.monitor
        if not plan.previous_slot or not keeps_warm(plan, way, proven):
            return False
        now = ports.clock.monotonic()
        if now < self._asked_at + monitor.interval_s - tick_s(ports.settings) / 2:
            return False
        self._asked_at = now
        try:
            url = ports.target.slot_url(plan.previous_slot)
        except MobiusError as problem:
            record.log(f"the way back cannot be seen: {problem.message}")
            return False
        outcome = ports.checks.health(url).outcome if url else Outcome.FAIL
        if outcome is Outcome.ERROR:  # the prober itself could not look: neither an answer nor a failure
            return False
        self._failed = 0 if outcome is Outcome.PASS else self._failed + 1
        return self._failed == monitor.failure_threshold

    def call(self) -> None:
        """A person hears of it."""
        plan, threshold = self._record.run.plan, self._record.ports.settings.monitor.failure_threshold
        words = (
            f"the way back is not warm: {plan.previous_id} failed {threshold} checks in {plan.previous_slot}"
        )
        told = {"sentence": words, "rule": WARM, "choices": [f"mobius status -e {plan.environment}"]}
        self._record.say("page", words, told, topic="alert")
