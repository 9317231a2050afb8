"""Answers as GitHub gives them, whole: every field that its published schema asks for, with the least in it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

API = "https://api.github.com"
WHEN = "2026-11-20T10:00:00Z"
CONTEXTS = ("ci/premerge-validation", "golden-checks-ubuntu", "golden-checks-macos", "golden-checks-windows")
ACTIONS = 15368  # the id of the app that runs workflows
Json = dict[str, Any]


def user(login: str, *, kind: str = "User") -> Json:
    """A person or a machine."""
    links = (
        "followers",
        "following",
        "gists",
        "starred",
        "subscriptions",
        "organizations",
        "repos",
        "events",
    )
    urls = {f"{each}_url": f"{API}/users/x/{each}" for each in (*links, "received_events")}
    return {"login": login, "id": zlib.crc32(login.encode()) % 10**6, "node_id": "U_x", "avatar_url": f"{API}/a",
            "gravatar_id": "", "url": f"{API}/users/x", "html_url": "https://github.com/x", "type": kind,
            "site_admin": False, "user_view_type": "public", **urls}  # fmt: skip


def repository(name: str) -> Json:
    """A repository, as parts of other answers have it."""
    links = ("archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits", "compare",
             "contents", "contributors", "deployments", "downloads", "events", "forks", "git_commits", "git_refs",
             "git_tags", "issue_comment", "issue_events", "issues", "keys", "labels", "languages", "merges",
             "milestones", "notifications", "pulls", "releases", "stargazers", "statuses", "subscribers",
             "subscription", "tags", "teams", "trees", "hooks")  # fmt: skip
    urls = {f"{each}_url": f"{API}/repos/{name}/{each}" for each in links}
    return {"id": 1, "node_id": "R_x", "name": name.partition("/")[2], "full_name": name, "private": True,
            "owner": user(name.partition("/")[0], kind="Organization"), "html_url": f"https://github.com/{name}",
            "description": None, "fork": False, "url": f"{API}/repos/{name}", **urls}  # fmt: skip


def commit(sha: str, author: str | None) -> Json:
    """A commit; `author` None: an address that belongs to no account."""
    git = {"name": "Ann", "email": "ann@example.org", "date": WHEN}
    return {"url": f"{API}/c", "sha": sha, "node_id": "C_x", "html_url": "https://github.com/c",
            "comments_url": f"{API}/c/comments", "parents": [],
            "author": user(author) if author else None, "committer": user(author) if author else None,
            "commit": {"url": f"{API}/g", "author": git, "committer": git, "message": "Change", "comment_count": 0,
                       "tree": {"sha": sha, "url": f"{API}/t"},
                       "verification": {"verified": False, "reason": "unsigned", "payload": None, "signature": None,
                                        "verified_at": None}}}  # fmt: skip


def branch(name: str, sha: str, is_protected: bool) -> Json:
    """A branch."""
    return {"name": name, "commit": commit(sha, "ann"), "protected": is_protected, "protection": {"enabled": False},
            "protection_url": f"{API}/p", "_links": {"html": "https://github.com/b", "self": f"{API}/b"}}  # fmt: skip


def protection(
    *,
    contexts: Sequence[str] | None = CONTEXTS,
    reviews: Mapping[str, Any] | bool | None = True,
    admins: bool = True,
    apps: Mapping[str, int | None] | None = None,
    **more: Any,
) -> Json:
    """A classic protection; `contexts` and `reviews` None: not demanded."""
    url = f"{API}/repos/acme/dhash/branches/main/protection"
    made: Json = {
        "url": url,
        "required_signatures": {"url": f"{url}/required_signatures", "enabled": False},
        "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": admins},
        **{key: {"enabled": False} for key in (
            "required_linear_history", "allow_force_pushes", "allow_deletions", "block_creations",
            "required_conversation_resolution", "lock_branch", "allow_fork_syncing")},
    }  # fmt: skip
    if contexts is not None:
        checks = [{"context": each, "app_id": (apps or {}).get(each, ACTIONS)} for each in contexts]
        statuses = {"contexts": list(contexts), "contexts_url": f"{url}/contexts", "checks": checks}
        made["required_status_checks"] = {"url": f"{url}/required_status_checks", "strict": True, **statuses}
    if reviews:
        all_of_them = {"dismiss_stale_reviews": True, "require_code_owner_reviews": True,
                       "required_approving_review_count": 2, "require_last_push_approval": True}  # fmt: skip
        none_of_them = {"dismiss_stale_reviews": False, "require_code_owner_reviews": False}
        given = dict(all_of_them if reviews is True else none_of_them | dict(reviews))
        for key in ("bypass_pull_request_allowances", "dismissal_restrictions"):
            if key in given:
                given[key] = {
                    kind: [_named(kind, one) for one in given[key].get(kind, [])] for kind in _KINDS
                }
        made["required_pull_request_reviews"] = {"url": f"{url}/required_pull_request_reviews", **given}
    return made | more


_KINDS = ("users", "teams", "apps")


def _named(kind: str, name: Any) -> Json:
    if isinstance(name, dict):
        return name
    return user(name) if kind == "users" else team(name) if kind == "teams" else app(name)


def pull_request(number: int, author: str, head: str, merge: str | None) -> Json:
    """A pull request, merged where `merge` is its commit."""
    url, page = f"{API}/repos/acme/dhash/pulls/{number}", f"https://github.com/acme/dhash/pull/{number}"
    links = ("diff", "patch", "issue", "commits", "review_comments", "review_comment", "comments", "statuses")
    whole = {**repository("acme/dhash"), **_WHOLE}
    side = {
        "label": "acme:x",
        "ref": "x",
        "repo": whole,
        "sha": head,
        "user": user("acme", kind="Organization"),
    }
    hrefs = {each: {"href": url} for each in (*_LINKS, "self")}
    return {"url": url, "id": number, "node_id": "PR_x", "html_url": page, "number": number, "locked": False,
            "state": "closed" if merge else "open", "title": "Change", "user": user(author), "body": None,
            "labels": [], "milestone": None, "created_at": WHEN, "updated_at": WHEN,
            "closed_at": WHEN if merge else None, "merged_at": WHEN if merge else None, "head": side,
            "base": {**side, "ref": "main", "label": "acme:main", "sha": "c" * 40}, "_links": hrefs,
            "author_association": "MEMBER", "auto_merge": None, "draft": False, "assignee": None, "assignees": [],
            "requested_reviewers": [], "requested_teams": [], "merged": merge is not None, "mergeable": True,
            "mergeable_state": "clean", "merged_by": user("ann") if merge else None, "comments": 0,
            "review_comments": 0, "maintainer_can_modify": False, "commits": 1, "additions": 1, "deletions": 0,
            "changed_files": 1, "merge_commit_sha": merge or "d" * 40,
            **{f"{each}_url": f"{url}/{each}" for each in links}}  # fmt: skip


_LINKS = ("comments", "commits", "statuses", "html", "issue", "review_comments", "review_comment")
_WHOLE = {"git_url": "git://x", "ssh_url": "git@x", "clone_url": "https://x", "mirror_url": None, "svn_url": "https://x",
          "homepage": None, "language": None, "forks_count": 0, "stargazers_count": 0, "watchers_count": 0, "size": 0,
          "default_branch": "main", "open_issues_count": 0, "has_issues": True, "has_projects": True, "has_wiki": True,
          "has_pages": False, "has_downloads": True, "has_discussions": False, "archived": False, "disabled": False,
          "pushed_at": WHEN, "created_at": WHEN, "updated_at": WHEN, "license": None, "forks": 0, "open_issues": 0,
          "watchers": 0}  # fmt: skip


def review(
    number: int, pull: int, login: str | None, state: str, sha: str, at: str, *, kind: str = "User"
) -> Json:
    """A review; `login` None: of an account that is gone."""
    url = f"{API}/repos/acme/dhash/pulls/{pull}"
    return {"id": number, "node_id": "PRR_x", "user": user(login, kind=kind) if login else None, "body": "",
            "state": state, "html_url": "https://github.com/r", "pull_request_url": url, "commit_id": sha,
            "submitted_at": at, "author_association": "MEMBER",
            "_links": {"html": {"href": url}, "pull_request": {"href": url}}}  # fmt: skip


def check_run(number: int, sha: str, name: str, conclusion: str | None) -> Json:
    """A run of a check by GitHub Actions; None: it has not ended."""
    output = {
        "title": None,
        "summary": None,
        "text": None,
        "annotations_count": 0,
        "annotations_url": f"{API}/n",
    }
    return {"id": number, "head_sha": sha, "node_id": "CR_x", "external_id": "", "url": f"{API}/cr",
            "html_url": f"https://github.com/acme/dhash/runs/{number}", "details_url": f"{API}/d",
            "status": "completed" if conclusion else "in_progress", "conclusion": conclusion, "started_at": WHEN,
            "completed_at": WHEN if conclusion else None, "output": output, "name": name, "check_suite": {"id": 1},
            "app": app("github-actions"), "pull_requests": []}  # fmt: skip


def combined_status(name: str, sha: str, statuses: Sequence[Mapping[str, str]]) -> Json:
    """Commit statuses, each given as context and state."""
    each = [{"description": None, "id": 1, "node_id": "S_x", "target_url": None, "avatar_url": None,
             "url": f"{API}/s", "created_at": WHEN, "updated_at": WHEN, **one} for one in statuses]  # fmt: skip
    return {"state": "pending", "statuses": each, "sha": sha, "total_count": len(each),
            "repository": repository(name), "commit_url": f"{API}/c", "url": f"{API}/s"}  # fmt: skip


def app(slug: str) -> Json:
    """An app."""
    return {"id": ACTIONS, "slug": slug, "node_id": "A_x", "owner": user("github", kind="Organization"), "name": slug,
            "description": None, "external_url": "https://x", "html_url": "https://github.com/apps/x",
            "created_at": WHEN, "updated_at": WHEN, "permissions": {}, "events": []}  # fmt: skip


def team(slug: str) -> Json:
    """A team of the organization acme."""
    org = {"login": "acme", "id": 1, "node_id": "O_x", "url": f"{API}/orgs/acme", "description": None,
           **{f"{each}_url": f"{API}/o/{each}" for each in ("repos", "events", "hooks", "issues", "members",
                                                              "public_members", "avatar", "html")},
           "has_organization_projects": True, "has_repository_projects": True, "public_repos": 0, "public_gists": 0,
           "type": "Organization", "followers": 0, "following": 0, "created_at": WHEN, "updated_at": WHEN,
           "archived_at": None}  # fmt: skip
    return {"id": zlib.crc32(slug.encode()) % 10**6, "node_id": "T_x", "url": f"{API}/t", "html_url": "https://github.com/t",
            "name": slug, "slug": slug, "description": None, "permission": "pull", "members_url": f"{API}/t/m",
            "repositories_url": f"{API}/t/r", "members_count": 1, "repos_count": 1, "created_at": WHEN,
            "updated_at": WHEN, "organization": org, "type": "organization", "parent": None,
            "privacy": "closed"}  # fmt: skip


def permission(login: str, level: str) -> Json:
    """What a person may do."""
    may = {
        "pull": True,
        "triage": False,
        "push": level in ("write", "admin"),
        "maintain": False,
        "admin": level == "admin",
    }
    whole = {**user(login), "role_name": level, "permissions": may}
    return {"permission": level, "role_name": level, "user": whole}


def comment(number: int, pull: int, author: Json, body: str) -> Json:
    """A comment of a pull request."""
    url = f"{API}/repos/acme/dhash/issues"
    return {"id": number, "node_id": "IC_x", "url": f"{url}/comments/{number}", "user": author, "created_at": WHEN,
            "html_url": f"https://github.com/acme/dhash/pull/{pull}#issuecomment-{number}", "updated_at": WHEN,
            "issue_url": f"{url}/{pull}", "author_association": "NONE", "body": body,
            "performed_via_github_app": None}  # fmt: skip
