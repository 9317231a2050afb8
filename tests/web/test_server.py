"""The server in bounded time and room: whoever is slow, large, garbled or many gets an answer or no place, never the
whole server."""

from __future__ import annotations

import re
import socket
import threading
import time

import pytest

from mobius.web.exchange import Answer, Request
from mobius.web.server import HEADERS, Limits
from web.looking_at import exchange, read_all, served

LAST = b"Host: localhost\r\nConnection: close\r\n\r\n"
QUICK = Limits(head_s=1.0, idle_s=1.0, body_s=1.0, write_s=1.0, answer_s=1.0)


def echo(request: Request) -> Answer:
    """Says what was asked."""
    told = f"{request.method} {request.path} {dict(request.query)} {request.host} {request.body!r}"
    return Answer(200, told.encode())


def test_a_request_is_answered_with_all_that_keeps_a_browser_careful() -> None:
    with served(echo) as port:
        head, _, body = exchange(port, b"GET /a?b=1&c=%20 HTTP/1.1\r\n" + LAST).partition(b"\r\n\r\n")
    assert body == b"GET /a {'b': '1', 'c': ' '} localhost b''"
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    assert {f"{name}: {value}" for name, value in HEADERS} <= set(lines)
    assert "Connection: close" in lines
    assert not [line for line in lines if line.lower().startswith(("server:", "access-control-"))]


def test_head_is_answered_as_get_without_its_body() -> None:
    with served(echo) as port:
        got = exchange(port, b"HEAD /a HTTP/1.1\r\n" + LAST)
    assert re.search(rb"Content-Length: \d\d", got)
    assert got.endswith(b"\r\n\r\n")


def test_a_connection_serves_one_request_after_the_other() -> None:
    one = b"GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    post = b"POST /2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
    with served(echo) as port:
        got = exchange(port, one + post + b"GET /3 HTTP/1.1\r\n" + LAST)
        old = exchange(port, b"GET /old HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert re.findall(rb"(GET|POST) /(\d)", got) == [(b"GET", b"1"), (b"POST", b"2"), (b"GET", b"3")]
    assert b"GET /old" in old and b"Connection: close" in old


def test_a_connection_has_its_last_request() -> None:
    one = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with served(echo, Limits(requests=3)) as port:
        got = exchange(port, one * 5)
    assert got.count(b"GET /x") == 3
    assert got.count(b"Connection: close") == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n" + LAST, 400),
        (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\n" + LAST, 400),
        (b"CONNECT localhost:80 HTTP/1.1\r\n" + LAST, 405),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n" + LAST, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + LAST, 431),
        (b"GET /?" + b"a=b&" * 30 + b" HTTP/1.1\r\n" + LAST, 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 70000\r\n" + LAST, 413),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n" + LAST, 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n" + LAST, 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + LAST + b"0\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n" + LAST, 400),
    ],
)
def test_what_is_garbled_or_too_much_is_refused(sent: bytes, status: int) -> None:
    with served(echo) as port:
        got = exchange(port, sent)
    assert got.startswith(b"HTTP/1.1 %d " % status), got[:200]
    assert b"Connection: close" in got


def test_a_client_that_waits_for_continue_is_told_to_go_on() -> None:
    head = b"POST /b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" + LAST
    with served(echo) as port, socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(head)
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"ok")
        assert b"b'ok'" in read_all(line)


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n" + LAST + b"half"],
    ids=["head", "half", "body"],
)
def test_a_client_that_does_not_go_on_loses_its_place(sent: bytes) -> None:
    with served(echo, QUICK) as port:
        began = time.monotonic()
        got = exchange(port, sent)
        assert time.monotonic() - began < 15
    assert got.startswith(b"HTTP/1.1 408 ")


def test_bytes_that_trickle_buy_no_time() -> None:
    with served(echo, QUICK) as port, socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        began = time.monotonic()
        try:
            for byte in b"GET / HTTP/1.1\r\nX: " + b"y" * 1000:
                line.sendall(bytes([byte]))
                time.sleep(0.02)
        except OSError:
            pass
        assert time.monotonic() - began < 15


def test_an_idle_connection_is_closed() -> None:
    with served(echo, QUICK) as port, socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(b"GET /one HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"GET /one" in read_all(line)


def test_where_all_places_are_taken_by_those_who_ask_nothing_somebody_who_asks_is_answered() -> None:
    limits = Limits(connections=8, head_s=60.0)
    with served(echo, limits) as port:
        idle = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(40)]
        for line in idle:
            try:
                line.sendall(b"GET / HTTP/1.1\r\n")
            except OSError:
                continue  # it made room already
        try:
            assert b"GET /me" in exchange(port, b"GET /me HTTP/1.1\r\n" + LAST)
            assert b"GET /me" in exchange(port, b"GET /me HTTP/1.1\r\n" + LAST)
        finally:
            for line in idle:
                line.close()


def test_a_client_that_does_not_read_is_cut() -> None:
    ended = threading.Event()

    def large(request: Request) -> Answer:
        return Answer(200, b"x" * 50_000_000)

    with served(large, QUICK) as port, socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(20)
        line.connect(("127.0.0.1", port))
        line.sendall(b"GET / HTTP/1.1\r\n" + LAST)
        time.sleep(3.0)  # longer than a client may take
        got = len(read_all(line))
        ended.set()
    assert ended.is_set() and got < 50_000_000


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    free = threading.Event()

    def slow(request: Request) -> Answer:
        if request.path == "/slow":
            free.wait(10)
        return Answer(200, b"here")

    with served(slow, QUICK) as port:
        try:
            assert exchange(port, b"GET /slow HTTP/1.1\r\n" + LAST).startswith(b"HTTP/1.1 504 ")
            assert exchange(port, b"GET / HTTP/1.1\r\n" + LAST).endswith(b"here")
        finally:
            free.set()
