"""The endpoints of the GitHub on loopback: each is named method_what, and returns (status, body)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from github_answers import branch, combined_status, comment, permission, protection, team, user

if TYPE_CHECKING:
    from github_server import GitHubServer

Json = Any


def answer(server: GitHubServer, method: str, path: str, body: Json) -> tuple[int, Json]:
    """(status, what goes out as JSON; None for nothing, text as it is) for a path as it was asked for."""
    for pattern, view in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match and view.__name__.startswith(method.lower()):
            return view(server, *map(unquote, match.groups()), body=body)
    return 404, not_found()


def not_found(message: str = "Not Found") -> Json:
    """As GitHub says it."""
    return {"message": message, "documentation_url": "https://docs.github.com/rest", "status": "404"}


def get_branch(s: GitHubServer, name: str, **_: Any) -> tuple[int, Json]:
    if name not in s.branches:
        return 404, not_found("Branch not found")
    return 200, branch(name, s.branches[name], name in s.classic or bool(s.rulesets))


def get_protection(s: GitHubServer, name: str, **_: Any) -> tuple[int, Json]:
    if name not in s.branches:
        return 404, not_found("Branch not found")
    return (200, s.classic[name]) if name in s.classic else (404, not_found("Branch not protected"))


def put_protection(s: GitHubServer, name: str, body: Json, **_: Any) -> tuple[int, Json]:
    needed = ("required_status_checks", "enforce_admins", "required_pull_request_reviews", "restrictions")
    if missing := [key for key in needed if key not in body]:
        return 422, {"message": f"Invalid request.\n\n{missing[0]} wasn't supplied.", "errors": []}
    s.classic[name] = protection_put(s, body, s.classic.get(name))
    return 200, s.classic[name]


def protection_put(s: GitHubServer, body: Json, before: Json | None) -> Json:
    """The protection that such a request makes, in the other words of the answer."""

    def flag(key: str) -> Json:
        return {"enabled": bool(body.get(key))}

    checks = body["required_status_checks"]
    contexts = (
        []
        if checks is None
        else [*checks.get("contexts", []), *(c["context"] for c in checks.get("checks", []))]
    )
    made = protection(
        contexts=contexts,
        reviews=body["required_pull_request_reviews"],
        admins=bool(body["enforce_admins"]),
        apps={c["context"]: c.get("app_id") for c in (checks or {}).get("checks", [])},
    )
    if checks is None:
        del made["required_status_checks"]
    else:
        made["required_status_checks"]["strict"] = bool(checks.get("strict"))
    for key in ("allow_force_pushes", "allow_deletions", "required_linear_history", "block_creations",
                "required_conversation_resolution", "lock_branch", "allow_fork_syncing"):  # fmt: skip
        made[key] = flag(key)
    if before and "required_signatures" in before:
        made["required_signatures"] = before["required_signatures"]
    return made


def delete_protection(s: GitHubServer, name: str, **_: Any) -> tuple[int, Json]:
    return (204, None) if s.classic.pop(name, None) is not None else (404, not_found("Branch not protected"))


def get_rules(s: GitHubServer, name: str, **_: Any) -> tuple[int, Json]:
    found = []
    for number, each in s.rulesets.items():
        if each.get("enforcement", "active") == "active" and name in each.get("branches", ["main"]):
            source = {
                "ruleset_source_type": "Repository",
                "ruleset_source": s.repository,
                "ruleset_id": number,
            }
            found += [{**rule, **source} for rule in each["rules"]]
    return 200, found


def get_rulesets(s: GitHubServer, **_: Any) -> tuple[int, Json]:
    return 200, [
        {
            key: value
            for key, value in get_ruleset(s, str(number))[1].items()
            if key not in ("rules", "bypass_actors")
        }
        for number in s.rulesets
    ]


def post_rulesets(s: GitHubServer, body: Json, **_: Any) -> tuple[int, Json]:
    with s.lock:
        if any(each["name"] == body["name"] for each in s.rulesets.values()):
            return 422, {"message": "Validation Failed", "errors": ["Name must be unique"]}
        number = s.next_id()
        s.rulesets[number] = ruleset_put(body)
    return 201, get_ruleset(s, str(number))[1]


def put_ruleset(s: GitHubServer, number: str, body: Json, **_: Any) -> tuple[int, Json]:
    if int(number) not in s.rulesets:
        return 404, not_found()
    s.rulesets[int(number)] = ruleset_put(body)
    return get_ruleset(s, number)


def delete_ruleset(s: GitHubServer, number: str, **_: Any) -> tuple[int, Json]:
    return (204, None) if s.rulesets.pop(int(number), None) is not None else (404, not_found())


def ruleset_put(body: Json) -> Json:
    """The ruleset that such a request makes; a check is bound to the app that reported it last."""
    rules = json.loads(json.dumps(body["rules"]))
    for rule in rules:
        for check in rule.get("parameters", {}).get("required_status_checks", []):
            check.setdefault("integration_id", 15368)
    refs = body["conditions"]["ref_name"]["include"]
    branches = [name.removeprefix("refs/heads/") for name in refs]
    return {key: body[key] for key in ("name", "enforcement", "bypass_actors", "conditions")} | {
        "rules": rules,
        "branches": branches,
    }


def get_ruleset(s: GitHubServer, number: str, **_: Any) -> tuple[int, Json]:
    each = s.rulesets.get(int(number))
    if each is None:
        return 404, not_found()
    made = {"id": int(number), "name": each["name"], "target": "branch", "source_type": "Repository",
            "enforcement": each.get("enforcement", "active"), "source": s.repository,
            "rules": each["rules"]}  # fmt: skip
    made |= {"conditions": each["conditions"]} if "conditions" in each else {}
    return 200, made | ({"bypass_actors": each["bypass_actors"]} if "bypass_actors" in each else {})


def get_file(s: GitHubServer, path: str, **_: Any) -> tuple[int, Json]:
    return (200, s.files[path]) if path in s.files else (404, not_found())


def get_pull(s: GitHubServer, number: str, **_: Any) -> tuple[int, Json]:
    found = s.pulls.get(int(number))
    return (200, found) if found else (404, not_found())


def get_reviews(s: GitHubServer, number: str, **_: Any) -> tuple[int, Json]:
    return (200, s.reviews.get(int(number), [])) if int(number) in s.pulls else (404, not_found())


def get_commit(s: GitHubServer, sha: str, **_: Any) -> tuple[int, Json]:
    return (
        (200, s.commits[sha]) if sha in s.commits else (422, {"message": f"No commit found for SHA: {sha}"})
    )


def get_pulls_of(s: GitHubServer, sha: str, **_: Any) -> tuple[int, Json]:
    if sha not in s.commits:
        return 422, {"message": f"No commit found for SHA: {sha}"}
    return 200, [s.pulls[number] for number in s.pulls_of.get(sha, [])]


def get_check_runs(s: GitHubServer, sha: str, **_: Any) -> tuple[int, Json]:
    if sha not in s.commits:
        return 422, {"message": f"No commit found for SHA: {sha}"}
    runs = s.runs.get(sha, [])
    return 200, {"total_count": len(runs), "check_runs": runs}


def get_status(s: GitHubServer, sha: str, **_: Any) -> tuple[int, Json]:
    return 200, combined_status(s.repository, sha, s.statuses.get(sha, []))


def get_permission(s: GitHubServer, login: str, **_: Any) -> tuple[int, Json]:
    return 200, permission(login, s.permissions.get(login, "read"))


def get_team(s: GitHubServer, _org: str, slug: str, **_: Any) -> tuple[int, Json]:
    return (200, team(slug)) if slug in s.teams else (404, not_found())


def get_members(s: GitHubServer, _org: str, slug: str, **_: Any) -> tuple[int, Json]:
    return (200, [user(each) for each in s.teams[slug]]) if slug in s.teams else (404, not_found())


def get_user(s: GitHubServer, **_: Any) -> tuple[int, Json]:
    refusal = {"message": "Resource not accessible by integration"}
    return (200, s.me) if s.me_is_known else (403, refusal)


def get_comments(s: GitHubServer, number: str, **_: Any) -> tuple[int, Json]:
    return (200, list(s.comments.get(int(number), []))) if int(number) in s.pulls else (404, not_found())


def post_comments(s: GitHubServer, number: str, body: Json, **_: Any) -> tuple[int, Json]:
    if int(number) not in s.pulls:
        return 404, not_found()
    if len(body["body"]) > 65_536:
        return 422, {
            "message": "Validation Failed",
            "errors": [{"message": "body is too long (maximum is 65536)"}],
        }
    with s.lock:
        made = comment(s.next_id(), int(number), s.me, body["body"])
        s.comments.setdefault(int(number), []).append(made)
    return 201, made


def patch_comment(s: GitHubServer, number: str, body: Json, **_: Any) -> tuple[int, Json]:
    with s.lock:
        for each in (one for found in s.comments.values() for one in found):
            if each["id"] == int(number):
                each["body"] = body["body"]
                return 200, each
    return 404, not_found()


def delete_comment(s: GitHubServer, number: str, **_: Any) -> tuple[int, Json]:
    with s.lock:
        for found in s.comments.values():
            for each in found:
                if each["id"] == int(number):
                    found.remove(each)
                    return 204, None
    return 404, not_found()


_REPO, _SHA = r"/repos/acme/dhash", "([0-9a-f]{40})"
_ROUTES: list[tuple[str, Any]] = [
    (rf"{_REPO}/branches/([^/]+)", get_branch),
    (rf"{_REPO}/branches/([^/]+)/protection", get_protection),
    (rf"{_REPO}/branches/([^/]+)/protection", put_protection),
    (rf"{_REPO}/branches/([^/]+)/protection", delete_protection),
    (rf"{_REPO}/rules/branches/([^/]+)", get_rules),
    (rf"{_REPO}/rulesets", get_rulesets),
    (rf"{_REPO}/rulesets", post_rulesets),
    (rf"{_REPO}/rulesets/(\d+)", get_ruleset),
    (rf"{_REPO}/rulesets/(\d+)", put_ruleset),
    (rf"{_REPO}/rulesets/(\d+)", delete_ruleset),
    (rf"{_REPO}/contents/(.+)", get_file),
    (rf"{_REPO}/pulls/(\d+)", get_pull),
    (rf"{_REPO}/pulls/(\d+)/reviews", get_reviews),
    (rf"{_REPO}/commits/{_SHA}", get_commit),
    (rf"{_REPO}/commits/{_SHA}/pulls", get_pulls_of),
    (rf"{_REPO}/commits/{_SHA}/check-runs", get_check_runs),
    (rf"{_REPO}/commits/{_SHA}/status", get_status),
    (rf"{_REPO}/collaborators/([^/]+)/permission", get_permission),
    (r"/orgs/([^/]+)/teams/([^/]+)", get_team),
    (r"/orgs/([^/]+)/teams/([^/]+)/members", get_members),
    (r"/user", get_user),
    (rf"{_REPO}/issues/(\d+)/comments", get_comments),
    (rf"{_REPO}/issues/(\d+)/comments", post_comments),
    (rf"{_REPO}/issues/comments/(\d+)", patch_comment),
    (rf"{_REPO}/issues/comments/(\d+)", delete_comment),
]
