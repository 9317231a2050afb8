"""What a trial of migrations says, as the facts of a rehearsal: for the event, the report and who judges on."""

from __future__ import annotations

from typing import Any

from mobius.model.trial import Booted, Trial
from mobius.rules.trials import judge_trial

NOT_BOOTED = "no release is started on the migrated copy yet"


def trial_facts(trial: Trial) -> dict[str, Any]:
    """`stops`: why a deployment must not go on; `felt`: what users would feel of it, one reason a line."""
    nobody = Booted(False, why=NOT_BOOTED)
    verdict = judge_trial(trial, old=nobody, new=nobody)
    return {
        "migrate_s": round(trial.seconds, 3),
        "impact": verdict.impact.name,
        "felt": list(verdict.reasons),
        "stops": list(verdict.stops),
        "down": _down(trial),
        "statements": [
            {
                "migration": each.migration,
                "text": each.text,
                "seconds": round(each.seconds, 4),
                "read_blocked_s": round(each.read_blocked_s, 4),
                "write_blocked_s": round(each.write_blocked_s, 4),
            }
            for each in trial.statements
        ],
    }


def _down(trial: Trial) -> str:
    """Whether the way down gave everything back; "" where there is none."""
    nobody = Booted(False, why=NOT_BOOTED)
    down = judge_trial(trial, old=nobody, new=nobody).ways[1]
    if not trial.down.there:
        return ""
    return f"gives everything back, in {down.seconds:.1f} s" if down.is_open else down.why
