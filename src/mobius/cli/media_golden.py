"""`mobius media golden`: references of what the service renders, recorded, compared, and approved by a person."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from mobius.cli.context import json_option
from mobius.errors import UsageError

PATH = click.Path(path_type=Path)
SYSTEMS = {"Darwin": "macos", "Windows": "windows"}

film_option = click.option("--in", "film", type=PATH, metavar="FILE", help="The film that was rendered.")
by_option = click.option("--by", metavar="NAME", help="Who; by default the user of git.")
variant_option = click.option(
    "--ssim-variant",
    "variant",
    type=click.Choice(["ffmpeg-yuv-all", "legacy-rgb"]),
    help="How SSIM is computed; a golden keeps to its own.",
)


def where(command: Callable[..., int]) -> Callable[..., int]:
    """The options that name a golden."""
    for option in (
        click.option(
            "--per-os",
            "--perOs",
            "per_os",
            is_flag=True,
            envvar="GOLDEN_PER_OS",
            help="The one of this system: linux, macos or windows.",
        ),
        click.option("--golden", "folder", type=PATH, metavar="DIR", help="Its folder: tests/golden/NAME."),
        click.option("--game", default="", metavar="NAME", help="The golden's name."),
    ):
        command = option(command)
    return command


def limits(command: Callable[..., int]) -> Callable[..., int]:
    """The options that say what is near enough; read later, so that a wrong one is in the JUnit file, too."""
    for option in (
        click.option("--across-versions", "across", is_flag=True, help="Whatever FFmpeg made the golden."),
        click.option("--tp_tol", "--tp-tol", "true_peak", metavar="DB", help="True peak: 1.0."),
        click.option("--lufs_tol", "--lufs-tol", "lufs", metavar="LU", help="Loudness: 1.0."),
        click.option("--tile-min", "tile", metavar="0..1", help="Least SSIM of a tile of 64×64: 0.95."),
        click.option("--ssim", metavar="0..1", help="Least SSIM of a frame: 0.995."),
        click.option("--frames", metavar="S,S,…", help="At these seconds; by default all of the golden."),
    ):
        command = option(command)
    return command


@click.group("golden")
def command() -> None:
    """Golden references: what the service rendered once, and a person found right."""


@command.command("record")
@where
@film_option
@click.option("--frames", default="5,10,20", metavar="S,S,…", help="At these seconds: 5,10,20.")
@variant_option
@by_option
@json_option
def record(
    game: str,
    folder: Path | None,
    per_os: bool,
    film: Path | None,
    frames: str,
    variant: str | None,
    by: str | None,
    as_json: bool,
) -> int:
    """Record the first golden of a film: frames without a loss, loudness, and what its container says.

    Into tests/golden/NAME, to be committed. A golden that is there is changed by approve only. Not in CI.
    """
    from mobius.adapters.media.child import ask
    from mobius.flows.media import golden
    from mobius.flows.media.golden_folder import place_for
    from mobius.model.golden import YUV
    from mobius.rules.media.golden import times_of

    _refuse_in_ci()
    if film is None:
        raise UsageError("record which film?", "name it: --in FILE")
    place = place_for(game, folder, _system(), per_os=per_os)
    who = by or _git_user() or "unknown"
    made = golden.record(ask, place, film, times=times_of(frames), variant=variant or YUV, at=_now(), by=who)
    _tell_golden(made, place.folder, as_json)
    return 0


@command.command("check")
@where
@film_option
@limits
@variant_option
@click.option("--junit", type=PATH, metavar="FILE", help="Also as JUnit, whatever happens.")
@json_option
def check(junit: Path | None, as_json: bool, **options: Any) -> int:
    """Hold a film against its golden; without --in, --game and --golden every film that has one.

    Exit 0 when all is as in the golden, 3 when not, 4 when it could not be measured, 2 without a golden. What does not
    match is left in debug/ beside the golden, with pictures: look at them, then mend the film, or approve it.
    """
    from mobius.cli.media_golden_check import check_all

    return check_all(junit=junit, as_json=as_json, system=_system(), at=_now(), **options)


@command.command("diff")
@where
@film_option
@click.option("--frames", metavar="S,S,…", help="At these seconds; by default all of the golden.")
@click.option("--out", type=PATH, metavar="DIR", help="Where to; by default debug/ beside the golden.")
def diff(
    game: str, folder: Path | None, per_os: bool, film: Path | None, frames: str | None, out: Path | None
) -> int:
    """Write pictures: the golden, the film, and where they differ, beside each other."""
    from mobius.adapters.media.child import ask
    from mobius.flows.media import golden
    from mobius.flows.media.golden_folder import place_of
    from mobius.rules.media.golden import times_of

    place = place_of(game, folder, _system(), per_os=per_os)
    wanted = golden.Wanted(_system(), times=times_of(frames) if frames else None)
    for file in golden.diff(ask, place, film, wanted, out or place.debug):
        click.echo(file.as_posix())
    return 0


@command.command("approve")
@where
@click.option("--reason", default="", metavar="TEXT", help="Why the film is right.")
@by_option
@json_option
def approve(game: str, folder: Path | None, per_os: bool, reason: str, by: str | None, as_json: bool) -> int:
    """Make the film that the last check found different the golden.

    The reason, who said so, the hashes before and after and the pictures are kept beside it. Not in CI, and not where
    the film, the golden or the pictures changed since that check.
    """
    from mobius.flows.media import approving
    from mobius.flows.media.golden_folder import place_of

    _refuse_in_ci()
    place = place_of(game, folder, _system(), per_os=per_os)
    made = approving.approve(place, reason=reason, by=by or _git_user(), at=_now())
    _tell_golden(made, place.folder, as_json)
    return 0


@command.command("history")
@where
@json_option
def history(game: str, folder: Path | None, per_os: bool, as_json: bool) -> int:
    """Who approved what, when and why, the newest first. Exit 3 where a line or the golden was changed otherwise."""
    from mobius.flows.media import golden_folder
    from mobius.report.golden import history_text

    place = golden_folder.place_of(game, folder, _system(), per_os=per_os)
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


@command.command("import")
@where
@click.option("--from", "old", type=PATH, required=True, metavar="DIR", help="container.json, frames/ …")
@by_option
@json_option
def adopt(game: str, folder: Path | None, per_os: bool, old: Path, by: str | None, as_json: bool) -> int:
    """Take over a golden that generate_golden.js wrote; it is compared as legacy-rgb until a film is approved."""
    from mobius.adapters.media.child import ask
    from mobius.flows.media import golden
    from mobius.flows.media.golden_folder import place_for
    from mobius.rules.media.old_golden import old_golden

    _refuse_in_ci()
    place = place_for(game, folder, _system(), per_os=per_os)
    told = {"game": place.game, "os": place.system, "at": _now()}
    read = old_golden(_json_in(old / "container.json"), _json_in(old / "audio_stats.json"), **told)
    times = _times_in(old / "frames")
    made = golden.adopt(ask, place, old, read, times=times, by=by or _git_user() or "unknown")
    _tell_golden(made, place.folder, as_json)
    return 0


def _tell_golden(golden: Any, folder: Path, as_json: bool) -> None:
    from mobius.report.golden import golden_json, golden_text

    where = folder.as_posix()
    if as_json:
        click.echo(json.dumps(golden_json(golden, where), ensure_ascii=False))
    else:
        click.echo(golden_text(golden, where))


def _refuse_in_ci() -> None:
    from mobius.flows.media.approving import refuse_in_ci

    refuse_in_ci(_environ().get("CI"))


def _environ() -> dict[str, str]:
    return dict((click.get_current_context().find_root().obj or {}).get("environ", {}))


def _system() -> str:
    return SYSTEMS.get(platform.system(), "linux")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _git_user() -> str:
    """Name and address as git knows them; "" without git or without a name."""
    told = []
    for key in ("user.name", "user.email"):
        if git := shutil.which("git"):
            done = subprocess.run([git, "config", key], capture_output=True, text=True, check=False)
            told.append(done.stdout.strip())
    return f"{told[0]} <{told[1]}>" if told and all(told) else (told[0] if told else "")


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
