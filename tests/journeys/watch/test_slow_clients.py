"""Clients that send their requests a byte at a time: no fault of a good release, and no shelter for a bad one."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from journeys.watch.ward import Ward

pytestmark = [pytest.mark.journey, pytest.mark.slow]

CLIENTS = 100
HEAD = b"GET /work HTTP/1.1\r\nHost: x\r\nX-Slow: "
BODY = b"POST /work HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"


class Dripping:
    """So many clients, half with a header that never ends, half with a body; who is thrown out comes again."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self.lines = [self._enter(HEAD if number % 2 else BODY) for number in range(count)]
        self.thrown_out = 0

    def drip(self) -> None:
        """One more byte of each."""
        for at, line in enumerate(self.lines):
            try:
                line.send(b"x")
            except OSError:
                line.close()
                self.thrown_out += 1
                with contextlib.suppress(OSError):
                    self.lines[at] = self._enter(HEAD if at % 2 else BODY)

    def _enter(self, words: bytes) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        line.send(words)
        line.setblocking(False)
        return line


@contextmanager
def dripping(port: int, count: int = CLIENTS) -> Iterator[Dripping]:
    stopped, clients = threading.Event(), Dripping(port, count)

    def go_on() -> None:
        while not stopped.wait(1.0):
            clients.drip()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield clients
    finally:
        stopped.set()
        thread.join()
        for line in clients.lines:
            line.close()


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with Ward(tmp_path_factory.mktemp("ward"), window="100s") as there:
        there.settle_in()
        yield there


def test_clients_that_drip_their_requests_are_no_fault_of_a_good_release(ward: Ward) -> None:
    with dripping(ward.service.port) as clients:
        done = ward.deploy()
    assert done.code == 0, done
    assert ward.service.get("/")["release"] == "v2"
    assert clients.thrown_out > 0


def test_a_bad_release_goes_although_clients_drip_their_requests(ward: Ward) -> None:
    ward.set_window("5m")
    before, tag = ward.service.status()["live"]["tag"], ward.next_tag()
    with ward.told(tag, kind="errors", share=0.05), dripping(ward.service.port):
        done = ward.service.mobius("deploy", "--tag", tag, timeout_s=400.0)
    assert done.code == 12, done
    assert ward.service.get("/")["release"] == before
