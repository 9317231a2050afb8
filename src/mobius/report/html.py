"""A run's report as one page that needs nothing else: from a disk, by mail, on paper, on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mobius.model.sample import Sample
from mobius.report.charts import Span, plots
from mobius.report.page import page_template
from mobius.report.summary import facts
from mobius.report.words import duration


@dataclass(frozen=True, slots=True)
class Bar:
    """One step on the timeline: where its bar begins and how wide it is, in percent of the run."""

    phase: str
    title: str
    kind: str  # "done", "failed", "open", "back"
    left_pct: float
    width_pct: float
    took: str
    failed: str


def run_html(report: Mapping[str, Any], samples: Sequence[Sample] = ()) -> str:
    """The whole page. Everything in the report is text that others may have written, and is escaped."""
    drawn, markers, axis = plots(report, samples)
    return page_template("run").render(
        report=report,
        facts=facts(report),
        bars=bars(report),
        plots=drawn,
        markers=markers,
        axis=axis,
    )


def bars(report: Mapping[str, Any]) -> list[Bar]:
    """The steps as bars over the time from the first to the last; the window itself is not drawn to scale."""
    rows = [row for row in report["timeline"] if row["begun"]]
    if not rows:
        return []
    spans = [(row["begun"]["unix"], (row["done"] or row["begun"])["unix"]) for row in rows]
    places = _without_idle(spans)
    made = []
    for row, (left, width) in zip(rows, places, strict=True):
        kind = "failed" if row["failed"] else "open" if row["done"] is None else "done"
        kind = "back" if kind == "done" and row["way"] == "back" else kind
        took = duration(row["seconds"]) if row["seconds"] is not None else row["outcome"]
        made.append(Bar(row["phase"], row["title"], kind, left, max(0.6, width), took, row["failed"]))
    return made


def _without_idle(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """(left, width) in percent. A long wait between steps (the window) shrinks to a twentieth of the work."""
    work = sum(end - start for start, end in spans) or 1e-3
    longest_wait = work / 20
    cut, until, shifted = 0.0, spans[0][0], []
    for start, end in spans:
        cut += max(0.0, start - until - longest_wait)
        until = max(until, end)
        shifted.append((start - cut, end - cut))
    whole = Span(shifted[0][0], max(end for _, end in shifted))
    lefts = [min(99.4, whole.left_pct(start)) for start, _ in shifted]
    return [
        (left, min(100 - left, whole.left_pct(end) - whole.left_pct(start)))
        for left, (start, end) in zip(lefts, shifted, strict=True)
    ]
