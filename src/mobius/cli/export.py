"""`mobius export`: configuration, record and facts of an environment in one archive, secrets taken out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.errors import MobiusError, UsageError

if TYPE_CHECKING:
    from mobius.model.exporting import Contents


@click.command("export")
@environment_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The archive (.zip); default: in exports/.",
)
@click.option(
    "--dry-run", is_flag=True, help="List what would go into it, and what would not. Writes nothing."
)
@click.option(
    "--include-secrets", is_flag=True, help="Leave secrets in; asks you to type the service's name."
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    out: Path | None,
    dry_run: bool,
    include_secrets: bool,
    as_json: bool,
) -> int:
    """Put configuration, runbooks, journal, reports, evidence and facts into one archive with checksums.

    Secrets are taken out by value and by form. What is binary, too large, unreadable or outside of the project is
    left out, and said.
    """
    from mobius.adapters.records import holder
    from mobius.report.exporting import lines
    from mobius.report.quick import main_environment
    from mobius.wiring.exporting import gather, write

    the_app = app(ctx)
    name = (the_app.environment(environment) if environment else main_environment(the_app.settings)).name
    if include_secrets and not dry_run:
        _confirmed(the_app.settings.service)
    contents = gather(the_app, name, with_secrets=include_secrets)
    facts = {"service": the_app.settings.service, "environment": name, **_facts(contents)}
    if dry_run:
        if as_json:
            members = [{"name": one.name, "size_bytes": len(one.content)} for one in contents.members]
            told = {"schema_version": 1, "event": "export", "dry_run": True, **facts, "members": members}
            click.echo(json.dumps(told, ensure_ascii=False))
        else:
            click.echo("\n".join([f"{name}: would be exported", *lines(contents), *_listed(contents)]))
        next_step(f"nothing was written; to write it: mobius export -e {name}", quiet=as_json)
        return 0
    made = holder()
    exported = write(the_app, name, contents, out.absolute() if out else None, f"{made.user}@{made.host}")
    if as_json:
        written = {"file": str(exported.path), "sha256": exported.sha256, "size_bytes": exported.size_bytes}
        told = {
            "schema_version": 1,
            "event": "exported",
            **facts,
            "members": len(contents.members),
            **written,
        }
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo("\n".join([str(exported.path), *lines(contents)]))
    if include_secrets:
        click.echo("warning: SECRETS ARE INSIDE; encrypt it, and remove it when it has served", err=True)
    next_step(
        f"check it: cd {exported.path.parent} && sha256sum -c {exported.path.name}.sha256", quiet=as_json
    )
    return 0


def _facts(contents: Contents) -> dict[str, Any]:
    taken: dict[str, int] = {}
    for member in contents.members:
        for what, times in member.redacted.items():
            taken[what] = taken.get(what, 0) + times
    left_out = [{"name": one.name, "why": one.why} for one in contents.left_out]
    return {
        "with_secrets": contents.with_secrets,
        "redacted": taken,
        "left_out": left_out,
        "head": contents.head,
    }


def _listed(contents: Contents) -> list[str]:
    return [
        "",
        *(f"  {len(one.content):>10,}  {one.name}" for one in sorted(contents.members, key=lambda m: m.name)),
    ]


def _confirmed(service: str) -> None:
    """Only a person at a terminal, who types what is at stake. There is no option that says it for them."""
    if not sys.stdin.isatty():
        raise UsageError(
            "secrets leave this host only when a person at a terminal says so, and there is none",
            "run it at a terminal, or leave --include-secrets away",
        )
    click.echo(
        "The archive will hold passwords, tokens and addresses of webhooks as they are: whoever reads it can use them.",
        err=True,
    )
    typed = click.prompt(
        f"Type the service's name ({service}) to go on", default="", show_default=False, err=True
    )
    if typed.strip() != service:
        raise MobiusError(
            "nothing was exported: that is not the service's name", "leave --include-secrets away"
        )
