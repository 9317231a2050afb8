"""`mobius media`: measures sound and pictures of files; each is read in a process of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli import media_check, media_golden
from mobius.cli.context import environment_option, json_option
from mobius.cli.media_here import Reports, films, html_option, junit_option
from mobius.errors import MobiusError
from mobius.model.quality import Reading
from mobius.model.verdict import CheckResult, Outcome

if TYPE_CHECKING:
    from mobius.report.media_page import FilmShown
    from mobius.wiring.media import Films

FILES = click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
WORST = {3: Outcome.FAIL}
Told = Mapping[str, Any]


@click.group("media")
def command() -> None:
    """Measure sound and pictures. Needs: pip install 'mobius[media]'"""


@command.command("loudness")
@FILES
@click.option("--stream", type=click.IntRange(min=0), default=0, help="Which audio stream; the first is 0.")
@environment_option
@json_option
@junit_option
@html_option
@click.pass_context
def loudness_command(
    ctx: click.Context,
    files: tuple[Path, ...],
    stream: int,
    environment: str | None,
    as_json: bool,
    junit: Path | None,
    html: Path | None,
) -> int:
    """Loudness of each file: integrated, range, true peak, momentary and short-term maxima.

    By ITU-R BS.1770-5, EBU Tech 3341 and 3342. A dash (null in JSON) is no measurement: silence, or too short.
    Exit 3 for a file without sound, 4 for one that cannot be measured.
    """
    from mobius.report.media import loudness_json, loudness_text

    how = Measuring("loudness", {"stream": stream}, loudness_text, loudness_json)
    return _each(films(ctx, environment), how, files, Reports("media loudness", junit, html), as_json)


@command.command("probe")
@FILES
@click.option("--deep", is_flag=True, help="Decode every frame and count those that are corrupt.")
@environment_option
@json_option
@junit_option
@html_option
@click.pass_context
def probe_command(
    ctx: click.Context,
    files: tuple[Path, ...],
    deep: bool,
    environment: str | None,
    as_json: bool,
    junit: Path | None,
    html: Path | None,
) -> int:
    """What each file is: container, streams, packets that are really there, and whether it was cut off.

    Exit 3 for a file that is cut or has corrupt frames, 4 for one that cannot be read.
    """
    from mobius.report.media import probe_json, probe_text

    how = Measuring("probe", {"deep": deep}, probe_text, probe_json)
    return _each(films(ctx, environment), how, files, Reports("media probe", junit, html), as_json)


@dataclass(frozen=True, slots=True)
class Measuring:
    """One job, and how its answer is said."""

    job: str
    options: Mapping[str, Any]
    as_text: Callable[[str, Told], str]
    as_object: Callable[[str, Told], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out of one file; `told` is None where it could not be measured."""

    file: Path
    told: Told | None
    result: CheckResult
    code: int


def _each(here: Films, how: Measuring, files: tuple[Path, ...], reports: Reports, as_json: bool) -> int:
    """Every file is measured, whatever happens to another; the worst of them is the exit code."""
    found = [_one(here, how, file, as_json) for file in files]
    reports.write_junit([one.result for one in found])
    reports.write_page(lambda: [_shown(here, how.job, one) for one in found])
    return max(one.code for one in found)


def _one(here: Films, how: Measuring, file: Path, as_json: bool) -> Measured:
    from mobius.report.media import why_bad

    began = time.monotonic()
    told: Told | None = None
    try:
        told = here.ask(how.job, file, how.options)
        assert told is not None
        bad = why_bad(told)
        click.echo(json.dumps(how.as_object(str(file), told)) if as_json else how.as_text(str(file), told))
        outcome, message, advice = Outcome.FAIL if bad else Outcome.PASS, bad or "measured", ""
        code = 3 if bad else 0
    except MobiusError as problem:
        outcome, code = WORST.get(problem.exit_code, Outcome.ERROR), problem.exit_code
        message, advice = problem.message, problem.hint
        _tell(file, problem, as_json)
    took_ms = 1000 * (time.monotonic() - began)
    return Measured(file, told, CheckResult(str(file), outcome, message, took_ms, advice), code)


def _shown(here: Films, job: str, one: Measured) -> FilmShown:
    """For the page: what was measured, stills of a film, and the curve of a sound."""
    from mobius.report.media import film_facts, loudness_facts
    from mobius.report.media_page import FilmShown
    from mobius.wiring.media_reports import stills

    audio = here.how.gates.audio
    limits = (audio.lufs_target, audio.lufs_tolerance)
    result = one.result
    readings = [Reading(job, result.outcome, None, "", result.message, result.advice)]
    if one.told is None:
        return FilmShown(str(one.file), readings, next=result.advice)
    if job == "loudness":
        facts, curve = loudness_facts(one.told), one.told["curve"]
        return FilmShown(str(one.file), readings, facts, {"curve": curve}, limits=limits)
    shown = stills(here, one.file)
    return FilmShown(str(one.file), readings, film_facts({"film": one.told}), shown, limits=limits)


def _tell(file: Path, problem: MobiusError, as_json: bool) -> None:
    if as_json:
        told = {"schema_version": 1, "file": str(file), "error": problem.message, "hint": problem.hint}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo(f"{problem.message}\n  {problem.hint}", err=True)


command.add_command(media_golden.command)
command.add_command(media_check.command)
