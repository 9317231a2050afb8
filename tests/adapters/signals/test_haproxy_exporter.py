"""Numbers of a real HAProxy's own exporter."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from adapters.checks.server import answers, serving
from adapters.signals.reading import missing, reader
from adapters.traffic.haproxies import WHY_NOT
from free_ports import free_port
from host.sites import wait_for

CONFIG = """
global
  log stderr format raw local0 err
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend exporter
  bind 127.0.0.1:{exporter}
  http-request use-service prometheus-exporter if {{ path /metrics }}
frontend app
  bind 127.0.0.1:{app}
  default_backend app
backend app
  http-request return status 500 if {{ path /broken }}
  http-request return status 204
backend idle
  server one 127.0.0.1:1
"""


class Proxy:
    def __init__(self, exporter: int, app: int) -> None:
        self.metrics, self._app = f"http://127.0.0.1:{exporter}/metrics", app

    def get(self, *paths: str) -> None:
        for path in paths:
            line = HTTPConnection("127.0.0.1", self._app, timeout=30)
            with contextlib.closing(line):
                line.request("GET", path)
                line.getresponse().read()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    folder = tmp_path_factory.mktemp("haproxy")
    exporter, app = free_port(), free_port()
    config = folder / "haproxy.cfg"
    config.write_text(CONFIG.format(exporter=exporter, app=app))
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(["haproxy", "-db", "-f", str(config)], stdout=log, stderr=log)
    made = Proxy(exporter, app)

    def answers_now() -> bool:
        with contextlib.suppress(OSError):
            made.get("/")
            return True
        return False

    try:
        wait_for("HAProxy to answer", answers_now)
        yield made
    finally:
        process.kill()
        process.wait(30)


def test_the_share_of_5xx_is_that_of_the_answers_since_the_reading_before(proxy: Proxy) -> None:
    signal = reader(kind="haproxy", url=proxy.metrics)
    assert signal.read() is None, "there is nothing to count from yet"

    proxy.get("/", "/", "/", "/broken")
    told = signal.read()
    assert told is not None
    assert told.value == 25.0

    proxy.get("/")
    told = signal.read()
    assert told is not None
    assert told.value == 0.0


def test_no_requests_are_no_data_and_not_a_good_share(proxy: Proxy) -> None:
    signal = reader(kind="haproxy", url=proxy.metrics)
    signal.read()
    told = signal.read()
    assert told is not None
    assert (told.value, told.missing) == (None, "no requests since the last reading")


def test_any_metric_of_a_backend_can_be_asked_for(proxy: Proxy) -> None:
    told = reader(kind="haproxy", url=proxy.metrics, query="idle", path="current_queue").read()
    assert told is not None
    assert told.value == 0.0
    assert (
        reader(kind="haproxy", url=proxy.metrics, path="haproxy_backend_current_sessions").read() is not None
    )


def test_a_backend_or_metric_that_is_not_there_is_named_with_those_that_are(proxy: Proxy) -> None:
    said = missing(kind="haproxy", url=proxy.metrics, query="ap")
    assert said == "HAProxy has no backend ap; it has app, idle"
    said = missing(kind="haproxy", url=proxy.metrics, path="queue")
    assert said == "HAProxy tells no haproxy_backend_queue"
    said = missing(kind="haproxy", url=proxy.metrics, path="http_responses_total")
    assert said.startswith("haproxy_backend_http_responses_total has 6 values")


def page(good: int, failed: int) -> bytes:
    name = "haproxy_backend_http_responses_total"
    return f'{name}{{proxy="app",code="2xx"}} {good}\n{name}{{proxy="app",code="5xx"}} {failed}\n'.encode()


def test_an_haproxy_that_started_anew_counts_from_nothing() -> None:
    pages = [page(1000, 500), page(3, 1)]
    with serving(lambda *asked: answers(body=pages.pop(0))(*asked)) as (url, _):
        signal = reader(kind="haproxy", url=url)
        assert signal.read() is None
        told = signal.read()
    assert told is not None
    assert told.value == 25.0
