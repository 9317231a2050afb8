"""Keeps one comment of a pull request, after asking whether it is that pull request."""

from __future__ import annotations

from mobius.errors import GateFailed, GateUnknown
from mobius.model.forge import Comment, Unknown
from mobius.ports import Forge


def keep_comment(forge: Forge, number: int, marker: str, text: str, *, commit: str = "") -> Comment:
    """Writes or changes it. `commit`: what the pull request's head must be, "" for any: a number that came with an
    artefact could be of another one. Raises `GateFailed` where it is not, `GateUnknown` where there is no answer."""
    pull = forge.pull(number)
    if isinstance(pull, Unknown):
        raise GateUnknown(pull.reason, pull.hint)
    if commit and commit.lower() != pull.head:
        raise GateFailed(
            f"{commit[:40]} is not the head of pull request {number}, which is {pull.head[:12]}: nothing was written",
            "newer commits have come, or it is another pull request",
        )
    made = forge.comment(number, marker, text)
    if isinstance(made, Unknown):
        raise GateUnknown(
            made.reason, made.hint or "mobius github comment needs the right Pull requests: write"
        )
    return made
