"""`mobius exec`: runs a command inside the live release, as one of its processes sees the world."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from mobius.cli.context import app, environment_option
from mobius.cli.over_the_line import line, pass_on
from mobius.errors import MobiusError, UsageError

if TYPE_CHECKING:
    from mobius.model.settings import ProcessSettings
    from mobius.ports import Ports


@click.command("exec", context_settings={"allow_interspersed_args": False})
@environment_option
@click.option("--process", metavar="NAME", help="Whose environment; default: the first web process.")
@click.option("--raw", is_flag=True, help="Pass its output on unread, byte for byte, secrets too.")
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND...")
@click.pass_context
def command(
    ctx: click.Context, environment: str | None, process: str | None, raw: bool, argv: tuple[str, ...]
) -> int:
    """Run COMMAND in the live release's folder, with the environment that its process has.

    Through no shell. Secrets are taken out of what it prints. Who ran what stands in the audit log. Its exit code
    is passed on.
    """
    from mobius.adapters import inside, records
    from mobius.adapters.places import Places
    from mobius.adapters.redaction import redactor, secrets_of
    from mobius.flows.standing import standing
    from mobius.ports import Note

    the_app = app(ctx, or_last=True)
    ports = the_app.ports(environment)
    settings, now = ports.settings, standing(ports)
    if now.live is None:
        raise UsageError(f"nothing is live in {settings.name}", f"mobius deploy -e {settings.name} --tag TAG")
    chosen = _process(ports, now.live.id, process)
    folder = ports.releases.path(now.live.id)
    if not folder.is_dir():
        raise MobiusError(
            f"the folder of {now.live.id} is not there: {folder}", f"mobius status -e {settings.name}"
        )
    places = Places(the_app.settings.project, settings.root, settings.release.link)
    of_the_unit, unknown = inside.given_by_unit(settings)
    if unknown:
        click.echo(f"note: {unknown}: what it gives is missing here", err=True)
    given = of_the_unit | inside.given_to(chosen, now.live_slot, settings, places, the_app.environ)
    secrets = inside.secrets_among(given, chosen) | secrets_of(settings, places, the_app.environ)
    facts = {
        "MOBIUS_SLOT": now.live_slot,
        "MOBIUS_RELEASE": now.live.id,
        "MOBIUS_PROCESS": chosen.name,
        "MOBIUS_KIND": chosen.kind,
    }
    who = str(records.holder())
    shown = inside.without_secrets(argv, redactor(secrets))
    told = f"{settings.deploy_lead or who} runs {json.dumps(shown, ensure_ascii=False)} in {now.live.id}"
    data = {"argv": shown, "process": chosen.name, "release": now.live.id, "slot": now.live_slot}
    ports.journal.say(None, settings.name, Note("command run", told, data), now=ports.clock.now(), who=who)
    return inside.run_inside(
        argv,
        folder,
        inside.environment_inside(given, facts),
        secrets=None if raw else secrets,
        out=partial(pass_on, sys.stdout),
        err=partial(pass_on, sys.stderr),
        interrupts=line() is not None,
    )


def _process(ports: Ports, release_id: str, name: str | None) -> ProcessSettings:
    """The one of this name in the release's own snapshot; without a name its first web process, or its first."""
    there = ports.releases.processes(release_id)
    if name is None:
        found = next((one for one in there if one.kind == "web"), next(iter(there), None))
    else:
        found = next((one for one in there if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in there) or "none"
        raise UsageError(f"{release_id} has no process {name or ''}".rstrip(), f"there are: {known}")
    return found
