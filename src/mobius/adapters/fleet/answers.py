"""What hosts answered to `hello`, as the fleet's target speaks of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.adapters.fleet.hosts import Told
from mobius.model.emergency import Epoch
from mobius.model.fleet import Absence, HostSeen


def host_seen(name: str, told: Told, absence: Absence | None) -> HostSeen:
    """How one host stands, whether or not it answered."""
    answer, problem = told.answers.get(name, {}), told.failed.get(name)
    epoch = epoch_of(answer)
    return HostSeen(
        name,
        name in told.answers,
        absence.why if absence and absence.why else problem.message if problem else "",
        absence.since if absence else 0.0,
        slots_of(answer),
        str(answer.get("state", {}).get("live", "")),
        absence is not None and absence.is_bad,
        epoch.token,
        epoch.by,
        epoch.at,
    )


def epoch_of(answer: Mapping[str, Any]) -> Epoch:
    """The highest token that this host has seen, and whose emergency that was; of a run's token nobody's."""
    told = answer.get("state", {})
    token, emergency = int(told.get("epoch", 0)), told.get("emergency") or {}
    if int(emergency.get("token", 0)) < token:
        return Epoch(token)
    return Epoch(token, str(emergency.get("by") or ""), float(emergency.get("at") or 0))


def slots_of(answer: Mapping[str, Any]) -> dict[str, str]:
    """The release of each slot that this host was told to run."""
    there = answer.get("state", {}).get("slots", {})
    return {slot: str(one["release"]) for slot, one in there.items()}


def names_in(answer: Mapping[str, Any], slot: str) -> tuple[str, ...]:
    """The processes that it was told to run in this slot."""
    return tuple(answer.get("state", {}).get("slots", {}).get(slot, {}).get("processes", {}))


def same_place(told: Told) -> Mapping[str, str]:
    """Hosts that are one folder of one machine under two names: each after the first, with the first."""
    first: dict[str, str] = {}
    twice = {}
    for name, answer in told.answers.items():
        place = str(answer.get("place") or "")
        if place and first.setdefault(place, name) != name:
            twice[name] = first[place]
    return twice
