"""`mobius host`: the supervisor of an environment, which holds its sockets, slots and front door."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from mobius.cli.context import app, confirm, environment_option, json_option, next_step, yes_option
from mobius.model.settings import EnvironmentSettings


@click.group("host")
def command() -> None:
    """The supervisor of an environment. `deploy` starts it by itself when it is not running."""


@command.command("start")
@environment_option
@click.pass_context
def start(ctx: click.Context, environment: str | None) -> int:
    """Start it, detached, and what was live before."""
    from mobius.flows.bring_up import bring_up
    from mobius.model.run import RunState

    ports = app(ctx).ports(environment)
    now = bring_up(ports)
    click.echo(
        f"the supervisor of {ports.settings.name} is running; the front door listens on {ports.settings.listen}"
    )
    click.echo(f"{now.live.id} is live in {now.live_slot}" if now.live else "nothing is live yet")
    run = ports.journal.active_run(ports.settings.name)
    if run is not None and run.state is RunState.OBSERVING and not ports.launcher.alive(run):
        ports.launcher.launch(run)  # its runner was stopped with the house
        click.echo(f"run {run.id} watches it again")
    next_step(f"look: mobius status -e {ports.settings.name}")
    return 0


@command.command("stop")
@environment_option
@yes_option
@click.pass_context
def stop(ctx: click.Context, environment: str | None, yes: bool) -> int:
    """Stop the front door, every process, and the supervisor: the service is down afterwards."""
    from mobius.host.client import HostClient

    settings = app(ctx).environment(environment)
    client = HostClient(settings.root)
    question = f"Stop everything of {settings.name}? The service will be down."
    if settings.target == "systemd":
        from mobius.wiring.units import units_of

        confirm(question, yes=yes)
        for line in units_of(app(ctx), settings.name).stop_all(adopted=True):
            click.echo(line)
    elif not client.is_running():
        click.echo(f"the supervisor of {settings.name} is not running")
        return 0
    else:
        confirm(question, yes=yes)
        client.shutdown(stop_slots=True)
    click.echo(f"{settings.name} is down")
    next_step(f"start it again: mobius host start -e {settings.name}")
    return 0


@command.command("upgrade")
@environment_option
@click.pass_context
def upgrade(ctx: click.Context, environment: str | None) -> int:
    """Let the running supervisor and front door become the installed version, losing no request."""
    from mobius.host.client import HostClient

    settings = app(ctx).environment(environment)
    client = HostClient(settings.root)
    now = client.upgrade()
    client.upgrade_door()
    click.echo(f"the supervisor of {settings.name} is now {now.version} (pid {now.pid})")
    return 0


@command.command("install")
@environment_option
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
@click.option("--sudoers", metavar="USER", help="Only print the sudo rules with which USER may deploy.")
@yes_option
@json_option
@click.pass_context
def install(
    ctx: click.Context, environment: str | None, dry_run: bool, sudoers: str | None, yes: bool, as_json: bool
) -> int:
    """Write the systemd units of the environment, once: as root, after showing what changes.

    Deploying writes no unit and needs no root: the sudo rules that --sudoers prints are enough.
    """
    from mobius.wiring.units import units_of

    units = units_of(app(ctx), environment)
    if sudoers:
        click.echo(units.sudoers(sudoers), nl=False)
        return 0
    changes = units.changes()
    units.verify()
    if as_json:
        told = [{"path": str(change.path), "diff": change.diff()} for change in changes]
        click.echo(json.dumps({"schema_version": 1, "changes": told, "dry_run": dry_run}))
    else:
        for change in changes:
            click.echo(change.diff())
    name = units.place.environment
    if dry_run:
        next_step(f"{len(changes)} file(s) would change; to do it: sudo mobius host install -e {name}")
        return 0
    confirm(f"Write these {len(changes)} change(s), and start the supervisor and the monitor?", yes=yes)
    for line in units.install(changes):
        click.echo(line, err=as_json)
    next_step(f"let others than root deploy: mobius host install -e {name} --sudoers USER", quiet=as_json)
    return 0


@command.command("uninstall")
@environment_option
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@yes_option
@click.pass_context
def uninstall(ctx: click.Context, environment: str | None, dry_run: bool, yes: bool) -> int:
    """Stop everything of the environment and remove its units; releases, data and journal stay."""
    from mobius.wiring.units import units_of

    units = units_of(app(ctx), environment)
    changes = units.removals()
    for change in changes:
        click.echo(f"remove {change.path}")
    name = units.place.environment
    if dry_run:
        next_step(f"{len(changes)} file(s) would go; to do it: sudo mobius host uninstall -e {name}")
        return 0
    confirm(f"Stop {name} and remove its units? The service will be down.", yes=yes)
    for line in units.uninstall():
        click.echo(line)
    next_step(f"install them again: sudo mobius host install -e {name}")
    return 0


@command.command("status")
@environment_option
@json_option
@click.pass_context
def status(ctx: click.Context, environment: str | None, as_json: bool) -> int:
    """Say what it runs."""
    from mobius.host.client import HostClient

    settings = app(ctx).environment(environment)
    now = HostClient(settings.root).status()
    if as_json:
        click.echo(json.dumps({"schema_version": 1, **asdict(now)}))
        return 0
    click.echo(f"supervisor pid {now.pid}, version {now.version}")
    if now.door is not None:
        click.echo(f"front door {now.door.listen}: {now.door.state}, {now.door.weights}")
    for slot, there in now.slots.items():
        for process in there.processes:
            click.echo(
                f"{slot} {there.release} {process.name} ({process.kind}): {process.state}, pid {process.pid}"
            )
    for one in app(ctx).ports(environment, read_only=True).target.processes() if _by_units(settings) else ():
        click.echo(f"{one.slot} {one.release_id} {one.name} ({one.kind}): {one.state}, pid {one.pid}")
    for warning in now.warnings:
        click.echo(f"warning: {warning}", err=True)
    return 0


def _by_units(settings: EnvironmentSettings) -> bool:
    """Whether somebody else than the supervisor runs the processes."""
    return settings.target == "systemd"
