"""`mobius media check`: every gate of a film together: container, sound, and its golden where one is named."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from mobius.cli import gates
from mobius.cli.context import environment_option, json_option
from mobius.cli.media_golden import SYSTEMS, where
from mobius.cli.media_golden_check import weight
from mobius.errors import MobiusError
from mobius.model.quality import QualityGates, Reading
from mobius.model.verdict import CheckResult, Outcome, worst

PATH = click.Path(path_type=Path)
CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=PATH)
@where
@click.option("--deep", is_flag=True, help="Decode every frame and count those that are corrupt.")
@environment_option
@click.option("--junit", type=PATH, metavar="FILE", help="Also as JUnit, whatever happens.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[Path, ...],
    game: str,
    folder: Path | None,
    per_os: bool,
    deep: bool,
    environment: str | None,
    junit: Path | None,
    as_json: bool,
) -> int:
    """Hold films against the quality gates, and against their golden where --game or --golden names one.

    The figures are those of [quality_gates]. Exit 0 when every gate passed, 3 when one failed, 4 when one could not be
    measured; what is wrong with one file does not hide the others.
    """
    figures = gates.figures(ctx, environment, needs_service=False)
    results: list[CheckResult] = []
    codes = []
    for file in files:
        began = time.monotonic()
        try:
            readings = _readings(file, figures, deep=deep)
            if game or folder:
                readings += _against_golden(file, game, folder, per_os=per_os)
            codes.append(CODES.get(worst([one.outcome for one in readings]), 4))
        except MobiusError as problem:
            outcome = Outcome.FAIL if problem.exit_code == 3 else Outcome.ERROR
            readings = [Reading("film", outcome, None, "", problem.message, problem.hint)]
            codes.append(problem.exit_code)
        _tell(file, readings, as_json)
        took_ms = 1000 * (time.monotonic() - began) / len(readings)
        results += [
            CheckResult(r.name, r.outcome, r.message, took_ms, r.advice, group=str(file)) for r in readings
        ]
    if junit is not None:
        _write(junit, results)
    return min(codes, key=weight)


def _readings(file: Path, figures: QualityGates, *, deep: bool) -> list[Reading]:
    from mobius.adapters.media.child import ask
    from mobius.rules.media.film import whole_and_intact
    from mobius.rules.quality.audio import judge_audio
    from mobius.rules.quality.container import judge_container

    told: Mapping[str, Any] = ask("golden", file, {"act": "describe", "deep": deep})
    film = told["film"]
    found = list(judge_container(film["video"][0], figures.video)) if film["video"] else []
    found += whole_and_intact(told)
    return found + (list(judge_audio(told["loudness"], figures.audio)) if told["loudness"] else [])


def _against_golden(file: Path, game: str, folder: Path | None, *, per_os: bool) -> Sequence[Reading]:
    from mobius.adapters.media.child import ask
    from mobius.flows.media.golden import Wanted, check
    from mobius.flows.media.golden_folder import place_of

    system = SYSTEMS.get(platform.system(), "linux")
    place = place_of(game, folder, system, per_os=per_os)
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return check(ask, place, file, Wanted(system), at=at).readings


def _tell(file: Path, readings: Sequence[Reading], as_json: bool) -> None:
    from mobius.report.quality import reading_json, readings_text
    from mobius.report.words import printable

    if as_json:
        for reading in readings:
            click.echo(json.dumps({**reading_json(reading), "file": str(file)}, ensure_ascii=False))
    else:
        click.echo(f"{printable(str(file))}\n{readings_text(readings)}")


def _write(junit: Path, results: Sequence[CheckResult]) -> None:
    from mobius.report.junit import junit as as_junit

    junit.parent.mkdir(parents=True, exist_ok=True)
    junit.write_text(as_junit("media check", results, at=time.time()), encoding="utf-8")
