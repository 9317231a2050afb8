"""The observe target: deployments are made by other means; we look, back up, and may restore."""

from __future__ import annotations

from mobius.adapters.targets.command import CommandTarget
from mobius.model.verdict import CheckResult, Outcome


class ObserveTarget(CommandTarget):
    """Like the command target, but that it never takes a deployment."""

    def preflight(self) -> tuple[CheckResult, ...]:
        """Whether it could be stopped and started around a restore; a deployment it refuses."""
        told = f"{self._settings.name} is only observed: it is deployed by other means"
        advice = f"mobius monitor -e {self._settings.name} watches what was deployed"
        return (CheckResult("target", Outcome.FAIL, told, 0.0, advice), *super().preflight())
