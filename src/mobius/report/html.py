"""A run's report as one page that needs nothing else: from a disk, by mail, on paper, on a phone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from mobius.model.sample import Sample
from mobius.report.charts import Span, plots
from mobius.report.words import counted, duration, milliseconds, percent, printable, size

if TYPE_CHECKING:
    from jinja2 import Template


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
    return _template().render(
        report=report,
        facts=facts(report),
        bars=bars(report),
        plots=drawn,
        markers=markers,
        axis=axis,
    )


def facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The handful of lines under the headline."""
    started, seconds = report.get("started") or {}, report.get("seconds")
    rollback, window = report.get("rollback") or {}, report.get("window") or {}
    found = [
        ("Service", f"{report['service']}, {report['environment']}"),
        (
            "Release",
            f"{report['release']}" + (f", commit {report['commit'][:12]}" if report["commit"] else ""),
        ),
        ("Before", report["release_before"] or "nothing: the first deployment"),
        ("Live after", report["release_after"] or "nothing"),
        ("Lead", report["lead"]),
        ("Began", started.get("iso", "") + (f", took {duration(seconds)}" if seconds is not None else "")),
        ("Failed requests", _lost(report)),
        ("Went back", _went_back(rollback)),
        ("Window", _window(window, report.get("policy") or {})),
        ("Backup", _backup(report.get("backup") or {})),
        ("Exit code", str(report["exit_code"]) if report["ended"] else ""),
    ]
    return [(name, printable(value)) for name, value in found if value]


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


def _lost(report: Mapping[str, Any]) -> str:
    failed = report["failed_requests"]
    if failed is None:
        return ""
    return f"{failed:,} because of {counted(len(report['switches']), 'switch', 'switches')}"


def _went_back(rollback: Mapping[str, Any]) -> str:
    if not rollback:
        return ""
    back = rollback.get("traffic_back_s")
    told = f"{rollback['way']} to {rollback['to']}"
    return told + (f", all traffic back in {duration(float(back))}" if back is not None else "")


def _window(window: Mapping[str, Any], policy: Mapping[str, Any]) -> str:
    if not window:
        return ""
    parts = [f"policy {policy['name']}"] if policy.get("name") else []
    parts.append(f"{counted(window['checks'], 'check')}, {window['failed_checks']:,} failed")
    if window["requests"]:
        parts.append(f"{counted(window['requests'], 'request')}, {percent(window['errors_pct'])} errors")
    if window["p95_ms"] is not None:
        parts.append(f"p95 {milliseconds(window['p95_ms'])}")
    if window["blind_s"]:
        parts.append(f"not measured for {duration(window['blind_s'])}")
    return "; ".join(parts)


def _backup(backup: Mapping[str, Any]) -> str:
    if not backup:
        return ""
    parts = [str(backup["name"])] if backup.get("name") else []
    if backup.get("size_bytes"):
        parts.append(size(int(backup["size_bytes"])))
    if rehearsal := backup.get("rehearsal"):
        parts.append(f"restored as a rehearsal in {duration(float(rehearsal.get('restore_s') or 0))}")
    return ", ".join(parts)


def _value(value: Any) -> str:
    """A small value of a step's result, on one line."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return printable(str(value))
    return printable(json.dumps(value, ensure_ascii=False, default=str))


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters |= {
        "duration": duration,
        "milliseconds": milliseconds,
        "size": size,
        "line": _value,
    }
    source = resources.files("mobius.report").joinpath("templates/run.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source)
