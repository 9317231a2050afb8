"""What looks at a service: signals and checks."""

from __future__ import annotations

from typing import Protocol

from mobius.model.sample import Sample
from mobius.model.verdict import CheckResult


class Signals(Protocol):
    """Measurements for the window. Never raises: what could not be measured is a sample with `missing`."""

    def sample(self, now: float) -> tuple[Sample, ...]:
        """One reading of every signal: the probe, real traffic since the last call, resources, gates."""


class Checks(Protocol):
    """The looking: smoke tests, health, gates. Never raises: what cannot be measured is an ERROR result."""

    def smoke(self, base_url: str) -> tuple[CheckResult, ...]:
        """Every configured smoke test against this address."""

    def health(self, base_url: str) -> CheckResult:
        """The health endpoint once."""

    def gate(self, name: str) -> CheckResult:
        """One configured gate command."""
