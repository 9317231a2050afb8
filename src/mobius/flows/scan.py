"""Asks every source for known vulnerabilities, and judges what it is told."""

from __future__ import annotations

from mobius.model.scan import Scan, ScanSettings
from mobius.ports.scanning import Scanners
from mobius.rules.scanning.judging import judge


def scan(
    scanners: Scanners,
    settings: ScanSettings,
    *,
    service: str,
    environment: str,
    commit: str,
    dirty: bool,
    at: float,
) -> Scan:
    """Everything that is known of this commit; changes nothing."""
    judged, remarks = judge(scanners.ask(), settings, at)
    return Scan(service, environment, commit, dirty, at, judged, remarks)
