"""The commands of `[command]`, each kept by a process of its own, so that a killed runner finds out how it ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mobius.adapters.checks.run import run as run_to_its_end
from mobius.adapters.commands.keeper import BEGAN, CHILD, ENDED, LOCK, OUTPUT
from mobius.adapters.ends import end_of
from mobius.adapters.places import Places
from mobius.errors import MobiusError
from mobius.host.children import is_alive, signal_group
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import CommandLost, CommandSeen

POLL_S = 0.05
VERSION_WITHIN_S = 10.0
ENDED_WITHIN_S = 15.0  # longer than the keeper's own patience
KEPT = 40  # folders of commands that stay, with what they said
TAIL = 20
OURS = ("MOBIUS_ROOT", "MOBIUS_SPAWN", "MOBIUS_JOB", "MOBIUS_BUILD")  # marks of a supervisor's own children
NAMES = ("deploy", "rollback", "start", "stop", "version")


class KeptCommands:
    """Implements `mobius.ports.Commands` for one environment; `run/commands/KEY/` has what each one said."""

    def __init__(
        self,
        settings: EnvironmentSettings,
        places: Places,
        environ: Mapping[str, str],
        redact: Callable[[str], str] = str,
    ) -> None:
        self._settings = settings
        self._project = places.project
        self._folder = places.root / "run" / "commands"
        self._environ = environ
        self._redact = redact

    def run(
        self,
        name: str,
        argv: Sequence[str],
        *,
        key: str,
        told: Mapping[str, str],
        progress: Callable[[str], None],
    ) -> Mapping[str, Any]:
        if self.look(key).state in ("absent", "lost"):
            self._start(argv, key, told)
        began, shown = time.monotonic(), 0
        while True:
            seen = self.look(key)
            shown = self._show(key, shown, progress, all_of_it=seen.state != "running")
            if seen.state != "running":
                break
            time.sleep(POLL_S)
        log = str(self._folder / key / OUTPUT)
        if seen.state != "ended":
            raise CommandLost(
                f"the {name} command was interrupted, and nobody saw how it ended", f"what it said: {log}"
            )
        if seen.failed:
            raise MobiusError(
                f"the {name} command ({argv[0]}) failed: {seen.failed}",
                f"what it said: {log}",
                details=tuple(self._said(key)[-TAIL:]),
            )
        return {"waited_s": round(time.monotonic() - began, 3), "log": log}

    def look(self, key: str) -> CommandSeen:
        folder = self._folder / key
        if _is_held(folder / LOCK):
            return CommandSeen("running")
        ended, began, child = _read(folder / ENDED), _read(folder / BEGAN), _read(folder / CHILD)
        if ended is not None:
            return CommandSeen("ended", str(ended.get("failed", "")))
        if child is not None and is_alive(child.get("pid"), child.get("birth")):
            return CommandSeen("running")  # its keeper was killed; the command itself goes on
        return CommandSeen("lost" if began is not None else "absent")

    def end(self, prefix: str) -> None:
        for folder in sorted(self._folder.glob(f"{prefix}*")):
            if self.look(folder.name).state == "running":
                self._end(folder)

    def version(self) -> str:
        argv = self._settings.command.version
        if not argv:
            return ""
        ran = run_to_its_end(argv, cwd=self._project, env=self._environment({}), timeout_s=VERSION_WITHIN_S)
        lines = [line.strip() for line in ran.output.splitlines() if line.strip()]
        if ran.exit_code != 0 or not lines or len(lines[-1]) > 128 or not lines[-1].isprintable():
            why = ran.reason if ran.exit_code != 0 else "it printed nothing that could be a version"
            raise MobiusError(
                f"what is live cannot be asked: the version command ({argv[0]}): {why}",
                "mend [command] version",
            )
        return lines[-1]

    def tail(self, lines: int = TAIL) -> str:
        folders = sorted(self._folder.glob("*"), key=lambda folder: folder.stat().st_mtime)
        return "\n".join(self._said(folders[-1].name)[-lines:]) if folders else ""

    def preflight(self) -> tuple[CheckResult, ...]:
        commands = ((name, getattr(self._settings.command, name)) for name in NAMES)
        return tuple(self._is_there(name, argv[0]) for name, argv in commands if argv)

    # -- one command -----------------------------------------------------------------------------------------

    def _start(self, argv: Sequence[str], key: str, told: Mapping[str, str]) -> None:
        """Starts its keeper, which holds the lock from its first moment: the open lock is handed on to it."""
        folder = self._folder / key
        self._forget_older()
        for name in (BEGAN, CHILD, ENDED, OUTPUT):
            (folder / name).unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _take(lock):
                return  # another runner was faster: it is waited for
            keeper = [sys.executable, "-P", "-m", "mobius.adapters.commands.keeper"]
            process = subprocess.Popen(
                [*keeper, str(folder), str(self._settings.command.timeout_s), *argv],
                cwd=self._project,
                env=self._environment(told),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(lock,),
            )
        except OSError as problem:
            raise MobiusError(
                f"{argv[0]} cannot be started: {problem.strerror or problem}", f"look at {folder}"
            ) from problem
        finally:
            os.close(lock)
        process.returncode = 0  # it is nobody's child: we only look at what it writes down

    def _end(self, folder: Path) -> None:
        began, child = _read(folder / BEGAN), _read(folder / CHILD)
        if began is not None and _is_held(folder / LOCK):
            _signal(int(began["pid"]), signal.SIGTERM)
        elif child is not None:
            signal_group(int(child["pid"]), signal.SIGTERM)
        for by_force in (False, True):
            until = time.monotonic() + ENDED_WITHIN_S
            while time.monotonic() < until:
                if self.look(folder.name).state != "running":
                    return
                time.sleep(POLL_S)
            child = _read(folder / CHILD)
            if not by_force and child is not None and is_alive(child.get("pid"), child.get("birth")):
                signal_group(int(child["pid"]), signal.SIGKILL)
        raise MobiusError(f"a command of {folder.name} does not end", f"end it by hand: see {folder}")

    def _environment(self, told: Mapping[str, str]) -> dict[str, str]:
        """What the deployer's environment is, and what the command is told."""
        given = {name: value for name, value in self._environ.items() if name not in OURS}
        return {**given, "MOBIUS_ENVIRONMENT": self._settings.name, **told}

    def _said(self, key: str) -> list[str]:
        try:
            text = end_of(self._folder / key / OUTPUT, 65_536)
        except OSError:
            return []
        return self._redact(text).splitlines()

    def _show(self, key: str, shown: int, progress: Callable[[str], None], *, all_of_it: bool) -> int:
        """Tells every whole line that is new; returns up to which byte."""
        try:
            with (self._folder / key / OUTPUT).open("rb") as file:
                file.seek(shown)
                fresh = file.read(65_536)
        except OSError:
            return shown
        if not all_of_it:
            fresh = fresh[: fresh.rfind(b"\n") + 1]
        for line in fresh.decode(errors="replace").splitlines():
            progress(line)
        return shown + len(fresh)

    def _is_there(self, name: str, program: str) -> CheckResult:
        check = f"{name} command"
        path = str(self._project / program) if "/" in program else program
        if shutil.which(path, path=self._environ.get("PATH")):
            return CheckResult(check, Outcome.PASS, f"{program} is there", 0.0)
        advice = f"install {program}, or correct [command] {name} in mobius.toml"
        return CheckResult(check, Outcome.FAIL, f"{program} is not there, or may not be run", 0.0, advice)

    def _forget_older(self) -> None:
        if not self._folder.is_dir():
            return
        for old in sorted(self._folder.iterdir(), key=lambda folder: folder.stat().st_mtime)[:-KEPT]:
            if self.look(old.name).state != "running":
                shutil.rmtree(old, ignore_errors=True)


def _take(lock: int) -> bool:
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(path: Path) -> bool:
    import fcntl

    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
