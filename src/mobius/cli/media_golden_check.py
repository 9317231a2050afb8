"""`mobius media golden check`: one film or all, and a JUnit file whatever happens."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.cli.media_here import Reports
from mobius.cli.media_suite import Many, Suite
from mobius.errors import GateUnknown, Interrupted, MobiusError, UsageError
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


@dataclass(frozen=True, slots=True)
class Pair:
    """A golden and the film that is held against it (None: the one it was recorded of). `problem`: there is no such
    golden."""

    game: str
    place: Place | None
    film: Path | None = None
    problem: MobiusError | None = None

    def __str__(self) -> str:
        return self.game


@dataclass(frozen=True, slots=True)
class Judged:
    """What came out of a pair: the comparison, or why there is none."""

    pair: Pair
    film: Film
    checked: Checked | None = None
    problem: MobiusError | None = None


@dataclass(slots=True)
class GoldenCheck:
    """Holds each film against its golden; what goes wrong with one does not hide the others."""

    here: Films
    options: dict[str, Any]
    reports: Reports
    archive: bool
    as_json: bool
    many: Many = field(default_factory=Many)
    results: list[CheckResult] = field(default_factory=list)
    judged: list[Film] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    suite: str = "golden"

    def run(self) -> int:
        """Returns the worst code."""
        try:
            self._set_limits()
            pairs = self._pairs()
            if not pairs:
                return self._skipped()
            for pair in pairs:
                self._name_suite(pair)
            codes = [self._take(judged) for judged in self._judge_all(pairs)]
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

    def _pairs(self) -> list[Pair]:
        from mobius.flows.media.golden_folder import all_places, place_of

        options, home = self.options, self.here.how.home
        named = options["game"] or options["folder"] or options["film"]
        if manifest := options.get("manifest"):
            if named:
                raise UsageError("--manifest names the films", "leave out --game, --golden and --in")
            return self._of_manifest(manifest)
        if named:
            place = place_of(options["game"], options["folder"], home, per_os=options["per_os"])
            return [Pair(place.game, place, options["film"])]
        places = all_places(home)
        if not places and options.get("skip_without_films") and not self.here.how.media.latest:
            return []
        if not places:
            raise GateUnknown(
                f"no golden in {home.folder.as_posix()}: nothing was compared",
                "record one: mobius media golden record --game NAME --in FILE",
            )
        return [Pair(place.game, place) for place in places]

    def _skipped(self) -> int:
        """Nothing was compared, for there is nothing to compare: never shown as a pass."""
        folder = self.here.how.home.folder.as_posix()
        told = f"mobius.toml names no films (media.latest), and there is no golden in {folder}"
        if self.as_json:
            event = {"schema_version": 1, "event": "skipped", "message": told}
            click.echo(json.dumps(event, ensure_ascii=False))
        else:
            click.echo(f"SKIPPED: {told}: nothing was compared")
        return 0

    def _of_manifest(self, manifest: Path) -> list[Pair]:
        from mobius.flows.media.golden_folder import all_places, place_of
        from mobius.rules.media.manifest import films_of_manifest

        try:
            text = manifest.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            why = getattr(problem, "strerror", None) or "it is no text"
            raise UsageError(
                f"{manifest}: {why}", "name a list of games and files: --manifest FILE"
            ) from problem
        home, pairs = self.here.how.home, []
        for game, file in films_of_manifest(text, manifest.name).items():
            try:
                place = place_of(game, None, home, per_os=self.options["per_os"])
                pairs.append(Pair(place.game, place, Path(file)))
            except UsageError as missing:
                pairs.append(Pair(game, None, Path(file), missing))
        left = {place.game for place in all_places(home)} - {pair.game for pair in pairs}
        if left:
            click.echo(f"warning: not in {manifest}, and not compared: {', '.join(sorted(left))}", err=True)
        return pairs

    def _name_suite(self, pair: Pair) -> None:
        system = f":{pair.place.system}" if pair.place is not None and pair.place.system else ""
        self.suite = f"golden:{pair.game}{system}" if self.suite == "golden" else "goldens"

    def _judge_all(self, pairs: list[Pair]) -> list[Judged]:
        suite = Suite(self.here, self.many, _judge, lambda one: one.film, str, self._tell, self.as_json)
        try:
            return suite.run(pairs)
        except Interrupted as stopped:
            for number, pair in enumerate(pairs):
                self._take(suite.results.get(number) or _not_judged(pair, stopped))
            raise

    def _take(self, judged: Judged) -> int:
        from mobius.report.golden import results as cases

        game = judged.pair.game
        self.judged.append(judged.film)
        if checked := judged.checked:
            self.results += cases(checked.readings, game)
            variant, ffmpeg = checked.golden.variant, str(checked.told["ffmpeg"])
            self.facts |= {f"{game}.ssim_variant": variant, f"{game}.ffmpeg": ffmpeg}
        elif judged.problem:
            self.results.append(_case(judged.problem, game))
        return judged.film.code

    def _tell(self, judged: Judged) -> None:
        if judged.checked is not None:
            _tell(judged.checked, self.as_json)
        elif judged.problem is not None:
            _tell_problem(judged.pair.game, judged.problem, self.as_json)

    def _page(self) -> None:
        from mobius.wiring.media_reports import film_shown, keep

        reports = replace(self.reports, suite=self.suite)
        reports.write_page(lambda: [film_shown(self.here, film) for film in self.judged])
        if self.archive:
            try:
                click.echo(f"kept: {keep(self.here, self.judged, suite=self.suite).as_posix()}", err=True)
            except OSError as problem:
                click.echo(f"warning: the report was not kept: {problem}", err=True)


def _judge(here: Films, pair: Pair) -> Judged:
    from mobius.flows.media.gate import Film
    from mobius.flows.media.golden import check
    from mobius.wiring.media import now

    if pair.problem is not None or pair.place is None:
        return _not_judged(
            pair,
            pair.problem
            or GateUnknown(
                "there is no golden", "record one: mobius media golden record --game NAME --in FILE"
            ),
        )
    try:
        checked = check(here.ask, pair.place, pair.film, here.how.wanted, at=now())
    except MobiusError as problem:
        return _not_judged(pair, problem)
    code = CODES.get(checked.outcome, 4)
    film = Film(checked.film, checked.readings, code, pair.place, told=checked.told)
    return Judged(pair, film, checked)


def _not_judged(pair: Pair, problem: MobiusError) -> Judged:
    from mobius.flows.media.gate import not_judged

    file = pair.film or (pair.place.folder if pair.place else Path(pair.game))
    return Judged(pair, not_judged(file, problem, "golden"), problem=problem)


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


def _tell_problem(game: str, problem: MobiusError, as_json: bool) -> None:
    if as_json:
        facts = {"message": problem.message, "details": list(problem.details), "hint": problem.hint}
        told = {"schema_version": 1, "event": "error", "game": game, **facts}
        click.echo(json.dumps({**told, "exit_code": problem.exit_code}, ensure_ascii=False))
    click.echo(f"error: {problem}\n  {problem.hint}", err=True)


def _outcome(problem: MobiusError) -> Outcome:
    return Outcome.FAIL if problem.exit_code == 3 else Outcome.ERROR


def _case(problem: MobiusError, game: str) -> CheckResult:
    return CheckResult("golden", _outcome(problem), str(problem), 0.0, problem.hint, group=game)
