"""`mobius gates check`: the guide's quality gates on a file, a report of one, or the live release."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mobius.cli.context import app, environment_option, json_option
from mobius.errors import GateUnknown, UsageError
from mobius.model.quality import QualityGates, Reading
from mobius.model.verdict import CheckResult, Outcome, worst

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
@environment_option
@click.option("--junit", type=FILE, metavar="FILE", help="Also as JUnit.")
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    container: Path | None,
    audio: Path | None,
    performance: bool,
    seconds: float,
    environment: str | None,
    junit: Path | None,
    as_json: bool,
) -> int:
    """Hold a file, or the live release, against the quality gates.

    Exit 0 when every gate passed, 3 when one failed, 4 when one could not be read: a missing stream, tool or number is
    never a pass. The figures are those of [quality_gates].
    """
    if not (container or audio or performance):
        raise UsageError("nothing to check", "say --container FILE, --audio FILE or --performance")
    gates = figures(ctx, environment, needs_service=performance)
    readings: list[Reading] = []
    if container:
        readings += _read("container", container, _container, gates)
    if audio:
        readings += _read("audio", audio, _audio, gates)
    if performance:
        readings += app(ctx).performance(environment, for_s=seconds)
    _tell(readings, as_json)
    if junit:
        _write(junit, readings)
    return CODES.get(worst([reading.outcome for reading in readings]), 4)


def figures(ctx: click.Context, environment: str | None, *, needs_service: bool) -> QualityGates:
    """Those of mobius.toml; the guide's own where there is none."""
    try:
        return app(ctx).environment(environment).quality_gates
    except UsageError:
        if needs_service or environment or (ctx.obj or {}).get("config") or Path("mobius.toml").exists():
            raise
        return QualityGates()


def _read(what: str, file: Path, read: Any, gates: QualityGates) -> Sequence[Reading]:
    """The readings of one file; one that cannot be read at all is one reading, an error."""
    try:
        found: Sequence[Reading] = read(file, gates)
        return found
    except GateUnknown as problem:
        return [Reading(what, Outcome.ERROR, None, "", f"{file.name}: {problem.message}", problem.hint)]


def _container(file: Path, gates: QualityGates) -> Sequence[Reading]:
    from mobius.rules.quality.container import RUN_AGAIN, judge_container, of_ffprobe

    text = _text_of(file, starts=b"{")
    if text is None:
        from mobius.adapters.media.child import ask

        told = ask("probe", file, {})
        if not told["video"]:
            raise GateUnknown("it has no video stream", "the picture was lost when it was rendered")
        whole = Outcome.FAIL if told["cut"] else Outcome.PASS
        is_whole = Reading(
            "complete", whole, told["cut"] or "yes", "yes", told["cut"] or "every frame is there"
        )
        return [*judge_container(told["video"][0], gates.video), is_whole]
    try:
        report = json.loads(text)
    except (ValueError, RecursionError) as broken:
        raise GateUnknown(f"no JSON: {broken}", RUN_AGAIN) from broken
    return judge_container(of_ffprobe(report), gates.video)


def _audio(file: Path, gates: QualityGates) -> Sequence[Reading]:
    from mobius.rules.quality.audio import judge_audio, of_summary

    text = _text_of(file)
    if text is None:
        from mobius.adapters.media.child import ask

        return judge_audio(ask("loudness", file, {}), gates.audio)
    return judge_audio(of_summary(text), gates.audio)


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


def _write(junit: Path, readings: Sequence[Reading]) -> None:
    from mobius.report.junit import junit as as_junit

    results = [CheckResult(one.name, one.outcome, one.message, 0.0, one.advice) for one in readings]
    junit.parent.mkdir(parents=True, exist_ok=True)
    junit.write_text(as_junit("quality gates", results, at=time.time()), encoding="utf-8")
