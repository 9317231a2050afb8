"""`mobius traffic`: what a proxy must be told once, and whether it was."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.errors import UsageError
from mobius.model.verdict import CheckResult, Outcome, worst

if TYPE_CHECKING:
    from mobius.model.settings import EnvironmentSettings
    from mobius.report.snippets.live_socket import Piece

CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}


@click.group("traffic")
def command() -> None:
    """The proxy in front of a service: what it must be told, once. No deployment ever reloads it."""


@command.command("snippet")
@environment_option
@click.option(
    "--static",
    "statics",
    multiple=True,
    metavar="URL=FOLDER",
    help="Files of the release that nginx or Caddy serves itself, as /assets=public/assets. May be repeated.",
)
@click.option("--part", metavar="NAME", help="Only the piece of this name, to write it to a file.")
@json_option
@click.pass_context
def snippet(
    ctx: click.Context, environment: str | None, statics: tuple[str, ...], part: str | None, as_json: bool
) -> int:
    """Print what to include in the configuration of HAProxy, nginx or Caddy, by `[traffic] kind`."""
    the_app = app(ctx)
    settings = the_app.environment(environment)
    pieces = pieces_of(the_app.settings.service, settings, statics)
    if part is not None:
        pieces = tuple(piece for piece in pieces if piece.name == part)
        if not pieces:
            raise UsageError(f"there is no piece {part}", f"look: mobius traffic snippet -e {settings.name}")
    if as_json:
        told = {"kind": settings.traffic.kind, "pieces": [asdict(piece) for piece in pieces]}
        click.echo(json.dumps({"schema_version": 1, **told}, ensure_ascii=False))
        return 0
    for piece in pieces:
        if part is None:
            click.echo(f"# ---- {piece.name}: {piece.place}")
        click.echo(piece.text, nl=part is None)
    next_step(f"include it, reload the proxy once, then look: mobius traffic check -e {settings.name}")
    return 0


@command.command("check")
@environment_option
@json_option
@click.pass_context
def check(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Ask the proxy whether its configuration is right, and look whether it leads to our service. Exit 0 when so, 3
    when not, 4 when that could not be seen."""
    from mobius.adapters.traffic.proxy_checks import configuration_holds, snippet_holds

    the_app = app(ctx)
    settings = the_app.environment(environment)
    _refuse_without_proxy(settings)
    results = [
        snippet_holds(the_app.settings.service, settings),
        configuration_holds(settings),
        *the_app.ports(settings.name, read_only=True).traffic.preflight(),
    ]
    for result in results:
        _tell(result, as_json)
    outcome = worst([result.outcome for result in results])
    if outcome is Outcome.PASS:
        next_step(f"deploy: mobius deploy -e {settings.name}", quiet=as_json)
    return CODES.get(outcome, 4)


def pieces_of(
    service: str, settings: EnvironmentSettings, statics: tuple[str, ...] = ()
) -> tuple[Piece, ...]:
    """What the proxy of this environment must include. Raises UsageError where our own front door has the traffic."""
    from mobius.model.haproxy import haproxy_place
    from mobius.report.snippets.caddy import caddy_snippet
    from mobius.report.snippets.haproxy import haproxy_snippet
    from mobius.report.snippets.live_socket import Piece, read_static
    from mobius.report.snippets.nginx import nginx_snippet

    _refuse_without_proxy(settings)
    found = tuple(read_static(static) for static in statics)
    match settings.traffic.kind:
        case "nginx":
            return nginx_snippet(service, settings, found)
        case "caddy":
            return caddy_snippet(service, settings, found)
        case _:
            if found:
                raise UsageError("HAProxy serves no files", "leave --static out")
            text = haproxy_snippet(haproxy_place(service, settings), settings)
            return (Piece(f"mobius-{service}.cfg", "at the end of haproxy.cfg", text),)


def _refuse_without_proxy(settings: EnvironmentSettings) -> None:
    if not settings.is_behind_proxy:
        raise UsageError(
            f"our own front door has the traffic of {settings.name}: there is no proxy to be told anything",
            'set [traffic] kind = "nginx", "caddy" or "haproxy" to change that',
        )


def _tell(result: CheckResult, as_json: bool) -> None:
    if as_json:
        facts = {"event": "check", "name": result.name, "outcome": str(result.outcome)}
        told = {"message": result.message, "advice": result.advice}
        click.echo(json.dumps({"schema_version": 1, **facts, **told}, ensure_ascii=False))
        return
    click.echo(f"{result.outcome:<5} {result.name}: {result.message}")
    if result.outcome is not Outcome.PASS and result.advice:
        click.echo(f"      {result.advice}")
