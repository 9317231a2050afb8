"""Looks at the protection of a branch, makes it stricter, proves that it is, and puts back what was there before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from mobius.errors import GateUnknown, MobiusError, UsageError
from mobius.model.forge import CLASSIC, BranchRules, GitHubSettings, Unknown
from mobius.model.verdict import Outcome
from mobius.ports import Forge
from mobius.rules.forge.applying import Body, body_of, difference, missing_in, strengthened
from mobius.rules.forge.protection import judge_protection
from mobius.rules.forge.ruleset import NAME, demanded, ruleset_difference, ruleset_of

SCHEMA_VERSION = 1
Kind = Literal["classic", "ruleset"]
Keep = Callable[[str, str], str]  # (name, text) -> where the file is now


@dataclass(frozen=True, slots=True)
class Change:
    """What would be sent. `before`: GitHub's answer now; `body`: None to take the protection away; `lines`: what
    changes, none where there is nothing to do; `of`: the classic protection, or a ruleset of our own."""

    branch: str
    before: Mapping[str, Any] | None
    body: Body | None
    lines: tuple[str, ...]
    of: Kind = "classic"


def plan_apply(forge: Forge, wanted: GitHubSettings, of: Kind | None = None) -> Change:
    """What it takes to meet every demand, by what the repository uses (`of` None): a ruleset where it has rulesets and
    no classic protection, else the latter. Changes nothing. Raises `GateUnknown` where it cannot be read."""
    found = forge.protection(wanted.branch)
    kind = of or _used(found)
    before = _there(forge, wanted.branch, kind)
    body = (
        strengthened(body_of(before), wanted) if kind == "classic" else demanded(ruleset_of(before), wanted)
    )
    lines = _difference(kind, _body(kind, before), body)
    if all(each.outcome is Outcome.PASS for each in judge_protection(found, wanted)):
        lines = ()  # others may demand all of it already
    return Change(wanted.branch, before, body, lines, kind)


def plan_undo(forge: Forge, text: str) -> Change:
    """What it takes to put back what a file keeps. Changes nothing. Raises `UsageError` for another file."""
    branch, body, kind = _kept(text, forge.repository)
    before = _there(forge, branch, kind)
    return Change(branch, before, body, _difference(kind, _body(kind, before), body), kind)


def put(forge: Forge, change: Change, *, keep: Keep, now: float) -> str:
    """Keeps what is there in a file, puts the other in its place, reads it back and compares; returns the file.

    Raises `MobiusError` where somebody changed it meanwhile, and nothing was done; `GateUnknown` where it is not known
    what holds now; `MobiusError` where GitHub holds something else than it was given.
    """
    if _there(forge, change.branch, change.of) != change.before:
        raise MobiusError(
            f"somebody else has just changed the protection of {change.branch}: nothing was done",
            "look at the difference again: mobius github protection apply --dry-run",
        )
    at = datetime.fromtimestamp(now, UTC)
    name = f"protection_{change.branch.replace('/', '-')}_{at:%Y%m%d_%H%M%S_%f}.json"
    there = {"schema_version": SCHEMA_VERSION, "repository": forge.repository, "branch": change.branch}
    kept = keep(name, json.dumps({**there, "taken_at": f"{at:%FT%TZ}", change.of: change.before}, indent=1))
    undo = f"put back what was there: mobius github protection apply --undo {kept}"
    failed = _send(forge, change)
    if failed is not None:
        raise GateUnknown(f"{failed.reason}: it is not known what holds now", failed.hint or undo)
    holds = _asked(forge, change.branch, change.of)
    if isinstance(holds, Unknown):
        raise GateUnknown(f"it was sent, and cannot be read back: {holds.reason}", undo)
    wrong = _wrong(change, holds)
    if wrong:
        raise MobiusError("GitHub holds something else than it was given", undo, details=wrong)
    return kept


def _wrong(change: Change, holds: Mapping[str, Any] | None) -> tuple[str, ...]:
    if change.body is None:
        return () if holds is None else ("the protection is still there",)
    if change.of == "ruleset":
        return ruleset_difference(change.body, ruleset_of(holds))
    wrong = missing_in(body_of(holds), _as_answered(change.body, holds))
    signed = "required_signatures"
    lost = change.before and _enabled(change.before.get(signed)) and not _enabled((holds or {}).get(signed))
    return (*wrong, *(("signed commits are demanded no more",) if lost else ()))


def _as_answered(body: Body, holds: Mapping[str, Any] | None) -> Body:
    """The body with the flags that GitHub answers of itself and was not told."""
    there = body_of(holds) or {}
    told = {key: value for key, value in there.items() if key not in body and value is False}
    return {**body, **told}


def _kept(text: str, repository: str) -> tuple[str, Body | None, Kind]:
    problem = UsageError("the file is no protection that mobius kept", "give the file that apply has named")
    try:
        kept = json.loads(text)
        if kept["schema_version"] != SCHEMA_VERSION or not isinstance(kept["branch"], str):
            raise problem
        kind: Kind = "classic" if "classic" in kept else "ruleset"
        of, branch, body = kept["repository"], kept["branch"], _body(kind, kept[kind])
        _difference(kind, body, None)  # what cannot be shown cannot be sent
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise problem from None
    if of != repository:
        raise UsageError(f"the file is of {of}, and this is {repository}", "give a file of this repository")
    return branch, body, kind


def _used(found: BranchRules | Unknown) -> Kind:
    names = () if isinstance(found, Unknown) else [source.name for source in found.sources]
    return "ruleset" if names and not any(name == CLASSIC for name in names) else "classic"


def _body(kind: Kind, answer: Mapping[str, Any] | None) -> Body | None:
    return body_of(answer) if kind == "classic" else ruleset_of(answer)


def _difference(kind: Kind, before: Body | None, after: Body | None) -> tuple[str, ...]:
    return difference(before, after) if kind == "classic" else ruleset_difference(before, after)


def _send(forge: Forge, change: Change) -> Unknown | None:
    if change.of == "classic":
        return forge.put_classic(change.branch, change.body)
    return forge.put_ruleset(int(change.before["id"]) if change.before else None, change.body)


def _asked(forge: Forge, branch: str, kind: Kind) -> Mapping[str, Any] | Unknown | None:
    return forge.classic(branch) if kind == "classic" else forge.own_ruleset(NAME)


def _there(forge: Forge, branch: str, kind: Kind) -> Mapping[str, Any] | None:
    found = _asked(forge, branch, kind)
    if isinstance(found, Unknown):
        raise GateUnknown(found.reason, found.hint)
    return found


def _enabled(flag: Any) -> bool:
    return isinstance(flag, Mapping) and flag.get("enabled") is True
