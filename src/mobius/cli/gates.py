"""`mobius gates check`: the guide's quality gates on a file, a report of one, or the live release."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.context import app, environment_option, json_option
from mobius.cli.media_here import Reports, films, html_option, junit_option
from mobius.errors import GateUnknown, MobiusError, UsageError
from mobius.model.quality import Reading
from mobius.model.verdict import CheckResult, Outcome, worst

if TYPE_CHECKING:
    from mobius.report.media_page import FilmShown
    from mobius.wiring.media import Films

CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}
LARGEST_REPORT = 64 << 20
FILE = click.Path(path_type=Path)


@click.group("gates")
def command() -> None:
    """Ask the quality gates."""


@command.command("check")
@click.option(
    "--container", type=FILE, metavar="FILE", help="ffprobe's JSON of a video, or the video itself."
)
@click.option(
    "--audio", type=FILE, metavar="FILE", help="What ffmpeg's ebur128 printed, or the sound or video itself."
)
@click.option(
    "--performance", is_flag=True, help="Response time, errors, CPU and memory of the live release."
)
@click.option(
    "--for", "seconds", type=click.FloatRange(1, 600), default=10.0, help="Seconds to measure performance."
)
@click.option("--deep", is_flag=True, help="Of a video: decode every frame and count those that are corrupt.")
@environment_option
@junit_option
@html_option
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    container: Path | None,
    audio: Path | None,
    performance: bool,
    seconds: float,
    deep: bool,
    environment: str | None,
    junit: Path | None,
    html: Path | None,
    as_json: bool,
) -> int:
    """Hold a file, or the live release, against the quality gates.

    Exit 0 when every gate passed, 3 when one failed, 4 when one could not be read: a missing stream, tool or number is
    never a pass. The figures are those of [quality_gates].
    """
    if not (container or audio or performance):
        raise UsageError("nothing to check", "say --container FILE, --audio FILE or --performance")
    here = films(ctx, environment)
    here = replace(
        here, how=replace(here.how, wanted=replace(here.how.wanted, deep=deep or here.how.media.deep))
    )
    readings: list[Reading] = []
    reports = Reports("quality gates", junit, html)
    try:
        if container:
            readings += _read("container", container, _container, here)
        if audio:
            readings += _read("audio", audio, _audio, here)
        if performance:
            readings += app(ctx).performance(environment, for_s=seconds)
    except MobiusError as problem:
        reports.write_junit([CheckResult("gates", Outcome.ERROR, problem.message, 0.0, problem.hint)])
        raise
    _tell(readings, as_json)
    reports.write_junit(
        [CheckResult(one.name, one.outcome, one.message, 0.0, one.advice) for one in readings]
    )
    reports.write_page(lambda: [_shown(here, container or audio, readings)])
    return CODES.get(worst([reading.outcome for reading in readings]), 4)


def _read(what: str, file: Path, read: Any, here: Films) -> Sequence[Reading]:
    """The readings of one file; one that cannot be read at all is one reading, an error."""
    try:
        found: Sequence[Reading] = read(file, here)
        return found
    except GateUnknown as problem:
        return [Reading(what, Outcome.ERROR, None, "", f"{file.name}: {problem.message}", problem.hint)]


def _container(file: Path, here: Films) -> Sequence[Reading]:
    from mobius.rules.media.film import judge_picture
    from mobius.rules.quality.container import RUN_AGAIN, judge_container, of_ffprobe

    text = _text_of(file, starts=b"{")
    if text is None:
        told = here.ask("probe", file, {"deep": here.how.wanted.deep})
        if not told["video"]:
            raise GateUnknown("it has no video stream", "the picture was lost when it was rendered")
        return judge_picture({"film": told}, here.how.gates)
    try:
        report = json.loads(text)
    except (ValueError, RecursionError) as broken:
        raise GateUnknown(f"no JSON: {broken}", RUN_AGAIN) from broken
    return judge_container(of_ffprobe(report), here.how.gates.video)


def _audio(file: Path, here: Films) -> Sequence[Reading]:
    from mobius.rules.quality.audio import judge_audio, of_summary

    text = _text_of(file)
    if text is None:
        return judge_audio(here.ask("loudness", file, {}), here.how.gates.audio)
    return judge_audio(of_summary(text), here.how.gates.audio)


def _text_of(file: Path, starts: bytes = b"") -> str | None:
    """The file as text, as PowerShell writes it, too (UTF-16); None for one that is no text, but media."""
    if not file.is_file():
        raise UsageError(f"{file}: no such file", "name the report, or the file itself")
    with file.open("rb") as opened:
        head = opened.read(4096)
    coding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if coding != "utf-16" and b"\x00" in head:
        return None
    if file.stat().st_size > LARGEST_REPORT:
        raise GateUnknown(f"{file.stat().st_size:,} bytes are no report", "name the report of one file")
    return file.read_bytes().decode(coding, errors="replace")


def _tell(readings: Sequence[Reading], as_json: bool) -> None:
    from mobius.report.quality import reading_json, readings_text

    if as_json:
        for reading in readings:
            click.echo(json.dumps(reading_json(reading), ensure_ascii=False))
    else:
        click.echo(readings_text(readings))


def _shown(here: Films, file: Path | None, readings: Sequence[Reading]) -> FilmShown:
    """For the page; pictures and the curve where the file is no report, but media."""
    from mobius.report.media_page import FilmShown
    from mobius.wiring.media_reports import stills

    shown = stills(here, file) if file is not None and is_media(file) else {}
    audio = here.how.gates.audio
    advice = next((one.advice for one in readings if one.advice and one.outcome is not Outcome.PASS), "")
    limits = (audio.lufs_target, audio.lufs_tolerance)
    return FilmShown(
        file.name if file else "the live release", readings, (), shown, limits=limits, next=advice
    )


def is_media(file: Path) -> bool:
    """Whether it is no text."""
    with file.open("rb") as opened:
        head = opened.read(4096)
    return b"\x00" in head and head[:2] not in (b"\xff\xfe", b"\xfe\xff")
