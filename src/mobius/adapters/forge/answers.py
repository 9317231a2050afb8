"""GitHub's answers, as far as they are needed. What one leaves out reads as not demanded, and as not allowed.

Read strictly: a value of another type than GitHub publishes makes the whole answer Unknown.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from mobius.model.forge import Unknown

T = TypeVar("T")


class Named(msgspec.Struct):
    """A user, a team or an app, by whatever names it."""

    id: int = 0
    login: str = ""
    slug: str = ""
    name: str = ""
    type: str = ""


class Enabled(msgspec.Struct):
    enabled: bool = False


class Check(msgspec.Struct):
    context: str
    app_id: int | None = None


class Statuses(msgspec.Struct):
    strict: bool = False
    contexts: list[str] = []
    checks: list[Check] = []


class Allowed(msgspec.Struct):
    users: list[Named] = []
    teams: list[Named] = []
    apps: list[Named] = []


class Reviews(msgspec.Struct):
    required_approving_review_count: int | None = None
    require_code_owner_reviews: bool = False
    dismiss_stale_reviews: bool = False
    require_last_push_approval: bool = False
    bypass_pull_request_allowances: Allowed | None = None
    dismissal_restrictions: Allowed | None = None


class Classic(msgspec.Struct):
    required_status_checks: Statuses | None = None
    required_pull_request_reviews: Reviews | None = None
    enforce_admins: Enabled | None = None
    allow_force_pushes: Enabled | None = None
    allow_deletions: Enabled | None = None
    required_linear_history: Enabled | None = None
    required_conversation_resolution: Enabled | None = None
    block_creations: Enabled | None = None
    lock_branch: Enabled | None = None
    allow_fork_syncing: Enabled | None = None
    required_signatures: Enabled | None = None
    restrictions: Allowed | None = None


class Rule(msgspec.Struct):
    type: str
    ruleset_id: int = 0
    parameters: dict[str, Any] | None = None


class RequiredCheck(msgspec.Struct):
    context: str
    integration_id: int | None = None


class ChecksRule(msgspec.Struct):
    required_status_checks: list[RequiredCheck] = []
    strict_required_status_checks_policy: bool = False


class Reviewer(msgspec.Struct):
    id: int
    type: str = ""


class RequiredReviewer(msgspec.Struct):
    minimum_approvals: int
    reviewer: Reviewer | None = None
    file_patterns: list[str] = []


class PullRule(msgspec.Struct):
    required_approving_review_count: int = 0
    require_code_owner_review: bool = False
    dismiss_stale_reviews_on_push: bool = False
    require_last_push_approval: bool = False
    required_reviewers: list[RequiredReviewer] = []


class Actor(msgspec.Struct):
    actor_type: str
    actor_id: int | None = None
    bypass_mode: str = "always"


class Ruleset(msgspec.Struct):
    id: int
    name: str
    enforcement: str
    bypass_actors: list[Actor] | None = None


class OwnRuleset(Ruleset):
    rules: list[Rule] = []
    conditions: dict[str, Any] | None = None


class Commit(msgspec.Struct):
    sha: str
    author: Named | None = None
    committer: Named | None = None


class Base(msgspec.Struct):
    ref: str
    sha: str


class PullRequest(msgspec.Struct):
    number: int
    head: Base
    base: Base
    user: Named | None = None
    merged_at: str | None = None
    merge_commit_sha: str | None = None
    html_url: str = ""
    state: str = ""


class PullReview(msgspec.Struct):
    id: int
    state: str
    user: Named | None = None
    commit_id: str | None = None
    submitted_at: str | None = None


class Permission(msgspec.Struct):
    permission: str


class CheckRunAnswer(msgspec.Struct):
    name: str
    status: str
    conclusion: str | None = None
    completed_at: str | None = None
    started_at: str | None = None
    html_url: str | None = None
    app: Named | None = None
    id: int = 0


class CheckRuns(msgspec.Struct):
    total_count: int
    check_runs: list[CheckRunAnswer]


class Status(msgspec.Struct):
    context: str
    state: str
    updated_at: str | None = None
    target_url: str | None = None


class CombinedStatus(msgspec.Struct):
    total_count: int
    statuses: list[Status]


class IssueComment(msgspec.Struct):
    id: int
    html_url: str = ""
    body: str | None = None
    user: Named | None = None


class Team(msgspec.Struct):
    id: int
    slug: str


def read(body: bytes, kind: type[T], what: str) -> T | Unknown:
    """The answer as this kind. `what` names the question in the reason."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as problem:
        return odd(what, str(problem))


def convert(value: object, kind: type[T], what: str) -> T | Unknown:
    """The same of what was read already."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.MsgspecError, RecursionError) as problem:
        return odd(what, str(problem))


def odd(what: str, problem: str) -> Unknown:
    """An answer that makes no sense."""
    words = "".join(c if c.isprintable() else " " for c in problem)[:200]
    return Unknown(
        f"GitHub's answer about {what} makes no sense: {words}", "see github.api_url: is it GitHub's API?"
    )
