"""The options that name a golden, say what is near enough, and who says so."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import click

from mobius.cli.media_here import PATH

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
        click.option("--tp_tol", "--tp-tol", "true_peak", metavar="DB", help="True peak, as [media] says."),
        click.option("--lufs_tol", "--lufs-tol", "lufs", metavar="LU", help="Loudness, as [media] says."),
        click.option("--tile-min", "tile", metavar="0..1", help="Least SSIM of a tile of 64×64."),
        click.option("--ssim", metavar="0..1", help="Least SSIM of a frame, as [media] says: 0.995."),
        click.option("--frames", metavar="S,S,…", help="At these seconds; by default all of the golden."),
    ):
        command = option(command)
    return command


def git_user() -> str:
    """Name and address as git knows them; "" without git or without a name."""
    told = []
    for key in ("user.name", "user.email"):
        if git := shutil.which("git"):
            done = subprocess.run([git, "config", key], capture_output=True, text=True, check=False)
            told.append(done.stdout.strip())
    return f"{told[0]} <{told[1]}>" if told and all(told) else (told[0] if told else "")


def refuse_in_ci() -> None:
    """Raises `GateFailed` where `CI` is set."""
    from mobius.flows.media.approving import refuse_in_ci as refuse

    environ = (click.get_current_context().find_root().obj or {}).get("environ", {})
    refuse(environ.get("CI"))
