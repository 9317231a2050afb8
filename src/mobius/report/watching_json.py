"""A look of a window for programs: the line of `mobius monitor --json`, and of `monitor_logs/metrics_*.jsonl`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mobius.model.run import Run
from mobius.model.tick import Tick
from mobius.report.words import iso

TICK_SCHEMA = 1


def tick_json(tick: Tick, run: Run) -> dict[str, Any]:
    """JSON types only; `event` is "tick". Numbers are rounded to what was measured."""
    return {
        "schema_version": TICK_SCHEMA,
        "event": "tick",
        "run": run.id,
        "environment": run.environment,
        "release": run.plan.release_id,
        "time": iso(tick.at),
        "at": round(tick.at, 3),
        "left_s": round(tick.left_s, 1),
        "outcome": str(tick.outcome),
        "sentence": tick.sentence,
        "checks": tick.checks,
        "failed_checks": tick.failed,
        "requests": tick.requests,
        "errors": tick.errors,
        "traffic": {signal: _rounded(asdict(figures)) for signal, figures in tick.traffic.items()},
        "gauges": _rounded(dict(tick.gauges)),
        "evidence": {
            signal: {"value": float(f"{value:.4g}"), "threshold": round(threshold, 1)}
            for signal, (value, threshold) in tick.evidence.items()
        },
        "nearest": [
            {"rule": one.rule, "words": one.words, "share": round(one.share, 4)} for one in tick.nearest
        ],
        "issues": tick.issues,
        "disarmed_until": round(tick.disarmed_until, 3) or None,
        "missing": dict(tick.missing),
        "forgiven_s": tick.forgiven_s,
    }


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value is None else round(value, 4) for name, value in figures.items()}
