"""Two hosts that are folders, under the real agent, as one target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from adapters.contracts.conftest import other, web
from adapters.fleet.agents import ended, line_to
from mobius.adapters.clocks.system import SystemClock
from mobius.adapters.fleet.hosts import Hosts
from mobius.adapters.places import Places
from mobius.adapters.targets.fleet import FleetTarget
from mobius.model.fleet import FleetSettings, HostSettings
from mobius.model.settings import EnvironmentSettings, ProcessSettings


class FromATree(FleetTarget):
    """Sends a small tree whatever folder the contract names: `/` cannot be sent."""

    tree: Path

    def start(self, slot: str, release_id: str, cwd: Path, processes: Sequence[ProcessSettings]) -> None:
        super().start(slot, release_id, self.tree, processes)


def fleet_target(folder: Path) -> Iterator[FleetTarget]:
    """Everything of it has ended when the test has."""
    hosts = [
        HostSettings("web1", "deploy@web1", 12_412, "127.0.0.1", ("web", "worker", "singleton")),
        HostSettings("web2", "deploy@web2", 12_422, "127.0.0.1", ("nothing",)),
    ]
    roots = {host.name: folder / host.name for host in hosts}
    tree = folder / "tree"
    tree.mkdir()
    (tree / "note").write_text("a release")
    settings = EnvironmentSettings(
        "production",
        "http://127.0.0.1:1",
        folder / "root",
        target="ssh",
        processes=(web(), other("mail", "worker")),
    )
    with ExitStack() as stack:
        for root in roots.values():
            stack.enter_context(ended(root))
        made = Hosts(
            hosts,
            FleetSettings(),
            folder / "root" / "run",
            SystemClock(),
            lambda host: line_to(roots[host.name], host.name),
        )
        stack.callback(made.close)
        target = FromATree(settings, Places(folder, folder / "root"), {"HANDED": "on"}, made)
        target.tree = tree
        yield target
