"""`mobius media`: measures sound and pictures of files; each is read in a process of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mobius.cli import media_check, media_golden
from mobius.cli.context import json_option
from mobius.errors import MobiusError
from mobius.model.verdict import CheckResult, Outcome

FILES = click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
JUNIT = click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also as JUnit."
)
WORST = {3: Outcome.FAIL}


@click.group("media")
def command() -> None:
    """Measure sound and pictures. Needs: pip install 'mobius[media]'"""


@command.command("loudness")
@FILES
@click.option("--stream", type=click.IntRange(min=0), default=0, help="Which audio stream; the first is 0.")
@json_option
@JUNIT
def loudness_command(files: tuple[Path, ...], stream: int, as_json: bool, junit: Path | None) -> int:
    """Loudness of each file: integrated, range, true peak, momentary and short-term maxima.

    By ITU-R BS.1770-5, EBU Tech 3341 and 3342. A dash (null in JSON) is no measurement: silence, or too short.
    Exit 3 for a file without sound, 4 for one that cannot be measured.
    """
    from mobius.report.media import loudness_json, loudness_text

    return _each("loudness", files, {"stream": stream}, loudness_text, loudness_json, as_json, junit)


@command.command("probe")
@FILES
@click.option("--deep", is_flag=True, help="Decode every frame and count those that are corrupt.")
@json_option
@JUNIT
def probe_command(files: tuple[Path, ...], deep: bool, as_json: bool, junit: Path | None) -> int:
    """What each file is: container, streams, packets that are really there, and whether it was cut off.

    Exit 3 for a file that is cut or has corrupt frames, 4 for one that cannot be read.
    """
    from mobius.report.media import probe_json, probe_text

    return _each("probe", files, {"deep": deep}, probe_text, probe_json, as_json, junit)


def _each(
    job: str,
    files: tuple[Path, ...],
    options: dict[str, Any],
    as_text: Callable[[str, dict[str, Any]], str],
    as_object: Callable[[str, dict[str, Any]], dict[str, Any]],
    as_json: bool,
    junit: Path | None,
) -> int:
    """Every file is measured, whatever happens to another; the worst of them is the exit code."""
    from mobius.adapters.media.child import ask
    from mobius.report.junit import junit as as_junit
    from mobius.report.media import why_bad

    results, code = [], 0
    for file in files:
        began = time.monotonic()
        try:
            told = ask(job, file, options)
            bad = why_bad(told)
            click.echo(json.dumps(as_object(str(file), told)) if as_json else as_text(str(file), told))
            outcome, message, advice, ended = (
                (Outcome.FAIL if bad else Outcome.PASS),
                bad,
                "",
                3 if bad else 0,
            )
        except MobiusError as problem:
            outcome, ended = WORST.get(problem.exit_code, Outcome.ERROR), problem.exit_code
            message, advice = problem.message, problem.hint
            _tell(file, problem, as_json)
        code = max(code, ended)
        took_ms = 1000 * (time.monotonic() - began)
        results.append(CheckResult(str(file), outcome, message or "measured", took_ms, advice))
    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_text(as_junit(f"media {job}", results, at=time.time()), encoding="utf-8")
    return code


def _tell(file: Path, problem: MobiusError, as_json: bool) -> None:
    if as_json:
        told = {"schema_version": 1, "file": str(file), "error": problem.message, "hint": problem.hint}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo(f"{problem.message}\n  {problem.hint}", err=True)


command.add_command(media_golden.command)
command.add_command(media_check.command)
