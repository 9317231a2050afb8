"""`mobius premerge`: everything that must hold before a change is merged, side by side, with one report."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobius.cli.context import (
    app,
    color,
    environment_option,
    json_option,
    next_step,
    plain_option,
    tty,
    width,
)
from mobius.errors import Interrupted, UsageError
from mobius.model.premerge import STEPS
from mobius.model.verdict import Outcome

if TYPE_CHECKING:
    from mobius.wiring import App

CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}


@click.command("premerge")
@environment_option
@click.option("--tag", metavar="TAG", help="What is validated; default: RELEASE_TAG, or what is checked out.")
@click.option(
    "--skip", "skipped", multiple=True, type=click.Choice(STEPS), metavar="STEP",
    help=f"Leave a step out, with a --reason: {', '.join(STEPS)}.",
)  # fmt: skip
@click.option(
    "--reason", "reasons", multiple=True, metavar="TEXT", help="Why; one for each --skip, or one for all."
)
@click.option("--rehearse", is_flag=True, help="Run pending migrations on a restored copy of the data, too.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done; nothing is written.")
@json_option
@plain_option
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    tag: str | None,
    skipped: tuple[str, ...],
    reasons: tuple[str, ...],
    rehearse: bool,
    dry_run: bool,
    as_json: bool,
    plain: bool,
) -> int:
    """Make a backup, plan the deployment and the migrations, start this checkout in a scratch place and smoke-test it,
    ask the quality gates, scan for vulnerabilities, look at the protection of the branch, run the project's tests.

    Exit 0 when it may be merged, 3 when a step says no, 4 when one could not be made, or is required and was skipped.
    Without -e it is staging. Everything lies in ARTIFACT_DIR: premerge.json, .xml, .sarif, .html, summary.md, the logs
    and the backup. What is skipped is shown everywhere, and is never a yes.
    """
    from mobius.report.premerge import next_words
    from mobius.report.premerge_live import PremergeJson, PremergeText
    from mobius.wiring.premerge import environment_of, premerge

    the_app = app(ctx)
    name = environment_of(the_app, environment)
    skips = _skips(skipped, reasons)
    if dry_run:
        return _say_what_would_be_done(the_app, name, skips, as_json)
    viewer = (
        PremergeJson(sys.stdout)
        if as_json
        else PremergeText(sys.stdout, color=color(plain), tty=tty(plain), width=width())
    )
    config: Path | None = ctx.ensure_object(dict).get("config")
    for each in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, each) and signal.getsignal(getattr(signal, each)) is not signal.SIG_IGN:
            signal.signal(getattr(signal, each), signal.default_int_handler)
    try:
        done = premerge(
            the_app,
            name,
            tag=tag,
            skips=skips,
            rehearse=rehearse,
            config=config.absolute() if config else None,
            who=_who(),
            viewer=viewer,
        )
    except KeyboardInterrupt:
        viewer.stop()
        raise Interrupted(
            "stopped: every step was ended, and the report says that it is incomplete", "mobius premerge"
        ) from None
    folder = the_app.environment(name).artifact_dir
    next_step(f"{next_words(done)}; all of it: {_near(folder)}/premerge.html", quiet=as_json)
    return CODES.get(done.outcome, 4) if done.outcome else 4


def _say_what_would_be_done(the_app: App, name: str, skips: dict[str, str], as_json: bool) -> int:
    from mobius.wiring.premerge import foreseen

    steps, folder = foreseen(the_app, name, skips), the_app.environment(name).artifact_dir
    if as_json:
        told = {"schema_version": 1, "event": "dry run", "environment": name, "artifacts": str(folder)}
        click.echo(json.dumps({**told, "steps": [{"name": each, "does": does} for each, does in steps]}))
    else:
        for each, does in steps:
            click.echo(f"  {each:<11} {does}")
        click.echo(f"into {_near(folder)}, for {name}")
    next_step("do it: mobius premerge", quiet=as_json)
    return 0


def _skips(skipped: tuple[str, ...], reasons: tuple[str, ...]) -> dict[str, str]:
    """By step, the reason. Raises `UsageError` for a skip that nobody gives one for."""
    said = [reason.strip() for reason in reasons]
    if len(said) == 1:
        said *= max(1, len(skipped))
    if len(said) != len(skipped) or not all(said):
        raise UsageError(
            "a step is skipped for a reason that everybody can read",
            'write: mobius premerge --skip smoke --reason "the node is being moved"',
        )
    return dict(zip(skipped, said, strict=True))


def _who() -> str:
    from mobius.adapters.records import holder

    made = holder()
    return f"{made.user}@{made.host}"


def _near(folder: Path) -> str:
    return folder.relative_to(Path.cwd()).as_posix() if folder.is_relative_to(Path.cwd()) else str(folder)
