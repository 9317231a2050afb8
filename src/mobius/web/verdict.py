"""The verdict about a release for another machine that asks for it: an outcome, one sentence, and how long is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mobius.errors import GateUnknown
from mobius.model.run import Run, RunState
from mobius.model.verdict import Outcome, Verdict
from mobius.report.words import iso

VERDICT_SCHEMA = 1
Json = dict[str, Any]

# How an ended run answers "is this release good?". A doubt is never a yes.
ENDED_AS: Mapping[RunState, Outcome] = {
    RunState.ACCEPTED: Outcome.PASS,
    RunState.ROLLED_BACK: Outcome.FAIL,
    RunState.REFUSED: Outcome.FAIL,
    RunState.ABORTED: Outcome.FAIL,
    RunState.FAILED: Outcome.FAIL,
    RunState.SUPERSEDED: Outcome.INCONCLUSIVE,
    RunState.INCONCLUSIVE: Outcome.INCONCLUSIVE,
}
WENT_BACK = (RunState.ROLLED_BACK, RunState.ABORTED)
CAME_TO_NOTHING = (RunState.REFUSED, RunState.ABORTED)  # of a rollback: what was live still is


@dataclass(frozen=True, slots=True)
class Evidence:
    """How much speaks against the release in one signal, and how much decides."""

    signal: str
    value: float
    threshold: float


@dataclass(frozen=True, slots=True)
class WindowNow:
    """An open window, judged as whoever keeps it judges. `issues`: so many were reported by users. `disarmed_until`
    (unix seconds): until then no verdict acts; 0 where it does."""

    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    issues: int = 0
    disarmed_until: float = 0.0

    @property
    def loudest(self) -> Evidence | None:
        """The signal nearest to its threshold."""
        return max(self.evidence, key=lambda one: one.value / one.threshold, default=None)


def run_shown(runs: Sequence[Run]) -> Run | None:
    """Of these, newest first: the one that goes on, or the last that had a window."""
    return next((run for run in runs if not run.ended or run.window_opened_at), None)


def run_asked_for(runs: Sequence[Run], release: str = "") -> Run | None:
    """Of these, newest first, the one that answers whether a release is good: the last that brought or watched it. With
    no `release` (an id or a tag) it is what was brought last, also where that was taken back since: the health of what
    came back says nothing for it."""
    for at, run in enumerate(runs):
        is_named = (
            release in (run.plan.release_id, run.plan.tag) if release else not comes_back(run, runs[at + 1 :])
        )
        if run.kind != "rollback" and is_named:
            return run
    return None


def comes_back(run: Run, older: Sequence[Run]) -> bool:
    """Whether a run watches what the run before it returned to."""
    before = next((one for one in older if one.kind != "monitor"), None)
    if run.kind != "monitor" or before is None:
        return False
    if before.kind == "rollback":
        return before.plan.release_id == run.plan.release_id
    return before.state in WENT_BACK and before.plan.previous_id == run.plan.release_id


def taken_back_by(run: Run, runs: Sequence[Run]) -> Run | None:
    """The newer rollback, by a person's hand, that took away what this run brought."""
    newer = (
        one for one in runs if one.id > run.id and one.kind == "rollback" and one.state not in CAME_TO_NOTHING
    )
    return next((one for one in newer if one.plan.previous_id == run.plan.release_id), None)


def outcome_of(run: Run, window: WindowNow | None, *, untold: bool = False) -> Outcome:
    """PASS only when the window ended well, or a person said so. `untold`: it goes back because nobody could tell
    whether it is good; of one that has gone back its exit code says so."""
    if run.kind == "rollback" and run.state is RunState.ROLLED_BACK:
        return Outcome.INCONCLUSIVE  # what came back serves, and nobody watches it
    if run.state in (RunState.ROLLING_BACK, RunState.ROLLED_BACK) and run.kind != "rollback":
        return Outcome.INCONCLUSIVE if untold or run.exit_code == GateUnknown.exit_code else Outcome.FAIL
    if window is not None:
        return window.verdict.outcome
    return ENDED_AS.get(run.state, Outcome.INCONCLUSIVE)


def verdict_json(
    run: Run,
    window: WindowNow | None,
    *,
    service: str,
    now: float,
    reason: str = "",
    untold: bool = False,
    taken_back: Run | None = None,
    is_shadow: bool = False,
) -> Json:
    """`left_s`, `evidence` and `threshold` are None where no window is open, or nothing is held against a release
    before. `final`: nothing more will be said of this run. `reason`: the sentence of its last verdict. `untold`: as in
    `outcome_of`. `taken_back`: the rollback by hand that took its release away. `is_shadow`: no verdict of this
    window acts."""
    loudest = window.loudest if window else None
    outcome = Outcome.FAIL if taken_back else outcome_of(run, window, untold=untold)
    said = sentence_of(run, window, reason)
    if taken_back:
        said = f"taken back by {taken_back.lead or 'a person'} in run {taken_back.id}"
    return {
        "schema_version": VERDICT_SCHEMA,
        "time": iso(now),
        "service": service,
        "environment": run.environment,
        "release": run.plan.release_id,
        "tag": run.plan.tag,
        "run": run.id,
        "kind": run.kind,
        "state": str(run.state),
        "outcome": str(outcome),
        "final": run.ended,
        "sentence": said,
        "rule": window.verdict.rule if window else "",
        "window_open": window is not None,
        "left_s": round(max(0.0, run.window_deadline - now), 1) if window else None,
        "evidence": loudest.value if loudest else None,
        "threshold": loudest.threshold if loudest else None,
        "signals": [
            {"signal": one.signal, "evidence": one.value, "threshold": one.threshold}
            for one in (window.evidence if window else ())
        ],
        "issues": window.issues if window else 0,
        "disarmed_until": iso(window.disarmed_until) if window else "",
        "shadow": is_shadow,
    }


def sentence_of(run: Run, window: WindowNow | None, reason: str = "") -> str:
    """Never empty."""
    if window is not None:
        return window.verdict.sentence
    said = run.sentence or reason
    if not said:
        return f"run {run.id} ({run.kind} {run.plan.tag}) is {run.state}"
    return said if said.startswith(str(run.state)) else f"{run.state}: {said}"
