"""How metric families are made: every sample with the names of service and environment, every label clean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mobius.model.sample import HISTOGRAM_EDGES_MS
from mobius.report.words import printable

if TYPE_CHECKING:
    from prometheus_client.core import Metric

OURS = ("service", "environment")
Labels = tuple[str, ...]


class Families:
    """For one scrape. `names` are of the service and the environment; `redact` takes secrets out of labels."""

    def __init__(self, names: tuple[str, str], redact: Callable[[str], str]) -> None:
        self._names = names
        self._redact = redact

    def one(self, name: str, told: str, value: float) -> Metric:
        return self.gauge(name, told, (), [((), value)])

    def gauge(self, name: str, told: str, by: Labels, rows: Iterable[tuple[Labels, float]]) -> Metric:
        from prometheus_client.core import GaugeMetricFamily

        made = GaugeMetricFamily(name, told, labels=(*OURS, *by))
        for labels, value in rows:
            made.add_metric(self._clean(labels), float(value))
        return made

    def counter(self, name: str, told: str, by: Labels, rows: Iterable[tuple[Labels, float]]) -> Metric:
        from prometheus_client.core import CounterMetricFamily

        made = CounterMetricFamily(name, told, labels=(*OURS, *by))
        for labels, value in rows:
            made.add_metric(self._clean(labels), float(value))
        return made

    def histogram(
        self,
        name: str,
        told: str,
        by: Labels,
        rows: Iterable[tuple[Labels, tuple[int, ...], float | None]],
    ) -> Metric:
        """Of counts by the edges of the product, and their sum in seconds; without `_sum` where nobody adds them up."""
        from prometheus_client.core import HistogramMetricFamily

        made = HistogramMetricFamily(name, told, labels=(*OURS, *by))
        for labels, counts, sum_s in rows:
            so_far, buckets = 0, []
            for edge, count in zip(HISTOGRAM_EDGES_MS, counts, strict=False):
                so_far += count
                buckets.append((_edge(edge), float(so_far)))
            made.add_metric(self._clean(labels), [*buckets, ("+Inf", float(sum(counts)))], sum_s)
        return made

    def _clean(self, labels: Labels) -> list[str]:
        """Without secrets, control characters, and what no UTF-8 can hold."""
        texts = (*self._names, *labels)
        return [printable(self._redact(text)).encode("utf-8", "replace").decode("utf-8") for text in texts]


class Scrape:
    """Families that were made for one scrape: no state, nothing global."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """As a registry of the client library would."""
        return self._families


def _edge(ms: float) -> str:
    """The upper edge of a bucket in seconds, as a label: "0.00125"."""
    return f"{ms / 1000:.9g}"
