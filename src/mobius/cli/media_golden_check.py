"""`mobius media golden check`: one film or all, and a JUnit file whatever happens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.errors import GateUnknown, MobiusError
from mobius.model.verdict import CheckResult, Outcome

if TYPE_CHECKING:
    from mobius.flows.media.golden import Checked, Wanted
    from mobius.flows.media.golden_folder import Place

CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}


def check_all(*, junit: Path | None, as_json: bool, system: str, at: str, **options: Any) -> int:
    """Holds each film against its golden; what goes wrong with one does not hide the others. Returns the worst code."""
    results: list[CheckResult] = []
    suite = "golden"
    facts: dict[str, str] = {}
    try:
        wanted = _wanted(system, options)
        codes = []
        for place, film in _pairs(system, options):
            suite = _suite(suite, place)
            codes.append(_one(place, film, wanted, results, facts, at, as_json))
        return min(codes, key=weight)
    except MobiusError as problem:
        suite = f"golden:{options['game']}" if options["game"] and suite == "golden" else suite
        results.append(_case("golden", problem, options["game"]))
        raise
    finally:
        if suite != "goldens":
            results = [replace(one, group="") for one in results]
        if junit is not None:
            _write(junit, suite, results, facts)


def weight(code: int) -> int:
    """A no weighs more than a wrong call, and that more than what could not be measured."""
    order = [3, 2, 4, 0]
    return order.index(code) if code in order else 1


def _wanted(system: str, options: dict[str, Any]) -> Wanted:
    from mobius.flows.media.golden import Wanted
    from mobius.rules.media.golden import times_of, tolerances_of

    typed = {name: options[name] for name in ("ssim", "tile", "lufs", "true_peak")}
    times = times_of(options["frames"]) if options["frames"] else None
    return Wanted(system, tolerances_of(typed), times, options["variant"] or "", options["across"])


def _pairs(system: str, options: dict[str, Any]) -> Iterator[tuple[Place, Path | None]]:
    from mobius.flows.media.golden_folder import HOME, all_places, place_of

    if options["game"] or options["folder"] or options["film"]:
        place = place_of(options["game"], options["folder"], system, per_os=options["per_os"])
        yield place, options["film"]
        return
    places = all_places(HOME, system)
    if not places:
        raise GateUnknown(
            f"no golden in {HOME.as_posix()}: nothing was compared",
            "record one: mobius media golden record --game NAME --in FILE",
        )
    yield from ((place, None) for place in places)


def _one(
    place: Place,
    film: Path | None,
    wanted: Wanted,
    results: list[CheckResult],
    facts: dict[str, str],
    at: str,
    as_json: bool,
) -> int:
    from mobius.adapters.media.child import ask
    from mobius.flows.media.golden import check
    from mobius.report.golden import results as cases

    try:
        checked = check(ask, place, film, wanted, at=at)
    except MobiusError as problem:
        results.append(_case("golden", problem, place.game))
        _tell_problem(place, problem, as_json)
        return problem.exit_code
    results += cases(checked.readings, place.game)
    facts |= {f"{place.game}.ssim_variant": checked.golden.variant, f"{place.game}.ffmpeg": checked.ffmpeg}
    _tell(checked, as_json)
    return CODES.get(checked.outcome, 4)


def _tell(checked: Checked, as_json: bool) -> None:
    from mobius.report.quality import reading_json, readings_text

    place = checked.place
    if as_json:
        for reading in checked.readings:
            told = {**reading_json(reading), "game": place.game, "os": place.system}
            click.echo(json.dumps(told, ensure_ascii=False))
        return
    only = f", of {place.system} only" if place.system else ""
    click.echo(f"golden {place.game} in {place.folder.as_posix()}{only}")
    click.echo(readings_text(checked.readings))
    if checked.outcome is not Outcome.PASS and place.debug.is_dir():
        click.echo(f"pictures: {place.debug.as_posix()}")


def _tell_problem(place: Place, problem: MobiusError, as_json: bool) -> None:
    if as_json:
        facts = {"message": problem.message, "details": list(problem.details), "hint": problem.hint}
        told = {"schema_version": 1, "event": "error", "game": place.game, **facts}
        click.echo(json.dumps({**told, "exit_code": problem.exit_code}, ensure_ascii=False))
    click.echo(f"error: {problem}\n  {problem.hint}", err=True)


def _case(name: str, problem: MobiusError, game: str) -> CheckResult:
    outcome = Outcome.FAIL if problem.exit_code == 3 else Outcome.ERROR
    return CheckResult(name, outcome, str(problem), 0.0, problem.hint, group=game)


def _suite(suite: str, place: Place) -> str:
    """`golden:GAME[:OS]` for one, as the scripts before named it; `goldens` for several."""
    own = f"golden:{place.game}" + (f":{place.system}" if place.system else "")
    return own if suite == "golden" else "goldens"


def _write(junit: Path, suite: str, results: list[CheckResult], facts: dict[str, str]) -> None:
    from mobius.report.junit import junit as as_junit

    junit.parent.mkdir(parents=True, exist_ok=True)
    junit.write_text(as_junit(suite, results, at=time.time(), properties=facts), encoding="utf-8")
