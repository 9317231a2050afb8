"""Numbers of a real Prometheus, and what answers in its name are refused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.checks.server import answers, serving
from adapters.signals.prometheuses import WHY_NOT, Prometheus, prometheus
from adapters.signals.reading import missing, read
from mobius.adapters.signals.prometheus import number_of_result
from mobius.ports import Unread

PAGE = 'jobs_waiting{queue="a"} 3\njobs_waiting{queue="b"} 4\njobs_failed NaN\nbytes_free +Inf\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    with prometheus(tmp_path_factory.mktemp("prometheus")) as running:
        running.await_page(PAGE, "jobs_waiting", 2)
        yield running


def test_a_query_that_gives_one_series_is_a_number(server: Prometheus) -> None:
    assert read(url=server.url, query="sum(jobs_waiting)").value == 7.0
    assert read(url=f"{server.url}/", query='jobs_waiting{queue="a"}').value == 3.0
    assert read(url=f"{server.url}/api/v1/query", query="max(jobs_waiting)").value == 4.0


def test_a_scalar_is_a_number_too(server: Prometheus) -> None:
    assert read(url=server.url, query="scalar(sum(jobs_waiting)) * 2").value == 14.0


def test_a_query_too_long_for_an_address_is_posted(server: Prometheus) -> None:
    names = "|".join(f"queue-{number}" for number in range(400))
    assert read(url=server.url, query=f'sum(jobs_waiting{{queue=~"a|{names}"}})').value == 3.0


def test_an_empty_result_is_no_data_and_never_zero(server: Prometheus) -> None:
    reason = missing(url=server.url, query="sum(jobs_of_nobody)")
    assert reason == "no data: the query gives nothing (sum(jobs_of_nobody))"


def test_several_series_are_an_error_that_says_what_to_do(server: Prometheus) -> None:
    assert missing(url=server.url, query="jobs_waiting") == "the query gives 2 series: sum() or max() it"


def test_a_range_is_no_number(server: Prometheus) -> None:
    reason = missing(url=server.url, query="jobs_waiting[1m]")
    assert reason.startswith("the query gives a matrix, not one number")


@pytest.mark.parametrize(
    ("query", "said"), [("jobs_failed", "NaN"), ("bytes_free", "+Inf"), ("1 / 0", "+Inf")]
)
def test_nan_and_infinity_are_missing(server: Prometheus, query: str, said: str) -> None:
    assert missing(url=server.url, query=query) == f"the query gives {said}"


def test_a_query_that_cannot_be_read_is_told_in_its_own_words(server: Prometheus) -> None:
    reason = missing(url=server.url, query="sum(jobs_waiting")
    assert reason.startswith("Prometheus says bad_data: ")
    assert "unclosed left parenthesis" in reason


def test_a_target_that_is_gone_is_no_data_at_once(server: Prometheus) -> None:
    server.await_page("jobs_gone 5\n" + PAGE, "jobs_gone", 1)
    assert read(url=server.url, query="jobs_gone").value == 5.0
    server.exporter.gone = True
    try:
        server.await_page(PAGE, "jobs_gone", 0)
        assert missing(url=server.url, query="jobs_gone").startswith("no data")
    finally:
        server.exporter.gone = False
    server.await_page(PAGE, "jobs_waiting", 2)


def test_what_nobody_wrote_for_a_while_can_be_asked_away(server: Prometheus) -> None:
    """The page tells that its number is two minutes old, and Prometheus gives such a number for five."""
    at = int((time.time() - 120) * 1000)
    server.await_page(PAGE + f"jobs_pushed 9 {at}\njobs_fresh 9\n", "jobs_fresh", 1)
    filtered = "sum({0} and (time() - timestamp({0}) < 60))"
    assert read(url=server.url, query=filtered.format("jobs_fresh")).value == 9.0
    assert read(url=server.url, query="jobs_pushed").value == 9.0
    assert missing(url=server.url, query=filtered.format("jobs_pushed")).startswith("no data")


def said(value: object, kind: str = "vector", **more: object) -> bytes:
    result = [{"metric": {}, "value": value}] if kind == "vector" else value
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}} | more).encode()


def of(body: bytes) -> str:
    with serving(answers(body=body)) as (url, _):
        return missing(url=url, query="jobs")


def test_a_number_of_another_time_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)  # however long the answer takes
    assert of(said([now - 200, "1"])).startswith("the number is 200 s old")
    assert of(said([now + 300, "1"])).startswith("the number is 300 s in the future")


def test_an_answer_with_warnings_may_be_incomplete() -> None:
    reason = of(said([time.time(), "1"], warnings=["no store matched", "x" * 999]))
    assert reason.startswith("the answer may be incomplete: no store matched; x")
    assert len(reason) < 300


def test_a_histogram_is_no_number() -> None:
    body = {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {}, "histogram": []}]},
    }
    assert of(json.dumps(body).encode()).startswith("the query gives a histogram")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'"success"',
        b'{"status": "success"}',
        said(None, "scalar"),
        said([1], "scalar"),
        said(["now", "1"], "scalar"),
        said([True, "1"], "scalar"),
        said({"a": 1}, "scalar"),
        said([[]], "vector"),
        json.dumps({"status": "success", "data": {"resultType": ["vector"], "result": 5}}).encode(),
    ],
)
def test_an_answer_that_is_not_of_prometheus_is_missing(body: bytes) -> None:
    assert "broke" not in of(body)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "metric", "resultType", "result", "histogram"]), inner, max_size=3
        )
    ),
    max_leaves=9,
)


@given(st.sampled_from(["vector", "scalar", "matrix", "string"]) | ANY, ANY)
def test_no_result_of_any_form_is_anything_but_a_number_or_a_reason(kind: object, result: object) -> None:
    try:
        assert isinstance(number_of_result({"resultType": kind, "result": result}, "up"), float)
    except Unread as reason:
        assert str(reason)


def test_what_the_server_has_in_its_own_address_is_kept() -> None:
    with serving(answers(body=said([time.time(), "1"]))) as (url, requests):
        assert read(url=f"{url}/select/0/prometheus?tenant=7", query="up").value == 1.0
    asked = requests[0].split(b" ")[1]
    assert asked == b"/select/0/prometheus/api/v1/query?tenant=7&query=up&timeout=5000ms"
