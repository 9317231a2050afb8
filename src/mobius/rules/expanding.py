"""What is read of each pending migration before it runs, and how a change that the old release cannot live with is made
in two releases (expand, then contract)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadMigration:
    """One migration that a deployment would apply. `impact`: "LOW", "MEDIUM", "HIGH" by its text, "" where there is
    none to read, for only its own program can run it."""

    name: str
    impact: str = ""
    has_down: bool = False
    findings: tuple[str, ...] = ()  # one sentence each
    hazards: tuple[str, ...] = ()  # their ids, each once


RENAMED = (
    "add the new column beside the old one and write both; read the new one",
    "drop the old column once the release before no longer runs",
)
UNREAD = (
    "ship a release that neither reads nor writes it",
    "drop it in the release after that",
)
# What the release before cannot live with: for each hazard, the two releases that do the same without breaking it.
TWO_RELEASES: Mapping[str, tuple[str, str]] = {
    "rename-column": RENAMED,
    "rename-table": (
        "rename the table and leave a view with the old name; use the new name",
        "drop the view once the release before no longer runs",
    ),
    "drop-column": UNREAD,
    "drop-table": UNREAD,
    "truncate-table": UNREAD,
    "required-column-without-default": (
        "add the column with a default or nullable, and write it",
        "fill what is empty, then make it NOT NULL",
    ),
    "set-not-null-scans": (
        "ship a release that always writes the column",
        "fill what is empty, then make it NOT NULL",
    ),
    "column-type-change": (
        "add a column of the new type, write both and copy what is there in batches",
        "read the new column, then drop the old one",
    ),
    "constraint-validated-under-lock": (
        "ship a release that keeps to the constraint",
        "correct what does not, then add the constraint NOT VALID and validate it",
    ),
}


def in_two_releases(migrations: Iterable[ReadMigration]) -> tuple[str, ...]:
    """One line for each change that breaks the release before and can be made in two; each advice once."""
    lines: dict[tuple[str, str], list[str]] = {}
    for migration in migrations:
        for hazard in migration.hazards:
            if (steps := TWO_RELEASES.get(hazard)) and migration.name not in lines.setdefault(steps, []):
                lines[steps].append(migration.name)
    return tuple(_advice(names, *steps) for steps, names in lines.items())


def _advice(names: Sequence[str], first: str, second: str) -> str:
    return f"{', '.join(names)}: make it in two releases: 1. {first}; 2. {second}"
