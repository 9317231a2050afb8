"""The reason why a boot could not be tried: an answer, and no word against the release."""

from __future__ import annotations

from mobius.errors import MobiusError


class NotProvenError(MobiusError):
    """It cannot be booted here; the message says why."""

    next_step = "what it takes to prove it: mobius doctor"
