"""`mobius doctor`: what is missing before a deployment, each with its cure. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.errors import ConfigurationError, MobiusError
from mobius.model.verdict import CheckResult, Outcome, worst

if TYPE_CHECKING:
    from mobius.flows.doctor import Surroundings
    from mobius.wiring import App

CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}
WARNING = "warning: "  # how a check that passed begins where something is not as it should be
WIDTH = 80


@click.command("doctor")
@environment_option
@json_option
@click.pass_context
def command(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Look at everything a deployment needs; of every environment when none is named.

    Exit 0 when nothing is missing, 3 when something is, 4 when something could not be looked at.
    """
    from mobius.flows.doctor import examine

    try:
        the_app = app(ctx)
    except ConfigurationError as wrong:
        results = _mistakes(wrong)
        _tell("", results, as_json=as_json)
        return CODES[Outcome.FAIL]
    names = [the_app.environment(environment).name] if environment else list(the_app.environments)
    everything: list[CheckResult] = []
    for name in names:
        read = CheckResult("mobius.toml", Outcome.PASS, f"{the_app.settings.file} is right", 0.0)
        results = [read, *examine(the_app.ports(name, read_only=True), _surroundings(the_app, name))]
        _tell(name, results, as_json=as_json)
        everything += results
    answer = worst([result.outcome for result in everything])
    next_step(
        "nothing is missing" if answer is Outcome.PASS else "cure these, then mobius doctor", quiet=as_json
    )
    return CODES.get(answer, 4)


def _mistakes(wrong: ConfigurationError) -> list[CheckResult]:
    cure = wrong.hint or "correct it, then mobius config check"
    lines = wrong.details or (wrong.message,)
    return [CheckResult("mobius.toml", Outcome.FAIL, line, 0.0, cure) for line in lines]


def _surroundings(the_app: App, name: str) -> Surroundings:
    from mobius.adapters.repository import around_of
    from mobius.flows.doctor import Surroundings
    from mobius.host.client import HostClient, HostUnavailable
    from mobius.web.doctor import web_check
    from mobius.wiring import version

    settings = the_app.environment(name)
    try:
        supervisor = HostClient(settings.root).status().version
    except HostUnavailable:
        supervisor = ""
    around = around_of(the_app.settings.project, settings.release.link, settings.root / "shared")
    return Surroundings(
        installed=version(),
        supervisor=supervisor,
        is_git=around.is_git,
        tags=around.tags,
        uncommitted=around.uncommitted,
        has_scripts=around.has_scripts,
        not_executable=around.not_executable,
        left_behind=around.left_behind,
        units=_units(the_app, name),
        web=(web_check(settings),),
    )


def _units(the_app: App, name: str) -> tuple[CheckResult, ...]:
    if the_app.environment(name).target != "systemd":
        return ()
    from mobius.wiring.units import unit_checks

    try:
        return unit_checks(the_app, name)
    except MobiusError as problem:
        return (CheckResult("units", Outcome.ERROR, problem.message, 0.0, problem.hint),)


def _tell(environment: str, results: Sequence[CheckResult], *, as_json: bool) -> None:
    from mobius.report.words import wrapped

    for result in results:
        if as_json:
            facts = {"event": "check", "environment": environment, "name": result.name}
            told = {"outcome": str(result.outcome), "message": result.message, "cure": _cure(result)}
            click.echo(json.dumps({"schema_version": 1, **facts, **told}, ensure_ascii=False))
    if as_json:
        return
    if environment:
        click.echo(f"{environment}:")
    for result in results:
        message = result.message.removeprefix(WARNING)
        sign = "warn" if message != result.message else "ok"
        sign = sign if result.outcome is Outcome.PASS else str(result.outcome)
        for line in wrapped(f"{result.name}: {message}", WIDTH, f"  {sign:<6} ", " " * 9):
            click.echo(line)
        if cure := _cure(result):
            click.echo(f"         cure: {cure}")


def _cure(result: CheckResult) -> str:
    return "" if result.outcome is Outcome.PASS else result.advice.removeprefix("try: ")
