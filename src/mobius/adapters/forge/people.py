"""Who reviewed a pull request, and who these people are: what they may do, and whether they are of operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from mobius.adapters.forge import answers as said
from mobius.model.forge import Approvals, GitHubSettings, Pull, Review, ReviewState, Unknown

if TYPE_CHECKING:
    from mobius.adapters.forge.github import GitHub

MAY_WRITE = {"admin", "maintain", "write"}
# A comment after an approval leaves the approval as it was.
_LAST_WORDS = {ReviewState.APPROVED, ReviewState.CHANGES_REQUESTED, ReviewState.DISMISSED}


class People:
    """Asks GitHub about people, each question once."""

    def __init__(self, github: GitHub, settings: GitHubSettings) -> None:
        self._github = github
        self._settings = settings

    def approvals(self, pull: Pull) -> Approvals | Unknown:
        """The last word of every reviewer. A review of an unknown kind makes it all Unknown."""
        about = f"the reviews of pull request {pull.number}"
        path = f"/repos/{self._github.repository}/pulls/{pull.number}/reviews"
        reviews = self._github.many(path, said.PullReview, about)
        if isinstance(reviews, Unknown):
            return reviews
        head = self._github.one(
            f"/repos/{self._github.repository}/commits/{pull.head}", said.Commit, f"commit {pull.head[:12]}"
        )
        if isinstance(head, Unknown):
            return head
        last: dict[str, said.PullReview] = {}
        nameless: list[said.PullReview] = []
        for review in sorted(reviews, key=lambda each: (each.submitted_at or "", each.id)):
            state = review.state.upper()
            if state in ("PENDING", ReviewState.COMMENTED):
                continue
            if state not in _LAST_WORDS:
                return said.odd(about, f"there is a review that is {review.state!r}")
            if review.submitted_at is None:
                return said.odd(
                    about, f"review {review.id} has no time, so nobody knows which word was the last"
                )
            if review.user is not None and review.user.login:
                last[review.user.login.lower()] = review
            elif state == ReviewState.CHANGES_REQUESTED:  # a deleted account approves nothing, and may object
                nameless.append(review)
        ops = self._ops()
        members = ops if isinstance(ops, frozenset) else None
        return Approvals(
            pull,
            tuple(self._review(each, members) for each in (*last.values(), *nameless)),
            authors=tuple(dict.fromkeys(filter(None, (pull.author, *_makers(head))))),
            ops=self._ops_name(),
            ops_unknown=ops.reason if isinstance(ops, Unknown) else "",
        )

    def team_names(self) -> Mapping[int, str]:
        """The name of the operations team by its id; empty where GitHub does not show it."""
        organization, slug = self._team()
        if not slug:
            return {}
        path = f"/orgs/{quote(organization, safe='')}/teams/{quote(slug, safe='')}"
        found = self._github.one(path, said.Team, f"the team {slug}")
        return {} if isinstance(found, Unknown) else {found.id: slug}

    def _review(self, review: said.PullReview, members: frozenset[str] | None) -> Review:
        user = review.user or said.Named()
        state = ReviewState(review.state.upper())
        if not user.login:
            return Review(
                "a deleted account", state, (review.commit_id or "").lower(), review.submitted_at or ""
            )
        login = user.login
        is_bot = user.type not in ("", "User") or login.lower().endswith("[bot]")
        counts = state is not ReviewState.DISMISSED and not is_bot
        is_named = login.lower() in {each.lower() for each in self._settings.ops_reviewers}
        is_member = None if members is None else login.lower() in members
        return Review(
            login,
            state,
            (review.commit_id or "").lower(),
            review.submitted_at or "",
            is_bot,
            self._may_write(login) if counts else None,
            True if is_named else is_member,
        )

    def _may_write(self, login: str) -> bool | None:
        path = f"/repos/{self._github.repository}/collaborators/{quote(login, safe='')}/permission"
        found = self._github.one(path, said.Permission, f"what {login} may do")
        return None if isinstance(found, Unknown) else found.permission in MAY_WRITE

    def _ops(self) -> frozenset[str] | Unknown:
        organization, slug = self._team()
        if not slug:
            if self._settings.ops_reviewers:
                return frozenset(each.lower() for each in self._settings.ops_reviewers)
            return Unknown("nobody said who is of operations", "set github.ops_team or github.ops_reviewers")
        path = f"/orgs/{quote(organization, safe='')}/teams/{quote(slug, safe='')}/members"
        found = self._github.many(path, said.Named, f"the team {organization}/{slug}")
        return found if isinstance(found, Unknown) else frozenset(each.login.lower() for each in found)

    def _team(self) -> tuple[str, str]:
        organization, _, slug = self._settings.ops_team.rpartition("/")
        return organization or self._github.repository.partition("/")[0], slug

    def _ops_name(self) -> str:
        return self._settings.ops_team or ", ".join(self._settings.ops_reviewers)


def _makers(commit: said.Commit) -> tuple[str, ...]:
    """Who made the newest commit; GitHub's own account, which merges on its page, is nobody."""
    return tuple(
        each.login
        for each in (commit.author, commit.committer)
        if each is not None and each.login != "web-flow"
    )
