"""Whether CODEOWNERS makes every change need an approval of operations."""

from __future__ import annotations

from mobius.model.forge import GitHubSettings

EVERY_FILE = {"*", "**", "/**"}


def ops_own_everything(text: str, wanted: GitHubSettings, organization: str) -> bool:
    """Whether somebody of operations must approve every change: one line is for every file, and every line has owners
    of operations only, since the approval of any one owner of a line is enough."""
    ops = {f"@{each.lower()}" for each in wanted.ops_reviewers}
    if wanted.ops_team:
        team = wanted.ops_team if "/" in wanted.ops_team else f"{organization}/{wanted.ops_team}"
        ops.add(f"@{team.lower()}")
    lines = [line.partition("#")[0].split() for line in text.lstrip("﻿").splitlines()]
    rows = [(words[0], [owner.lower() for owner in words[1:]]) for words in lines if words]
    everything = any(pattern in EVERY_FILE for pattern, _ in rows)
    return everything and all(owners and set(owners) <= ops for _, owners in rows)
