"""Every `[[signal]]`: which adapter reads it, each in the background at its own pace, and whether it can be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points

from mobius.adapters.checks.bounded import within
from mobius.adapters.signals.background import Background
from mobius.adapters.signals.command import CommandNumber
from mobius.adapters.signals.haproxy_exporter import HaproxyExporter
from mobius.adapters.signals.json_path import JsonNumber
from mobius.adapters.signals.prometheus import Prometheus
from mobius.model.sample import Sample
from mobius.model.settings import SignalSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Around, Clock, Gauge, GaugeMaker, NothingYet, Unread
from mobius.rules.numbers import NotANumber, number_of

ENTRY_POINTS = "mobius.signals"
OURS: dict[str, GaugeMaker] = {
    "prometheus": Prometheus,
    "json": JsonNumber,
    "command": CommandNumber,
    "haproxy": HaproxyExporter,
}
AT_ONCE = 8
LONGEST_REASON = 400
GRACE_S = 5.0  # past its own timeout, before a gauge that keeps to none is left behind


class Reader:
    """Reads one signal: a sample, or the reason there is none; never raises, and keeps to the timeout."""

    def __init__(self, settings: SignalSettings, around: Around, redact: Callable[[str], str] = str) -> None:
        self.settings = settings
        self._around, self._redact = around, redact
        self._gauge: Gauge | None = None
        self._begun_at: float | None = None  # of a reading that has not ended

    def read(self) -> Sample | None:
        """One reading, stamped 0: whoever collects it knows the time. None: it answers, and has nothing yet."""
        name, settings = f"gauge:{self.settings.name}", self.settings
        if (begun_at := self._begun_at) is not None:  # left behind, and never doubled: threads would pile up
            since_s = time.monotonic() - begun_at
            return Sample(name, 0.0, missing=f"the reading of {since_s:.0f} s ago has not ended")
        try:
            found = within(settings.timeout_s + GRACE_S, self._read)
        except TimeoutError:
            return Sample(name, 0.0, missing=f"not read within {settings.timeout_s + GRACE_S:g} s")
        except NothingYet:
            return None
        except (Unread, NotANumber) as problem:
            return Sample(name, 0.0, missing=self._said(str(problem)))
        except (Exception, SystemExit) as error:  # a signal never raises: what went wrong is the reason
            return Sample(name, 0.0, missing=self._said(f"the signal broke: {error!r}"))
        return Sample(name, 0.0, value=found)

    def _said(self, reason: str) -> str:
        """On one line, without secrets, and never empty: a sample that says nothing would be neither."""
        line = "".join(c if c.isprintable() else " " for c in self._redact(reason)).strip()
        return line[:LONGEST_REASON] or "no reason given"

    def _read(self) -> float:
        self._begun_at = time.monotonic()
        try:
            if self._gauge is None:
                self._gauge = maker_of(self.settings.kind)(self.settings, self._around)
            return number_of(self._gauge.read())
        finally:
            self._begun_at = None


def maker_of(kind: str) -> GaugeMaker:
    """Who makes gauges of this kind: we, or an installed package. Raises Unread."""
    if kind in OURS:
        return OURS[kind]
    found = list(entry_points(group=ENTRY_POINTS, name=kind))
    if not found:
        raise Unread(f'no installed package adds the signal "{kind}" (entry point group {ENTRY_POINTS})')
    try:
        made: GaugeMaker = found[0].load()
    except Exception as error:
        raise Unread(
            f'{found[0].value}, which adds the signal "{kind}", cannot be loaded: {error!r}'
        ) from error
    return made


def background(
    readers: Sequence[Reader], clock: Clock, interval_s: float, tick_s: float = 0.0
) -> list[Background]:
    """Each at its own pace. `interval_s`: of those that say none; `tick_s`: how often they are collected."""
    jobs = []
    for reader in readers:
        every_s = reader.settings.interval_s or interval_s
        # Due half a tick early, or a reading that took a moment would be due just after a tick, and come at the next.
        pause_s = max(0.0, every_s - tick_s / 2)
        longest_s = max(every_s, reader.settings.timeout_s + GRACE_S)
        jobs.append(Background(f"gauge:{reader.settings.name}", reader.read, clock, pause_s, longest_s))
    return jobs


def look_at(readers: Sequence[Reader]) -> tuple[CheckResult, ...]:
    """Each signal read once, several at a time. One that cannot be read is an ERROR where it is required, and else a
    warning, since a window goes on without it."""
    if not readers:
        return ()
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(readers))) as pool:
        return tuple(pool.map(_looked_at, readers))


def _looked_at(reader: Reader) -> CheckResult:
    begun = time.monotonic()
    sample, settings = reader.read(), reader.settings
    took_ms = (time.monotonic() - begun) * 1000
    name = f"signal {settings.name}"
    if sample is None or sample.value is not None:
        told = "answers" if sample is None or sample.value is None else f"is {sample.value:,.10g}"
        return CheckResult(name, Outcome.PASS, told, took_ms)
    if settings.required:
        advice = f"make it readable, or take required = true from [[signal]] {settings.name}"
        return CheckResult(name, Outcome.ERROR, f"could not be read: {sample.missing}", took_ms, advice)
    words = f"warning: could not be read: {sample.missing}; a window goes on without it"
    return CheckResult(name, Outcome.PASS, words, took_ms)
