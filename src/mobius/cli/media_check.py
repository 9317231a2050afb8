"""`mobius media check`: every gate of a film together: container, sound, and its golden where one is named."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.context import environment_option, json_option, next_step
from mobius.cli.media_golden_check import weight
from mobius.cli.media_here import PATH, Reports, films, reported
from mobius.cli.media_options import where
from mobius.cli.media_suite import Many, Suite, many_of, many_options
from mobius.errors import GateUnknown, Interrupted, MobiusError, UsageError
from mobius.model.quality import Reading

if TYPE_CHECKING:
    from mobius.flows.media.gate import Film
    from mobius.wiring.media import Films

SUITE = "media check"


@click.command("check")
@click.argument("files", nargs=-1, metavar="[FILE|DIR|GLOB…]", type=PATH)
@where
@click.option("--deep", is_flag=True, help="Decode every frame and count those that are corrupt.")
@environment_option
@many_options
@reported
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    files: tuple[Path, ...],
    game: str,
    folder: Path | None,
    per_os: bool,
    deep: bool,
    environment: str | None,
    junit: Path | None,
    html: Path | None,
    archive: bool,
    as_json: bool,
    **typed: Any,
) -> int:
    """Hold films against the quality gates, and against their golden where --game or --golden names one.

    Of a folder every film, several at a time; what was measured before is known. Without a file: the newest films that
    media.latest finds, each against its golden; that is kept in logs/quality. The figures are those of [media] and
    [quality_gates]. Exit 0 when every gate passed, 3 when one failed, 4 when one could not be measured; what is wrong
    with one file does not hide the others.
    """
    here, reports = films(ctx, environment), Reports(SUITE, junit, html)
    if deep:
        here = replace(here, how=replace(here.how, wanted=replace(here.how.wanted, deep=True)))
    try:
        judged = (
            _named(here, files, (game, folder, per_os), many_of(typed), reports, as_json=as_json)
            if files
            else _newest(here, game or folder, as_json)
        )
    except (UsageError, GateUnknown) as problem:
        from mobius.model.verdict import CheckResult, Outcome

        reports.write_junit([CheckResult("film", Outcome.ERROR, problem.message, 0.0, problem.hint)])
        raise
    _report(here, judged, reports, archive=archive or not files)
    return min((film.code for film in judged), key=weight)


def _named(
    here: Films,
    named: Sequence[Path],
    golden: tuple[str, Path | None, bool],
    many: Many,
    reports: Reports,
    *,
    as_json: bool,
) -> list[Film]:
    from mobius.flows.media.collecting import films_meant
    from mobius.flows.media.gate import judge_film, not_judged
    from mobius.flows.media.golden_folder import place_of
    from mobius.flows.media.suite import leave_first
    from mobius.wiring.media import now

    items = films_meant(named)
    game, folder, per_os = golden
    place, missing = None, None
    if game or folder:
        try:
            place = place_of(game, folder, here.how.home, per_os=per_os)
        except UsageError as problem:
            missing = problem
    is_shared = place is not None and len(items) > 1
    how = here.how if not is_shared else replace(here.how, wanted=replace(here.how.wanted, leaves=False))

    def judge(films: Films, item: tuple[Path, MobiusError | None]) -> Film:
        file, none = item
        if problem := missing or none:
            return not_judged(file, problem, "golden" if missing else "film")
        return judge_film(films.ask, file, how, place, at=now())

    def tell(film: Film) -> None:
        _tell(film, as_json)

    suite = Suite(
        replace(here, how=how), many, judge, lambda film: film, lambda item: str(item[0]), tell, as_json
    )
    try:
        judged = suite.run(items)
    except Interrupted as stopped:
        _report_stopped([item[0] for item in items], suite.results, stopped, reports)
        raise
    if is_shared and place is not None:
        leave_first(here.ask, judged, place, here.how.wanted, at=now())
    return judged


def _report_stopped(
    files: Sequence[Path], done: Mapping[int, Film], stopped: Interrupted, reports: Reports
) -> None:
    """JUnit of what was done; what was not is an error in it."""
    from mobius.flows.media.gate import as_results, not_judged

    films = [done.get(number) or not_judged(file, stopped) for number, file in enumerate(files)]
    reports.write_junit([result for film in films for result in as_results(film, film.file.as_posix())])


def _newest(here: Films, named: object, as_json: bool) -> list[Film]:
    from mobius.flows.media.gate import judge_subject, subjects
    from mobius.wiring.media import now

    kinds = subjects(here.how)
    if not kinds or named:
        raise UsageError(
            "check which film?", 'name it, or say in mobius.toml where they are: [media] latest = "out/*.mp4"'
        )
    judged, none = [], []
    for subject in kinds:
        file = here.newest(subject.pattern, time.sleep)
        if file is None:
            none.append(subject.pattern)
            continue
        judged.append(judge_subject(here.ask, subject, file, here.how, at=now()))
        _tell(judged[-1], as_json)
    if none:
        problem = GateUnknown(
            f"no film {', '.join(none)} that is done: nothing was judged",
            "let the service make one, or mend media.latest; one that still grows is not judged",
        )
        if not judged:
            raise problem
        click.echo(f"error: {problem.message}\n  {problem.hint}", err=True)
        judged.append(_not_there(problem))
    return judged


def _not_there(problem: GateUnknown) -> Film:
    from mobius.flows.media.gate import Film
    from mobius.model.verdict import Outcome

    reading = Reading("film", Outcome.INCONCLUSIVE, None, "", problem.message, problem.hint)
    return Film(Path("media.latest"), (reading,), problem.exit_code)


def _report(here: Films, judged: Sequence[Film], reports: Reports, *, archive: bool) -> None:
    from mobius.flows.media.gate import as_results
    from mobius.wiring.media_reports import film_shown, keep, what_next

    results = [result for film in judged for result in as_results(film, film.file.as_posix())]
    reports.write_junit(results)
    reports.write_page(lambda: [film_shown(here, film) for film in judged])
    if archive:
        try:
            click.echo(f"kept: {keep(here, judged, suite=SUITE).as_posix()}", err=True)
        except OSError as problem:
            click.echo(f"warning: the report was not kept: {problem}", err=True)
    if words := next((what_next(film) for film in judged if what_next(film)), ""):
        next_step(f"next: {words}")


def _tell(film: Film, as_json: bool) -> None:
    from mobius.report.quality import reading_json, readings_text
    from mobius.report.words import printable

    if as_json:
        for reading in film.readings:
            click.echo(json.dumps({**reading_json(reading), "file": str(film.file)}, ensure_ascii=False))
    else:
        click.echo(f"{printable(str(film.file))}\n{readings_text(film.readings)}")
