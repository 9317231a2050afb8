"""The line to GitHub: every way in which an answer does not come is told, bounded in time, and shows no token."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from free_ports import free_port
from mobius.adapters.forge.line import LARGEST, Got, Line, Said
from mobius.model.forge import Unknown

TOKEN = "ghp_canary0123456789canary0123456789"


class Waits:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waited: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def line(httpserver: HTTPServer, waits: Waits) -> Line:
    return new_line(httpserver.url_for(""), waits)


def new_line(url: str, waits: Waits, *, timeout_s: float = 30.0, token: str = TOKEN) -> Line:
    return Line(url, token, timeout_s=timeout_s, now=lambda: waits.now, wait=waits.wait)


def why(found: object) -> str:
    assert isinstance(found, Unknown)
    assert TOKEN not in found.reason + found.hint
    return found.reason


def test_an_answer_comes_with_its_headers_and_the_token_and_version_go_out(
    httpserver: HTTPServer, line: Line
) -> None:
    httpserver.expect_request(
        "/repos/a/b",
        headers={
            "Authorization": f"Bearer {TOKEN}",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "mobius",
        },
    ).respond_with_json({"x": 1}, headers={"Link": "<y>"})
    found = line.ask("GET", "/repos/a/b")
    assert isinstance(found, Got)
    assert (json.loads(found.body), found.headers["link"]) == ({"x": 1}, "<y>")


def test_without_a_token_none_goes_out(httpserver: HTTPServer, waits: Waits) -> None:
    seen: list[str | None] = []

    def answer(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response("{}")

    httpserver.expect_request("/x").respond_with_handler(answer)
    new_line(httpserver.url_for(""), waits, token="").ask("GET", "/x")
    assert seen == [None]


def test_not_found_and_not_accepted_are_handed_on_as_they_may_mean_something(
    httpserver: HTTPServer, line: Line
) -> None:
    for status in (404, 422):
        httpserver.expect_request(f"/{status}").respond_with_json({"message": "no"}, status=status)
        found = line.ask("GET", f"/{status}")
        assert isinstance(found, Said)
        assert found.status == status


def test_a_refusal_says_what_the_token_needs(httpserver: HTTPServer, line: Line, waits: Waits) -> None:
    httpserver.expect_request("/x").respond_with_json(
        {"message": "Resource not accessible by integration"},
        status=403,
        headers={"X-Accepted-GitHub-Permissions": "administration=read"},
    )
    found = line.ask("GET", "/x")
    assert why(found) == "GitHub refuses it (403): Resource not accessible by integration"
    assert isinstance(found, Unknown)
    assert found.hint == "the token needs: administration=read"
    assert waits.waited == []


def test_a_token_that_is_not_known_says_so(httpserver: HTTPServer, line: Line, waits: Waits) -> None:
    httpserver.expect_request("/x").respond_with_json({"message": "Bad credentials"}, status=401)
    assert why(line.ask("GET", "/x")) == "GitHub does not know the token (401): Bad credentials"
    bare = new_line(httpserver.url_for(""), waits, token="").ask("GET", "/x")
    assert why(bare) == "GitHub wants a token"


@pytest.mark.parametrize(
    ("status", "headers", "waited"),
    [
        (429, {"Retry-After": "7"}, 7.0),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1020"}, 21.0),
        (403, {"Retry-After": "0"}, 0.0),
    ],
)
def test_a_short_rate_limit_is_waited_for(
    httpserver: HTTPServer, line: Line, waits: Waits, status: int, headers: dict[str, str], waited: float
) -> None:
    httpserver.expect_ordered_request("/x").respond_with_json({}, status=status, headers=headers)
    httpserver.expect_ordered_request("/x").respond_with_json({"ok": True})
    assert isinstance(line.ask("GET", "/x"), Got)
    assert waits.waited == [waited]


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (429, {"Retry-After": "3600"}, "slow down"),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999"}, "API rate limit exceeded"),
        (403, {}, "You have exceeded a secondary rate limit"),
        (429, {"Retry-After": "soon"}, "slow down"),
        (429, {"Retry-After": "-5"}, "slow down"),
    ],
)
def test_a_long_rate_limit_is_unknown_and_not_waited_for(
    httpserver: HTTPServer, line: Line, waits: Waits, status: int, headers: dict[str, str], message: str
) -> None:
    httpserver.expect_request("/x").respond_with_json({"message": message}, status=status, headers=headers)
    assert why(line.ask("GET", "/x")) == f"GitHub's rate limit is used up: {message}"
    assert waits.waited == []


def test_waiting_for_limits_is_bounded_over_all_questions_of_a_command(
    httpserver: HTTPServer, line: Line, waits: Waits
) -> None:
    httpserver.expect_request("/x").respond_with_json({}, status=429, headers={"Retry-After": "25"})
    for _ in range(4):
        line.ask("GET", "/x")
    assert sum(waits.waited) <= 60


def test_a_server_that_fails_is_asked_again_and_a_change_is_not_sent_twice(
    httpserver: HTTPServer, line: Line
) -> None:
    asked: list[str] = []

    def fails(request: Request) -> Response:
        asked.append(request.method)
        return Response("<html>", status=502)

    httpserver.expect_request("/x").respond_with_handler(fails)
    assert why(line.ask("GET", "/x")) == "GitHub failed (502)"
    assert why(line.ask("POST", "/x", b"{}")) == "GitHub failed (502)"
    assert asked == ["GET", "GET", "GET", "POST"]


def test_a_redirect_of_the_same_host_is_followed(httpserver: HTTPServer, line: Line) -> None:
    httpserver.expect_request("/old").respond_with_data("", status=301, headers={"Location": "/new"})
    httpserver.expect_request("/new").respond_with_json({"ok": True})
    assert isinstance(line.ask("GET", "/old"), Got)
    assert why(line.ask("POST", "/old", b"{}")) == "GitHub says that the repository has moved"


@pytest.mark.parametrize("there", ["http://127.0.0.1:1/x", "https://127.0.0.1/x", "//evil.example/x"])
def test_a_redirect_to_another_host_is_not_followed(httpserver: HTTPServer, line: Line, there: str) -> None:
    httpserver.expect_request("/x").respond_with_data("", status=302, headers={"Location": there})
    assert "GitHub redirects to" in why(line.ask("GET", "/x")) or "cannot be read" in why(
        line.ask("GET", "/x")
    )


def test_redirects_in_a_circle_end(httpserver: HTTPServer, line: Line) -> None:
    httpserver.expect_request("/x").respond_with_data("", status=307, headers={"Location": "/x"})
    assert why(line.ask("GET", "/x")) == "GitHub redirects more than 3 times"


def test_an_address_of_another_host_is_never_asked(line: Line) -> None:
    assert "the token goes to" in why(line.ask("GET", "http://evil.example/page2"))


def test_an_answer_that_is_too_large_is_not_read_to_its_end(httpserver: HTTPServer, waits: Waits) -> None:
    httpserver.expect_request("/x").respond_with_data(b"x" * (LARGEST + 1))
    line = new_line(httpserver.url_for(""), waits, timeout_s=60.0)  # 8 MiB take a while on a machine at work
    assert "an answer of more than 8 MiB" in why(line.ask("GET", "/x"))


def test_nobody_there_is_unknown(waits: Waits) -> None:
    port = free_port()
    assert why(new_line(f"http://127.0.0.1:{port}", waits).ask("GET", "/x")) == (
        f"http://127.0.0.1:{port}: Connection refused"
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "what came is no whole HTTP answer"),
        (b"hello\r\n\r\n", "what came is no whole HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", "an answer that was cut off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "what came is no whole HTTP answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n{}", "what came is no whole HTTP answer"),
    ],
)
def test_what_is_no_whole_answer_is_unknown(waits: Waits, said: bytes, words: str) -> None:
    with Rough(said) as url:
        assert words in why(new_line(url, waits).ask("GET", "/x"))


@pytest.mark.parametrize(
    "drip", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"]
)
def test_an_answer_that_only_drips_ends_in_time(waits: Waits, drip: bytes) -> None:
    with Rough(drip, drips=True) as url:
        begun = time.monotonic()
        found = new_line(url, waits, timeout_s=0.3).ask("POST", "/x", b"{}")
        assert "no answer within 0.3 s" in why(found)
        assert time.monotonic() - begun < 60, "it drips for ever"


def test_a_message_of_github_cannot_draw_on_a_terminal(httpserver: HTTPServer, line: Line) -> None:
    body = json.dumps({"message": "no\x1b[2J\nmore" + "x" * 1000})
    httpserver.expect_request("/x").respond_with_data(body, status=403)
    reason = why(line.ask("GET", "/x"))
    assert reason.isprintable()
    assert len(reason) < 300


class Rough:
    """A server that says these bytes to everybody, then goes, or drips on for ever."""

    def __init__(self, said: bytes, *, drips: bool = False) -> None:
        self._said, self._drips = said, drips
        self._server = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()

    def __enter__(self) -> str:
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            with sock:
                try:
                    sock.recv(65536)
                    sock.sendall(self._said)
                    while self._drips and not self._over.wait(0.05):
                        sock.sendall(b"X")
                except OSError:
                    continue
