"""How a host says nothing, or no."""

from __future__ import annotations

from mobius.errors import MobiusError


class HostLost(MobiusError):
    """A host that cannot be reached, or whose line broke: what it does now is unknown, which is not "nothing"."""

    exit_code = 4


class HostRefused(MobiusError):
    """A host that was reached and said no. `code` says why, for programs."""

    def __init__(self, message: str, hint: str, *, code: str) -> None:
        super().__init__(message, hint)
        self.code = code
