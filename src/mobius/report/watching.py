"""The open window on a terminal, drawn in place: curves, evidence, what is nearest to firing, the time that is left.

Drawn anew with each look; nothing that others wrote can move the cursor, and no line is wider than the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log
from typing import Protocol

from mobius.model.run import Run
from mobius.model.sample import Sample
from mobius.model.status import DisarmNow
from mobius.model.tick import Figures, Tick
from mobius.report.freezing import disarm_words
from mobius.report.paint import BAD, BOLD, DIM, WARN, Paint
from mobius.report.watching_text import WHOLE, amount, forgiven_words, rate
from mobius.report.words import ago, duration, milliseconds, percent, printable, shortened, wrapped

BARS = "▁▂▃▄▅▆▇█"
LABEL, VALUE = 11, 14
LONGEST = 60  # columns of a curve
FULL, LINE = "━", "─"
ROUTES, NEAREST = 6, 3  # most that are shown
ROUTE = "route:"

Part = tuple[Figures, Mapping[str, float]]


class Looking(Protocol):
    """A window that is looked at: `mobius.flows.look_on.LookingOn`."""

    run: Run
    way_back: str
    service: str

    def add(self, samples: Sequence[Sample]) -> None:
        """What was measured since."""

    def tick(self, now: float) -> Tick:
        """How it stands."""

    def disarm(self, now: float) -> DisarmNow | None:
        """Whether nothing acts at the moment."""

    def issues(self) -> Sequence[Sample]:
        """What users reported."""

    def curves(self, now: float, number: int) -> Sequence[Part]:
        """The window up to now, in parts."""


class WindowScreen:
    """Lines for a terminal of any size. `add` is told what was measured; curves change only then."""

    def __init__(self, looking: Looking, paint: Paint | None = None) -> None:
        self.looking = looking
        self._paint = paint or Paint()
        self._drawn: tuple[int, list[str]] = (0, [])
        self._is_new = True

    def add(self, samples: Sequence[Sample]) -> None:
        """New samples, oldest first."""
        if samples:
            self.looking.add(samples)
            self._is_new = True

    def lines(self, now: float, width: int, height: int, turn: str = "") -> list[str]:
        """The whole screen: at most `height` lines of fewer than `width` columns. What matters least goes first."""
        room = width - 1
        tick = self.looking.tick(now)
        if self._is_new or self._drawn[0] != room:
            self._drawn, self._is_new = (room, self._curves(now, tick, room)), False
        head = [*self._head(tick, room, turn), *self._loud(tick, now, room)]
        evidence = self._evidence(tick, room)
        tail = [*self._nearest(tick, room), *self._said(tick, room)]
        spare = height - len(head) - len(evidence) - len(tail) - 1
        return [*head, *self._drawn[1][: max(0, spare)], *evidence, *tail][: max(1, height - 1)]

    def _head(self, tick: Tick, room: int, turn: str) -> list[str]:
        run = self.looking.run
        left = f"{duration(round(tick.left_s))} left" if tick.left_s >= 1 else "the window is over"
        tag = run.plan.tag or run.plan.release_id
        policy = run.plan.facts.get("policy") or ""
        first = f"{turn or '·'} {self.looking.service} {run.environment}: {tag} watched by {policy} · {left}"
        if len(first) > room:
            first = f"{turn or '·'} {run.environment}: {tag} · {left}"
        back = self.looking.way_back
        told = [self._paint(f"  {shortened(f'way back: {back}', room - 2)}", DIM)] if back else []
        return [self._paint(shortened(first, room), BOLD), *told]

    def _loud(self, tick: Tick, now: float, room: int) -> list[str]:
        lines: list[str] = []
        if (disarm := self.looking.disarm(now)) is not None:
            left = duration(max(0, round(disarm.until - now)))
            told = f"DISARMED for {left} more, {disarm_words(disarm, now)}"
            lines += [self._paint(line, BAD) for line in _first(2, wrapped(told, room, "  "))]
        if issues := self.looking.issues():
            last = issues[-1]
            told = f"{len(issues):,} reported; {ago(last.at, now)}: {last.note}"
            lines.append(self._paint(f"  {'issues':<{LABEL}}{shortened(told, room - 2 - LABEL)}", WARN))
        if tick.missing:
            signal, why = next(iter(tick.missing.items()))
            told = shortened(f"not measured: {signal.removeprefix('gauge:')}: {why}", room - 2)
            lines.append(self._paint(f"  {told}", WARN))
        return lines

    def _curves(self, now: float, tick: Tick, room: int) -> list[str]:
        columns = max(4, min(LONGEST, room - 2 - LABEL - VALUE - 1))
        parts = self.looking.curves(now, columns)
        whole = tick.traffic.get("traffic", Figures())
        rows: list[tuple[str, list[float | None], str]] = [
            ("errors", [one.errors_pct for one, _ in parts], _or_none(whole.errors_pct, percent)),
            ("p50", [one.p50_ms for one, _ in parts], _or_none(whole.p50_ms, milliseconds)),
            ("p95", [one.p95_ms for one, _ in parts], _or_none(whole.p95_ms, milliseconds)),
            ("p99", [one.p99_ms for one, _ in parts], _or_none(whole.p99_ms, milliseconds)),
            ("requests/s", [one.requests_per_s for one, _ in parts], _or_none(whole.requests_per_s, rate)),
        ]
        for signal, name in (("cpu", "CPU"), ("memory", "memory")):
            if signal in tick.gauges:
                rows.append((name, [there.get(signal) for _, there in parts], percent(tick.gauges[signal])))
        for signal, value in tick.gauges.items():
            if signal.startswith("gauge:"):
                curve = [there.get(signal) for _, there in parts]
                rows.append((signal.removeprefix("gauge:"), curve, f"{value:,.4g}"))
        return [_row(label, sparks(curve).ljust(columns), value, room) for label, curve, value in rows]

    def _evidence(self, tick: Tick, room: int) -> list[str]:
        columns = max(4, min(LONGEST, room - 2 - LABEL - VALUE - 1))
        by_loudness = sorted(tick.evidence.items(), key=lambda one: -_fraction(*one[1]))
        whole = [one for one in by_loudness if not one[0].startswith(ROUTE)]
        routes = [one for one in by_loudness if one[0].startswith(ROUTE)][:ROUTES]
        lines = []
        for signal, (value, threshold) in [*whole, *routes]:
            name = "evidence" if signal == WHOLE else signal.removeprefix(ROUTE).removeprefix("gauge:")
            fraction = _fraction(value, threshold)
            words = f"{amount(value)} of {threshold:,.0f}"
            drawn = bar(fraction, columns)
            if tick.forgiven_s and signal in (WHOLE, *dict(routes)):
                drawn = shortened(forgiven_words(tick.forgiven_s), columns).ljust(columns)
            line = _row(printable(name), drawn, words, room)
            lines.append(self._paint(line, BAD if fraction >= 0.8 else WARN if fraction >= 0.4 else ""))
        return lines

    def _nearest(self, tick: Tick, room: int) -> list[str]:
        words = " · ".join(one.words for one in tick.nearest[:NEAREST])
        is_near = bool(tick.nearest) and tick.nearest[0].share >= 0.5
        lines = wrapped(words, room, f"  {'nearest':<{LABEL}}", " " * (2 + LABEL)) if words else []
        return [self._paint(line, WARN if is_near else "") for line in _first(2, lines)]

    def _said(self, tick: Tick, room: int) -> list[str]:
        style = {"FAIL": BAD, "ERROR": BAD}.get(str(tick.outcome), "")
        return [self._paint(line, style) for line in _first(3, wrapped(tick.sentence, room, "  "))]


def sparks(values: Sequence[float | None]) -> str:
    """One character a value, from nothing to the highest; a gap where nothing was measured. One empty part between two
    others is no gap: parts and looks do not keep step."""
    highest = max((value for value in values if value is not None), default=0.0)
    signs = []
    for place, one in enumerate(values):
        before, after = values[max(0, place - 1)], values[min(len(values) - 1, place + 1)]
        value = before if one is None and after is not None else one
        share = value / highest if value is not None and highest > 0 else 0.0
        signs.append(" " if value is None else BARS[min(len(BARS) - 1, int(share * len(BARS)))])
    return "".join(signs)


def bar(fraction: float, columns: int) -> str:
    """A line that is filled so far."""
    full = round(min(1.0, max(0.0, fraction)) * columns)
    return FULL * full + LINE * (columns - full)


def _fraction(value: float, threshold: float) -> float:
    """On a scale of logarithms: at 1 nothing speaks against the release, at the threshold enough does."""
    return log(value) / log(threshold) if value > 1 and threshold > 1 else 0.0


def _row(label: str, drawn: str, value: str, room: int) -> str:
    line = f"  {shortened(label, LABEL - 1):<{LABEL}}{drawn} {value:>{VALUE}}"
    return line if len(line) <= room else line[: room - 1] + "…"


def _first(most: int, lines: Sequence[str]) -> list[str]:
    """So many lines, the last with "…" where there are more."""
    return list(lines) if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1][:-1]}…"]


def _or_none(value: float | None, words: Callable[[float], str]) -> str:
    return "–" if value is None else words(value)
