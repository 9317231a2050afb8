"""A look of a window in one line: for `monitor_logs/monitor_*.log`, and once a minute for a pipe."""

from __future__ import annotations

from mobius.model.tick import Figures, Tick
from mobius.report.words import counted, duration, iso, milliseconds, percent, printable

WHOLE = "traffic"


def look_line(tick: Tick) -> str:
    """ "2026-11-20T12:00:05Z INCONCLUSIVE 3 checks, 0 failed · 102 requests/s, 0.1 % errors, p95 120 ms · evidence 3.1
    of 1,250 · CPU 12 % · 59 min left: so far so good …" """
    said = " · ".join(part for part in parts(tick) if part)
    return f"{iso(tick.at)} {tick.outcome} {said}: {printable(tick.sentence)}"


def parts(tick: Tick) -> list[str]:
    """What a look says in figures, the most important first; "" for what there is nothing of."""
    return [
        "DISARMED" if tick.disarmed_until else "",
        f"{counted(tick.checks, 'check')}, {tick.failed:,} failed",
        traffic_words(tick.traffic.get(WHOLE, Figures())),
        evidence_words(*tick.evidence[WHOLE], tick.forgiven_s) if WHOLE in tick.evidence else "",
        resources_words(tick),
        counted(tick.issues, "issue") + " reported" if tick.issues else "",
        f"{duration(round(tick.left_s))} left" if tick.left_s >= 1 else "window over",
    ]


def traffic_words(figures: Figures) -> str:
    """ "102 requests/s, 0.12 % errors, p95 120 ms"; "0 requests/s" where nobody asked, "" where nobody counts."""
    if figures.requests_per_s is None:
        return ""
    if figures.errors_pct is None:
        return f"{rate(figures.requests_per_s)} requests/s"
    p95 = f", p95 {milliseconds(figures.p95_ms)}" if figures.p95_ms is not None else ""
    return f"{rate(figures.requests_per_s)} requests/s, {percent(figures.errors_pct)} errors{p95}"


def evidence_words(value: float, threshold: float, forgiven_s: float = 0.0) -> str:
    """ "evidence 3.1 of 1,250", "evidence 0 of 1,250 (the first 30 s count for nothing)" """
    why = f" ({forgiven_words(forgiven_s)})" if forgiven_s else ""
    return f"evidence {amount(value)} of {threshold:,.0f}{why}"


def forgiven_words(forgiven_s: float) -> str:
    """Why there is no evidence yet."""
    return f"the first {duration(round(forgiven_s))} count for nothing"


def resources_words(tick: Tick) -> str:
    """ "CPU 12 %, memory 40 %" """
    names = (("cpu", "CPU"), ("memory", "memory"))
    return ", ".join(f"{word} {percent(tick.gauges[name])}" for name, word in names if name in tick.gauges)


def amount(value: float) -> str:
    """Two digits that mean something, without an exponent below a million."""
    if value >= 1e6:
        return f"{value:.0e}".replace("e+0", "e").replace("e+", "e")
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.095 else "0"


def rate(per_s: float) -> str:
    """Requests a second."""
    if per_s >= 9.95:
        return f"{per_s:,.0f}"
    return f"{per_s:.1f}" if per_s >= 0.095 else f"{per_s:.2g}"
