"""The command `mobius`: a lazy group, so that no command loads what another one needs."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from mobius.errors import Interrupted, MobiusError, UsageError

COMMANDS: dict[str, tuple[str, str]] = {
    "abort": ("mobius.cli.abort", "Stop the run that is going on and take back what it did."),
    "accept": ("mobius.cli.accept", "Keep the live release and end its window."),
    "adopt": ("mobius.cli.adopt", "Take over what already runs, as release 0, and give it back."),
    "audit": ("mobius.cli.audit", "Read and verify the chain of everything that happened."),
    "backup": ("mobius.cli.backup", "Make, list, verify and prune backups."),
    "config": ("mobius.cli.config", "Show, check and describe mobius.toml."),
    "demo": ("mobius.cli.demo", "Watch a bad release come back by itself, in a minute."),
    "deploy": ("mobius.cli.deploy", "Ship a release, watch it, and take it back when it is bad."),
    "doctor": ("mobius.cli.doctor", "What is missing before a deployment, each with its cure."),
    "evidence": ("mobius.cli.evidence", "The signed record of each run: show and verify it, and its key."),
    "export": ("mobius.cli.export", "Configuration, record and facts in one archive, without secrets."),
    "exec": ("mobius.cli.exec", "Run a command inside the live release."),
    "freeze": ("mobius.cli.freeze", "Let no deployment and no restart begin for a while."),
    "gates": ("mobius.cli.gates", "Hold a file or the live release against the quality gates."),
    "github": ("mobius.cli.github", "The rules of the branch on GitHub, and one comment of a pull request."),
    "health": ("mobius.cli.health", "Ask the health endpoint once."),
    "history": ("mobius.cli.history", "What was deployed and rolled back, newest first."),
    "host": ("mobius.cli.host", "The supervisor of an environment: start, stop, look."),
    "init": ("mobius.cli.init", "Write mobius.toml and the files around it into this folder."),
    "journal": ("mobius.cli.journal", "Move the journal into the database that machines share, or back."),
    "logs": ("mobius.cli.logs", "What the processes of a slot wrote."),
    "media": ("mobius.cli.media", "Measure loudness and streams of sound and video files."),
    "migrate": ("mobius.cli.migrate", "Judge migrations before they run."),
    "monitor": ("mobius.cli.monitor", "Attach to the open window, or open one."),
    "notify": ("mobius.cli.notify", "Tell people, and see who was told."),
    "plan": ("mobius.cli.plan", "Print what a deployment would do, and every way back."),
    "premerge": ("mobius.cli.premerge", "Everything that must hold before a merge, with one report."),
    "quick": ("mobius.cli.quick", "Commands to copy, with this project's own values."),
    "ready": ("mobius.cli.ready", "Is a release ready? Nine points, each with its proof."),
    "rehearse": ("mobius.cli.rehearse", "Prove that a backup can be restored, in a scratch place."),
    "releases": ("mobius.cli.releases", "The releases at hand."),
    "report": ("mobius.cli.report", "The report of a run, as JSON and as one page."),
    "restart": ("mobius.cli.restart", "Start the live release anew, with the present configuration."),
    "resume": ("mobius.cli.resume", "Carry on a run that stands still."),
    "rollback": ("mobius.cli.rollback", "Go back to the previous release, another one, or a backup."),
    "runbook": ("mobius.cli.runbook", "The page to follow for a deployment or a way back, with real values."),
    "scan": ("mobius.cli.scan", "Known vulnerabilities; not knowing is no answer."),
    "serve": ("mobius.cli.serve", "Look after an environment, as mobius-monitor.service does."),
    "smoke": ("mobius.cli.smoke", "Run the smoke tests on the live address."),
    "status": ("mobius.cli.status", "What is live, and the way back."),
    "traffic": ("mobius.cli.traffic", "The proxy in front: what it must be told, and whether it was."),
}
HIDDEN = {
    "premerge-step": "mobius.cli.premerge_step",
    "relay": "mobius.cli.relay",
    "run-on": "mobius.cli.run_on",
}


class Lazy(click.Group):
    """Imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        module = COMMANDS[name][0] if name in COMMANDS else HIDDEN.get(name)
        if module is None:
            return None
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in sorted(COMMANDS.items())])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Another mobius.toml.")
@click.option("--on", "on", metavar="HOST[:DIR]", help="Do it on another host, over ssh.")
@click.version_option(package_name="mobius")
@click.pass_context
def mobius(ctx: click.Context, config: Path | None, on: str | None) -> None:
    """Ships a release and proves, at every step, that it can be taken back."""
    ctx.ensure_object(dict)
    if on is not None:  # `run` takes off the one that counts: this is a second one, or came over a line
        raise UsageError("--on is given once", "write: mobius --on user@host COMMAND")
    ctx.obj.setdefault("config", config)
    ctx.obj.setdefault("environ", dict(os.environ))


def run(argv: Sequence[str], obj: dict[str, Any] | None = None) -> int:
    """Runs the command line; returns the exit code. The only place that prints an error. `obj` is what commands
    find in their context."""
    as_json = "--json" in argv
    try:
        if (at := _place_of_on(argv)) is not None and obj is None:
            from mobius.cli.on import run_on

            return run_on(*_without_on(argv, at))
        result = mobius.main(args=list(argv), prog_name="mobius", standalone_mode=False, obj=obj)
        return result if isinstance(result, int) else 0
    except MobiusError as error:
        tell(error, as_json=as_json)
        return error.exit_code
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        tell(Interrupted("stopped looking", "whatever was begun goes on: mobius status"), as_json=as_json)
        return Interrupted.exit_code
    except BrokenPipeError:
        # The reader of our output left (head, a closed pager): no reason for a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as problem:
        # A file that a person named, or a folder of ours, cannot be read or written: no reason for a traceback.
        about = f": {problem.filename}" if problem.filename else ""
        hint = "mend that, then try again; what was begun goes on: mobius status"
        tell(MobiusError(f"{problem.strerror or problem}{about}", hint), as_json=as_json)
        return MobiusError.exit_code
    except Exception as fault:
        import traceback

        click.echo(_redactor()("".join(traceback.format_exception(fault)).rstrip()), err=True)
        hint = "please report it, with the lines above; what was begun goes on: mobius status"
        tell(MobiusError(f"a fault of mobius itself: {type(fault).__name__}: {fault}", hint), as_json=as_json)
        return MobiusError.exit_code


def _place_of_on(argv: Sequence[str]) -> int | None:
    """Where `--on` stands before the command; everything behind the command is the command's own."""
    place = 0
    while place < len(argv) and argv[place].startswith("-"):
        if argv[place] == "--on" or argv[place].startswith("--on="):
            return place
        place += 2 if argv[place] == "--config" else 1
    return None


def _without_on(argv: Sequence[str], at: int) -> tuple[str, list[str]]:
    """The host, and the command line that it is given."""
    if argv[at].startswith("--on="):
        return argv[at].removeprefix("--on="), [*argv[:at], *argv[at + 1 :]]
    if at + 1 == len(argv):
        raise UsageError("--on where?", "write: mobius --on user@host COMMAND")
    return argv[at + 1], [*argv[:at], *argv[at + 2 :]]


def tell(error: MobiusError, *, as_json: bool) -> None:
    """What happened, to what, and what to do now: on stderr, and as an object on stdout with --json. An error may hold
    what another program said: secrets of the environment are taken out."""
    redact = _redactor()
    if as_json:
        details = [redact(each) for each in error.details]
        facts = {"message": redact(error.message), "details": details, "hint": redact(error.hint)}
        click.echo(json.dumps({"schema_version": 1, "event": "error", "exit_code": error.exit_code, **facts}))
    click.echo(redact(f"error: {error}"), err=True)
    if error.hint:
        hint = redact(error.hint).removeprefix("try: ")
        click.echo(f"  try: {hint}" if hint.startswith("mobius ") else f"  {hint}", err=True)


def _redactor() -> Callable[[str], str]:
    from mobius.adapters.redaction import redactor, secrets_of_variables

    return redactor(secrets_of_variables(os.environ))
