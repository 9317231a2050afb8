"""`mobius migrate`: what migrations would do, before they do it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from mobius.cli import migrate_rehearse
from mobius.cli.context import json_option, next_step, width
from mobius.errors import UsageError
from mobius.model.linting import FileReport, Impact

FAIL_ON = {"HIGH": Impact.HIGH, "MEDIUM": Impact.MEDIUM, "LOW": Impact.LOW, "never": None}


@click.group("migrate")
def command() -> None:
    """Judge migrations: by their text, by what is pending, and by running them on real data."""


@command.command("lint")
@click.argument("files", nargs=-1, required=True, metavar="FILE|FOLDER...")
@click.option(
    "--dialect", type=click.Choice(("postgresql", "sqlite")), default="postgresql", show_default=True
)
@click.option(
    "--pg-version", type=click.IntRange(9, 30), default=15, show_default=True, help="Of the server."
)
@click.option("--assume-in-transaction", is_flag=True, help="The runner wraps each file in a transaction.")
@click.option(
    "--fail-on",
    type=click.Choice(tuple(FAIL_ON), case_sensitive=False),
    default="HIGH",
    show_default=True,
    help="End with 3 where an impact is that bad.",
)
@click.option(
    "--sarif", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT", help="Also as SARIF 2.1.0."
)
@json_option
def lint(
    files: tuple[str, ...],
    dialect: str,
    pg_version: int,
    assume_in_transaction: bool,
    fail_on: str,
    sarif: Path | None,
    as_json: bool,
) -> int:
    """Find what locks, what breaks the release that is live, and what loses data; say the safe way.

    A folder means every .sql file in it, - standard input. `-- mobius: accept HAZARD because …` before a statement
    accepts one. Exit 3 when the impact is as bad as --fail-on, 4 when a file could not be read as SQL.
    """
    from mobius.adapters.sql_text import read_sql, sql_files
    from mobius.report.linting import as_sarif, lint_json, lint_text
    from mobius.rules.migrations import lint as judge
    from mobius.rules.migrations import with_finding

    reports: list[FileReport] = []
    for name in files:
        for path in sql_files(name):
            text, doubt = read_sql(path, sys.stdin.buffer)
            report = judge(
                text,
                file=str(path),
                dialect="sqlite" if dialect == "sqlite" else "postgresql",
                pg_version=pg_version,
                assume_in_transaction=assume_in_transaction,
            )
            reports.append(with_finding(report, doubt) if doubt else report)
            click.echo(
                json.dumps(lint_json(reports[-1]), ensure_ascii=False)
                if as_json
                else lint_text(reports[-1], width())
            )
    if not reports:
        raise UsageError(f"no .sql file in {', '.join(files)}", "name the files of the migration")
    if sarif is not None:
        sarif.write_text(json.dumps(as_sarif(reports), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return _code(
        reports, next(value for key, value in FAIL_ON.items() if key.lower() == fail_on.lower()), as_json
    )


def _code(reports: list[FileReport], limit: Impact | None, as_json: bool) -> int:
    worst = max(report.impact for report in reports)
    found = any(report.findings for report in reports)
    if limit is not None and found and worst >= limit:
        next_step(
            "mend them, or accept each with its reason: -- mobius: accept HAZARD because …", quiet=as_json
        )
        return 3
    unread = any(each.hazard == "unreadable" for report in reports for each in report.findings)
    return 4 if unread and limit is not None else 0


command.add_command(migrate_rehearse.plan)
command.add_command(migrate_rehearse.rehearse)
