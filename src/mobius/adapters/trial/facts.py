"""What a trial of migrations says, as the facts of a rehearsal: for the event, the report and who judges on."""

from __future__ import annotations

from typing import Any

from mobius.model.linting import Known
from mobius.model.trial import Booted, OpenWay, Rows, Trial, TrialStatement, TrialVerdict
from mobius.model.trial_facts import BootFacts, RowsFacts, StatementFacts, TrialFacts, WayFacts

MOST_STATEMENTS = 20  # the slowest, in the order in which they ran: a migration may have thousands
MOST_ROWS = 200
MOST_LINES = 20
LONGEST_DIFFERENCE = 20_000  # characters


def trial_facts(trial: Trial, verdict: TrialVerdict, *, old: Booted, new: Booted, fast: bool) -> TrialFacts:
    """See `TrialFacts`. `old`: the backed-up release on the migrated copy; `new`: the candidate."""
    slowest = {
        id(each) for each in sorted(trial.statements, key=lambda each: -each.seconds)[:MOST_STATEMENTS]
    }
    told = [rows for rows in trial.rows if rows.touched or rows.is_changed]
    return {
        "migrations": list(trial.migrations),
        "database": trial.database,
        "version": trial.version,
        "opaque": trial.opaque,
        "fast": fast,
        "migrate_s": round(trial.seconds, 3),
        "impact": verdict.impact.name,
        "felt": list(verdict.reasons),
        "weights": [weight.name for weight in verdict.weights],
        "stops": list(verdict.stops),
        "advice": list(verdict.advice),
        "way": str(verdict.way or ""),
        "ways": [_way(way) for way in verdict.ways],
        "down": _down(verdict.ways[1]) if trial.down.there else "",
        "old": _boot(old),
        "new": _boot(new),
        "statements": [_statement(each) for each in trial.statements if id(each) in slowest],
        "rows": [_rows(each) for each in told[:MOST_ROWS]],
        "schema_diff": trial.schema_diff[:LONGEST_DIFFERENCE],
        "queue_blocked_s": trial.queue_blocked_s,
        "gives_way": trial.gives_way,
        "broken_checks": list(trial.broken_checks),
        "warnings": list(trial.warnings),
        "not_tried": trial.not_tried,
        "known": _known(trial.known, {rows.table.rpartition(".")[2].lower() for rows in told}),
    }


def _way(way: OpenWay) -> WayFacts:
    return {
        "way": str(way.way),
        "is_open": way.is_open,
        "tried": way.tried,
        "seconds": round(way.seconds, 3),
        "loses": way.loses,
        "why": way.why,
    }


def _down(way: OpenWay) -> str:
    return f"gives everything back, in {way.seconds:.1f} s" if way.is_open else way.why


def _boot(booted: Booted) -> BootFacts:
    return {
        "tried": booted.tried,
        "works": booted.works,
        "why": booted.why,
        "seconds": round(booted.seconds, 3),
        "failed": list(booted.failed),
        "query": booted.query,
        "broken": [{"query": each.query, "error": each.error} for each in booted.broken],
        "log": list(booted.log[-MOST_LINES:]),
    }


def _statement(ran: TrialStatement) -> StatementFacts:
    return {
        "migration": ran.migration,
        "text": ran.text,
        "seconds": round(ran.seconds, 4),
        "locks": [[lock.relation, lock.mode] for lock in ran.locks],
        "rewrites": list(ran.rewrites),
        "wal_bytes": ran.wal_bytes,
        "read_blocked_s": round(ran.read_blocked_s, 4),
        "write_blocked_s": round(ran.write_blocked_s, 4),
        "error": ran.error,
    }


def _rows(rows: Rows) -> RowsFacts:
    return {
        "table": rows.table,
        "before": rows.before,
        "after": rows.after,
        "touched": rows.touched,
        "is_changed": rows.is_changed,
    }


def _known(known: Known, tables: set[str]) -> dict[str, Any]:
    """For the linter, which is asked about these tables alone."""
    return {
        "small": sorted(known.small & tables),
        "columns": {table: columns for table, columns in known.columns.items() if table in tables},
        **{
            name: sorted([table, other] for table, other in getattr(known, name) if table in tables)
            for name in ("not_null_checks", "indexed", "primary_keys")
        },
    }
