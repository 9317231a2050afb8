"""`mobius migrate plan` and `mobius migrate rehearse`: what a candidate's migrations would do, and what they did on a
restored copy of the real data."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.context import app, color, environment_option, json_option, next_step, plain_option, width
from mobius.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from mobius.model.migrating import MigrationLook

FAIL_ON = ("HIGH", "MEDIUM", "LOW", "never")
File = click.Path(path_type=Path, dir_okay=False)


def outputs(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of both commands: which candidate, and where else it is written."""
    for option in (
        plain_option,
        json_option,
        click.option("--sarif", type=File, metavar="FILE", help="The findings as SARIF 2.1.0."),
        click.option("--junit", type=File, metavar="FILE", help="Also as JUnit."),
        click.option("--html", type=File, metavar="FILE", help="Also as a page for the reviewer."),
        click.option(
            "--tag", metavar="TAG", envvar="RELEASE_TAG", help="The candidate; default: RELEASE_TAG."
        ),
        environment_option,
    ):
        command = option(command)
    return command


@click.command("plan")
@outputs
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON, case_sensitive=False),
    default="HIGH",
    show_default=True,
    help="End with 3 where a text or the configuration is that bad.",
)
@click.pass_context
def plan(ctx: click.Context, /, environment: str | None, tag: str | None, fail_on: str, **out: Any) -> int:
    """Say what is pending in a candidate, its risk with one reason a line, and the ways back known so far.

    Migrations are judged by their text, and by the facts of the last rehearsal of the same ones; the configuration is
    compared with that of the live release. Exit 3 for what is as bad as --fail-on, 4 when something could not be
    judged. Writes nothing but migrate-dryrun.log.
    """
    from mobius.report.migrating_checks import exit_code_of_plan
    from mobius.wiring import migrating

    the_app, limit = app(ctx), _limit(fail_on)
    seen = the_app.look_at_migrations(environment, tag)
    report = migrating.document(the_app, seen, rehearsed=False)
    _give(ctx, seen, report, limit, **out)
    return exit_code_of_plan(report, limit)


@click.command("rehearse")
@outputs
@click.option("--backup", metavar="NAME", default="", help="On this one; default: the newest.")
@click.option("--fresh", is_flag=True, help="Make a backup first, and take that.")
@click.option(
    "--fast", is_flag=True, help="Look at less: no run behind an open query, values of written tables only."
)
@click.option(
    "--boot/--no-boot",
    "boot",
    default=True,
    show_default=True,
    help="Start both releases on the migrated copy.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done; nothing is written.")
@click.pass_context
def rehearse(
    ctx: click.Context,
    /,
    environment: str | None,
    tag: str | None,
    backup: str,
    fresh: bool,
    fast: bool,
    boot: bool,
    dry_run: bool,
    **out: Any,
) -> int:
    """Run what is pending in a candidate on a restored copy of the real data, up and down, and say the way back.

    The newest backup is restored into a scratch place; onlookers measure what every statement locks; the live release
    and the candidate (staged first, where it is not) are each started on a migrated copy, cut off from everything.
    Nothing that serves is touched. Exit 3 when the migrations must not run, 4 when a release could not be tried,
    11 when the backup does not hold.
    """
    from mobius.report.migrating_checks import exit_code_of_rehearsal
    from mobius.wiring import migrating

    the_app = app(ctx)
    with _stopped_cleanly():
        seen = the_app.look_at_migrations(environment, tag)
        if not seen.layout:
            raise UsageError(
                f"there is nothing to rehearse: {seen.remarks[0]}",
                f"add [migrations] to mobius.toml, or: mobius migrate plan -e {seen.environment} --tag {seen.tag}",
            )
        if dry_run:
            return _say_what_would_be_done(ctx, seen, backup, fresh=fresh, boot=boot, as_json=out["as_json"])
        seen = the_app.rehearse_migrations(
            seen,
            backup=backup,
            fresh=fresh,
            fast=fast,
            boot=boot,
            progress=lambda line: click.echo(line, err=True),
        )
        report = migrating.document(the_app, seen, rehearsed=True)
    _give(ctx, seen, report, None, **out)
    return exit_code_of_rehearsal(report, asked_to_boot=boot)


def _give(
    ctx: click.Context,
    seen: MigrationLook,
    report: dict[str, Any],
    limit: str | None,
    *,
    html: Path | None,
    junit: Path | None,
    sarif: Path | None,
    as_json: bool,
    plain: bool,
) -> None:
    """Prints it, and writes it wherever else it was asked for."""
    from mobius.report.migrating_text import migration_text, next_of

    if html is not None:
        from mobius.report.migrating_html import migration_html

        _write(html, migration_html(report))
    if junit is not None:
        from mobius.report.junit import junit as as_junit
        from mobius.report.migrating_checks import migration_checks

        named = f"migrations of {seen.tag}"
        _write(junit, as_junit(named, migration_checks(report, limit), at=time.time()))
    if sarif is not None:
        from mobius.wiring import migrating

        _write(sarif, json.dumps(migrating.sarif(app(ctx), seen), indent=2, ensure_ascii=False) + "\n")
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        click.echo(migration_text(report, width(), color=color(plain)))
    if page := report.get("page"):
        next_step(f"for the reviewer: {page}", quiet=as_json)
    next_step(": ".join(next_of(report)), quiet=as_json)


def _say_what_would_be_done(
    ctx: click.Context, seen: MigrationLook, backup: str, *, fresh: bool, boot: bool, as_json: bool
) -> int:
    from mobius.flows.migrate import choose_backup, refuse_doubts

    refuse_doubts(seen)
    ports = app(ctx).ports(seen.environment, read_only=True)
    names = [each.name for each in seen.pending]
    chosen = None if fresh or not names else choose_backup(seen, ports, backup, progress=click.echo)
    staged = ports.releases.is_staged(seen.release_id)
    if as_json:
        told = {
            "dry_run": True,
            "backup": chosen.name if chosen else "",
            "migrations": names,
            "staged": staged,
        }
        click.echo(json.dumps({"schema_version": 1, **told}))
        return 0
    if not names:
        click.echo(f"no migration of {seen.tag} is pending: nothing would be rehearsed")
        return 0
    click.echo(
        f"would {'stage' if not staged else 'take'} {seen.release_id}, which changes nothing that serves"
    )
    click.echo(f"would restore {chosen.name if chosen else 'a fresh backup'} in a scratch place")
    click.echo(f"would run there, up and down: {', '.join(names)}")
    if boot:
        both = f"{seen.live_id} and {seen.release_id}" if seen.live_id else seen.release_id
        click.echo(f"would start {both} on a migrated copy each, cut off from all that is live")
    return 0


@contextmanager
def _stopped_cleanly() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end the rehearsal with everything it made; nothing goes on. Raises
    `Interrupted` then."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {each: signal.getsignal(each) for each in numbers}
    for each in numbers:
        if before[each] is not signal.SIG_IGN:
            signal.signal(each, stop)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            "the rehearsal was stopped, and its scratch place is removed", "nothing that serves was touched"
        ) from None
    finally:
        for each, how in before.items():
            signal.signal(each, how)


def _limit(fail_on: str) -> str | None:
    return None if fail_on.lower() == "never" else fail_on.upper()


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
