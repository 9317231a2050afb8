"""A number that a Prometheus server works out, and any other that speaks its HTTP API."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from mobius.adapters.signals.asking import answer_of, why_refused
from mobius.model.settings import SignalSettings
from mobius.ports import Around, Unread
from mobius.rules.numbers import NotANumber, number_of

LONGEST_GET = 2000  # a longer query is posted: some servers refuse a long address
STALE_S = 60.0
LONGEST_SAID = 200


class Prometheus:
    """Implements `mobius.ports.Gauge`: one PromQL query that gives one number."""

    def __init__(self, settings: SignalSettings, around: Around) -> None:
        self._settings, self._around = settings, around

    def read(self) -> float:
        """The number. Raises Unread: an empty result is no data, an answer with warnings may be incomplete."""
        settings = self._settings
        asked = urlencode({"query": settings.query, "timeout": f"{max(1, int(settings.timeout_s * 1000))}ms"})
        base, _, own = settings.url.partition("?")
        url = f"{base.removesuffix('/').removesuffix('/api/v1/query')}/api/v1/query" + (
            f"?{own}" if own else ""
        )
        if len(asked) <= LONGEST_GET:
            answer = answer_of(settings, self._around, f"{url}{'&' if own else '?'}{asked}")
        else:
            answer = answer_of(settings, self._around, url, body=asked)
        found = answer.json if isinstance(answer.json, dict) else {}
        if found.get("status") != "success" or not isinstance(found.get("data"), dict):
            raise Unread(_why_not(found) or _no_api(answer.status) or why_refused(answer, settings))
        if warnings := found.get("warnings"):
            raise Unread(f"the answer may be incomplete: {_said(warnings)}")
        return number_of_result(found["data"], settings.query)


def number_of_result(data: Mapping[str, Any], query: str) -> float:
    """The one number of what stands under "data" in an answer, if it is of now. Raises Unread."""
    kind, result = data.get("resultType"), data.get("result")
    if kind == "vector" and isinstance(result, list):
        if not result:
            raise Unread(f"no data: the query gives nothing ({query[:LONGEST_SAID]})")
        if len(result) > 1:
            raise Unread(f"the query gives {len(result)} series: sum() or max() it")
        result = result[0].get("value") if isinstance(result[0], dict) else None
        if result is None:
            raise Unread("the query gives a histogram: take histogram_quantile() or another number of it")
    elif kind != "scalar":
        raise Unread(
            f"the query gives a {kind or 'result without a type'}, not one number: rate() or last_over_time() it"
        )
    if not isinstance(result, list) or len(result) != 2 or isinstance(result[0], bool | str):
        raise Unread("the answer is not that of Prometheus")
    try:
        number, at = number_of(result[1]), number_of(result[0])
    except NotANumber as error:
        raise Unread(f"the query gives {error}") from error
    age_s = time.time() - at
    if abs(age_s) > STALE_S:
        when = f"{age_s:.0f} s old" if age_s > 0 else f"{-age_s:.0f} s in the future"
        raise Unread(f"the number is {when} (by the clock of this machine)")
    return number


def _why_not(found: Mapping[str, Any]) -> str:
    if found.get("status") != "error":
        return ""
    return f"Prometheus says {_said(found.get('errorType') or 'error')}: {_said(found.get('error') or 'no reason')}"


def _no_api(status: int) -> str:
    return {200: "the answer is not that of Prometheus", 404: "no Prometheus API there (404)"}.get(status, "")


def _said(what: object) -> str:
    text = "; ".join(map(str, what)) if isinstance(what, list) else str(what)
    return "".join(c if c.isprintable() else " " for c in text)[:LONGEST_SAID]
