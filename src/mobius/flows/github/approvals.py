"""Who approved a commit, asked of the forge and judged."""

from __future__ import annotations

from mobius.model.forge import GitHubSettings, Unknown
from mobius.model.verdict import CheckResult
from mobius.ports import Forge
from mobius.rules.forge.approvals import judge_approvals


def approvals_of(forge: Forge | Unknown, wanted: GitHubSettings, commit: str) -> tuple[CheckResult, ...]:
    """Whether the commit was approved by enough people. Changes nothing."""
    if isinstance(forge, Unknown):
        return judge_approvals(forge, wanted)
    pull = forge.pull_of(commit)
    if pull is None or isinstance(pull, Unknown):
        return judge_approvals(pull, wanted, commit=commit)
    return judge_approvals(forge.approvals(pull), wanted, commit=commit)
