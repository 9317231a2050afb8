"""A window that sees requests by the proxy's access log alone: what is bad there takes a release back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from journeys.service import Service, ask
from journeys.switch.behind_live_socket import behind_live_socket
from mobius.adapters.traffic.history import read_history

pytestmark = pytest.mark.journey

QUICK_TO_JUDGE = """
[environments.production.thresholds]
error_window = "1s"
"""
WELL = b'b"HTTP/1.1 200 OK\\r\\nContent-Type'
SPOILED = (
    b'(b"HTTP/1.1 500 No\\r\\n" if path.startswith("/posts") else b"HTTP/1.1 200 OK\\r\\n") + b"Content-Type'
)


@contextmanager
def visitors(service: Service) -> Iterator[list[int]]:
    """Two who ask for the front page and for posts in turn, each answer's status in the list."""
    statuses: list[int] = []
    stop = threading.Event()

    def visit() -> None:
        while not stop.is_set():
            for path in ("/", "/posts?page=1"):
                statuses.append(ask(service.url + path)["code"])

    threads = [threading.Thread(target=visit) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


@pytest.mark.parametrize("kind", ["nginx", pytest.param("caddy", marks=pytest.mark.slow)])
def test_errors_that_only_the_access_log_has_take_a_release_back(kind: str) -> None:
    with behind_live_socket(
        kind, direct=True, window="60s", interval="200ms", alone=False, more=QUICK_TO_JUDGE
    ) as (service, _):
        text = service.config.read_text()
        at = "[environments.production]\n"
        service.config.write_text(text.replace(at, at + 'critical_routes = ["/posts"]\n'))
        service.add_release("v1")
        program = service.add_release("v2") / "tunnel.py"
        assert WELL in program.read_bytes()
        program.write_bytes(program.read_bytes().replace(WELL, SPOILED))
        service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
        service.mobius("accept", expect=0)

        with visitors(service) as statuses:
            service.mobius("deploy", "--tag", "v2", expect=12)

        assert service.get("/posts")["release"] == "v1"
        assert {one.via for one in read_history(service.root.resolve())} <= {"blue", "green"}, (
            "never by the door"
        )
        report = service.mobius("report", "--json", expect=0).json
        window, [route] = report["window"], report["window"]["routes"]
        assert (report["verdict"]["outcome"], report["verdict"]["rule"]) == ("FAIL", "error_rate")
        assert route["route"] == "/posts"
        assert 0 < route["errors"] == route["requests"] == window["errors"] < window["requests"]
        assert window["p95_ms"] is not None and route["p95_ms"] is not None
        assert window["errors"] <= statuses.count(500)
        assert set(statuses) == {200, 500}
