"""`mobius media golden`: references of what the service renders, recorded, and films held against them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli import media_golden_history
from mobius.cli.context import environment_option, json_option, next_step
from mobius.cli.media_here import PATH, Reports, films, html_option, reported
from mobius.cli.media_options import (
    by_option,
    film_option,
    git_user,
    limits,
    refuse_in_ci,
    variant_option,
    where,
)
from mobius.cli.media_suite import many_of, many_options
from mobius.errors import UsageError

if TYPE_CHECKING:
    from mobius.flows.media.golden_folder import Place
    from mobius.wiring.media import Films


@click.group("golden")
def command() -> None:
    """Golden references: what the service rendered once, and a person found right."""


@command.command("record")
@where
@film_option
@click.option("--frames", default="5,10,20", metavar="S,S,…", help="At these seconds: 5,10,20.")
@variant_option
@by_option
@environment_option
@json_option
@click.pass_context
def record(
    ctx: click.Context,
    game: str,
    folder: Path | None,
    per_os: bool,
    film: Path | None,
    frames: str,
    variant: str | None,
    by: str | None,
    environment: str | None,
    as_json: bool,
) -> int:
    """Record the first golden of a film: frames without a loss, loudness, and what its container says.

    Into tests/golden/NAME, to be committed. A golden that is there is changed by approve only. Not in CI.
    """
    from mobius.flows.media import golden
    from mobius.flows.media.golden_folder import place_for
    from mobius.model.golden import YUV
    from mobius.rules.media.golden import times_of
    from mobius.wiring.media import now

    refuse_in_ci()
    if film is None:
        raise UsageError("record which film?", "name it: --in FILE")
    here = films(ctx, environment)
    place = place_for(game, folder, here.how.home, per_os=per_os)
    who = by or git_user() or "unknown"
    how: dict[str, Any] = {"times": times_of(frames), "variant": variant or YUV, "at": now(), "by": who}
    made = golden.record(here.ask, place, film, **how)
    media_golden_history.tell_golden(made, place.folder, as_json)
    next_step(f"next: look at it, then git add {place.folder.as_posix()} and commit it")
    return 0


@command.command("check")
@where
@film_option
@limits
@variant_option
@environment_option
@click.option("--manifest", type=PATH, metavar="FILE", help="Many: JSON or TOML, game to film.")
@click.option(
    "--skip-without-films", is_flag=True, help="No golden, and no media.latest: SKIPPED is said, and exit 0."
)
@many_options
@reported
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    /,
    environment: str | None,
    junit: Path | None,
    html: Path | None,
    archive: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Hold a film against its golden, those of --manifest, or (without --in, --game, --golden) every one with a golden.

    Exit 0 when all is as in the golden, 3 when not, 4 when it could not be measured, 2 without a golden. What does not
    match is left in debug/ beside the golden, with pictures: look at them, then mend the film, or approve it.
    """
    from mobius.cli.media_golden_check import GoldenCheck

    here, reports, many = films(ctx, environment), Reports("golden", junit, html), many_of(options)
    return GoldenCheck(here, options, reports, archive=archive, as_json=as_json, many=many).run()


@command.command("diff")
@where
@film_option
@click.option("--frames", metavar="S,S,…", help="At these seconds; by default all of the golden.")
@click.option("--out", type=PATH, metavar="DIR", help="Where to; by default debug/ beside the golden.")
@html_option
@environment_option
@click.pass_context
def diff(
    ctx: click.Context,
    game: str,
    folder: Path | None,
    per_os: bool,
    film: Path | None,
    frames: str | None,
    out: Path | None,
    html: Path | None,
    environment: str | None,
) -> int:
    """Write pictures: the golden, the film, and where they differ, beside each other."""
    from mobius.flows.media import golden
    from mobius.flows.media.golden_folder import place_of
    from mobius.rules.media.golden import times_of

    here = films(ctx, environment)
    place = place_of(game, folder, here.how.home, per_os=per_os)
    wanted = replace(here.how.wanted, times=times_of(frames) if frames else None)
    here = replace(here, how=replace(here.how, wanted=wanted))
    for file in golden.diff(here.ask, place, film, wanted, out or place.debug):
        click.echo(file.as_posix())
    if html is not None:
        _write_page(here, place, film, html)
    return 0


def _write_page(here: Films, place: Place, film: Path | None, html: Path) -> None:
    from mobius.flows.media.gate import judge_film
    from mobius.flows.media.golden import source_of
    from mobius.flows.media.golden_folder import loaded
    from mobius.wiring.media import now
    from mobius.wiring.media_reports import film_shown

    quiet = replace(here, how=replace(here.how, wanted=replace(here.how.wanted, leaves=False)))
    judged = judge_film(quiet.ask, film or source_of(loaded(place)[0], place), quiet.how, place, at=now())
    Reports("golden diff", None, html).write_page(lambda: [film_shown(quiet, judged)])


for each in (media_golden_history.approve, media_golden_history.history, media_golden_history.adopt):
    command.add_command(each)
