"""A forge in memory, for tests: it answers what it was given, and remembers what it was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mobius.model.forge import Approvals, BranchRules, CheckRun, Comment, Pull, Unknown

NOTHING = Unknown("the forge in memory was not given this")


@dataclass
class MemoryForge:
    """Each answer by what it is asked with; what is not there is Unknown."""

    repository: str = "acme/dhash"
    rules: dict[str, BranchRules | Unknown] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    known_commits: set[str] = field(default_factory=set)
    reviews: dict[int, Approvals | Unknown] = field(default_factory=dict)
    runs: dict[str, tuple[CheckRun, ...] | Unknown] = field(default_factory=dict)
    comments: dict[tuple[int, str], str] = field(default_factory=dict)
    classics: dict[str, Mapping[str, Any] | Unknown | None] = field(default_factory=dict)

    rulesets: dict[int, dict[str, Any]] = field(default_factory=dict)

    def protection(self, branch: str) -> BranchRules | Unknown:
        return self.rules.get(branch, NOTHING)

    def pull(self, number: int) -> Pull | Unknown:
        return self.pulls.get(number, NOTHING)

    def pull_of(self, commit: str) -> Pull | Unknown | None:
        for each in self.pulls.values():
            if commit in (each.head, each.merge_commit):
                return each
        return None if commit in self.known_commits else NOTHING

    def approvals(self, pull: Pull) -> Approvals | Unknown:
        return self.reviews.get(pull.number, NOTHING)

    def check_runs(self, commit: str) -> tuple[CheckRun, ...] | Unknown:
        return self.runs.get(commit, NOTHING)

    def comment(self, pull: int, marker: str, text: str) -> Comment | Unknown:
        if pull not in self.pulls:
            return NOTHING
        created = (pull, marker) not in self.comments
        self.comments[(pull, marker)] = text
        return Comment(pull, f"memory:{pull}", created)

    def classic(self, branch: str) -> Mapping[str, Any] | Unknown | None:
        return self.classics.get(branch, NOTHING)

    def put_classic(self, branch: str, body: Mapping[str, Any] | None) -> Unknown | None:
        self.classics[branch] = body
        return None

    def own_ruleset(self, name: str) -> Mapping[str, Any] | Unknown | None:
        return next((each for each in self.rulesets.values() if each["name"] == name), None)

    def put_ruleset(self, number: int | None, body: Mapping[str, Any] | None) -> Unknown | None:
        at = number if number is not None else len(self.rulesets) + 1
        if body is None:
            self.rulesets.pop(at, None)
        else:
            self.rulesets[at] = {"id": at, **body}
        return None
