"""The signals of a window over many hosts: those of one service, and beside them what each host answers by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mobius.adapters.signals.traffic import NO_TRAFFIC, Stream
from mobius.errors import MobiusError
from mobius.model.sample import Sample
from mobius.model.verdict import Outcome
from mobius.ports import Checks, Counters, Signals
from mobius.rules.hosts.streams import BEFORE, CHECK, HOST

ByHost = Mapping[str, Mapping[str, Counters]]


class HostSignals:
    """Implements `mobius.ports.Signals`. `whole`: the signals of the service; `counters`: by host and release;
    `addresses`: where each host that takes part answers. Hosts are checked whenever the service is.

    The first look also says what each host answered with other releases before.
    """

    def __init__(
        self,
        whole: Signals,
        release_id: str,
        *,
        counters: Callable[[], ByHost],
        addresses: Callable[[], Mapping[str, str]],
        checks: Checks,
        routes: Sequence[str] = (),
    ) -> None:
        self._whole, self._release_id, self._routes = whole, release_id, routes
        self._counters, self._addresses, self._checks = counters, addresses, checks
        self._streams: dict[str, Stream] = {}
        self._has_told_before = False
        self._answered(0.0)  # what was counted before the window is not of the window

    def sample(self, now: float) -> tuple[Sample, ...]:
        """Of the service, then of each host: a host that cannot be measured has no sample, and is not judged."""
        samples = self._whole.sample(now)
        found = [*samples, *self._answered(now)]
        if any(sample.signal == "probe" for sample in samples):
            found += self._checked(now)
        return tuple(found)

    def _answered(self, now: float) -> list[Sample]:
        try:
            told = self._counters()
        except MobiusError:  # the service's own sample says why
            return []
        found = []
        for host, of in told.items():
            if host not in self._streams:
                name = f"{HOST}{host}"
                self._streams[host] = Stream(self._release_id, name, f"{name}:", self._routes)
            there = self._streams[host].added(of, now)
            found += [sample for sample in there if not sample.missing]
        if not self._has_told_before and now:
            self._has_told_before = True
            found += [self._before(host, of, now) for host, of in told.items()]
        return found

    def _before(self, host: str, of: Mapping[str, Counters], now: float) -> Sample:
        others = [one for release_id, one in of.items() if release_id != self._release_id] or [NO_TRAFFIC]
        requests, errors = sum(one.requests for one in others), sum(one.errors for one in others)
        return Sample(f"{BEFORE}{host}", now, requests=requests, errors=errors)

    def _checked(self, now: float) -> list[Sample]:
        try:
            urls = self._addresses()
            answers = self._checks.health_of_each(list(urls.values())) if urls else ()
        except MobiusError:
            return []
        found = []
        for host, answer in zip(urls, answers, strict=True):
            if answer.outcome in (Outcome.ERROR, Outcome.INCONCLUSIVE):
                found.append(Sample(f"{CHECK}{host}", now, missing=answer.message))
                continue
            is_good = answer.outcome is Outcome.PASS
            note = "" if is_good else answer.message
            took_ms = round(answer.duration_ms, 1)  # of a thousand hosts, every digit is kept for an hour
            found.append(Sample(f"{CHECK}{host}", now, is_good, took_ms, note=note))
        return found
