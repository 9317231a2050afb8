"""The load generator: it must see every way a request can be lost, and invent none."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from mobius.adapters.load import FailureKind, Load, echoes_the_body
from mobius.adapters.load_report import Answers, Latency, LoadReport
from mobius.errors import UsageError

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.contextmanager
def serving(handler: Handler) -> Iterator[str]:
    """A server in a thread of its own, on a free port; gives its address."""
    ready: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = []
    up = threading.Event()

    async def main() -> None:
        stopping, connections = asyncio.Event(), set[asyncio.Task[None]]()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                connections.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        ready.append((asyncio.get_running_loop(), stopping, server.sockets[0].getsockname()[1]))
        up.set()
        await stopping.wait()
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert up.wait(30)
    loop, stopping, port = ready[0]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(30)


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    size = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            size = int(line.split(b":")[1])
    return head, await reader.readexactly(size)


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        _, body = await read_request(reader)
        said = {"release": "v1", "sha256": hashlib.sha256(body).hexdigest()}
        writer.write(answer(json.dumps(said).encode()))


def run(
    handler: Handler, *, for_requests: int = 40, within_s: float = 60.0, **settings: object
) -> LoadReport:
    """Load the server until that many requests have been seen."""
    options: dict[str, object] = {"keepalive": 4, "fresh": 2, "validate": echoes_the_body, **settings}
    with serving(handler) as url:
        load = Load(url, **options).start()  # type: ignore[arg-type]
        wait_for(lambda: load.snapshot().requests >= for_requests, within_s)
        return load.stop()


def wait_for(holds: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


def test_a_good_server_loses_nothing_and_is_counted_by_release() -> None:
    report = run(good, for_requests=200)
    assert report.failures == ()
    assert report.by_release == {"v1": report.requests}
    assert len(report.answers) == report.requests >= 200


def test_chunked_answers_and_interim_answers_are_understood() -> None:
    async def chunked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await read_request(reader)
            said = json.dumps({"release": "v2", "sha256": hashlib.sha256(body).hexdigest()}).encode()
            writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n")
            writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
            writer.write(b"5;x=y\r\n" + said[:5] + b"\r\n%x\r\n" % (len(said) - 5) + said[5:])
            writer.write(b"\r\n0\r\nTrailer: 1\r\n\r\n")

    report = run(chunked)
    assert report.failures == ()
    assert report.by_release == {"v2": report.requests}


def test_a_refused_connection_is_a_failure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can take the port
        load = Load(f"http://127.0.0.1:{taken.getsockname()[1]}", keepalive=1, fresh=1).start()
        wait_for(lambda: load.snapshot().requests >= 2, 5)
        report = load.stop()
    assert report.failures_by_kind() == {"refused": report.requests}
    assert {failure.connection for failure in report.lost} == {"keep-alive", "fresh"}


def test_a_reset_connection_is_a_failure() -> None:
    async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    report = run(resetting, for_requests=10)
    assert report.failures_by_kind() == {"reset": report.requests}


def test_an_answer_cut_short_is_a_failure() -> None:
    async def cutting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        await writer.drain()

    report = run(cutting, for_requests=10)
    assert report.failures_by_kind() == {"closed early": report.requests}
    assert report.failures[0].detail == "closed after 9 bytes of the answer"


def test_an_echo_of_another_body_is_a_failure() -> None:
    async def mixing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(
                answer(b"{}", f"X-Body-SHA256: {hashlib.sha256(b'other').hexdigest()}", "X-Release: v1")
            )

    report = run(mixing, post_share=1.0)
    assert report.failures_by_kind() == {"wrong answer": report.requests}
    assert len(report.lost) == report.requests


def test_bytes_nobody_asked_for_are_a_failure() -> None:
    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(answer(b"{}") + answer(b"{}"))

    report = run(twice, post_share=0.0, fresh=0)
    assert set(report.failures_by_kind()) == {"garbled"}


def test_no_answer_in_time_is_a_failure() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    report = run(silent, for_requests=6, timeout_s=0.1)
    assert report.failures_by_kind() == {"timeout": report.requests}


def test_an_error_of_the_release_is_told_apart_from_one_of_the_door() -> None:
    turns = iter(range(10**9))

    async def failing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            if next(turns) % 2:
                writer.write(answer(b"", "X-Release: v3", status="500 Internal Server Error"))
            else:
                writer.write(answer(b"Bad Gateway", status="502 Bad Gateway"))

    report = run(failing, post_share=0.0)
    by_kind = report.failures_by_kind()
    assert set(by_kind) == {"error by the door", "error by the release"}
    assert len(report.lost) == by_kind["error by the door"]
    assert report.errors_by_release == {"v3": by_kind["error by the release"]} == report.by_release


def closing_idle_connections(after_s: float) -> Handler:
    """A server that closes a connection idle for that long, as a reload or a short timeout does."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(after_s):
                    await reader.readuntil(b"\r\n\r\n")
            except TimeoutError:
                return
            writer.write(answer(b"{}"))

    return handler


def test_a_server_that_closes_idle_connections_loses_requests_over_a_distance() -> None:
    # The next request is on the wire for 20 ms when the close comes the other way.
    report = run(
        closing_idle_connections(0.03), for_requests=30, rtt_ms=40, keepalive=4, fresh=0, post_share=0.0
    )
    assert len(report.lost) > 0
    assert {failure.kind for failure in report.lost} <= {FailureKind.CLOSED_EARLY, FailureKind.RESET}


def test_a_server_that_keeps_idle_connections_loses_none_over_the_same_distance() -> None:
    report = run(
        closing_idle_connections(5), for_requests=60, rtt_ms=40, keepalive=4, fresh=2, post_share=0.0
    )
    assert report.failures == ()


def test_a_close_the_client_could_know_of_is_no_failure() -> None:
    # Idle for two seconds between requests, closed after 20 ms: known long before the next request.
    report = run(
        closing_idle_connections(0.02),
        for_requests=7,
        within_s=30.0,
        keepalive=3,
        fresh=0,
        post_share=0.0,
        rate=1.5,
        rtt_ms=10,
    )
    assert report.failures == ()


@pytest.mark.parametrize(("keepalive", "fresh", "round_trips"), [(1, 0, 1), (0, 1, 2)])
def test_an_answer_takes_the_round_trips_it_takes(keepalive: int, fresh: int, round_trips: int) -> None:
    report = run(good, for_requests=10, rtt_ms=40, keepalive=keepalive, fresh=fresh)
    least_ms = 1000 * min(ended - started for started, ended, _ in list(report.answers)[1:])
    assert 40 * round_trips <= least_ms < 40 * round_trips + 15


def test_the_distance_keeps_bytes_in_order() -> None:
    blob = bytes(range(256)) * 4096  # 1 MiB, in many pieces

    async def big(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await read_request(reader)
            writer.write(answer(blob, f"X-Body-SHA256: {hashlib.sha256(body).hexdigest()}"))
            await writer.drain()

    report = run(
        big,
        for_requests=6,
        rtt_ms=10,
        make_body=lambda source: source.randbytes(300_000),
        validate=lambda sent, got: (
            echoes_the_body(sent, got) or (None if got.body == blob else "other bytes")
        ),
    )
    assert report.failures == ()


def test_a_rate_is_kept() -> None:
    report = run(good, for_requests=100, rate=200, keepalive=10, fresh=0)
    rate = report.requests / (report.ended_s - report.started_s)
    assert 120 < rate < 240


def test_the_paths_and_methods_are_mixed_as_asked() -> None:
    seen: list[bytes] = []

    async def noting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_request(reader)
            seen.append(head.split(b" HTTP")[0])
            writer.write(answer(b"{}", f"X-Body-SHA256: {hashlib.sha256(body).hexdigest()}"))

    run(noting, for_requests=400, paths=("/a",), post_paths=("/b",), slow_path="/slow", slow_share=0.2)
    assert set(seen) == {b"GET /a", b"GET /slow", b"POST /b"}
    share = sum(line.startswith(b"POST") for line in seen) / len(seen)
    assert 0.35 < share < 0.65


def test_a_generator_out_of_ports_blames_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from mobius.adapters import load as module
    from mobius.errors import MobiusError

    async def no_ports(*_: object) -> None:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(module.Line, "open", no_ports)
    load = Load("http://127.0.0.1:1", keepalive=1, fresh=0).start()
    wait_for(lambda: not load.is_running, 5)
    with pytest.raises(MobiusError, match="the load generator itself failed"):
        load.stop()


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot send load to 'localhost:5001'"):
        Load("localhost:5001")


def test_the_report_answers_questions_about_a_switch() -> None:
    answers = Answers()
    for started, ended, release in [(0.0, 0.1, 0), (0.9, 1.3, 0), (1.05, 1.1, 1), (2.0, 2.01, 1)]:
        answers.append(started, ended, release)
    report = LoadReport(0, 3, 0, (), {"old": 2, "new": 2}, answers, ("old", "new"))
    assert report.first_answer_s("new", after_s=1.0) == 1.1
    assert report.last_started_s("old") == 0.9
    assert report.last_answer_s("old") == 1.3
    assert report.first_answer_s("gone") is None
    assert report.latency(during=[(1.0, 1.2)]).count == 2
    assert report.latency(outside=[(1.0, 1.2)]).p99_ms == pytest.approx(100)


def test_percentiles_are_latencies_that_a_request_had() -> None:
    latency = Latency.of([i / 1000 for i in range(1, 101)])
    assert (latency.p50_ms, latency.p95_ms, latency.p99_ms) == pytest.approx((50, 95, 99))
