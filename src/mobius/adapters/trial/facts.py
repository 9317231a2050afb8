"""What a trial of migrations says, as the facts of a rehearsal: for the event, the report and who judges on."""

from __future__ import annotations

from typing import Any

from mobius.model.trial import Booted, OpenWay, Trial
from mobius.rules.trials import judge_trial

NOT_BOOTED = "no release is started on the migrated copy yet"
MOST_STATEMENTS = 20  # the slowest: a migration may have thousands


def trial_facts(trial: Trial) -> dict[str, Any]:
    """`stops`: why a deployment must not go on; `felt`: what users would feel of it, one reason a line; `down`: whether
    the way down gave everything back, "" where there is none."""
    nobody = Booted(False, why=NOT_BOOTED)
    verdict = judge_trial(trial, old=nobody, new=nobody)
    slowest = sorted(trial.statements, key=lambda each: each.seconds, reverse=True)[:MOST_STATEMENTS]
    return {
        "migrate_s": round(trial.seconds, 3),
        "impact": verdict.impact.name,
        "felt": list(verdict.reasons),
        "stops": list(verdict.stops),
        "down": _down(verdict.ways[1]) if trial.down.there else "",
        "statements": [
            {
                "migration": each.migration,
                "text": each.text,
                "seconds": round(each.seconds, 4),
                "read_blocked_s": round(each.read_blocked_s, 4),
                "write_blocked_s": round(each.write_blocked_s, 4),
            }
            for each in slowest
        ],
    }


def _down(way: OpenWay) -> str:
    return f"gives everything back, in {way.seconds:.1f} s" if way.is_open else way.why
