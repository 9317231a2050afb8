"""The command target: somebody else's commands lay out and run the releases; there are no slots of ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mobius.adapters.targets.one_host import OneHost
from mobius.errors import MobiusError
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.model.verdict import CheckResult
from mobius.ports import Commands, ProcessStatus

HINT = "the commands of [command] in mobius.toml start and stop it"


class CommandTarget(OneHost):
    """Sees the service only from outside: at its address, and by what its own commands say."""

    def __init__(self, settings: EnvironmentSettings, commands: Commands) -> None:
        self._settings = settings
        self._commands = commands

    def prepare(self) -> None:
        """There is nothing of ours to start."""

    def preflight(self) -> tuple[CheckResult, ...]:
        return self._commands.preflight()

    def start(self, slot: str, release_id: str, cwd: Path, processes: Sequence[ProcessSettings]) -> None:
        raise MobiusError(
            f"{self._settings.name} has no slots: nothing can be started in {slot or 'one'}", HINT
        )

    def stop(self, slot: str, kinds: Sequence[str] = ()) -> None:
        """Nothing of ours runs."""

    def restart(self, slot: str, name: str) -> None:
        raise MobiusError(f"{name} is not a process of ours in {self._settings.name}", HINT)

    def processes(self) -> tuple[ProcessStatus, ...]:
        """None of ours."""
        return ()

    def slot_url(self, slot: str) -> str:
        """Where the service is reached: there is no other way to it. "" for a slot, as there is none."""
        return "" if slot else self._settings.url

    def log_tail(self, slot: str, lines: int = 20) -> str:
        """What the newest command said."""
        return self._commands.tail(lines)
