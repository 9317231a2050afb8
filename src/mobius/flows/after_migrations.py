"""What a person must know before going back to a release after migrations: which way is open, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.flows.schema_moves import fit_of, made_for, rollback_with_data, rollback_with_its_backup
from mobius.flows.standing import Standing
from mobius.flows.way_back import proven_of, run_that_made_live
from mobius.model.plan import Way
from mobius.model.proven import NOTHING_PROVEN, Fit, Proven
from mobius.model.release import Release
from mobius.model.run import Run
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports
from mobius.report.ways import moved_words, way_words
from mobius.rules.choosing import AFTER, unasked
from mobius.rules.holding import hold_check


@dataclass(frozen=True, slots=True)
class AfterMigrations:
    """`down`: the migrations to take back on the way; `unproven`: what nobody has seen, so that a person is asked."""

    proven: Proven = NOTHING_PROVEN
    down: tuple[str, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    unproven: str = ""


NO_MIGRATIONS = AfterMigrations()


def after_migrations(target: Release, now: Standing, ports: Ports, *, emergency: bool) -> AfterMigrations:
    """What was proven of the ways back from the live release to this one, and what to know before saying yes."""
    fit = fit_of(target.id, ports)
    made = made_for(target.id, run_that_made_live(now, ports), fit)
    proven = proven_of(made, ports) if made is not None else NOTHING_PROVEN
    if made is not None and proven.ways:
        return _by_its_rehearsal(made, proven, fit, target, ports, emergency)
    if fit.is_open:
        return NO_MIGRATIONS
    told = moved_words(fit, target.tag)
    if fit.fails and not emergency:
        although = _although(target, now, ports)
        advice = f"{rollback_with_data(target, ports)}; or, although it is not open: {although}"
        return AfterMigrations(checks=(_ways_back(Outcome.FAIL, f"code alone: not open: {told}", advice),))
    checks = (_ways_back(Outcome.PASS, f"code alone: not proven: {told}"),)
    return AfterMigrations(checks=checks, unproven="" if emergency else told)


def _by_its_rehearsal(
    made: Run, proven: Proven, fit: Fit, target: Release, ports: Ports, emergency: bool
) -> AfterMigrations:
    told = "; ".join(way_words(way) for way in proven.ways)
    way = unasked(made.plan, AFTER, proven)
    if emergency or (way is not None and way.way is Way.CODE_ALONE):
        unproven = "" if emergency or fit.is_open else moved_words(fit, target.tag)
        return AfterMigrations(proven, (), (_ways_back(Outcome.PASS, told),), unproven)
    if way is not None and way.way is Way.DOWN:
        names = tuple(made.plan.facts.get("pending_migrations") or ())
        checks = (_ways_back(Outcome.PASS, told), hold_check(ports.settings, 0.0))
        return AfterMigrations(proven, names, checks)
    although = f"mobius rollback -e {ports.settings.name} --emergency"
    advice = f"{rollback_with_its_backup(made, ports)}; or, although it is not open: {although}"
    return AfterMigrations(proven, (), (_ways_back(Outcome.FAIL, told, advice),))


def _ways_back(outcome: Outcome, told: str, advice: str = "") -> CheckResult:
    return CheckResult("ways back", outcome, told, 0.0, advice)


def _although(target: Release, now: Standing, ports: Ports) -> str:
    named = "" if now.previous is not None and now.previous.id == target.id else f" --to {target.id}"
    return f"mobius rollback -e {ports.settings.name}{named} --emergency"
