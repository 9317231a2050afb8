"""Looks at the protection of a branch, makes it stricter, proves that it is, and puts back what was there before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mobius.errors import GateUnknown, MobiusError, UsageError
from mobius.model.forge import GitHubSettings, Unknown
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Forge
from mobius.rules.forge.applying import Body, body_of, difference, missing_in, strengthened
from mobius.rules.forge.protection import judge_protection

SCHEMA_VERSION = 1
Keep = Callable[[str, str], str]  # (name, text) -> where the file is now


@dataclass(frozen=True, slots=True)
class Change:
    """What would be sent. `before`: GitHub's answer now; `body`: None to take the protection away; `lines`: what
    changes, none where there is nothing to do."""

    branch: str
    before: Mapping[str, Any] | None
    body: Body | None
    lines: tuple[str, ...]


def protection_of(forge: Forge | Unknown, wanted: GitHubSettings) -> tuple[CheckResult, ...]:
    """Whether the branch is protected as it must be, each demand by itself. Changes nothing."""
    return judge_protection(forge if isinstance(forge, Unknown) else forge.protection(wanted.branch), wanted)


def plan_apply(forge: Forge, wanted: GitHubSettings) -> Change:
    """What it takes to meet every demand. Changes nothing. Raises `GateUnknown` where it cannot be read."""
    before = _classic(forge, wanted.branch)
    body = strengthened(body_of(before), wanted)
    lines = difference(body_of(before), body)
    if all(each.outcome is Outcome.PASS for each in protection_of(forge, wanted)):
        lines = ()  # rulesets may demand all of it already
    return Change(wanted.branch, before, body, lines)


def plan_undo(forge: Forge, text: str) -> Change:
    """What it takes to put back what a file keeps. Changes nothing. Raises `UsageError` for another file."""
    branch, body = _kept(text, forge.repository)
    before = _classic(forge, branch)
    return Change(branch, before, body, difference(body_of(before), body))


def put(forge: Forge, change: Change, *, keep: Keep, now: float) -> str:
    """Keeps what is there in a file, puts the other in its place, reads it back and compares; returns the file.

    Raises `MobiusError` where somebody changed it meanwhile, and nothing was done; `GateUnknown` where it is not known
    what holds now; `MobiusError` where GitHub holds something else than it was given.
    """
    if _classic(forge, change.branch) != change.before:
        raise MobiusError(
            f"somebody else has just changed the protection of {change.branch}: nothing was done",
            "look at the difference again: mobius github protection apply --dry-run",
        )
    at = datetime.fromtimestamp(now, UTC)
    name = f"protection_{change.branch.replace('/', '-')}_{at:%Y%m%d_%H%M%S_%f}.json"
    there = {"schema_version": SCHEMA_VERSION, "repository": forge.repository, "branch": change.branch}
    kept = keep(name, json.dumps({**there, "taken_at": f"{at:%FT%TZ}", "classic": change.before}, indent=1))
    undo = f"put back what was there: mobius github protection apply --undo {kept}"
    failed = forge.put_classic(change.branch, change.body)
    if failed is not None:
        raise GateUnknown(f"{failed.reason}: it is not known what holds now", failed.hint or undo)
    holds = forge.classic(change.branch)
    if isinstance(holds, Unknown):
        raise GateUnknown(f"it was sent, and cannot be read back: {holds.reason}", undo)
    wrong = _wrong(change, holds)
    if wrong:
        raise MobiusError("GitHub holds something else than it was given", undo, details=wrong)
    return kept


def _wrong(change: Change, holds: Mapping[str, Any] | None) -> tuple[str, ...]:
    if change.body is None:
        return () if holds is None else ("the protection is still there",)
    wrong = missing_in(body_of(holds), _as_answered(change.body, holds))
    signed = "required_signatures"
    lost = change.before and _enabled(change.before.get(signed)) and not _enabled((holds or {}).get(signed))
    return (*wrong, *(("signed commits are demanded no more",) if lost else ()))


def _as_answered(body: Body, holds: Mapping[str, Any] | None) -> Body:
    """The body with the flags that GitHub answers of itself and was not told."""
    there = body_of(holds) or {}
    told = {key: value for key, value in there.items() if key not in body and value is False}
    return {**body, **told}


def _kept(text: str, repository: str) -> tuple[str, Body | None]:
    problem = UsageError("the file is no protection that mobius kept", "give the file that apply has named")
    try:
        kept = json.loads(text)
        if kept["schema_version"] != SCHEMA_VERSION or not isinstance(kept["branch"], str):
            raise problem
        of, branch, body = kept["repository"], kept["branch"], body_of(kept["classic"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise problem from None
    if of != repository:
        raise UsageError(f"the file is of {of}, and this is {repository}", "give a file of this repository")
    return branch, body


def _classic(forge: Forge, branch: str) -> Mapping[str, Any] | None:
    found = forge.classic(branch)
    if isinstance(found, Unknown):
        raise GateUnknown(found.reason, found.hint)
    return found


def _enabled(flag: Any) -> bool:
    return isinstance(flag, Mapping) and flag.get("enabled") is True
