"""Every error mobius raises on purpose: what happened, to what, and what to do now.

One family, drawn as a tree; the command line prints `message`, then `hint`, and leaves with `exit_code`.

    MobiusError                 1   anything else that stops us
    ├── UsageError              2   the command was called wrongly
    │   └── ConfigurationError  2   mobius.toml or the environment is wrong (all mistakes at once)
    ├── GateFailed              3   a question was answered with no
    ├── GateUnknown             4   a question could not be answered
    ├── Locked                 10   another run holds the environment
    │   └── Fenced             10   a newer run has taken over this one
    ├── BackupInvalid          11   a backup is damaged, incomplete or not what it says
    ├── RecordBroken            1   a record does not hold what was written into it
    └── Interrupted           130   the person at the keyboard stopped watching

How a run ended (12 taken back, 13 taking back failed) is no error: it is the run's own `exit_code`.
"""

from __future__ import annotations

from typing import ClassVar


class MobiusError(Exception):
    """Something stopped us; `message` says what, `hint` the next step, `exit_code` is stable and documented.

    Who raises it knows the best next step and says it; `next_step` is for where nothing better can be said.
    """

    exit_code = 1
    next_step: ClassVar[str] = "what stands now: mobius status"

    def __init__(self, message: str, hint: str = "", *, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.next_step
        self.details = details

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {line}" for line in self.details)])


class UsageError(MobiusError):
    """The command was called wrongly: an unknown environment, tag or option."""

    exit_code = 2
    next_step = "what a command takes: mobius COMMAND --help"


class ConfigurationError(UsageError):
    """`mobius.toml`, a file it includes, or an environment variable is wrong. `details` has every mistake."""

    next_step = "try: mobius config check"


class GateFailed(MobiusError):
    """A check answered no, before anything was changed."""

    exit_code = 3
    next_step = "mend what is named, then ask again"


class GateUnknown(MobiusError):
    """A check could not be made, so nothing was changed: unknown is never yes."""

    exit_code = 4
    next_step = "mend what kept it from being asked, then ask again"


class Locked(MobiusError):
    """Another run holds this environment; the message names the holder and since when."""

    exit_code = 10
    next_step = "who holds it, and what it does: mobius status"


class Fenced(Locked):
    """A newer run took over while this one was acting or sleeping; this one must not act any more."""

    next_step = "what the newer run does: mobius status"


class BackupInvalid(MobiusError):
    """A backup, its checksum or its manifest does not hold what it says."""

    exit_code = 11
    next_step = "try: mobius backup list --verified"


class RecordBroken(MobiusError):
    """A record does not hold what was written into it: changed, cut, damaged, or another one in its place."""

    next_step = "keep it as it is for whoever looks into it: mobius audit verify"


class Interrupted(MobiusError):
    """The person stopped watching (Ctrl-C); the work itself goes on."""

    exit_code = 130
    next_step = "whatever was begun goes on: mobius status"
