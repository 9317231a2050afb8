"""A run's runner as a systemd unit: an instance of one template, which no lost terminal and no restart of ours
reaches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mobius.adapters import systemd
from mobius.adapters.launchers.host_job import is_about_to_launch, is_running, keep_settings, runner_argv
from mobius.adapters.targets.systemd_slots import write_for_owner
from mobius.errors import MobiusError
from mobius.host.unit import unit_file
from mobius.model.run import Run
from mobius.model.settings import Settings
from mobius.report.units import RUN, process_unit, unit_prefix

WITHIN_S = 60.0
KEPT = 5  # files of ended runs: what they hold may be secret, and nobody starts them again


class UnitLauncher:
    """Starts `mobius run-on RUN` as `mobius-dhash-run@RUN.service`; its limits on restarts stand in the template."""

    def __init__(
        self, service: str, environment: str, root: Path, settings: Settings, environ: Mapping[str, str]
    ) -> None:
        self._prefix = unit_prefix(service, environment)
        self._root = root
        self._settings = settings
        self._environ = environ

    def launch(self, run: Run) -> None:
        unit = self._unit(run)
        if systemd.show([unit])[0].is_alive:
            return
        kept = keep_settings(self._root, run, self._settings)
        file = unit_file(self._root, RUN, str(run.id))
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._forget_older(file.parent)
        env = {**_of_its_own(self._environ), "PYTHONUNBUFFERED": "1"}
        write_for_owner(
            file,
            {"argv": runner_argv(run, kept), "cwd": str(self._settings.project), "env": env, "kind": RUN},
        )
        systemd.forgive(unit)
        systemd.act("start", [unit], within_s=WITHIN_S)

    def alive(self, run: Run) -> bool:
        try:
            state = systemd.show([self._unit(run)])[0]
        except MobiusError:
            # Not seen, a runner may still live: the journal's holder says which process it was.
            return is_about_to_launch(run) or (run.holder is not None and is_running(run.holder.pid))
        return state.is_alive or is_about_to_launch(run)

    def stop(self, run: Run) -> None:
        unit = self._unit(run)
        if systemd.show([unit])[0].is_alive:
            systemd.act("stop", [unit], within_s=WITHIN_S)

    def stop_all(self) -> None:
        folder = unit_file(self._root, RUN, "0").parent
        known = [process_unit(self._prefix, RUN, file.stem) for file in sorted(folder.glob("[0-9]*.json"))]
        alive = [state.name for state in systemd.show(known) if state.is_alive] if known else []
        if alive:
            systemd.act("stop", alive, within_s=WITHIN_S)

    def _unit(self, run: Run) -> str:
        return process_unit(self._prefix, RUN, str(run.id))

    def _forget_older(self, folder: Path) -> None:
        kept = sorted(folder.glob("[0-9]*.json"), key=lambda file: file.stat().st_mtime)
        for old in kept[: 1 - KEPT]:
            old.unlink(missing_ok=True)


def _of_its_own(environ: Mapping[str, str]) -> dict[str, str]:
    """Without what systemd said to whoever launches: it is about that unit, not about this one."""
    theirs = (
        "NOTIFY_SOCKET",
        "WATCHDOG_",
        "LISTEN_",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "SYSTEMD_",
        "CREDENTIALS_",
    )
    return {name: value for name, value in environ.items() if not name.startswith(theirs)}
