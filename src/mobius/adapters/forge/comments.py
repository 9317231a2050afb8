"""One comment of a pull request, found again by a marker that no reader sees.

The marker is no secret, and a token that may write can change anybody's comment: only what we wrote ourselves is taken
for ours, so that nobody can put up a comment that they may turn into another report later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobius.adapters.forge import answers as said
from mobius.model.forge import Comment, Unknown

if TYPE_CHECKING:
    from mobius.adapters.forge.github import GitHub


class Comments:
    """Writes and finds comments."""

    def __init__(self, github: GitHub) -> None:
        self._github = github

    def keep(self, pull: int, marker: str, text: str) -> Comment | Unknown:
        """Changes the oldest of ours, or writes one; others of ours go."""
        there = self._ours(pull, marker, self._me())
        if isinstance(there, Unknown):
            return there
        for each in there:
            changed = self._say(each, text, pull)
            if isinstance(changed, Unknown):
                return changed
            if changed:
                self._remove_but(each, there)
                return Comment(each.id, each.html_url, created=False)
        return self._written(pull, marker, text)

    def _written(self, pull: int, marker: str, text: str) -> Comment | Unknown:
        """Writes one, then looks again: of two that were written at once, the older stays."""
        what = f"the comment of pull request {pull}"
        path = f"/repos/{self._github.repository}/issues/{pull}/comments"
        sent = self._github.change("POST", path, {"body": text}, what)
        if sent is None or isinstance(sent, Unknown):
            return sent or Unknown(f"{what}: there is no such pull request")
        made = said.read(sent.body, said.IssueComment, what)
        if isinstance(made, Unknown):
            return made
        there = self._ours(pull, marker, made.user.login if made.user else "")
        older = [] if isinstance(there, Unknown) else [each for each in there if each.id < made.id]
        for each in older:
            if self._say(each, text, pull) is True:
                self._remove_but(each, [each, made])
                return Comment(each.id, each.html_url, created=False)
        return Comment(made.id, made.html_url, created=True)

    def _say(self, comment: said.IssueComment, text: str, pull: int) -> bool | Unknown:
        """Whether it says so now; False where it is gone."""
        what = f"comment {comment.id} of pull request {pull}"
        changed = self._github.change("PATCH", self._at(comment), {"body": text}, what)
        return changed if isinstance(changed, Unknown) else changed is not None

    def _ours(self, pull: int, marker: str, me: str) -> list[said.IssueComment] | Unknown:
        """Those that begin with the marker, oldest first. `me`: "" where the token is that of an app, as in a
        workflow: then those that apps wrote."""
        path = f"/repos/{self._github.repository}/issues/{pull}/comments"
        found = self._github.many(path, said.IssueComment, f"the comments of pull request {pull}")
        if isinstance(found, Unknown):
            return found
        marked = [each for each in found if (each.body or "").lstrip().startswith(marker)]
        return sorted((each for each in marked if _is_mine(each.user, me)), key=lambda each: each.id)

    def _me(self) -> str:
        found = self._github.one("/user", said.Named, "whose token it is")
        return "" if isinstance(found, Unknown) else found.login

    def _remove_but(self, kept: said.IssueComment, there: list[said.IssueComment]) -> None:
        for each in there:
            if each.id != kept.id:
                self._github.change("DELETE", self._at(each), None, f"comment {each.id}")

    def _at(self, comment: said.IssueComment) -> str:
        return f"/repos/{self._github.repository}/issues/comments/{comment.id}"


def _is_mine(user: said.Named | None, me: str) -> bool:
    if user is None:
        return False
    return user.login == me if me else user.type == "Bot"
