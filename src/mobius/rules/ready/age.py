"""Whether a proof is fresh enough, and belongs to this release: what is asked of every kind of evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from mobius.model.ready import Proof, Subject
from mobius.model.verdict import Outcome

AHEAD_S = 60.0  # what lies further in the future than that was written by another clock


def fresh(proof: Proof, now: float, max_age_s: float) -> Proof:
    """The proof, and a no where it passed and is too old. One that is not of the past yet says nothing."""
    if proof.outcome is not Outcome.PASS or not proof.at:
        return proof
    if proof.at > now + AHEAD_S:
        told = f"{proof.value}, but by its time it is yet to come: the clocks differ"
        return replace(proof, outcome=Outcome.ERROR, value=told)
    if now - proof.at > max_age_s:
        told = f"{proof.value}, but that is older than {hours(max_age_s)}"
        return replace(proof, outcome=Outcome.FAIL, value=told)
    return proof


def other_release(found: str, subject: Subject) -> str:
    """Why evidence of the commit `found` says nothing of this release, "" where it is of it."""
    if found and found == subject.content:
        return ""
    of = f"of commit {short(found)}" if found else "of no commit"
    return f"{of}, and {subject.tag} is {short(subject.content)}"


def short(commit: str) -> str:
    """As git shows it."""
    return commit[:12]


def hours(seconds: float) -> str:
    """ "24 h", "7 d", "90 min"."""
    for unit_s, unit in ((86_400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds > unit_s and seconds % unit_s == 0:
            return f"{seconds / unit_s:g} {unit}"
    return f"{seconds / 3600:.3g} h" if seconds > 3600 else f"{seconds:g} s"


def moment(text: str) -> float:
    """Unix seconds of an ISO 8601 time with its zone; 0 for what is none."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return when.timestamp() if when.tzinfo else 0.0
