"""A service installed under the systemd of this machine, for the contract of targets; removed afterwards.

Only inside of a bed: `tests/journeys/fleet/test_systemd_contract.py` runs the suite there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.contracts.conftest import other, web
from free_ports import free_port
from mobius.adapters import systemd
from mobius.adapters.places import Places
from mobius.adapters.targets.systemd import SystemdTarget
from mobius.adapters.targets.systemd_units import UnitFiles
from mobius.model.settings import EnvironmentSettings, SystemdSettings
from mobius.report.units import monitor_unit

HERE = Path("/srv/contract")
TOML = """
service = "contract"

[[process]]
name = "api"
start = ["true"]

[environments.production]
target = "systemd"
url = "http://127.0.0.1:{port}"
"""


@dataclass
class UnitSite:
    """Where it lies."""

    root: Path


@dataclass
class UnitGround:
    """The same as `Ground`, for what the contract of targets asks of it."""

    site: UnitSite
    settings: EnvironmentSettings
    target: SystemdTarget

    def empty(self) -> None:
        """As it was at the start: no process."""
        for slot in ("blue", "green", "purple"):
            self.target.stop(slot)


def unit_ground() -> Iterator[UnitGround]:
    """Installed, prepared, and uninstalled again."""
    assert systemd.is_here()
    root = HERE / ".mobius" / "production"
    root.mkdir(parents=True)
    port = free_port()
    (HERE / "mobius.toml").write_text(TOML.format(port=port))
    quick = [replace(other(name, "worker"), stop_timeout_s=0.5) for name in ("mail", "one", "two")]
    settings = EnvironmentSettings(
        "production",
        f"http://127.0.0.1:{port}",
        root,
        listen=f"127.0.0.1:{port}",
        target="systemd",
        processes=(web(), *quick, replace(other("cron", "singleton"), stop_timeout_s=2.0)),
        # One test writes more than the journal takes of one service in a moment.
        systemd=SystemdSettings(directives={"LogRateLimitIntervalSec": "0"}),
    )
    places = Places(root, root)
    shutil.copy(HERE / "mobius.toml", root / "mobius.toml")
    files = UnitFiles("contract", settings, places, settings.processes)
    files.install(files.changes())
    systemd.act("stop", [monitor_unit(files.place.prefix)], within_s=30)  # nobody else may act here
    target = SystemdTarget("contract", settings, places, {"HANDED": "on"})
    try:
        target.prepare()
        yield UnitGround(UnitSite(root), settings, target)
    finally:
        files.uninstall()
        shutil.rmtree(HERE)
