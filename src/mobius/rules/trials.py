"""From what was seen on the copy to the verdict: which way back is open after migrations, and what users feel of them.

*Code alone* is open when the previous release works on the migrated copy. *Down* is open when the way down ran and gave
back every row and the schema. *Restore* is always there while there is a backup, and loses what is written after it.
Nothing that was not tried counts as open: it is said to be not proven.
"""

from __future__ import annotations

from collections.abc import Iterator

from mobius.model.linting import Impact
from mobius.model.plan import Way
from mobius.model.trial import Booted, DownTrial, OpenWay, Rows, Trial, TrialStatement, TrialVerdict

FELT_S = 0.1  # a wait that a person feels; below it, no reason is given
LONG_S = 1.0  # a wait that fills queues and makes clients give up


TWO_RELEASES = "make the change in two releases, the first of which works with the old schema and the new"
HOLD = f"{TWO_RELEASES}; or set migrations.hold, and requests wait while code and data go back together"
FIT = (
    "the migration and the release do not fit each other: mend either; where the release needs what it cannot have"
    " there (another host, a cache), set rehearsal.boot = false"
)
NOT_MEANT = "mend the migration; where it is meant, say it in a statement of its own for that table"


def judge_trial(
    trial: Trial, *, old: Booted, new: Booted, hold_s: float = 0.0, start_s: float = 0.0
) -> TrialVerdict:
    """The verdict. `hold_s`: how long requests may be held while code and data go back together (migrations.hold);
    where code alone is not open, 0 stops the deployment. `start_s`: how long the previous release takes to answer on
    the schema it knows, which ends the ways back by data."""
    ways = (_code_alone(old), _down(trial, start_s), _restore(trial, start_s))
    first = next((way for way in ways if way.is_open), None)
    said = tuple(_reasons(trial, old, new))
    impact = max((impact for impact, _ in said), default=Impact.LOW)
    stops = tuple(_stops(trial, old, new, ways, hold_s))
    return TrialVerdict(
        first.way if first else None,
        ways,
        impact,
        tuple(reason for _, reason in said),
        tuple(why for why, _ in stops),
        tuple(advice for _, advice in stops),
        tuple(weight for weight, _ in said),
    )


def _code_alone(old: Booted) -> OpenWay:
    if not old.tried:
        return OpenWay(Way.CODE_ALONE, False, 0.0, "nothing", f"not proven: {old.why}", tried=False)
    if not old.works:
        return OpenWay(Way.CODE_ALONE, False, 0.0, "nothing", _fails("previous", old))
    return OpenWay(Way.CODE_ALONE, True, old.seconds, "nothing; the migrated schema stays")


def _failed(statement: TrialStatement) -> str:
    """A reason and why the deployment ends, in the same words: who tells both tells it once."""
    return f"the migration fails on the copy: {statement.error}"


def _fails(which: str, booted: Booted) -> str:
    return f"the {which} release fails on the migrated copy: {_why(booted)}"


def _why(booted: Booted) -> str:
    """With the query that broke, where it is known."""
    if not booted.broken:
        return booted.why
    first = booted.broken[0]
    return f"{booted.why} ({first.query}: {first.error})" if first.query else f"{booted.why} ({first.error})"


def _down(trial: Trial, start_s: float) -> OpenWay:
    down, seconds = trial.down, trial.down.seconds + start_s
    loses = "what is written into the new columns and tables"
    if trial.not_tried:
        return OpenWay(Way.DOWN, False, 0.0, loses, f"not proven: {trial.not_tried}", tried=False)
    if not down.there:
        return OpenWay(Way.DOWN, False, 0.0, loses, "not every migration has a way down")
    if down.error:
        return OpenWay(Way.DOWN, False, seconds, loses, f"the way down fails: {down.error}")
    if lost := _lost_by(down):
        return OpenWay(Way.DOWN, False, seconds, lost, f"the way down loses data: {lost}")
    if down.schema_differs:
        why = f"the way down leaves another schema: {down.schema_differs}"
        return OpenWay(Way.DOWN, False, seconds, loses, why)
    return OpenWay(Way.DOWN, True, seconds, loses)


def _lost_by(down: DownTrial) -> str:
    """What came and stays, such as what a tool notes of the tables it knows, is no loss."""
    return "; ".join(_difference(rows) for rows in down.rows if rows.is_changed and not rows.only_more)


def _restore(trial: Trial, start_s: float) -> OpenWay:
    loses = "every write since the backup; the emergency backup keeps them"
    return OpenWay(Way.RESTORE, True, trial.restore_s + start_s, loses)


def _difference(rows: Rows) -> str:
    if rows.after < 0:
        return f"{rows.table} is gone, with {_rows(rows.before)}"
    if rows.after < rows.before:
        gone = rows.before - rows.after
        return f"{_rows(gone)} of {rows.table} {'is' if gone == 1 else 'are'} gone"
    if rows.after > rows.before:
        return f"{rows.table} has {_rows(rows.after - rows.before)} more"
    return f"{rows.table} has as many rows, and other values in them"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _reasons(trial: Trial, old: Booted, new: Booted) -> Iterator[tuple[Impact, str]]:
    """One reason a line, each with its weight."""
    if trial.not_tried:
        yield Impact.MEDIUM, f"not proven: {trial.not_tried}"
    for statement in trial.statements:
        yield from _of_statement(statement)
    if trial.queue_blocked_s is not None and trial.queue_blocked_s >= FELT_S:
        yield _behind_an_open_query(trial.queue_blocked_s, trial.gives_way)
    for rows in trial.rows:
        if rows.is_changed and not rows.touched:
            yield Impact.HIGH, f"{_difference(rows)}, though no statement names it"
        elif rows.after < 0 or rows.after < rows.before:
            yield Impact.HIGH, _difference(rows)
    for check in trial.broken_checks:
        yield Impact.HIGH, check
    if old.tried and not old.works:
        yield Impact.HIGH, _fails("previous", old)
    if new.tried and not new.works:
        yield Impact.HIGH, _fails("new", new)
    for warning in trial.warnings:
        yield Impact.LOW, warning


def _behind_an_open_query(waits_s: float, gives_way: bool) -> tuple[Impact, str]:
    """A live migration has a lock_timeout and is tried again: readers are held up, and let by."""
    is_long = waits_s >= LONG_S
    if gives_way:
        words = f"behind an open query, readers wait {waits_s:.3g} s at most: then it gives way, and is tried again"
        return (
            (Impact.MEDIUM, f"{words} (shorter: migrations.lock_timeout)") if is_long else (Impact.LOW, words)
        )
    words = f"behind an open query, readers wait {waits_s:.2f} s and more: its own lock_timeout is longer, or none"
    return Impact.HIGH if is_long else Impact.MEDIUM, words


def _of_statement(statement: TrialStatement) -> Iterator[tuple[Impact, str]]:
    shown = statement.text if len(statement.text) <= 60 else statement.text[:59] + "…"
    if statement.error:
        yield Impact.HIGH, _failed(statement)
        return
    for who, waited_s, long in (
        ("read", statement.read_blocked_s, Impact.HIGH),
        ("write", statement.write_blocked_s, Impact.HIGH),
    ):
        if waited_s >= FELT_S:
            yield (
                long if waited_s >= LONG_S else Impact.MEDIUM,
                f"{shown}: nobody can {who} for {waited_s:.2f} s",
            )
    for relation in statement.rewrites:
        yield (
            Impact.MEDIUM,
            f"{shown}: writes all of {relation} anew ({statement.wal_bytes / 1e6:.0f} MB of log)",
        )


def _stops(
    trial: Trial, old: Booted, new: Booted, ways: tuple[OpenWay, ...], hold_s: float
) -> Iterator[tuple[str, str]]:
    """Why the deployment ends here (exit 3), and the next step."""
    failed = next((each for each in trial.statements if each.error), None)
    if failed is not None:
        told = f"mend {failed.migration}, or the rows that it stumbles over: nothing live was changed"
        yield _failed(failed), told
        return  # what it left is no schema that anybody meant
    for check in trial.broken_checks:
        yield check, "mend the migration: the data would be left inconsistent"
    for rows in trial.rows:
        # A trigger may write more of its own.
        if rows.is_changed and not rows.touched and rows.after <= rows.before:
            yield f"{_difference(rows)}, though no statement names it", NOT_MEANT
    if new.tried and not new.works:
        told = FIT
        yield _fails("new", new), told
    if old.tried and not old.works and hold_s <= 0:
        yield ways[0].why, HOLD
