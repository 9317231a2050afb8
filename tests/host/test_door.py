"""The front door, a real process before a real service, spoken to byte by byte."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import trustme

from free_ports import free_port
from host.sites import Site, new_site, wait_for
from host.talking import Line, get, post
from host.test_headers import HOSTILE
from mobius.host.client import HostRefused
from mobius.host.messages import Limits, ReleaseCounts, Tls

pytestmark = pytest.mark.journey
MIB = 1024 * 1024


def echo(line: Line, request: bytes) -> dict[str, object]:
    line.send(request)
    seen = json.loads(line.answer().body)
    seen["headers"] = {name.lower(): value for name, value in seen["headers"]}
    return dict(seen)


# -- strictness --------------------------------------------------------------------------------------------


def test_hostile_requests_get_400_and_a_closed_connection_and_nothing_reaches_the_release(
    shared: Site,
) -> None:
    before = shared.log("blue")
    wrong = {}
    for name, head in HOSTILE.items():
        with Line(shared.port) as line:
            line.send(head + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
            status = line.answer().status
            if status != 400 or not line.is_closed():
                wrong[name] = status
    assert wrong == {}
    assert shared.log("blue") == before


@pytest.mark.parametrize(
    "body", [b"0x5\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"5\nhello\n0\n\n"]
)
def test_a_body_that_is_not_chunked_as_said_is_refused(shared: Site, body: bytes) -> None:
    with Line(shared.port) as line:
        line.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        assert line.answer().status == 400
        assert line.is_closed()


def test_what_follows_a_body_is_the_next_request_and_nothing_else(shared: Site) -> None:
    with Line(shared.port) as line:
        line.send(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
            b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            b"GET /echo/last HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        seen = [json.loads(line.answer().body) for _ in range(3)]
    assert [(one["method"], one["size"]) for one in seen] == [("POST", 5), ("POST", 3), ("GET", 0)]


# -- what goes on and what comes back ----------------------------------------------------------------------


def test_the_release_sees_the_client_and_not_what_the_client_says_of_itself(shared: Site) -> None:
    with Line(shared.port) as line:
        seen = echo(
            line,
            b"GET /echo?q=1 HTTP/1.1\r\nHost: shop.example:81\r\nX-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n"
            b"X-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
            b"Cookie: a=b\r\n\r\n",
        )
    assert seen["target"] == "/echo?q=1"
    assert seen["headers"] == {
        "host": "shop.example:81",
        "cookie": "a=b",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "shop.example:81",
    }


def test_many_requests_on_one_connection_are_answered_in_order(shared: Site) -> None:
    with Line(shared.port) as line:
        line.send(b"".join(b"GET /echo/%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(200)))
        targets = [json.loads(line.answer().body)["target"] for _ in range(200)]
    assert targets == [f"/echo/{n}" for n in range(200)]


def test_http_1_0_is_answered_and_closed_or_kept_when_asked(shared: Site) -> None:
    with Line(shared.port) as line:
        line.send(b"GET / HTTP/1.0\r\n\r\n")
        assert line.answer().body == b"r1"
        assert line.is_closed()
    with Line(shared.port) as line:
        for _ in range(2):
            line.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = line.answer()
            assert (answer.body, answer.headers["connection"]) == (b"r1", "keep-alive")
        line.send(b"GET /chunks/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = line.answer()
        assert "transfer-encoding" not in answer.headers and answer.body == bytes(65536)


@pytest.mark.parametrize("path", ["/status/204", "/status/304", "/"])
def test_answers_without_a_body_leave_the_connection_usable(shared: Site, path: str) -> None:
    with Line(shared.port) as line:
        line.get(path, "HEAD" if path == "/" else "GET")
        assert line.get("/").body == b"r1"


def test_an_answer_that_ends_with_its_connection_arrives_in_chunks(shared: Site) -> None:
    with Line(shared.port) as line:
        answer = line.get("/until-close")
        assert (answer.headers["transfer-encoding"], answer.body) == ("chunked", b"r1")
        assert line.get("/").body == b"r1"


def test_early_hints_come_before_the_answer(shared: Site) -> None:
    with Line(shared.port) as line:
        first = line.get("/early-hints")
        assert (first.status, first.headers) == (103, {"link": "</a.css>"})
        assert line.answer().body == b"r1"


def test_a_client_that_expects_to_be_asked_for_its_body_is_asked_by_the_release(shared: Site) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    with Line(shared.port) as line:
        line.send(head % b"/echo")
        assert line.answer().status == 100
        line.send(b"hello")
        assert json.loads(line.answer().body)["size"] == 5
    with Line(shared.port) as line:
        line.send(head % b"/no-thanks")
        answer = line.answer()
        assert (answer.status, answer.headers["connection"]) == (417, "close")


def test_an_answer_before_the_end_of_the_body_arrives(shared: Site) -> None:
    with Line(shared.port) as line:
        line.send(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
        answer = line.answer()
    assert (answer.status, answer.body, answer.headers["connection"]) == (413, b"too much", "close")


def test_a_websocket_passes_both_ways_until_either_side_ends(shared: Site) -> None:
    handshake = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    with Line(shared.port) as line:
        line.send(handshake + b"early")
        answer = line.answer()
        assert (answer.status, answer.headers["upgrade"]) == (101, "websocket")
        assert line._exactly(5) == b"early"
        for size in (1, 1000, 300_000):
            sender = threading.Thread(target=line.send, args=(b"x" * size,))
            sender.start()
            assert line._exactly(size) == b"x" * size
            sender.join()
        line.socket.shutdown(socket.SHUT_WR)
        assert line.is_closed()
    wait_for("the tunnel to be over", lambda: shared.client.counters().releases["r1"].in_flight == 0)


@pytest.mark.parametrize("where", ["port", "socket"])
def test_a_websocket_whose_client_closed_is_over_at_once(site: Site, where: str) -> None:
    listen = site.listen if where == "port" else f"unix:{site.root}/run/door.sock"
    site.start("blue", "r1")
    site.client.configure_door(listen)
    site.client.route({"blue": 1})
    if where == "port":
        connected = socket.create_connection(("127.0.0.1", site.port), timeout=30)
    else:
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(10)
        connected.connect(listen.removeprefix("unix:"))
    with Line.over(connected) as line:
        line.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
        assert line.answer().status == 101
        assert line._exactly(5) == b"hello"
        assert site.client.counters().releases["r1"].in_flight == 1
    wait_for("the tunnel to be over", lambda: site.client.counters().releases["r1"].in_flight == 0)


# -- when it goes wrong ------------------------------------------------------------------------------------


def test_a_release_that_answers_garbage_is_a_502(shared: Site) -> None:
    with Line(shared.port) as line:
        assert line.get("/garbled").status == 502
        assert line.get("/").body == b"r1"


def test_an_answer_that_breaks_off_breaks_off_for_the_client_too(shared: Site) -> None:
    before = shared.client.counters().releases["r1"].errors_door
    with Line(shared.port) as line, pytest.raises(ConnectionError):
        line.get("/half")
    assert shared.client.counters().releases["r1"].errors_door == before + 1


def test_the_release_is_let_go_when_its_client_leaves(shared: Site) -> None:
    for name, leave in (("close", socket.socket.close), ("end", lambda line: line.shutdown(socket.SHUT_WR))):
        line = Line(shared.port)
        line.send(f"POST /hang/{name} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
        wait_for("the request to arrive", lambda name=name: f"POST /hang/{name}" in shared.log("blue"))
        leave(line.socket)
        wait_for("the release to be let go", lambda name=name: f"closed /hang/{name}" in shared.log("blue"))
        line.socket.close()


def test_a_client_that_only_closes_its_sending_half_still_gets_its_answer(shared: Site) -> None:
    with Line(shared.port) as line:
        line.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        line.socket.shutdown(socket.SHUT_WR)
        assert line.answer().body == b"r1"
        assert line.is_closed()


# -- size and time -----------------------------------------------------------------------------------------


def test_50_mb_stream_up_and_down_in_bounded_memory(shared: Site) -> None:
    status = shared.client.status()
    assert status.door is not None and status.door.pid is not None
    door = psutil.Process(status.door.pid)
    before = door.memory_info().rss
    piece = os.urandom(MIB)
    digest = hashlib.sha256(piece * 50).hexdigest()
    for framing in ("Content-Length: 52428800", "Transfer-Encoding: chunked"):
        with Line(shared.port, timeout_s=60.0) as line:
            line.send(f"POST /echo HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode())
            for _ in range(50):
                line.send(piece if "Length" in framing else b"100000\r\n" + piece + b"\r\n")
            if "chunked" in framing:
                line.send(b"0\r\n\r\n")
            seen = json.loads(line.answer().body)
            assert (seen["size"], seen["sha256"]) == (50 * MIB, digest)
    with Line(shared.port, timeout_s=60.0) as line:
        assert len(line.get("/chunks/800").body) == 800 * 65536
    assert door.memory_info().rss - before < 24 * MIB


def test_a_client_that_does_not_read_stops_the_release_and_not_the_door(shared: Site) -> None:
    status = shared.client.status()
    assert status.door is not None and status.door.pid is not None
    door = psutil.Process(status.door.pid)
    before = door.memory_info().rss
    with Line(shared.port) as slow:
        slow.send(b"GET /chunks/1600 HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for("the answer to begin", lambda: bool(slow.socket.recv(1, socket.MSG_PEEK)))
        for _ in range(20):
            assert get(shared.port).body == b"r1"
        assert door.memory_info().rss - before < 16 * MIB


def test_a_slow_release_stops_the_client_and_not_the_door(shared: Site) -> None:
    with Line(shared.port, timeout_s=30.0) as line:
        line.send(b"POST /slow-reader HTTP/1.1\r\nHost: a\r\nContent-Length: 20971520\r\n\r\n")
        sender = threading.Thread(target=line.send, args=(bytes(20 * MIB),))
        sender.start()
        assert get(shared.port).body == b"r1"
        assert line.answer().status == 200
        sender.join()


def timed_ms(site: Site, release: str, act: Callable[[], None]) -> float:
    """How long the release is said to have taken for the one request that `act` makes."""

    def counted() -> ReleaseCounts:
        return site.client.counters().releases.get(release, ReleaseCounts())

    before = counted()
    act()
    wait_for("the request to be counted", lambda: counted().requests == before.requests + 1)
    return counted().took_ms - before.took_ms


def test_what_a_client_takes_to_send_its_body_is_no_time_of_the_release(shared: Site) -> None:
    def upload() -> None:
        with Line(shared.port) as line:
            line.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n")
            for _ in range(3):
                time.sleep(1.0)
                line.send(bytes(10))
            assert line.answer().status == 200

    assert timed_ms(shared, "r1", upload) < 2500


def test_what_a_client_takes_to_read_its_answer_is_no_time_of_the_release(shared: Site) -> None:
    def read_late() -> None:
        with Line(shared.port, timeout_s=30.0) as line:
            line.send(b"GET /chunks/800 HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(3.0)
            assert len(line.answer().body) == 800 * 65536

    assert timed_ms(shared, "r1", read_late) < 2500


def test_what_a_release_takes_is_its_own_time_also_for_an_upload(shared: Site) -> None:
    sent: list[float] = []

    def get_slowly() -> None:
        with Line(shared.port) as line:
            began = time.monotonic()
            line.send(b"POST /wait/1.5 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
            time.sleep(0.2)
            line.send(b"ab")
            sent.append(1000 * (time.monotonic() - began))
            assert line.answer().status == 200

    took_ms = timed_ms(shared, "r1", get_slowly)
    assert took_ms > 1450 - sent[0], "what it took after the upload, by its own clock"


@pytest.fixture(scope="module")
def strict() -> Iterator[Site]:
    for site in new_site():
        site.start("blue", "r1")
        limits = Limits(
            header_bytes=2048, header_count=10, body_bytes=1000, header_timeout_s=1.5, body_timeout_s=1.5,
            idle_timeout_s=1.5, upstream_timeout_s=1.5,
        )  # fmt: skip
        site.client.configure_door(site.listen, limits=limits, critical_routes=["/api/render"])
        site.client.route({"blue": 1})
        yield site


def test_limits_on_the_head(strict: Site) -> None:
    with Line(strict.port) as line:
        line.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 3000 + b"\r\n\r\n")
        assert line.answer().status == 431
        assert line.is_closed()
    with Line(strict.port) as line:
        line.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 3000)  # it never ends
        assert line.answer().status == 431
    with Line(strict.port) as line:
        line.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 10 + b"\r\n")
        assert line.answer().status == 431


def test_limits_on_the_body(strict: Site) -> None:
    assert post(strict.port, "/echo", bytes(1000)).status == 200
    assert post(strict.port, "/echo", bytes(1001)).status == 413
    with Line(strict.port) as line:
        line.send(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + (b"64\r\n" + bytes(100) + b"\r\n") * 11
        )
        assert line.answer().status == 413


def test_a_head_that_trickles_is_given_up(strict: Site) -> None:
    with Line(strict.port) as line:
        started = time.monotonic()
        line.send(b"GET / HTTP/1.1\r\n")
        threading.Thread(target=_trickle, args=(line,), daemon=True).start()
        assert line.answer().status == 408
        assert time.monotonic() - started < 10


def test_a_body_that_trickles_is_given_up(strict: Site) -> None:
    with Line(strict.port) as line:
        line.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n")
        before = strict.client.counters()
        threading.Thread(target=_trickle, args=(line,), daemon=True).start()
        assert line.answer().status == 408
        after = strict.client.counters()
        assert after.refused["timeout"] == before.refused["timeout"] + 1
        assert after.releases["r1"].requests == before.releases["r1"].requests


def test_an_idle_connection_is_closed_without_a_word(strict: Site) -> None:
    with Line(strict.port) as line:
        assert line.get("/").status == 200
        assert line.is_closed()
    with Line(strict.port) as line:  # and one that never said anything
        assert line.is_closed()


def test_a_release_that_does_not_answer_is_a_504(strict: Site) -> None:
    with Line(strict.port) as line:
        assert line.get("/wait/30").status == 504


def test_critical_routes_are_counted_of_their_own(strict: Site) -> None:
    for path in ("/api/render", "/api/render/7?x", "/api/renderer", "/"):
        get(strict.port, path)
    with Line(strict.port) as line:
        line.get("/api/render/../../status/503")
    assert strict.client.counters().releases["r1"].routes["/api/render"].requests == 3


def test_refusals_are_counted(strict: Site) -> None:
    before = strict.client.counters().refused
    with Line(strict.port) as line:
        line.send(b"GET / HTTP/1.1\r\n\r\n")
        line.answer()
    assert strict.client.counters().refused["bad_request"] == before["bad_request"] + 1


def _trickle(line: Line) -> None:
    try:
        for _ in range(400):
            line.send(b"X")
            time.sleep(0.05)
    except OSError:
        pass


# -- TLS, trust, sockets -----------------------------------------------------------------------------------


def test_tls_is_terminated_and_a_new_certificate_is_taken_without_closing(site: Site, tmp_path: Path) -> None:
    authority = trustme.CA()
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def issue() -> bytes:
        issued = authority.issue_cert("localhost")
        cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())
        return ssl.PEM_cert_to_DER_cert(cert.read_text())

    context = ssl.create_default_context()
    authority.configure_trust(context)

    def connect() -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", site.port), timeout=30)
        return context.wrap_socket(plain, server_hostname="localhost")

    first = issue()
    site.start("blue", "r1")
    site.client.configure_door(site.listen, tls=Tls(str(cert), str(key)))
    site.client.route({"blue": 1})
    with Line.over(connect()) as line:
        seen = echo(line, b"GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert seen["headers"]["x-forwarded-proto"] == "https"  # type: ignore[index]
        assert line.socket.getpeercert(binary_form=True) == first  # type: ignore[attr-defined]
        second = issue()
        site.client.configure_door(site.listen, tls=Tls(str(cert), str(key)))
        assert len(line.post("/echo", bytes(300_000)).body) > 10
        with Line.over(connect()) as other:
            assert other.socket.getpeercert(binary_form=True) == second  # type: ignore[attr-defined]
    key.write_text("not a key")
    with pytest.raises(HostRefused, match="cannot be used"):
        site.client.configure_door(site.listen, tls=Tls(str(cert), str(key)))
    with Line.over(connect()) as line:
        assert line.get("/").body == b"r1"


def test_a_trusted_proxy_may_say_who_the_client_is(site: Site) -> None:
    site.start("blue", "r1")
    site.client.configure_door(site.listen, trusted_proxies=["127.0.0.1"], expose_release=True)
    site.client.route({"blue": 1})
    with Line(site.port) as line:
        seen = echo(
            line,
            b"GET /echo HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n"
            b"X-Forwarded-Host: shop\r\n\r\n",
        )
        assert line.get("/").headers["x-mobius-release"] == "r1"
    headers = seen["headers"]
    assert headers["x-forwarded-for"] == "9.9.9.9, 127.0.0.1"  # type: ignore[index]
    assert (headers["x-forwarded-proto"], headers["x-forwarded-host"]) == ("https", "shop")  # type: ignore[index]


def test_a_release_is_reached_on_its_socket_where_it_serves_there(site: Site) -> None:
    site.start("blue", "r1", site.web(listen="socket"))
    site.start("green", "r2", site.web(listen="auto"))
    site.client.configure_door(site.listen)
    for slot, release in (("blue", b"r1"), ("green", b"r2")):
        site.client.route({slot: 1})
        with Line(site.port) as line:
            assert [line.get("/").body, line.post("/", b"x").body] == [release, release]


def test_a_taken_port_is_refused_with_who_has_it_and_nothing_changes(site: Site) -> None:
    site.start("blue", "r1")
    site.client.configure_door(site.listen)
    site.client.route({"blue": 1})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(HostRefused) as refusal:
            site.client.configure_door(f"127.0.0.1:{port}")
    assert f"port {port} is taken by" in str(refusal.value)
    assert f"pid {os.getpid()}" in str(refusal.value)
    assert get(site.port).body == b"r1"
    moved = free_port()
    assert site.client.configure_door(f"127.0.0.1:{moved}").listen == f"127.0.0.1:{moved}"
    assert get(moved).body == b"r1"
