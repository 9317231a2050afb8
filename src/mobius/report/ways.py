"""The words for a way back: what it loses, and whether it was proven."""

from __future__ import annotations

from mobius.model.plan import Plan, Way
from mobius.model.proven import Fit, Proven
from mobius.model.trial import OpenWay
from mobius.report.words import duration

NAMED = 3  # so many migrations are named in one line


def losing(loses: str) -> str:
    """ "nothing lost", "nothing lost; the migrated schema stays", "loses every write since the backup" """
    if not loses or loses.startswith("nothing"):
        return "nothing lost" + loses.removeprefix("nothing")
    return f"loses {loses}"


def is_proven(proven: str) -> bool:
    """Whether these words say that the way back was rehearsed."""
    return bool(proven) and not proven.startswith("not ")


def way_words(way: OpenWay) -> str:
    """ "down, 9 s, loses what is written into the new columns", "code alone: not open: …" """
    if not way.is_open:
        return f"{way.way}: {way.why if way.why.startswith('not proven') else f'not open: {way.why}'}"
    took = f", {duration(way.seconds)}" if way.seconds else ""
    return f"{way.way}{took}, {losing(way.loses)}"


def moved_words(fit: Fit, tag: str) -> str:
    """ "the schema has moved on since (8_rename, …); v2 was seen to fail on it (run 8): no such column: x" """
    names = ", ".join([*fit.moved[:NAMED], *["…"][: len(fit.moved) > NAMED]])
    told = f"the schema has moved on since ({names})"
    return f"{told}; {tag} was seen to fail on it (run {fit.run_id}): {fit.why}" if fit.fails else told


def choices_between(plan: Plan, proven: Proven, backup: str, *, is_live: bool = True) -> list[str]:
    """The ways back that only a person may choose, each with what was proven of it and its command. `is_live`: whether
    the new release is, so that code alone leads to the one before it."""
    command = f"mobius rollback -e {plan.environment}"
    code, restore = proven.of(Way.CODE_ALONE), proven.of(Way.RESTORE)
    told = f" ({way_words(restore)})" if restore else ""
    choices = [f"go back with the data of a backup{told}: {command} --backup {backup or 'FILE'}"]
    if code is not None and is_live:
        choices.append(f"go back with {way_words(code)}: {command} --emergency")
    return choices
