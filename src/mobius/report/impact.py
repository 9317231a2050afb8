"""What a change of configuration may do, for a person and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mobius.model.impact import ConfigChange, worst_of
from mobius.report.words import printable, wrapped


def impact_text(live: str, tag: str, changes: Sequence[ConfigChange], width: int = 80) -> str:
    """One reason a line, the worst first; every HIGH with its undo."""
    against = f"from {live} to {tag}" if live else f"of {tag}; nothing is live to compare it with"
    if not changes:
        return f"configuration {against}: nothing changed"
    lines = [f"configuration {against}: impact {worst_of(tuple(changes)).name}"]
    for change in changes:
        lines += wrapped(
            printable(f"{change.file}: {change.reason}"), width, f"  {change.impact.name:<6} ", " " * 9
        )
        if change.undo:
            lines += wrapped(printable(change.undo), width, "         undo: ", " " * 9)
    return "\n".join(lines)


def impact_json(live: str, tag: str, changes: Sequence[ConfigChange]) -> dict[str, Any]:
    """The same as one object."""
    return {
        "schema_version": 1,
        "live": live,
        "tag": tag,
        "impact": worst_of(tuple(changes)).name,
        "changes": [
            {
                "file": change.file,
                "key": change.key,
                "impact": change.impact.name,
                "reason": change.reason,
                "undo": change.undo,
            }
            for change in changes
        ],
    }
