"""Reads one pending migration by its text: what it may do to those who use the service."""

from __future__ import annotations

from mobius.model.linting import Dialect, Hazard
from mobius.rules.expanding import ReadMigration
from mobius.rules.migrations import lint


def read_migration(name: str, sql: str | None, *, has_down: bool, dialect: Dialect) -> ReadMigration:
    """By its text. `sql` None: only its own program knows what it does."""
    if sql is None:
        return ReadMigration(name, has_down=has_down)
    report = lint(sql, file=name, dialect=dialect, assume_in_transaction=True)
    found = report.findings
    return ReadMigration(
        name,
        report.impact.name,
        has_down,
        tuple(_sentence(each) for each in found),
        tuple(dict.fromkeys(each.hazard for each in found)),
    )


def _sentence(found: Hazard) -> str:
    return f"line {found.line}: {found.message}"
