"""`mobius github`: the rules of the branch that is released from, and the one comment of a pull request."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobius.cli.context import app, environment_option, json_option, next_step
from mobius.cli.github_protection import protection
from mobius.errors import GateUnknown, UsageError

if TYPE_CHECKING:
    from mobius.ports import Forge
    from mobius.wiring import App

LARGEST = 4 << 20  # bytes of a file with the text of a comment


@click.group("github")
def command() -> None:
    """Look at the repository on GitHub, and keep one comment."""


command.add_command(protection)


@command.command("comment")
@click.option("--pr", "number", type=click.IntRange(1), required=True, metavar="N", help="The pull request.")
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Its text as Markdown; - is what comes by standard input.",
)
@click.option("--commit", default="", metavar="SHA", help="Only if this is the head of the pull request.")
@click.option("--name", default="premerge", metavar="NAME", help="Which of several comments of ours.")
@click.option(
    "--rest-at", default="", metavar="URL", help="Where all of it is, for a text that does not fit."
)
@environment_option
@click.option("--dry-run", is_flag=True, help="Print the comment, send nothing.")
@json_option
@click.pass_context
def comment(
    ctx: click.Context,
    number: int,
    file: Path,
    commit: str,
    name: str,
    rest_at: str,
    environment: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Keep one comment of a pull request up to date.

    It is found again by a hidden mark, and changed instead of written anew. Secrets of the project are taken out, the
    head of the audit log is put under it. Exit 3 when --commit is not the head of the pull request, 4 when GitHub
    did not take it.
    """
    from mobius.flows.github.comment import keep_comment
    from mobius.rules.forge.commenting import comment_text, marker_of
    from mobius.wiring.forge import redact_of

    the_app = app(ctx)
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise UsageError(f"{name!r} is no name", "use a-z, 0-9, - and _")
    marker = marker_of(the_app.settings.service, name)
    text = comment_text(marker, redact_of(the_app)(_text_of(file)), head=_head(the_app), rest_at=rest_at)
    if dry_run:
        click.echo(text, nl=False)
        next_step(
            f"nothing was sent; send it: mobius github comment --pr {number} --file {file}", quiet=as_json
        )
        return 0
    forge = known_forge(the_app, environment)
    made = keep_comment(forge, number, marker, text, commit=commit)
    if as_json:
        facts = {"pull": number, "comment": made.number, "url": made.url, "created": made.created}
        click.echo(json.dumps({"schema_version": 1, "event": "github_comment", **facts}))
    else:
        click.echo(f"{'written' if made.created else 'brought up to date'}: {made.url}")
    next_step(f"read it: {made.url}", quiet=as_json)
    return 0


def known_forge(the_app: App, environment: str | None) -> Forge:
    """The repository. Raises `GateUnknown` where nothing says which it is."""
    from mobius.model.forge import Unknown
    from mobius.wiring.forge import forge_of

    forge = forge_of(the_app, environment)
    if isinstance(forge, Unknown):
        raise GateUnknown(forge.reason, forge.hint)
    return forge


def _text_of(file: Path) -> str:
    if str(file) == "-":
        raw = sys.stdin.buffer.read(LARGEST + 1)
    elif not file.is_file():
        raise UsageError(f"{file}: no such file", "mobius premerge writes summary.md into ARTIFACT_DIR")
    else:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise UsageError(f"{file}: more than {LARGEST >> 20} MiB are no comment", "name the summary")
    text = raw.decode("utf-8-sig", "replace").strip()
    if not text:
        raise UsageError(f"{file}: it is empty", "name the summary that mobius premerge has written")
    return text


def _head(the_app: App) -> str:
    """Of the audit log of each environment that has one."""
    from mobius.errors import MobiusError

    heads = []
    for name in the_app.environments:
        try:
            head = the_app.journal(name).head()
        except MobiusError:
            continue  # none yet, as on a machine of CI
        if head is not None:
            heads.append(f"{name} `{head}`")
    return ", ".join(heads)
