"""The protection that a branch should be given: what it has, made stricter where that is not enough, never weaker.

GitHub answers in one form and is told in another; `body_of` turns the first into the second, so that putting back what
was there is the same act as putting something new.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mobius.model.forge import ADMINISTRATORS, GitHubSettings

Body = Mapping[str, Any]
NOTHING: Body = {
    "required_status_checks": None,
    "enforce_admins": False,
    "required_pull_request_reviews": None,
    "restrictions": None,
}
_FLAGS = (
    "required_linear_history",
    "allow_force_pushes",
    "allow_deletions",
    "block_creations",
    "required_conversation_resolution",
    "lock_branch",
    "allow_fork_syncing",
)
_REVIEW_FLAGS = ("dismiss_stale_reviews", "require_code_owner_reviews", "require_last_push_approval")
_PEOPLE = {"users": "login", "teams": "slug", "apps": "slug"}


def body_of(answer: Mapping[str, Any] | None) -> Body | None:
    """What has to be sent to get the protection that GitHub answered; None where there is none."""
    if answer is None:
        return None
    body: dict[str, Any] = {
        "required_status_checks": _checks(answer.get("required_status_checks")),
        "enforce_admins": _on(answer.get("enforce_admins")),
        "required_pull_request_reviews": _reviews(answer.get("required_pull_request_reviews")),
        "restrictions": _people(answer.get("restrictions")),
    }
    return body | {flag: _on(answer.get(flag)) for flag in _FLAGS if flag in answer}


def strengthened(body: Body | None, wanted: GitHubSettings) -> Body:
    """The same with everything that is demanded; what was stricter stays."""
    there = dict(body or NOTHING)
    checks = there["required_status_checks"] or {"strict": False, "checks": []}
    named = {each["context"] for each in checks["checks"]}
    # Without an id, GitHub binds a new check to the app that reported it last.
    added = [{"context": name} for name in dict.fromkeys(wanted.contexts) if name not in named]
    demanded = {**checks, "checks": [*checks["checks"], *added]}
    return {
        **there,
        "required_status_checks": demanded if demanded["checks"] else there["required_status_checks"],
        "required_pull_request_reviews": _stricter(there["required_pull_request_reviews"] or {}, wanted),
        "enforce_admins": there["enforce_admins"] or ADMINISTRATORS not in wanted.may_bypass,
        "allow_force_pushes": False,
        "allow_deletions": False,
    }


def difference(before: Body | None, after: Body | None) -> tuple[str, ...]:
    """One line for each value that changes, as `path: before -> after`."""
    old, new = dict(_flat(before, "")), dict(_flat(after, ""))
    paths = list(dict.fromkeys([*old, *new]))
    return tuple(
        f"{path or 'protection'}: {old.get(path, 'none')} -> {new.get(path, 'none')}"
        for path in paths
        if old.get(path) != new.get(path)
    )


def missing_in(body: Body | None, wanted: Body) -> tuple[str, ...]:
    """The lines by which what holds differs from what was sent; an app that GitHub bound a check to is none."""
    return difference(_without_apps(wanted), _without_apps(body))


def _checks(said: Any) -> Body | None:
    if not said:
        return None
    checks = {each["context"]: each.get("app_id") for each in said.get("checks") or ()}
    names = list(dict.fromkeys([*checks, *(said.get("contexts") or ())]))
    # -1 says that any app may report it; nothing would bind it to one.
    listed = [{"context": name, "app_id": -1 if checks.get(name) is None else checks[name]} for name in names]
    return {"strict": bool(said.get("strict")), "checks": listed}


def _reviews(said: Any) -> Body | None:
    if not isinstance(said, Mapping):
        return None
    body: dict[str, Any] = {flag: bool(said.get(flag)) for flag in _REVIEW_FLAGS}
    body["required_approving_review_count"] = said.get("required_approving_review_count") or 0
    for key in ("dismissal_restrictions", "bypass_pull_request_allowances"):
        if said.get(key):
            body[key] = _people(said[key])
    return body


def _stricter(reviews: Body, wanted: GitHubSettings) -> Body:
    body = dict(reviews)
    asked = (wanted.dismiss_stale, wanted.code_owners, wanted.last_push)
    for flag, is_wanted in zip(_REVIEW_FLAGS, asked, strict=True):
        body[flag] = bool(body.get(flag)) or is_wanted
    body["required_approving_review_count"] = max(
        int(body.get("required_approving_review_count", 0)), wanted.reviews
    )
    passing = body.get("bypass_pull_request_allowances")
    if passing:
        body["bypass_pull_request_allowances"] = {
            kind: [name for name in passing[kind] if f"{kind[:-1]} {name}" in wanted.may_bypass]
            for kind in _PEOPLE
        }
    return body


def _people(said: Any) -> Mapping[str, Sequence[str]] | None:
    if not said:
        return None
    return {
        kind: [str(each.get(name) or each.get("slug") or "") for each in said.get(kind) or ()]
        for kind, name in _PEOPLE.items()
    }


def _on(flag: Any) -> bool:
    return bool(flag and flag.get("enabled"))


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, value as text) of everything inside."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif path.endswith(".checks"):
        for each in value:
            yield f"{path}.{each['context']}", _whose(each.get("app_id"))
    elif value is not None and value != []:
        yield path, json.dumps(value, ensure_ascii=False)


def _whose(app: int | None) -> str:
    if app is None:
        return "of the app that reports it"
    return "of any app" if app == -1 else f"of app {app}"


def _without_apps(body: Body | None) -> Body | None:
    if body is None or not body["required_status_checks"]:
        return body
    checks = body["required_status_checks"]
    bare = [{"context": each["context"], "app_id": -1} for each in checks["checks"]]
    return {**body, "required_status_checks": {**checks, "checks": bare}}
