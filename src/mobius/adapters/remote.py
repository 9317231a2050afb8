"""Another host over the system's ssh: its address checked, and the one command that is ever run there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from mobius.errors import UsageError

KEEP_ALIVE = ("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3")
CONNECT_TIMEOUT_S = 15  # of another try; the first one waits as long as ssh itself does
PROGRAM = "mobius"

# ssh hands user and host to the user's own ProxyCommand and Match exec, which are shells: nothing that means
# something there gets through, nor anything that ssh would take for an option.
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@-]*")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_IPV6 = re.compile(r"\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?)\]")
# What the far side's shell is given, so: no word of its language, no blank, no option.
_PROGRAM = re.compile(r"(?:~/|/)?[A-Za-z0-9_][A-Za-z0-9_./+-]*")


@dataclass(frozen=True, slots=True)
class Far:
    """Where a command runs: `user@host` as ssh takes it, and the folder there ("" is where ssh arrives)."""

    destination: str
    directory: str = ""
    program: str = PROGRAM

    def __str__(self) -> str:
        return self.destination

    @property
    def typed(self) -> str:
        """What a person gives to `--on`, as a shell takes it."""
        host = self.destination
        if ":" in host:
            user, at, name = host.rpartition("@")
            host = f"{user}{at}[{name}]"
        return shlex.quote(f"{host}:{self.directory}" if self.directory else host)


def far(address: str, program: str = "") -> Far:
    """`[user@]host[:DIR]`, an IPv6 address in brackets. `program` is the path of mobius there, "" for the one on the
    PATH. Raises `UsageError` for whatever ssh or a shell could take for something else."""
    user, host, directory = _parts(address)
    inner = _IPV6.fullmatch(host)
    if (user and not _USER.fullmatch(user)) or not (inner or _HOST.fullmatch(host)):
        raise UsageError(
            f"{_shown(address)} is no host to go to",
            "write --on user@host or --on user@host:FOLDER; what ssh needs besides belongs into ~/.ssh/config",
        )
    if directory.startswith("//") or any(ord(character) < 32 for character in directory):
        raise UsageError(
            f"{_shown(directory)} is no folder",
            "write --on user@host:FOLDER; a port belongs into ~/.ssh/config",
        )
    if program and not _PROGRAM.fullmatch(program):
        raise UsageError(
            f"MOBIUS_REMOTE is {_shown(program)}, which is no path of a program",
            "it may hold letters, digits and _ . / + - only, such as /opt/mobius/bin/mobius",
        )
    name = inner[1] if inner else host
    return Far(f"{user}@{name}" if user else name, directory, program or PROGRAM)


def _parts(address: str) -> tuple[str, str, str]:
    """User, host (with its brackets) and folder; a colon within the brackets is none of ours."""
    bracketed = re.match(r"((?:[^\[\]:/]*@)?\[[^\[\]]*\])(?::(.*))?\Z", address, re.DOTALL)
    if bracketed:
        place, directory = bracketed[1], bracketed[2] or ""
    else:
        place, _, directory = address.partition(":")
    user, at, host = place.rpartition("@")
    if at and not user:
        return "", "", directory  # "@host": refused as no host
    return user, host, directory


def _shown(text: str) -> str:
    """For a message: what a terminal would act on is escaped."""
    return ascii(text)


def ssh_command(there: Far, *, terminal: bool, again: bool = False, fresh: bool = False) -> Sequence[str]:
    """The argv of ssh. All that the far side's shell ever sees is the path of the program and `relay`.

    Without a terminal nothing is asked (BatchMode). `again`: another try after a cut; `fresh`: not through a shared
    connection (ControlMaster), which may be the very one that is dead. Host keys are checked as the user's
    configuration says; nothing here weakens that.
    """
    options = ["-T", *KEEP_ALIVE]
    if not terminal:
        options += ["-o", "BatchMode=yes"]
    if again:
        options += ["-o", f"ConnectTimeout={CONNECT_TIMEOUT_S}"]
    if fresh:
        options += ["-o", "ControlPath=none"]
    return ("ssh", *options, "--", there.destination, f"{there.program} relay")
