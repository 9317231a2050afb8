"""What flows ask of the forge: rules, reviews and checks to look at, one comment to keep, one protection to put."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from mobius.model.forge import Approvals, BranchRules, CheckRun, Comment, Pull, Unknown


class Forge(Protocol):
    """One repository on a forge. No method raises for what the forge answers or does not answer: a refusal, a missing
    right, a timeout or an answer that makes no sense is `Unknown`, with the reason and a next step. Each may block for
    as long as `github.timeout` allows, and each may be called again."""

    @property
    def repository(self) -> str:
        """owner/name."""

    def protection(self, branch: str) -> BranchRules | Unknown:
        """All that holds for the branch. A branch without any rule has no sources; one that is not there is Unknown."""

    def pull(self, number: int) -> Pull | Unknown:
        """The pull request of that number."""

    def pull_of(self, commit: str) -> Pull | Unknown | None:
        """The pull request that brought the commit: as its head, or as the commit of its merge before any that only
        has it among others. None: the forge knows the commit, and no pull request brought it."""

    def approvals(self, pull: Pull) -> Approvals | Unknown:
        """The last word of every reviewer."""

    def check_runs(self, commit: str) -> tuple[CheckRun, ...] | Unknown:
        """The newest run of every check, and every commit status, at the commit."""

    def comment(self, pull: int, marker: str, text: str) -> Comment | Unknown:
        """Makes the one comment that has the marker say `text` (which has it, too). Where several have it, as after
        two that were posted at once, the oldest stays and the others go."""

    def classic(self, branch: str) -> Mapping[str, Any] | Unknown | None:
        """The classic protection as the forge answers it; None where there is none."""

    def put_classic(self, branch: str, body: Mapping[str, Any] | None) -> Unknown | None:
        """Replaces the classic protection, or takes it away (None). Unknown: it is not known what holds now."""

    def own_ruleset(self, name: str) -> Mapping[str, Any] | Unknown | None:
        """The repository's own ruleset of this name (not one of its organization) as the forge answers it; None where
        there is none. Unknown where several have the name."""

    def put_ruleset(self, number: int | None, body: Mapping[str, Any] | None) -> Unknown | None:
        """Replaces the ruleset of this number (None: makes a new one), or takes it away (`body` None; not there any
        more is a success). Unknown: it is not known what holds now."""
