"""Numbers as the verdict's sentence says them."""

from __future__ import annotations

from mobius.rules.health.facts import Facts


def summary(facts: Facts) -> str:
    """What was measured: "41 checks, 0 failed, 12,034 requests, 0.02 % errors", and what of that was not."""
    failed = sum(not sample.ok for sample in facts.checks)
    said = [counted(len(facts.checks), "check"), f"{failed:,} failed"]
    requests = sum(sample.requests for sample in facts.traffic)
    if requests:
        errors = sum(sample.errors for sample in facts.traffic)
        said += [counted(requests, "request"), f"{percent(100 * errors / requests)} errors"]
        if not any(any(sample.histogram) for sample in facts.traffic):
            said.append("their response times not measured")
    return ", ".join(said)


def counted(count: int, noun: str) -> str:
    """ "1 check", "12,034 checks"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(value: float, *, beyond: float | None = None) -> str:
    """Two figures ("0.02 %", "7.3 %", "97 %"), or as many as it takes to be told from the limit `beyond`."""
    for figures in range(2, 8):
        text = f"{float(f'{value:.{figures}g}'):g}"
        if beyond is None or float(text) != beyond:
            break
    return f"{text} %"


def limit_percent(value: float) -> str:
    """A limit as it was configured: "5 %", "0.1 %"."""
    return f"{value:g} %"


def milliseconds(value: float) -> str:
    """ "6,120 ms"."""
    return f"{value:,.0f} ms"


def minutes(seconds: float) -> str:
    """ "45 s", "23 min", "2 min 30 s", "2 h", "2 h 5 min": never more than was passed, never below 0 s."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        left = f" {whole % 60} s" if whole % 60 and whole < 600 else ""
        return f"{whole // 60} min{left}"
    left = f" {whole % 3600 // 60} min" if whole % 3600 >= 60 else ""
    return f"{whole // 3600} h{left}"
