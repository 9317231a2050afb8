"""The risk of a candidate's migrations and configuration, one reason a line, and its ways back as far as known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from mobius.model.linting import Impact
from mobius.model.migrating import KnownWay, MigrationLook, Reason, Weighed
from mobius.model.plan import Way
from mobius.rules.known_facts import BREAKS_OLD, LOSES, first_that

NOT_REHEARSED = "not rehearsed"
OPEN, CLOSED, NOT_PROVEN = "open", "closed", "not proven"


def weigh(look: MigrationLook) -> Weighed:
    """The worst of everything that was found; what could not be looked at is HIGH, for it is not known to be less."""
    reasons = tuple(sorted(_reasons(look), key=lambda reason: -reason.impact))
    impact = max((reason.impact for reason in reasons), default=Impact.LOW)
    return Weighed(impact, reasons, ways_back(look))


def ways_back(look: MigrationLook) -> tuple[KnownWay, ...]:
    """Code alone, down, restore: by the rehearsal of these very migrations, or by what the texts tell. Empty where
    nothing is live: there is nothing to go back to."""
    if not look.live_id:
        return ()
    if look.rehearsal is not None and look.rehearsal.get("ways") and not look.rehearsal.get("not_tried"):
        restore_s = float(look.rehearsal.get("restore_s") or 0.0)
        return tuple(_rehearsed(way, restore_s) for way in look.rehearsal["ways"])
    if not look.pending and look.doubts:
        why = "it is not known what is pending"
        return (
            KnownWay(str(Way.CODE_ALONE), NOT_PROVEN, 0.0, "nothing; the migrated schema stays", why),
            _restore(look),
        )
    if not look.pending:
        return (
            KnownWay(str(Way.CODE_ALONE), OPEN, 0.0, "nothing", "no migration is pending"),
            _restore(look),
        )
    return (_code_alone(look), _down(look), _restore(look))


def _rehearsed(way: Mapping[str, Any], restore_s: float) -> KnownWay:
    why, is_restore = str(way.get("why") or ""), way.get("way") == str(Way.RESTORE)
    state = OPEN if way.get("is_open") else CLOSED if way.get("tried", True) else NOT_PROVEN
    return KnownWay(
        str(way.get("way") or ""),
        state,
        float(way.get("seconds") or (restore_s if is_restore else 0.0)),
        str(way.get("loses") or ""),
        why.removeprefix("not proven: "),
    )


def _code_alone(look: MigrationLook) -> KnownWay:
    why = f"{NOT_REHEARSED}: {look.live_id} was not started on the migrated copy"
    if (found := first_that(look.reports, BREAKS_OLD)) is not None:
        why = f"{NOT_REHEARSED}, and in doubt: {found[0]} line {found[1].line}: {found[1].message}"
    return KnownWay(str(Way.CODE_ALONE), NOT_PROVEN, 0.0, "nothing; the migrated schema stays", why)


def _down(look: MigrationLook) -> KnownWay:
    loses = "what is written into the new columns and tables"
    without = [migration.name for migration in look.pending if not migration.has_down]
    if without:
        return KnownWay(str(Way.DOWN), CLOSED, 0.0, loses, f"{', '.join(without)} has no way down")
    why = f"{NOT_REHEARSED}: every migration has a way down, and none was tried"
    if (found := first_that(look.reports, LOSES)) is not None:
        why = f"{NOT_REHEARSED}, and in doubt: {found[0]} line {found[1].line}: {found[1].message}"
    return KnownWay(str(Way.DOWN), NOT_PROVEN, 0.0, loses, why)


def _restore(look: MigrationLook) -> KnownWay:
    loses, point = "every write since the backup", look.restore
    if point is None:
        return KnownWay(
            str(Way.RESTORE), CLOSED, 0.0, loses, "there is no backup yet; the deployment makes one"
        )
    if not point.proven_at:
        return KnownWay(
            str(Way.RESTORE), NOT_PROVEN, 0.0, loses, f"{point.name} was not restored anywhere yet"
        )
    return KnownWay(str(Way.RESTORE), OPEN, point.seconds, loses)


def _reasons(look: MigrationLook) -> Iterator[Reason]:
    for doubt, hint in look.doubts:
        yield Reason(Impact.HIGH, "", f"not known: {doubt}", _said("try", hint.removeprefix("try: ")))
    if look.rehearsal is not None:
        yield from _of_the_rehearsal(look.rehearsal)
    for report in look.reports:
        for found in report.findings:
            yield Reason(
                found.severity,
                f"{report.file} line {found.line}",
                found.message,
                _said("instead", found.advice),
            )
    for migration in look.pending:
        if migration.sql is None and look.rehearsal is None:
            said = f"{migration.name} is run by its own program: what it does is seen in a rehearsal only"
            step = f"mobius migrate rehearse -e {look.environment} --tag {look.tag}"
            yield Reason(Impact.MEDIUM, migration.file, said, _said("try", step))
    for change in look.config:
        yield Reason(change.impact, change.file, change.reason, _said("undo", change.undo))


def _said(label: str, advice: str) -> str:
    return f"{label}: {advice}" if advice else ""


def _of_the_rehearsal(facts: Mapping[str, Any]) -> Iterator[Reason]:
    """What it felt like, and why it must not run."""
    if facts.get("not_tried"):
        yield Reason(Impact.HIGH, "", f"not known: the migrations could not be tried: {facts['not_tried']}")
    stops, advice = _texts(facts, "stops"), _texts(facts, "advice")
    for stop, step in zip_longest(stops, advice[: len(stops)], fillvalue=""):
        yield Reason(Impact.HIGH, "", f"rehearsed: {stop}", _said("try", step))
    for reason, weight in zip_longest(_texts(facts, "felt"), _texts(facts, "weights"), fillvalue=""):
        if reason and reason not in stops:
            known = weight if weight in Impact.__members__ else str(facts.get("impact") or "HIGH")
            yield Reason(Impact[known], "", f"rehearsed: {reason}")


def _texts(facts: Mapping[str, Any], name: str) -> list[str]:
    return [str(each) for each in facts.get(name) or ()]
