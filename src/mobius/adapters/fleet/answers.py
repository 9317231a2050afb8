"""What hosts answered to `hello`, as the fleet's target speaks of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from mobius.adapters.fleet.refusing import HostRefused
from mobius.errors import MobiusError
from mobius.model.emergency import Epoch
from mobius.model.fleet import Absence, HostSeen

# What each answer has, and of which type: an answer without it came from something that is not our agent.
PROCESS = {"kind": str, "release": str, "state": str, "pid": int, "restarts": int, "port": int}
STATE = {"epoch": int, "slots": dict, "live": str}
SHAPES: Mapping[str, Mapping[str, type]] = {
    "hello": {"state": dict, "releases": list, "free_bytes": int, "python": str},
    "processes": {"processes": dict},
    "tail": {"text": str},
    "fence": {"epoch": int},
}


class Answers(Protocol):
    """What hosts said, by name: their answers, and why there is none."""

    @property
    def answers(self) -> Mapping[str, Mapping[str, Any]]: ...

    @property
    def failed(self) -> Mapping[str, MobiusError]: ...


def refuse_misshapen(name: str, verb: str, answer: Mapping[str, Any], address: str = "") -> None:
    """Raises `HostRefused` for an answer that lacks what everybody relies on."""
    wrong = _lacking(answer, SHAPES.get(verb, {}))
    if not wrong and verb == "hello":
        state = answer["state"]
        wrong = _lacking(state, STATE, "state ")
        for slot, one in {} if wrong else state["slots"].items():
            wrong = wrong or _lacking(one, {"release": str, "processes": dict}, f"slot {slot} ")
    for key, one in answer["processes"].items() if not wrong and verb == "processes" else ():
        wrong = wrong or _lacking(one, PROCESS, f"process {key} ")
    if wrong:
        raise HostRefused(
            f"{name}: its answer to {verb} is none of an agent of mobius: {wrong}",
            f"see what answers there: ssh {address or name}; then: mobius status",
            code="misshapen",
        )


def _lacking(there: Any, shape: Mapping[str, type], what: str = "") -> str:
    if not isinstance(there, dict):
        return f"{what or 'it '}is not named values"
    for key, kind in shape.items():
        if not isinstance(there.get(key), kind):
            return f"{what}{key} is {'missing' if key not in there else 'something else'}"
    return ""


def host_seen(name: str, told: Answers, absence: Absence | None) -> HostSeen:
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


def same_place(told: Answers) -> Mapping[str, str]:
    """Hosts that are one folder of one machine under two names: each after the first, with the first."""
    first: dict[str, str] = {}
    twice = {}
    for name, answer in told.answers.items():
        place = str(answer.get("place") or "")
        if place and first.setdefault(place, name) != name:
            twice[name] = first[place]
    return twice
