"""`mobius monitor`: attaches to the open window, or opens one over what is live; and what people say to it."""

from __future__ import annotations

import click

from mobius.cli.context import app, environment_option, json_option, plain_option, quiet_option
from mobius.cli.following import follow
from mobius.cli.monitor_said import arm, disarm, report_issue
from mobius.cli.monitor_score import score
from mobius.errors import UsageError


def _seconds(ctx: click.Context, option: click.Parameter, seconds: float | None) -> float | None:
    """What a window can last, as in mobius.toml. Raises `UsageError` for anything else, NaN and infinity too."""
    from mobius.config.kinds import LONGEST_S

    if seconds is None or 0 < seconds <= LONGEST_S:
        return seconds
    raise UsageError(
        f"no window lasts {seconds:g} s: longer than 0, and {LONGEST_S / 86_400:g} days at most",
        "say it in seconds: mobius monitor --duration 3600",
    )


@click.group("monitor", invoke_without_command=True)
@environment_option
@click.option(
    "--duration",
    type=float,
    callback=_seconds,
    metavar="SECONDS",
    help="How long; default: the environment's window.",
)
@click.option("--policy", metavar="NAME", help="conservative, strict, adaptive, or one of your own.")
@click.option("--shadow", is_flag=True, help="Judge and keep score, and never act.")
@json_option
@plain_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    duration: float | None,
    policy: str | None,
    shadow: bool,
    as_json: bool,
    plain: bool,
    quiet: bool,
) -> int:
    """Watch. Ctrl-C only ends the looking: the window goes on."""
    if ctx.invoked_subcommand is not None:
        ctx.obj["environment"] = environment
        return 0
    the_app = app(ctx, flags={"policy": policy} if policy else {})
    name = the_app.environment(environment).name
    if (duration or policy or shadow) and the_app.journal(name).active_run(name) is not None:
        words = "a window is open already: --duration, --policy and --shadow are for a new one"
        click.echo(words, err=True)
    return follow(
        lambda viewer: the_app.monitor(name, duration_s=duration, shadow=shadow, viewer=viewer),
        name,
        as_json=as_json,
        plain=plain,
        quiet=quiet,
        looking=lambda run_id: the_app.looking_on(name, run_id),
    )


for one in (arm, disarm, report_issue, score):
    command.add_command(one)
