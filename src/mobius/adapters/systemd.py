"""Asks and tells systemd: a few verbs on units of ours by argv, one look at many units, and their journal."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mobius.errors import MobiusError

Verb = Literal["start", "stop", "reset-failed"]
VERBS: tuple[Verb, ...] = ("start", "stop", "reset-failed")
SHOWN = ("LoadState", "ActiveState", "SubState", "MainPID", "NRestarts", "Result", "NextElapseUSecRealtime")
RUNNING_HERE = Path("/run/systemd/system")
LOOKING_S = 10.0
PATIENCE_S, AGAIN_S = 5.0, 0.2
PASSING = (
    "disconnected from message bus",
    "Failed to connect to bus",
    "Connection reset by peer",
    "Connection terminated",
    "Transport endpoint is not connected",
)
TAIL_BYTES = 65_536
QUIET_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "", "SYSTEMD_LESS": ""}


@dataclass(frozen=True, slots=True)
class UnitState:
    """One unit as systemd sees it now."""

    name: str
    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    pid: int = 0
    restarts: int = 0
    result: str = "success"

    @property
    def is_there(self) -> bool:
        """Whether its unit file is."""
        return self.load not in ("not-found", "bad-setting", "error", "masked")

    @property
    def is_alive(self) -> bool:
        """Whether anything of it runs, is about to, or has not ended yet."""
        return self.active in ("active", "activating", "reloading", "deactivating")


def is_here() -> bool:
    """Whether systemd runs this machine."""
    return RUNNING_HERE.is_dir()


def show(units: Sequence[str]) -> tuple[UnitState, ...]:
    """Every one of these units, in this order; needs no rights. Raises MobiusError when they cannot be seen."""
    if not units:
        return ()
    asked = [program("systemctl"), "show", f"--property={','.join(SHOWN)}", "--", *units]
    done, until = _run(asked, LOOKING_S), time.monotonic() + PATIENCE_S
    while done.returncode and is_passing(done.stderr) and time.monotonic() < until:
        time.sleep(AGAIN_S)
        done = _run(asked, LOOKING_S)
    if done.returncode:
        raise MobiusError(f"systemd cannot be asked: {_last_line(done)}", "systemctl is-system-running")
    return read_states(units, done.stdout)


def read_states(units: Sequence[str], told: str) -> tuple[UnitState, ...]:
    """What `systemctl show` printed of these units: one block each, in this order. Raises MobiusError for less."""
    blocks = [
        dict(line.partition("=")[::2] for line in block.splitlines())
        for block in told.strip().split("\n\n")
        if block
    ]
    if len(blocks) != len(units):
        raise MobiusError(
            f"systemd told of {len(blocks)} units, and was asked for {len(units)}",
            "try again; then: systemctl is-system-running",
        )
    return tuple(
        UnitState(
            name,
            load=said.get("LoadState", "not-found"),
            active=said.get("ActiveState", "inactive"),
            sub=said.get("SubState", "dead"),
            pid=_number(said.get("MainPID", "")),
            restarts=_number(said.get("NRestarts", "")),
            result=said.get("Result", "success"),
        )
        for name, said in zip(units, blocks, strict=True)
    )


def act(verb: Verb, units: Sequence[str], *, within_s: float) -> None:
    """Does it to all of these units side by side, one command each, as the sudo rules allow it; returns when it is
    done. Raises MobiusError naming the first that failed, when all have answered."""
    failed, until = _each(verb, units, within_s), time.monotonic() + PATIENCE_S
    while failed and all(map(is_passing, failed.values())) and time.monotonic() < until:
        time.sleep(AGAIN_S)
        failed = _each(verb, list(failed), within_s)  # each of the verbs may be repeated
    if failed:
        unit, told = next(iter(failed.items()))
        why = _last_words(told)
        raise MobiusError(f"systemctl {verb} {unit}: {why}", _next_step(unit, why))


def is_passing(told: str) -> bool:
    """Whether systemd was not there to answer for a moment, as while it is upgraded under us."""
    return any(words in told for words in PASSING)


def _each(verb: Verb, units: Sequence[str], within_s: float) -> dict[str, str]:
    """Those that failed, and what was said of them."""
    started = [
        (unit, subprocess.Popen(argv(verb, unit), env=_environment(), **_PIPES))  # type: ignore[call-overload]
        for unit in units
    ]
    failed: dict[str, str] = {}
    for unit, process in started:
        try:
            _, told = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            process.kill()  # of the asking: systemd goes on
            process.communicate()
            failed[unit] = f"not done within {within_s:g} s"
            continue
        if process.returncode:
            failed[unit] = told.strip() or f"exit code {process.returncode}"
    return failed


def forgive(unit: str) -> None:
    """Forgets that it failed before, so that a limit on starts does not count against the next one. It may not
    have, or not be loaded."""
    try:
        act("reset-failed", [unit], within_s=LOOKING_S)
    except MobiusError as problem:
        if "sudo" in problem.hint:
            raise


def argv(verb: Verb, unit: str) -> list[str]:
    """The whole command: by sudo for whoever is not root, asking for no password."""
    sudo = [] if os.geteuid() == 0 else [program("sudo"), "-n"]
    return [*sudo, program("systemctl"), verb, unit]


def journal_of(unit: str, lines: int, since: float) -> list[str]:
    """The last lines that the processes of this unit wrote since then; none when they cannot be read."""
    # From the end backwards: with a beginning in time, journalctl counts its lines from there.
    command = [program("journalctl"), "-q", "--no-pager", "-o", "cat", "-a", "-r", "-n", str(lines)]
    command += [f"--since=@{since:.3f}"] if since else []
    done = _run([*command, f"_SYSTEMD_UNIT={unit}"], LOOKING_S)
    said = done.stdout if len(done.stdout) <= TAIL_BYTES else done.stdout[:TAIL_BYTES].rpartition("\n")[0]
    return said.splitlines()[::-1]


def follow_argv(units: Sequence[str]) -> list[str]:
    """The command that prints what these units write from now on."""
    command = [program("journalctl"), "-q", "--no-pager", "-o", "cat", "-a", "-n", "0", "-f"]
    return [*command, *(f"_SYSTEMD_UNIT={unit}" for unit in units)]


def may(verb: Verb, unit: str) -> bool:
    """Whether sudo would let this user do it now, without a password."""
    asked = argv(verb, unit)
    if asked[0] == program("systemctl"):
        return True
    return _run([asked[0], "-n", "-l", *asked[2:]], LOOKING_S).returncode == 0


_PIPES = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}


def _run(command: Sequence[str], within_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=within_s,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise MobiusError(
            f"systemd cannot be asked: {problem}", "look at it: systemctl is-system-running"
        ) from problem


def _environment() -> dict[str, str]:
    return {**os.environ, **QUIET_ENVIRONMENT}


def program(name: str) -> str:
    """Its path, the same for everybody: the sudo rules name it."""
    usual = Path("/usr/bin", name)
    return str(usual) if usual.exists() else (shutil.which(name) or str(usual))


def _next_step(unit: str, why: str) -> str:
    if "sudo" in why or "password" in why:
        return "allow it: sudo mobius host install --sudoers USER prints the rules for /etc/sudoers.d"
    if "not found" in why or "not be found" in why:
        return "install the units: sudo mobius host install"
    return f"look at it: systemctl status {unit}; journalctl -u {unit}"


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return _last_words(done.stderr) or f"exit code {done.returncode}"


def _last_words(told: str) -> str:
    lines = [line for line in told.splitlines() if line.strip() and not line.startswith(("See ", "Run "))]
    return lines[-1].strip() if lines else ""


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
