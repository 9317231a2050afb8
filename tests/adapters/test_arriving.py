"""Bytes from a pipe, by the system's select and by a thread of our own: the same promises."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import IO

import pytest

from mobius.adapters.arriving import CHUNK, Arriving

Pipe = tuple[Arriving, IO[bytes]]


@pytest.fixture(params=["select", "thread"])
def pipe(request: pytest.FixtureRequest) -> Iterator[Pipe]:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as source, open(writing, "wb", buffering=0) as sink:
        arriving = Arriving(source, by_thread=request.param == "thread")
        yield arriving, sink
        arriving.close()


def test_what_was_written_is_read_in_order(pipe: Pipe) -> None:
    arriving, sink = pipe
    sink.write(b"one\n")
    assert arriving.read(5.0) == b"one\n"
    sink.write(b"two\n")
    assert arriving.read(None) == b"two\n"


def test_nothing_in_time_is_nothing_and_costs_no_more_than_that(pipe: Pipe) -> None:
    arriving, sink = pipe
    began = time.monotonic()
    assert arriving.read(0.3) == b""
    assert 0.25 <= time.monotonic() - began < 10.0
    assert arriving.read(0.0) == b""
    sink.write(b"late")
    assert arriving.read(5.0) == b"late"


def test_the_end_is_the_end_however_often_it_is_asked_for(pipe: Pipe) -> None:
    arriving, sink = pipe
    sink.write(b"last")
    sink.close()
    assert arriving.read(5.0) == b"last"
    assert [arriving.read(5.0), arriving.read(None)] == [b"", b""]


def test_a_wait_without_a_limit_ends_with_the_first_byte(pipe: Pipe) -> None:
    arriving, sink = pipe
    writer = threading.Timer(0.5, lambda: sink.write(b"at last"))
    writer.start()
    assert arriving.read(None) == b"at last"
    writer.join()


class _AskedAgain(io.FileIO):
    """A pipe whose owner closes it just when somebody asks for its number a second time."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "rb")
        self.times = 0
        self.asked, self.closed_meanwhile = threading.Event(), threading.Event()

    def fileno(self) -> int:
        self.times += 1
        number = super().fileno()
        if self.times > 1:
            self.asked.set()
            self.closed_meanwhile.wait(5.0)
        return number


def test_a_pipe_that_gets_the_number_of_a_closed_one_keeps_its_bytes() -> None:
    reading, writing = os.pipe()
    source = _AskedAgain(reading)
    old = Arriving(source, by_thread=True)
    os.write(writing, b"first")
    assert old.read(5.0) == b"first"
    source.asked.wait(0.2)  # it may ask no second time at all
    source.close()
    os.close(writing)
    other, sink = os.pipe()
    os.dup2(other, reading)
    source.closed_meanwhile.set()
    os.write(sink, b"of the other")
    os.close(sink)
    assert old.read(5.0) == b""
    assert os.read(reading, CHUNK) == b"of the other"
    os.close(other)
    if other != reading:
        os.close(reading)


@pytest.mark.skipif(sys.platform == "win32", reason="reads /dev/zero")
def test_one_that_is_closed_while_nobody_takes_what_comes_lets_its_thread_end() -> None:
    before = threading.active_count()
    with open("/dev/zero", "rb", buffering=0) as endless:
        arriving = Arriving(endless, by_thread=True)
        assert len(arriving.read(5.0)) == CHUNK
        arriving.close()
    until = time.monotonic() + 30.0
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= before


@pytest.mark.parametrize("by_thread", [False, True])
def test_a_program_that_writes_much_is_read_to_its_last_byte(by_thread: bool) -> None:
    size = 40 * CHUNK + 17
    script = f"import sys; sys.stdout.buffer.write(b'x' * {size})"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, bufsize=0) as program:
        assert program.stdout is not None
        arriving, read = Arriving(program.stdout, by_thread=by_thread), 0
        while chunk := arriving.read(30.0):
            read += len(chunk)
    assert read == size
