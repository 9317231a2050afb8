"""A ruleset of our own for the branch: what it has, made stricter where that is not enough. Rulesets of others are left
alone: theirs and ours hold at the same time.

GitHub answers nearly what it is told; `ruleset_of` leaves out the rest, so that putting back is the same act.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mobius.model.forge import ADMINISTRATORS, GitHubSettings
from mobius.rules.forge.applying import Body, difference

NAME = "mobius"
_ADMINISTRATOR = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
_TOLD = ("name", "target", "enforcement", "bypass_actors", "conditions", "rules")
_REVIEWS: Body = {
    "required_approving_review_count": 0,
    "dismiss_stale_reviews_on_push": False,
    "require_code_owner_review": False,
    "require_last_push_approval": False,
    "required_review_thread_resolution": False,
}


def ruleset_of(answer: Mapping[str, Any] | None) -> Body | None:
    """What has to be sent to get the ruleset that GitHub answered; None where there is none."""
    if answer is None:
        return None
    return {key: answer.get(key) or [] for key in _TOLD if key in answer or key == "bypass_actors"}


def demanded(body: Body | None, wanted: GitHubSettings) -> Body:
    """The same with everything that is demanded; what was stricter stays, and so do rules of other kinds."""
    there = {rule["type"]: rule for rule in (body or {}).get("rules", ())}
    reviews = {**_REVIEWS, **(there.get("pull_request", {}).get("parameters") or {})}
    flags = {
        "dismiss_stale_reviews_on_push": wanted.dismiss_stale,
        "require_code_owner_review": wanted.code_owners,
        "require_last_push_approval": wanted.last_push,
    }
    reviews |= {flag: bool(reviews[flag]) or is_wanted for flag, is_wanted in flags.items()}
    count = int(reviews["required_approving_review_count"] or 0)
    reviews["required_approving_review_count"] = max(count, wanted.reviews)
    rules = {
        **there,
        "deletion": {"type": "deletion"},
        "non_fast_forward": {"type": "non_fast_forward"},
        "pull_request": {"type": "pull_request", "parameters": reviews},
    }
    if checks := _checks(there.get("required_status_checks", {}).get("parameters") or {}, wanted):
        rules["required_status_checks"] = {"type": "required_status_checks", "parameters": checks}
    return {
        "name": NAME,
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": [_ADMINISTRATOR] if ADMINISTRATORS in wanted.may_bypass else [],
        "conditions": {"ref_name": {"include": [f"refs/heads/{wanted.branch}"], "exclude": []}},
        "rules": list(rules.values()),
    }


def ruleset_difference(before: Body | None, after: Body | None) -> tuple[str, ...]:
    """One line for each value that changes, as `path: before -> after`."""
    return difference(_shown(before), _shown(after))


def _checks(there: Body, wanted: GitHubSettings) -> Body | None:
    named = list(there.get("required_status_checks") or ())
    known = {each["context"] for each in named}
    named += [{"context": name} for name in dict.fromkeys(wanted.contexts) if name not in known]
    if not named:
        return None
    strict = bool(there.get("strict_required_status_checks_policy"))
    return {**there, "required_status_checks": named, "strict_required_status_checks_policy": strict}


def _shown(body: Body | None) -> Body | None:
    """In the form that is compared: rules by their kind, checks and actors by their names."""
    if body is None:
        return None
    rules: dict[str, Any] = {}
    for rule in body.get("rules") or ():
        parameters = dict(rule.get("parameters") or {})
        if rule["type"] == "required_status_checks":
            checks = parameters.pop("required_status_checks", ())
            parameters["contexts"] = sorted(each["context"] for each in checks)
        rules[rule["type"]] = {name: value for name, value in parameters.items() if value} or True
    actors = [f"{each['actor_type']} {each.get('actor_id')}" for each in body.get("bypass_actors") or ()]
    names = (body.get("conditions") or {}).get("ref_name") or {}
    return {
        "enforcement": body.get("enforcement"),
        "bypass": json.dumps(sorted(actors)) if actors else None,
        "branches": names.get("include") or None,
        "but": names.get("exclude") or None,
        "rules": rules,
    }
