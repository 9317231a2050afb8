"""A number that a command prints, by itself or at a path of its JSON."""

from __future__ import annotations

from mobius.adapters.checks.run import run
from mobius.model.settings import SignalSettings
from mobius.ports import Around, Unread
from mobius.rules.numbers import number_in, read_path

LONGEST_OUTPUT = 1024 * 1024


class CommandNumber:
    """Implements `mobius.ports.Gauge`. Past its timeout the command ends with all that it started; what it says on
    stderr is for people."""

    def __init__(self, settings: SignalSettings, around: Around) -> None:
        self._settings, self._around = settings, around
        self._path = read_path(settings.path) if settings.path else ()

    def read(self) -> float:
        """The number. Raises Unread with how the command ended, or NotANumber where it printed something else."""
        around, settings = self._around, self._settings
        env = {"MOBIUS_ENVIRONMENT": around.name, "API_BASE_URL": around.url}
        env |= {"MOBIUS_RELEASE": around.release_id} if around.release_id else {}
        ran = run(
            settings.run,
            cwd=around.cwd,
            env=env,
            timeout_s=settings.timeout_s,
            apart=True,
            keep_bytes=LONGEST_OUTPUT,
        )
        if ran.exit_code != 0:
            said = next((line for line in reversed(ran.complaint.splitlines()) if line.strip()), "")
            raise Unread(f"{ran.reason}: {said.strip()[:200]}" if said else ran.reason)
        return number_in(ran.output, self._path)
