"""`-- mobius: accept HAZARD because …`: the author's word that a danger was thought of, for one statement."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mobius.model.linting import Hazard, Impact

_ACCEPT = re.compile(r"mobius:\s*accept\s+([A-Za-z0-9-]+)\s*(?:because\s+(.*\S))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """It holds for the statement that follows the comment, or that the comment stands in."""

    hazard: str
    because: str
    line: int  # of the statement


def acceptances_of(comments: Sequence[str], line: int) -> Iterator[Acceptance]:
    """Those in the comments of one statement."""
    for comment in comments:
        for text in comment.splitlines():
            for hazard, because in _ACCEPT.findall(text):
                yield Acceptance(hazard.lower(), because.removesuffix("*/").strip(), line)


def why_wrong(acceptance: Acceptance) -> Hazard:
    """The finding for one that has no reason, or accepts nothing."""
    hazard = acceptance.hazard
    if not acceptance.because:
        message = f"{hazard} is accepted without a reason, which does not count"
        advice = f"-- mobius: accept {hazard} because …"
    else:
        message, advice = f"{hazard} is accepted, and is not there", "take the comment out"
    severity = Impact.LOW if acceptance.because else Impact.MEDIUM
    return Hazard("acceptance-without-effect", severity, acceptance.line, "", message, advice)
