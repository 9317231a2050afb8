"""What knows of vulnerabilities."""

from __future__ import annotations

from typing import Protocol

from mobius.model.scan import Asked


class Scanners(Protocol):
    """Every source that fits the project, each asked about its files."""

    def ask(self) -> tuple[Asked, ...]:
        """All of them, side by side, each within the time that the settings give. Never raises: what could not be
        asked is `NotKnown`, and so is a tool that does not know what everybody knows."""
