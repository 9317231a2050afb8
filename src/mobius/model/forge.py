"""What a forge (GitHub) knows of a repository: who may change a branch, who approved what, which checks ran.

Whatever it could not be asked is `Unknown`, with the reason: never an empty answer that reads like a good one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Unknown:
    """The forge gave no answer that could be used: why, and what to do now. Never a yes, and never a no."""

    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class RequiredContext:
    """A check that must have passed before a merge. `app`: the id of the only app that is believed, 0 for any."""

    name: str
    app: int = 0


@dataclass(frozen=True, slots=True)
class TeamReview:
    """Approvals that must come from members of one team. `everywhere`: for every file, not for some only."""

    team: str  # its slug where the forge says it, else "team ID"
    minimum: int
    everywhere: bool


@dataclass(frozen=True, slots=True)
class Bypass:
    """Somebody for whom a source of rules does not hold. `what`: "everything", "reviews" or "pull requests"."""

    who: str  # "administrators", "team ops", "app 1234", "user ann"
    what: str = "everything"


@dataclass(frozen=True, slots=True)
class RuleSource:
    """What one source demands of a branch: its classic protection, or one ruleset. What it does not say is not
    demanded. `bypass` is None where the forge does not tell who may pass it by."""

    name: str  # "classic protection", 'ruleset "main" (7)'
    contexts: tuple[RequiredContext, ...] = ()
    up_to_date: bool = False
    reviews: int = 0
    team_reviews: tuple[TeamReview, ...] = ()
    code_owners: bool = False
    dismisses_stale: bool = False
    last_push: bool = False  # somebody other than whoever pushed last must approve
    blocks_force_pushes: bool = False
    blocks_deletion: bool = False
    bypass: tuple[Bypass, ...] | None = ()


@dataclass(frozen=True, slots=True)
class BranchRules:
    """Everything that holds for one branch. The forge applies all sources at once, so the strictest figure counts; who
    may pass one by is said per source."""

    repository: str
    branch: str
    sources: tuple[RuleSource, ...]
    unread: tuple[Unknown, ...] = ()  # sources that could not be had: they may demand more, and never less
    code_owners_file: str | Unknown = ""  # CODEOWNERS of the branch, "" where it has none

    @property
    def contexts(self) -> tuple[str, ...]:
        """The names of all required checks, in order."""
        return tuple(dict.fromkeys(context.name for each in self.sources for context in each.contexts))

    @property
    def apps(self) -> Mapping[str, tuple[int, ...]]:
        """By the name of a check, the ids of the apps that are believed alone."""
        bound: dict[str, tuple[int, ...]] = {}
        for context in (context for each in self.sources for context in each.contexts if context.app):
            bound[context.name] = tuple(dict.fromkeys((*bound.get(context.name, ()), context.app)))
        return bound

    @property
    def reviews(self) -> int:
        """Approvals that are required."""
        return max((each.reviews for each in self.sources), default=0)

    @property
    def admins_enforced(self) -> bool:
        """Whether something holds, and administrators pass no source of it by, as far as the forge tells."""
        return bool(self.sources) and not any(
            each.bypass is None or any(one.who in (ADMINISTRATORS, OWNERS) for one in each.bypass)
            for each in self.sources
        )

    @property
    def bypass(self) -> tuple[tuple[str, Bypass], ...]:
        """(source, who may pass it by)."""
        return tuple((each.name, one) for each in self.sources for one in each.bypass or ())


CLASSIC = "classic protection"  # the name of that source of rules
ADMINISTRATORS = "administrators"  # of the repository
OWNERS = "organization owners"


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request. `merge_commit` is "" until it is merged; `head` is the newest commit that it brings; `closed`: it
    was turned down or taken back, without a merge."""

    number: int
    head: str
    author: str
    base: str
    merged: bool = False
    merge_commit: str = ""
    url: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class GitHubSettings:
    """The repository, and what must hold for the branch that is released from.

    `repository`: owner/name, "" for that of the git remote. `api_url`: "" for GITHUB_API_URL or github.com's.
    `ops_team`: the slug of the operations team, with or without its organization before a slash. `ops_reviewers`:
    logins that count as of the operations team. `may_bypass`: who may pass rules by, named as checks name them.
    """

    repository: str = ""
    api_url: str = ""
    token_file: Path | None = None
    branch: str = "main"
    contexts: tuple[str, ...] = (
        "ci/premerge-validation",
        "golden-checks-ubuntu",
        "golden-checks-macos",
        "golden-checks-windows",
    )
    reviews: int = 2
    ops_team: str = ""
    ops_reviewers: tuple[str, ...] = ()
    code_owners: bool = True
    dismiss_stale: bool = True
    last_push: bool = True
    may_bypass: tuple[str, ...] = ()
    timeout_s: float = 10.0


class ReviewState(StrEnum):
    """What somebody's last word is; a comment changes nothing about it."""

    APPROVED = "APPROVED"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    DISMISSED = "DISMISSED"
    COMMENTED = "COMMENTED"


@dataclass(frozen=True, slots=True)
class Review:
    """The last word of one reviewer, and what is known of that person. `may_write` is None, and `in_ops` too, where
    the forge does not say."""

    reviewer: str
    state: ReviewState
    commit: str
    at: str = ""  # as the forge writes it, ISO 8601
    is_bot: bool = False
    may_write: bool | None = None
    in_ops: bool | None = None


@dataclass(frozen=True, slots=True)
class Approvals:
    """The last word of every reviewer of a pull request. `authors`: who opened it, and who made its newest commit.
    `ops_unknown`: why nobody can say who is of the operations team, "" where it is known."""

    pull: Pull
    reviews: tuple[Review, ...]
    authors: tuple[str, ...] = ()
    ops: str = ""  # how the team is called, for messages
    ops_unknown: str = ""


@dataclass(frozen=True, slots=True)
class CheckRun:
    """One run of a check, or one commit status, at a commit. `conclusion` is "" while it has not ended; `app_id` is 0
    where the forge does not say which app reported it."""

    name: str
    conclusion: str
    app: str = ""
    at: str = ""
    url: str = ""
    app_id: int = 0


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment that is there now. `created`: it was not there before."""

    number: int
    url: str
    created: bool
