"""A whole environment in memory whose releases somebody else lays out and runs, by commands that do as scripted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from mobius.adapters.commands.memory import MemoryCommands
from mobius.adapters.targets.command import CommandTarget
from mobius.adapters.targets.observe import ObserveTarget
from mobius.adapters.traffic.elsewhere import ElsewhereTraffic
from mobius.flows.begin import begin
from mobius.flows.plan_watch import plan_watch_of_now
from mobius.model.run import Run
from mobius.model.settings import CommandSettings, EnvironmentSettings
from mobius.ports import Ports
from world import SETTINGS, World, _hooked

COMMAND = CommandSettings(
    deploy=("./deploy",), rollback=("./rollback",), start=("./up",), stop=("./down",), version=("./version",)
)


def settings(target: str = "command", **command: Any) -> EnvironmentSettings:
    """An environment deployed by commands; `command` changes some of them."""
    return replace(
        SETTINGS,
        target=target,  # type: ignore[arg-type]
        processes=(),
        migrations=None,
        command=replace(COMMAND, **command),
    )


@dataclass
class Elsewhere(World):
    """The service runs v0 when nobody has deployed anything yet; its commands are `commands`."""

    settings: EnvironmentSettings = field(default_factory=settings)
    commands: MemoryCommands = field(default_factory=lambda: MemoryCommands("v0"))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.commands.tells_version = bool(self.settings.command.version)

    @property
    def ports(self) -> Ports:
        target = ObserveTarget if self.settings.target == "observe" else CommandTarget
        return replace(
            super().ports,
            target=target(self.settings, self.commands),
            traffic=ElsewhereTraffic("production"),
            commands=_hooked("commands", self.commands, self),
        )

    @property
    def live_tag(self) -> str:
        return self.commands.tag

    def release_in(self, slot: str) -> str:
        return f"{self.commands.tag}-x" if self.commands.tag else ""

    def monitor(self) -> Run:
        """Watches what is live now, to the end of the window."""
        plan = plan_watch_of_now(self.ports, window_s=self.settings.window_s, tool_version="0")
        return self.carry_on(begin(plan, self.ports, lead="ann"))
