"""`mobius runbook deploy|rollback`: the page to follow, made of the plan and the configuration of this moment."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.errors import GateFailed, GateUnknown, MobiusError, UsageError

NAMES = {"deploy": "runbooks/deployment_runbook.md", "rollback": "runbooks/rollback_runbook.md"}


@click.command("runbook")
@click.argument("what", type=click.Choice(["deploy", "rollback"]))
@environment_option
@click.option("--tag", metavar="TAG", help="What will be deployed; default: RELEASE_TAG, or the newest tag.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it there."
)
@click.option("--check", is_flag=True, help="Whether the runbook that init wrote still fits mobius.toml.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    what: str,
    environment: str | None,
    tag: str | None,
    out: Path | None,
    check: bool,
    as_json: bool,
) -> int:
    """Print a runbook: step by step, with real values, who to call, and what each failure means. Changes nothing.

    With --check: exit 3 when runbooks/ is behind the configuration.
    """
    if check:
        return _check(ctx, what, as_json=as_json)
    text = _text(ctx, what, environment, tag)
    if out is not None:
        _write(out, text)
    if as_json:
        told = {
            "schema_version": 1,
            "event": "runbook",
            "what": what,
            "file": str(out or ""),
            "markdown": text,
        }
        click.echo(json.dumps(told, ensure_ascii=False))
    elif out is None:
        click.echo(text, nl=False)
    else:
        next_step(f"next: read it: {out}", quiet=False)
    return 0


def _text(ctx: click.Context, what: str, environment: str | None, tag: str | None) -> str:
    from mobius.adapters.repository import tags_in
    from mobius.report.quick import main_environment, next_tag
    from mobius.report.runbook import deployment_runbook, rollback_runbook

    opened = app(ctx)
    settings = opened.settings
    e = settings.environment(environment) if environment else main_environment(settings)
    redact = opened.ports(e.name, read_only=True).redact
    if what == "deploy":
        wanted = tag or settings.release_tag or next_tag(tags_in(settings.project))
        return redact(deployment_runbook(settings, e, opened.plan(e.name, wanted)))
    try:
        plan, why = opened.plan_rollback(e.name), ""
    except (GateFailed, GateUnknown, UsageError) as problem:
        plan, why = None, problem.message
    return redact(rollback_runbook(settings, e, plan, why))


def _check(ctx: click.Context, what: str, *, as_json: bool) -> int:
    from mobius.adapters.repository import look
    from mobius.config import schema
    from mobius.report.starting import files
    from mobius.wiring import version

    name = NAMES[what]
    settings = app(ctx).settings
    every = files(settings, look(settings.project), schema(), version())
    wanted = next(one.text for one in every if one.path == name)
    try:
        found = (settings.project / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise GateFailed(f"there is no {name}", "mobius init writes it") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise GateUnknown(
            f"{name} cannot be read", "let this user read it, or write it anew: mobius init --yes"
        ) from problem
    behind = found != wanted
    if as_json:
        told = {"schema_version": 1, "event": "runbook check", "file": name, "is_behind": behind}
        click.echo(json.dumps(told))
    if behind:
        raise GateFailed(f"{name} does not say what mobius.toml says", "write it anew: mobius init --yes")
    next_step(f"{name} fits mobius.toml", quiet=as_json)
    return 0


def _write(out: Path, text: str) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise MobiusError(
            f"{out} cannot be written: {problem.strerror or problem}", "name another file"
        ) from problem
