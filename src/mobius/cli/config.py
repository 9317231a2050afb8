"""`mobius config`: what the settings are and where they come from, whether they are right."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from mobius.cli.config_impact import impact
from mobius.config import load, schema
from mobius.config.effective import effective
from mobius.errors import ConfigurationError
from mobius.model.settings import Origin, Settings

SCHEMA_VERSION = 1


@click.group("config")
def command() -> None:
    """Show, check and describe mobius.toml."""


command.add_command(impact)


@command.command("show")
@click.option("-e", "--env", "environment", metavar="ENV", help="Only this environment.")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.pass_context
def show(ctx: click.Context, environment: str | None, origin: bool, as_json: bool) -> None:
    """Print every setting in effect. What looks like a secret is redacted."""
    settings = _load(ctx)
    names = [settings.environment(environment).name] if environment else list(settings.environments)
    if as_json:
        click.echo(json.dumps(effective(settings, names, origins=origin), ensure_ascii=False))
    else:
        click.echo("\n".join(_as_lines(settings, names, origin)))
    _note_policies(settings, names)
    _next(
        "mobius config show --origin says where each value comes from"
        if not origin
        else "try: mobius config check"
    )


@command.command("check")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Say whether mobius.toml and the environment variables are right; if not, every mistake (exit 2)."""
    from mobius.wiring.telling import check_templates

    try:
        settings = _load(ctx)
        check_templates(settings)
    except ConfigurationError as error:
        if not as_json:
            raise
        facts = {"ok": False, "message": error.message, "mistakes": list(error.details), "hint": error.hint}
        click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **facts}, ensure_ascii=False))
        ctx.exit(error.exit_code)
    names = list(settings.environments)
    if as_json:
        notes = [f"{name}: {note}" for name, note in _notes(settings, names)]
        facts = {
            "ok": True,
            "file": str(settings.file),
            "environments": names,
            "mistakes": [],
            "notes": notes,
        }
        click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **facts}, ensure_ascii=False))
    else:
        click.echo(f"{settings.file} is right: {settings.service}, {', '.join(names)}")
        _note_policies(settings, names)
    watched = settings.environment(names[0]).target == "observe"
    _next(f"try: mobius {'monitor' if watched else 'plan'} -e {names[0]}")


@command.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of mobius.toml, for editors."""
    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
    _next('save it as mobius.schema.json and begin mobius.toml with "#:schema ./mobius.schema.json"')


def _load(ctx: click.Context) -> Settings:
    given: Mapping[str, Any] = ctx.obj if isinstance(ctx.obj, Mapping) else {}
    path = given.get("config")
    return load(Path(path) if path else None, environ=given.get("environ", os.environ))


def _as_lines(settings: Settings, names: list[str], with_origin: bool) -> Iterator[str]:
    for key in ("service", "release_tag"):
        if key in settings.origins:
            yield _line(key, settings.origins[key], with_origin)
    for name in names:
        yield ""
        yield f"[environments.{name}]"
        prefix = f"environments.{name}."
        inside = {
            key.removeprefix(prefix): value
            for key, value in settings.origins.items()
            if key.startswith(prefix)
        }
        for key in sorted(
            inside, key=lambda key: (_is_nested(key), key.split(".")[0] if _is_nested(key) else "")
        ):
            yield _line(key, inside[key], with_origin)


def _is_nested(key: str) -> bool:
    return "." in key


def _line(key: str, origin: Origin, with_origin: bool) -> str:
    line = f"{key} = {origin.value_repr}"
    whence = origin.where if origin.source in ("file", origin.where) else f"{origin.source}: {origin.where}"
    return f"{line:<48}  # {whence}" if with_origin else line


def _notes(settings: Settings, names: list[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if note := settings.environments[name].policy.note:
            yield name, note


def _note_policies(settings: Settings, names: list[str]) -> None:
    for name, note in _notes(settings, names):
        click.echo(f"{name}: {note}", err=True)


def _next(words: str) -> None:
    click.echo(words, err=True)
