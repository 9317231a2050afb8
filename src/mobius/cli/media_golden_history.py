"""`mobius media golden approve|history|import`: who said that a film is right, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mobius.cli.context import environment_option, json_option, next_step
from mobius.cli.media_here import PATH, films
from mobius.cli.media_options import by_option, git_user, refuse_in_ci, where
from mobius.errors import UsageError


@click.command("approve")
@where
@click.option("--reason", default="", metavar="TEXT", help="Why the film is right.")
@by_option
@environment_option
@json_option
@click.pass_context
def approve(
    ctx: click.Context,
    game: str,
    folder: Path | None,
    per_os: bool,
    reason: str,
    by: str | None,
    environment: str | None,
    as_json: bool,
) -> int:
    """Make the film that the last check found different the golden.

    The reason, who said so, the hashes before and after and the pictures are kept beside it. Not in CI, and not where
    the film, the golden or the pictures changed since that check.
    """
    from mobius.flows.media import approving
    from mobius.flows.media.golden_folder import place_of
    from mobius.wiring.media import now

    refuse_in_ci()
    place = place_of(game, folder, films(ctx, environment).how.home, per_os=per_os)
    made = approving.approve(place, reason=reason, by=by or git_user(), at=now())
    tell_golden(made, place.folder, as_json)
    next_step(f"next: git add {place.folder.as_posix()} and commit it, with its history")
    return 0


@click.command("history")
@where
@environment_option
@json_option
@click.pass_context
def history(
    ctx: click.Context, game: str, folder: Path | None, per_os: bool, environment: str | None, as_json: bool
) -> int:
    """Who approved what, when and why, the newest first. Exit 3 where a line or the golden was changed otherwise."""
    from mobius.flows.media import golden_folder
    from mobius.report.golden import history_text

    place = golden_folder.place_of(game, folder, films(ctx, environment).how.home, per_os=per_os)
    entries, wrong = golden_folder.history(place)
    if as_json:
        for entry in reversed(entries):
            click.echo(json.dumps({"event": "approval", **entry}, ensure_ascii=False))
    elif entries:
        click.echo(history_text(entries))
    if wrong:
        from mobius.errors import GateFailed

        raise GateFailed(wrong, "look into version control who did it, then record the golden anew")
    return 0


@click.command("import")
@where
@click.option("--from", "old", type=PATH, required=True, metavar="DIR", help="container.json, frames/ …")
@by_option
@environment_option
@json_option
@click.pass_context
def adopt(
    ctx: click.Context,
    game: str,
    folder: Path | None,
    per_os: bool,
    old: Path,
    by: str | None,
    environment: str | None,
    as_json: bool,
) -> int:
    """Take over a golden that generate_golden.js wrote; it is compared as legacy-rgb until a film is approved."""
    from mobius.flows.media import golden
    from mobius.flows.media.golden_folder import place_for
    from mobius.rules.media.old_golden import old_golden
    from mobius.wiring.media import now

    refuse_in_ci()
    here = films(ctx, environment)
    place = place_for(game, folder, here.how.home, per_os=per_os)
    told = {"game": place.game, "os": place.system, "at": now()}
    read = old_golden(_json_in(old / "container.json"), _json_in(old / "audio_stats.json"), **told)
    times = _times_in(old / "frames")
    made = golden.adopt(here.ask, place, old, read, times=times, by=by or git_user() or "unknown")
    tell_golden(made, place.folder, as_json)
    return 0


def tell_golden(golden: Any, folder: Path, as_json: bool) -> None:
    """What it holds, and where it lies."""
    from mobius.report.golden import golden_json, golden_text

    where = folder.as_posix()
    if as_json:
        click.echo(json.dumps(golden_json(golden, where), ensure_ascii=False))
    else:
        click.echo(golden_text(golden, where))


def _json_in(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if file.name == "audio_stats.json":
            return {}
        raise UsageError(f"{file}: no such file", "name the folder of an old golden: --from DIR") from None
    except ValueError as broken:
        raise UsageError(f"{file} is no JSON: {broken}", "take it back from version control") from broken


def _times_in(frames: Path) -> tuple[float, ...]:
    """Of the files `frame_2p5s.png`."""
    from mobius.rules.media.golden import times_of

    names = [file.stem.removeprefix("frame_").removesuffix("s") for file in frames.glob("frame_*s.png")]
    if not names:
        raise UsageError(f"no frame_…s.png in {frames}", "name the folder of an old golden: --from DIR")
    return times_of(",".join(name.replace("p", ".") for name in names))
