"""`mobius journal`: moves the journal of an environment into the database that machines share, or back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from mobius.cli.context import app, confirm, environment_option, json_option, next_step, yes_option

if TYPE_CHECKING:
    from mobius.model.emergency import Ahead
    from mobius.wiring.journal_copy import Move


@click.group("journal")
def command() -> None:
    """Where everything that happens is written down."""


@command.command("copy")
@environment_option
@click.option("--to", required=True, type=click.Choice(("postgres", "sqlite")), help="Where it is to be.")
@click.option("--url-env", default="", metavar="VAR", help="The variable that holds PostgreSQL's address.")
@click.option("--schema", default="", metavar="NAME", help="The schema there; default: that of mobius.toml.")
@click.option("--dry-run", is_flag=True, help="Say what would be copied, write nothing.")
@json_option
@yes_option
@click.pass_context
def copy(
    ctx: click.Context,
    environment: str | None,
    to: str,
    url_env: str,
    schema: str,
    dry_run: bool,
    as_json: bool,
    yes: bool,
) -> int:
    """Copy the journal, with every run, event and backup that it knows, and prove that its chain is whole at both ends.
    The old one stays. All of it arrives or nothing; where something is in the destination, nothing is copied."""
    from mobius.wiring.journal_copy import move_journal

    the_app = app(ctx)
    name = the_app.environment(environment).name

    def moved(*, is_dry: bool) -> Move:
        return move_journal(
            the_app, name, to=to, url_env=url_env, schema=schema, is_dry=is_dry, tell=_progress(quiet=as_json)
        )

    move = moved(is_dry=True)
    if not dry_run:
        question = f"Copy {move.copied.events:,} events from {move.source} to {move.destination}?"
        confirm(question, yes=yes or as_json)
        move = moved(is_dry=False)
    _tell(move, to, name, as_json=as_json)
    return 0


def _progress(*, quiet: bool) -> Callable[[str, int], None]:
    def tell(table: str, rows: int) -> None:
        if rows and not quiet:
            click.echo(f"  {table}: {rows:,}", err=True)

    return tell


def _tell(move: Move, to: str, name: str, *, as_json: bool) -> None:
    copied = move.copied
    if as_json:
        facts = {"from": move.source, "to": move.destination, "dry_run": move.is_dry}
        told = {"events": copied.events, "head": copied.head, "rows": dict(copied.rows)}
        click.echo(json.dumps({"schema_version": 1, "event": "journal_copied", **facts, **told}))
        return
    did = "would be copied" if move.is_dry else "copied, and the chain is whole at both ends"
    click.echo(
        f"{copied.events:,} events of {copied.rows['runs']:,} runs {did}: {move.source} -> {move.destination}"
    )
    if move.is_dry:
        where = f"--url-env {move.url_env} --schema {move.schema}"
        next_step(f"mobius journal copy -e {name} --to {to} {where} --yes", quiet=False)
        return
    lines = ['kind = "postgres"', f'url_env = "{move.url_env}"', f'schema = "{move.schema}"']
    said = "; ".join(lines) if to == "postgres" else 'kind = "sqlite"'
    click.echo(f"in mobius.toml, [environments.{name}.journal]: {said}", err=True)
    next_step(f"then restart mobius serve, and look: mobius status -e {name}", quiet=False)


@command.command("home")
@environment_option
@json_option
@yes_option
@click.pass_context
def home(ctx: click.Context, environment: str | None, as_json: bool, yes: bool) -> int:
    """Say that the processes of an environment live on this machine from now on: after a move for good. A journal that
    machines share knows where they are, and lets no other machine change them."""
    from mobius.wiring.journal import home_of

    the_app = app(ctx)
    name = the_app.environment(environment).name
    there = home_of(the_app.settings, the_app.environment(name), the_app.journal(name, read_only=False))
    was = there.where()
    if was != there.here:
        confirm(f"{name} lives {was or 'nowhere yet'}. Are its processes and data {there.here} now?", yes=yes)
        there.move()
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "event": "home", "was": was, "is": there.here}))
    else:
        click.echo(f"{name} lives {there.here}")
    next_step(f"look: mobius status -e {name}", quiet=as_json)
    return 0


@command.command("raise-token")
@environment_option
@click.option(
    "--reason", default="", metavar="TEXT", help="Why: it stands in the audit log beside your name."
)
@click.option("--dry-run", is_flag=True, help="Say what the hosts have seen, write nothing.")
@json_option
@yes_option
@click.pass_context
def raise_token(
    ctx: click.Context, environment: str | None, reason: str, dry_run: bool, as_json: bool, yes: bool
) -> int:
    """Raise the journal's fencing token to the highest that any host has seen, where the hosts refuse whatever comes
    from this journal: the record of an emergency was lost with its machine, or the journal is an older copy. A run that
    is open ends superseded. Where the machine of the emergency is there, type mobius resume on it instead."""
    from mobius.wiring import raising

    the_app = app(ctx)
    name = the_app.environment(environment).name
    seen = raising.look(the_app, name)
    raises = seen.is_so and not dry_run
    if raises:
        raising.refuse_without_reason(reason)
        asked = f"{_ahead(seen)}. Is nobody acting there with another journal, and is what was done lost?"
        confirm(asked, yes=yes or as_json)
        seen = raising.raise_token(the_app, name, reason=reason)
    _tell_token(seen, name, is_dry=dry_run, as_json=as_json)
    return 0


def _ahead(seen: Ahead) -> str:
    from mobius.report.ahead import ahead_words

    return ahead_words(seen)


def _tell_token(seen: Ahead, name: str, *, is_dry: bool, as_json: bool) -> None:
    from dataclasses import asdict

    from mobius.report.ahead import silent_words

    if as_json:
        facts = {"environment": name, "dry_run": is_dry, "raised": seen.is_so and not is_dry}
        click.echo(json.dumps({"schema_version": 1, "event": "token_raised", **facts, **asdict(seen)}))
    elif not seen.is_so:
        click.echo(
            f"{name}: nothing to raise, no host has seen a higher token than this journal gave ({seen.token})"
        )
    else:
        click.echo(f"{name}: {_ahead(seen)}")
        did = "it would be raised to that" if is_dry else "it is raised to that, and the next run is above it"
        click.echo(did)
    if seen.silent and not as_json:
        click.echo(silent_words(seen), err=True)
    raise_it = f'mobius journal raise-token -e {name} --reason "TEXT"'
    next_step(raise_it if is_dry and seen.is_so else f"look: mobius status -e {name}", quiet=as_json)
