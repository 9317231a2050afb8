"""The first page of the web face: what is live, the way back, the window, and the last runs. It needs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from math import log10
from typing import Any

from mobius.model.run import Run, RunState
from mobius.model.sample import Sample
from mobius.model.status import Status
from mobius.report.charts import plots
from mobius.report.page import page_template
from mobius.report.paint import BAD, GOOD, WARN
from mobius.report.status import facts
from mobius.report.words import ago, clock, duration, iso

WATCHED_EVERY_S, EVERY_S = 5, 30  # the page loads itself again
STYLES = {GOOD: "good", WARN: "unsure", BAD: "bad"}
STATES: Mapping[RunState, str] = {
    RunState.ACCEPTED: "good",
    RunState.ROLLED_BACK: "unsure",
    RunState.INCONCLUSIVE: "unsure",
    RunState.REFUSED: "unsure",
    RunState.ABORTED: "unsure",
    RunState.SUPERSEDED: "soft",
    RunState.FAILED: "bad",
    RunState.NEEDS_OPERATOR: "bad",
}
OUTCOMES = {"PASS": "good", "FAIL": "bad", "ERROR": "bad", "INCONCLUSIVE": "running"}
NOT_HERE = ("url", "web page")  # the service's own address is a link at the top, and this is the page


@dataclass(frozen=True, slots=True)
class Bar:
    """Evidence against its threshold, on a scale of logarithms: 1 lies at the left, the threshold at the right."""

    signal: str
    words: str
    width_pct: float
    kind: str


@dataclass(frozen=True, slots=True)
class Row:
    """One run of the list."""

    id: int
    kind: str
    tag: str
    state: str
    style: str
    when: str
    took: str
    who: str
    sentence: str


def overview_html(
    status: Status,
    runs: Sequence[Run],
    *,
    verdict: Mapping[str, Any] | None = None,
    report: Mapping[str, Any] | None = None,
    samples: Sequence[Sample] = (),
    version: str = "",
) -> str:
    """The whole page. `verdict` and `report` are of the run whose window is open or was the last; all of it is text
    that others may have written, and is escaped."""
    drawn, markers, axis = (
        plots(report, samples) if report and verdict and verdict["window_open"] else ([], [], [])
    )
    is_open = bool(verdict and verdict["window_open"])
    going_on = is_open or (status.run is not None and not status.run.ended_at)
    return page_template("overview").render(
        status=status,
        said=[
            (label, words, STYLES.get(style, ""))
            for label, words, style in facts(status, UTC)
            if label not in NOT_HERE
        ],
        verdict=verdict,
        verdict_style=OUTCOMES.get(str(verdict["outcome"]), "unsure") if verdict else "",
        left=duration(round(verdict["left_s"])) if verdict and verdict["left_s"] is not None else "",
        bars=[bar(one) for one in verdict["signals"]] if is_open and verdict else [],
        plots=drawn,
        markers=markers,
        axis=axis,
        rows=[row(run, status.at) for run in runs],
        refresh_s=WATCHED_EVERY_S if going_on else EVERY_S,
        at=iso(status.at),
        version=version,
    )


def bar(signal: Mapping[str, Any]) -> Bar:
    """Of one signal."""
    value, threshold = float(signal["evidence"]), float(signal["threshold"])
    share = log10(max(1.0, value)) / log10(max(threshold, 10.0))
    kind = "bad" if value >= threshold else "unsure" if share > 0.5 else "good"
    name = str(signal["signal"]).removeprefix("route:").replace("traffic", "all requests")
    return Bar(name, f"{value:,.1f} of {threshold:,.0f}", 100 * min(1.0, max(0.01, share)), kind)


def row(run: Run, now: float) -> Row:
    """Of one run; times in UTC."""
    took = duration(max(0.0, (run.ended_at or now) - run.started_at))
    when = f"{clock(run.started_at, now, UTC)}, {ago(run.started_at, now)}"
    said = run.sentence if run.sentence and not run.sentence.startswith(str(run.state)) else ""
    said = said.removeprefix(f"{run.state}: ")
    style = STATES.get(run.state, "running")
    return Row(run.id, run.kind, run.plan.tag, str(run.state), style, when, took, run.lead, said)
