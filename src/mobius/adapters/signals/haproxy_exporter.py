"""A number of one backend that HAProxy's own Prometheus exporter tells: the share of 5xx, or any of its metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mobius.adapters.signals.asking import answer_of, why_refused
from mobius.model.settings import SignalSettings
from mobius.ports import Around, NothingYet, Unread
from mobius.rules.numbers import NotANumber, number_of

PREFIX = "haproxy_backend_"
ANSWERS = f"{PREFIX}http_responses_total"
_LINE = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)\{([^{}]*)\}\s+(\S+)(?:\s+-?[0-9]+)?")
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')

Labels = dict[str, str]


class HaproxyExporter:
    """Implements `mobius.ports.Gauge`. Without a path: percent of the answers since the reading before that were 5xx;
    with one, such as `current_queue`, that metric of the backend."""

    def __init__(self, settings: SignalSettings, around: Around) -> None:
        self._settings, self._around = settings, around
        self._backend = settings.query or around.backend
        self._last: dict[str, float] | None = None

    def read(self) -> float:
        """The number. Raises Unread: nothing was answered since, or HAProxy knows no such backend or metric."""
        answer = answer_of(self._settings, self._around)
        if answer.status != 200:
            raise Unread(why_refused(answer, self._settings))
        rows = [row for row in _rows(answer.body) if row[1].get("proxy") == self._backend]
        if not rows:
            known = ", ".join(sorted({row[1]["proxy"] for row in _rows(answer.body)})[:5])
            raise Unread(f"HAProxy has no backend {self._backend}" + (f"; it has {known}" if known else ""))
        if path := self._settings.path:
            return _metric(path if path.startswith("haproxy_") else PREFIX + path, rows)
        return self._failed_pct(rows)

    def _failed_pct(self, rows: list[tuple[str, Labels, str]]) -> float:
        now = {labels.get("code", ""): number_of(value) for name, labels, value in rows if name == ANSWERS}
        last, self._last = self._last, now
        if not now:
            raise Unread(f"HAProxy counts no answers of {self._backend}: is it in HTTP mode?")
        if last is None:
            raise NothingYet("nothing to count from yet")
        if any(now.get(code, 0.0) < count for code, count in last.items()):
            last = {}  # HAProxy has started anew: all that it counts is new
        answers = sum(now.values()) - sum(last.values())
        if answers <= 0:
            raise Unread("no requests since the last reading")
        return 100 * (now.get("5xx", 0.0) - last.get("5xx", 0.0)) / answers


def _metric(name: str, rows: list[tuple[str, Labels, str]]) -> float:
    found = [value for metric, _, value in rows if metric == name]
    if not found:
        raise Unread(f"HAProxy tells no {name}")
    if len(found) > 1:
        raise Unread(f"{name} has {len(found)} values: ask a Prometheus that adds them up")
    try:
        return number_of(found[0])
    except NotANumber as error:
        raise Unread(f"{name} is {error}") from error


def _rows(text: str) -> Iterator[tuple[str, Labels, str]]:
    """Name, labels and value of each line that tells of a backend."""
    for line in text.splitlines():
        match = _LINE.fullmatch(line) if line.startswith(PREFIX) else None
        if match is not None and "proxy" in (labels := dict(_LABEL.findall(match[2]))):
            yield match[1], labels, match[3]
