"""`mobius media golden check`: one film or all, and a JUnit file whatever happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.media_here import Reports
from mobius.errors import GateUnknown, MobiusError
from mobius.model.quality import Reading
from mobius.model.verdict import CheckResult, Outcome

if TYPE_CHECKING:
    from mobius.flows.media.gate import Film
    from mobius.flows.media.golden import Checked
    from mobius.flows.media.golden_folder import Place
    from mobius.wiring.media import Films

CODES = {Outcome.PASS: 0, Outcome.FAIL: 3}


def weight(code: int) -> int:
    """A no weighs more than a wrong call, and that more than what could not be measured."""
    order = [3, 2, 4, 0]
    return order.index(code) if code in order else 1


@dataclass(slots=True)
class GoldenCheck:
    """Holds each film against its golden; what goes wrong with one does not hide the others."""

    here: Films
    options: dict[str, Any]
    reports: Reports
    archive: bool
    as_json: bool
    results: list[CheckResult] = field(default_factory=list)
    judged: list[Film] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    suite: str = "golden"

    def run(self) -> int:
        """Returns the worst code."""
        try:
            self._set_limits()
            codes = [self._one(place, film) for place, film in self._pairs()]
            self._page()
            return min(codes, key=weight)
        except MobiusError as problem:
            if self.options["game"] and self.suite == "golden":
                self.suite = f"golden:{self.options['game']}"
            self.results.append(_case(problem, self.options["game"]))
            raise
        finally:
            if self.suite != "goldens":
                self.results = [replace(one, group="") for one in self.results]
            self.reports = replace(self.reports, suite=self.suite)
            self.reports.write_junit(self.results, self.facts)

    def _set_limits(self) -> None:
        from mobius.rules.media.golden import times_of, tolerances_of

        options, how = self.options, self.here.how
        typed = {name: options[name] for name in ("ssim", "tile", "lufs", "true_peak")}
        wanted = replace(
            how.wanted,
            tolerances=tolerances_of(typed, how.wanted.tolerances),
            times=times_of(options["frames"]) if options["frames"] else None,
            variant=options["variant"] or "",
            across=options["across"],
        )
        self.here = replace(self.here, how=replace(how, wanted=wanted))

    def _pairs(self) -> Iterator[tuple[Place, Path | None]]:
        from mobius.flows.media.golden_folder import all_places, place_of

        options, home = self.options, self.here.how.home
        if options["game"] or options["folder"] or options["film"]:
            place = place_of(options["game"], options["folder"], home, per_os=options["per_os"])
            yield place, options["film"]
            return
        places = all_places(home)
        if not places:
            raise GateUnknown(
                f"no golden in {home.folder.as_posix()}: nothing was compared",
                "record one: mobius media golden record --game NAME --in FILE",
            )
        yield from ((place, None) for place in places)

    def _one(self, place: Place, film: Path | None) -> int:
        from mobius.flows.media.gate import Film
        from mobius.flows.media.golden import check
        from mobius.report.golden import results as cases
        from mobius.wiring.media import now

        own = f"golden:{place.game}" + (f":{place.system}" if place.system else "")
        self.suite = own if self.suite == "golden" else "goldens"
        try:
            checked = check(self.here.ask, place, film, self.here.how.wanted, at=now())
        except MobiusError as problem:
            self.results.append(_case(problem, place.game))
            reading = Reading("golden", _outcome(problem), None, "", problem.message, problem.hint)
            self.judged.append(Film(film or place.folder, (reading,), problem.exit_code))
            _tell_problem(place, problem, self.as_json)
            return problem.exit_code
        self.results += cases(checked.readings, place.game)
        variant, ffmpeg = checked.golden.variant, str(checked.told["ffmpeg"])
        self.facts |= {f"{place.game}.ssim_variant": variant, f"{place.game}.ffmpeg": ffmpeg}
        code = CODES.get(checked.outcome, 4)
        self.judged.append(Film(checked.film, checked.readings, code, place, told=checked.told))
        _tell(checked, self.as_json)
        return code

    def _page(self) -> None:
        from mobius.wiring.media_reports import film_shown, keep

        reports = replace(self.reports, suite=self.suite)
        reports.write_page(lambda: [film_shown(self.here, film) for film in self.judged])
        if self.archive:
            try:
                click.echo(f"kept: {keep(self.here, self.judged, suite=self.suite).as_posix()}", err=True)
            except OSError as problem:
                click.echo(f"warning: the report was not kept: {problem}", err=True)


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


def _outcome(problem: MobiusError) -> Outcome:
    return Outcome.FAIL if problem.exit_code == 3 else Outcome.ERROR


def _case(problem: MobiusError, game: str) -> CheckResult:
    return CheckResult("golden", _outcome(problem), str(problem), 0.0, problem.hint, group=game)
