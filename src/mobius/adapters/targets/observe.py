"""The observe target: deployments are made by other means; we look, back up, and may restore."""

from __future__ import annotations

from mobius.adapters.targets.command import CommandTarget
from mobius.model.verdict import CheckResult, Outcome


class ObserveTarget(CommandTarget):
    """Like the command target, but that it never takes a deployment."""

    def preflight(self) -> tuple[CheckResult, ...]:
        """Whether it could be stopped and started around a restore. Deployments are refused before they are planned."""
        name = self._settings.name
        told = f"{name} is only observed: mobius monitor -e {name} watches what was deployed by other means"
        return (CheckResult("target", Outcome.PASS, told, 0.0), *super().preflight())
