"""Plots of a window as inline SVG: error rate, p95 and probes over time, with the policy's limit drawn.

The drawing is stretched to the width of the page; every word is HTML beside it, so that it stays readable on
a phone. Nothing that others wrote enters the SVG: it is made of numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mobius.model.sample import BUCKETS, Sample, quantile_ms
from mobius.report.words import iso, milliseconds, percent

WIDTH, HEIGHT = 1000.0, 160.0
MOST_BINS = 120
MOST_MARKS = 240
CLOSE_PCT = 4.0
OFF_SCALE = 12.0  # a limit more than this many times the highest value would flatten the curve


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment drawn on every plot. `left_pct` is its place, 0 to 100."""

    number: int
    label: str
    time: str
    left_pct: float
    pin: str  # what stands above its line: its number, "2–5" where several are too close, "" for the others


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot, ready for the page. `svg` is trusted: numbers only. `summary` says it in words."""

    title: str
    svg: str
    top: str
    limit: str
    limit_pct: float  # from the bottom; 100 where the limit is off the scale
    summary: str


@dataclass(frozen=True, slots=True)
class Bin:
    """The samples of one stretch of time; None where nothing was measured."""

    start: float
    errors_pct: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of time that is drawn, in unix seconds."""

    start: float
    end: float

    def left_pct(self, at: float) -> float:
        """Where a time lies, 0 to 100; times outside lie at the edge."""
        return 100 * min(1.0, max(0.0, (at - self.start) / max(1e-6, self.end - self.start)))


def plots(report: Mapping[str, Any], samples: Sequence[Sample]) -> tuple[list[Plot], list[Marker], list[str]]:
    """The plots, the markers on them, and the labels of the time axis; all empty without samples."""
    if not samples:
        return [], [], []
    span = _span(report, samples)
    bins = binned(samples, span, float((report.get("window") or {}).get("interval_s") or 0))
    policy = report.get("policy") or {}
    markers = _markers(report, span)
    drawn = [
        _curve(
            "Errors", bins, span, markers, lambda b: b.errors_pct, policy.get("max_error_rate_pct"), percent
        ),
        _curve("p95", bins, span, markers, lambda b: b.p95_ms, policy.get("max_p95_ms"), milliseconds),
        _probes([s for s in samples if s.signal == "probe"], span, markers),
    ]
    return [plot for plot in drawn if plot is not None], markers, _axis(span)


def binned(samples: Sequence[Sample], span: Span, interval_s: float = 0.0) -> list[Bin]:
    """Equal stretches of time, no shorter than the interval, at most 120 of them."""
    length = span.end - span.start
    number = max(1, min(MOST_BINS, int(length / interval_s) if interval_s else MOST_BINS))
    held: list[list[Sample]] = [[] for _ in range(number)]
    for sample in samples:
        held[min(number - 1, max(0, int((sample.at - span.start) / length * number)))].append(sample)
    return [Bin(span.start + i * length / number, *_figures(one)) for i, one in enumerate(held)]


def _figures(samples: Sequence[Sample]) -> tuple[float | None, float | None]:
    """Errors in percent and p95; without traffic the slowest probe stands in for p95."""
    traffic = [s for s in samples if s.signal == "traffic"]  # a route's own samples are part of it
    requests = sum(s.requests for s in traffic)
    errors_pct = 100 * sum(s.errors for s in traffic) / requests if requests else None
    merged = [0] * BUCKETS
    for sample in traffic:
        for bucket, one in enumerate(sample.histogram[:BUCKETS]):
            merged[bucket] += one
    p95 = quantile_ms(tuple(merged), 0.95)
    if p95 is None:
        probes = [s.value for s in samples if s.signal == "probe" and s.value is not None]
        p95 = max(probes) if probes else None
    return errors_pct, p95


def _span(report: Mapping[str, Any], samples: Sequence[Sample]) -> Span:
    times = [s.at for s in samples]
    moments = [at for _, at in _moments(report)]
    start, end = min([*times, *moments]), max([*times, *moments])
    margin = max(0.5, 0.02 * (end - start))
    return Span(start - margin, end + margin)


def _moments(report: Mapping[str, Any]) -> list[tuple[str, float]]:
    """What is marked: each switch, the verdict and the decision to go back."""
    found = [(f"switch to {s.get('to') or 'nothing'}", s["at"]) for s in report.get("switches") or ()]
    if verdict := report.get("verdict"):
        found.append((f"verdict {verdict.get('outcome')}", verdict["at"]))
    if rollback := report.get("rollback"):
        found.append(("rollback decided", rollback.get("decided")))
    return sorted(((label, at["unix"]) for label, at in found if at), key=lambda one: one[1])


def _markers(report: Mapping[str, Any], span: Span) -> list[Marker]:
    """Moments closer than a phone can show share one pin."""
    moments = [(label, at, span.left_pct(at)) for label, at in _moments(report)]
    pins: dict[int, str] = {}
    first = 0
    for i, (_, _, left) in enumerate(moments):
        if left - moments[first][2] > CLOSE_PCT:
            first = i
        pins[first] = f"{first + 1}" if i == first else f"{first + 1}–{i + 1}"
    return [
        Marker(i + 1, label, iso(at)[11:19], left, pins.get(i, ""))
        for i, (label, at, left) in enumerate(moments)
    ]


def _curve(
    title: str,
    bins: Sequence[Bin],
    span: Span,
    markers: Sequence[Marker],
    value_of: Callable[[Bin], float | None],
    limit: float | None,
    words: Callable[[float], str],
) -> Plot | None:
    values = [value_of(one) for one in bins]
    known = [value for value in values if value is not None]
    if not known:
        return None
    highest = max(known)
    off_scale = limit is not None and highest > 0 and limit > OFF_SCALE * highest
    top = _nice(max(highest, 0.0 if limit is None or off_scale else limit) * 1.12) or 1.0
    top = min(top, 100.0) if words is percent else top
    step = WIDTH / len(bins)
    points = [None if v is None else (step * (i + 0.5), _y(v, top)) for i, v in enumerate(values)]
    drawing = [*_grid(), *_lines(markers)]
    for run in _unbroken(points):
        drawing += _stroke(run, step)
    if limit is not None:
        y = 1.0 if off_scale else _y(limit, top)
        drawing.append(f'<line class="limit" x1="0" x2="{WIDTH:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>')
    told_limit = (
        "" if limit is None else f"limit {words(limit)}" + (" (above this plot)" if off_scale else "")
    )
    over = sum(1 for value in known if limit is not None and value > limit)
    summary = f"highest {words(highest)}, last {words(known[-1])}"
    if limit is not None:
        summary += f"; over the limit in {over} of {len(known)} intervals"
    limit_pct = 100.0 if off_scale or limit is None else 100 * limit / top
    return Plot(title, _svg(drawing, HEIGHT), words(top), told_limit, limit_pct, summary)


def _stroke(run: Sequence[tuple[float, float]], step: float) -> list[str]:
    if len(run) == 1:
        x, y = run[0]
        run = [(x - step / 2, y), (x + step / 2, y)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
    area = f"{run[0][0]:.1f},{HEIGHT:.0f} {path} {run[-1][0]:.1f},{HEIGHT:.0f}"
    return [f'<polygon class="area" points="{area}"/>', f'<polyline class="curve" points="{path}"/>']


def _unbroken(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """The curve in pieces: where nothing was measured there is a gap, never a line across it.

    One empty stretch between two others is no gap: stretches and looks do not keep step.
    """
    pieces: list[list[tuple[float, float]]] = [[]]
    missing = 0
    for point in points:
        if point is None:
            missing += 1
            continue
        if missing > 1 and pieces[-1]:
            pieces.append([])
        missing = 0
        pieces[-1].append(point)
    return [piece for piece in pieces if piece]


def _probes(probes: Sequence[Sample], span: Span, markers: Sequence[Marker]) -> Plot | None:
    if not probes:
        return None
    half = HEIGHT / 4
    shown = _worst_of_each(probes, span)
    width = max(2.0, min(14.0, 0.7 * WIDTH / len(shown)))
    drawing = _lines(markers, half)
    for left_pct, kind in shown:
        x = left_pct / 100 * WIDTH - width / 2
        top, height = (0.0, half) if kind == "bad" else (half * 0.35, half * 0.65)
        drawing.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
        )
    bad = sum(p.ok is False and not p.missing for p in probes)
    unknown = sum(bool(p.missing) or p.ok is None for p in probes)
    summary = f"{len(probes) - bad - unknown:,} good, {bad:,} failed, {unknown:,} not measured"
    return Plot("Health checks", _svg(drawing, half), "", "", 100.0, summary)


def _worst_of_each(probes: Sequence[Sample], span: Span) -> list[tuple[float, str]]:
    """(place, kind) of at most 240 marks: where several looks share one, a failed one is never hidden."""
    shown: dict[int, tuple[float, str]] = {}
    for probe in probes:
        left_pct = span.left_pct(probe.at)
        kind = "unknown" if probe.missing or probe.ok is None else "good" if probe.ok else "bad"
        mark = int(left_pct * 2.4) if len(probes) > MOST_MARKS else len(shown)
        before = shown.get(mark, (left_pct, "good"))
        shown[mark] = max(before, (before[0], kind), key=lambda one: ("good", "unknown", "bad").index(one[1]))
    return list(shown.values())


def _svg(drawing: Sequence[str], height: float) -> str:
    box = f'viewBox="0 0 {WIDTH:.0f} {height:.0f}" preserveAspectRatio="none"'
    return f'<svg {box} aria-hidden="true">{"".join(drawing)}</svg>'


def _grid() -> list[str]:
    return [
        f'<line class="grid" x1="0" x2="{WIDTH:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        for y in (HEIGHT / 4, HEIGHT / 2, 3 * HEIGHT / 4, HEIGHT - 0.5)
    ]


def _lines(markers: Sequence[Marker], height: float = HEIGHT) -> list[str]:
    return [
        f'<line class="moment" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height:.0f}"/>'
        for x in (marker.left_pct / 100 * WIDTH for marker in markers)
    ]


def _axis(span: Span) -> list[str]:
    middle = (span.start + span.end) / 2
    return [f"{iso(at)[11:19]}" for at in (span.start, middle)] + [f"{iso(span.end)[11:19]} UTC"]


def _y(value: float, top: float) -> float:
    return HEIGHT - HEIGHT * min(1.0, value / top)


def _nice(value: float) -> float:
    """The next of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 × a power of ten."""
    if value <= 0:
        return 0.0
    power = 10.0 ** (len(f"{int(value)}") - 1) if value >= 1 else 10.0 ** -_zeros(value)
    for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10):
        if step * power >= value * 0.999:
            return step * power
    return value


def _zeros(value: float) -> int:
    zeros = 0
    while value < 1 and zeros < 9:
        value *= 10
        zeros += 1
    return zeros
