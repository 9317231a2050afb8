"""Connections past the door, on a release's own Unix socket: counted, waited for, and cut at the timeout."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from host.sites import Site, wait_for
from host.talking import Line
from mobius.host import direct
from mobius.host.reach import group_may_connect, open_to_group

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(not direct.UNIX_SOCKETS.exists(), reason="needs Linux's /proc/net/unix"),
]


@pytest.fixture
def path(site: Site) -> str:
    site.start("blue", "r1", site.web(listen="socket"))
    site.client.configure_door(site.listen)
    [process] = site.client.status().slots["blue"].processes
    assert process.socket is not None
    return process.socket


@contextmanager
def request_to(path: str, target: str) -> Iterator[Line]:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(10)
    line.connect(path)
    with Line.over(line) as talk:
        talk.send(f"GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
        yield talk


def test_what_is_connected_is_in_flight_and_a_listener_alone_is_not(path: str) -> None:
    assert direct.is_seen(path)
    wait_for("nobody to be connected", lambda: direct.in_flight(path) == 0)
    with request_to(path, "/wait/20"):
        assert direct.in_flight(path) == 1
    assert direct.in_flight("/nowhere") == 0
    assert not direct.is_seen("/nowhere")


def test_draining_waits_for_what_is_connected_directly(site: Site, path: str) -> None:
    told: list[bytes] = []
    with request_to(path, "/wait/3") as line:
        reader = threading.Thread(target=lambda: told.append(line.answer().body))
        reader.start()
        assert site.client.drain("blue", 10.0).waited_s < 2.0, "the door alone has nothing in flight"
        drained = site.client.drain("blue", 10.0, direct=True)
        reader.join(30)
    assert (told, drained.cut, drained.in_flight_left) == ([b"r1"], 0, 0)
    assert drained.waited_s > 0.2


def test_at_the_timeout_what_is_left_is_cut_and_the_release_lives_on(site: Site, path: str) -> None:
    pid = site.pid_of("blue")
    with request_to(path, "/wait/20") as one, request_to(path, "/wait/20") as two:
        wait_for("both to be accepted", lambda: "/wait/20" in site.log("blue"))
        began = time.monotonic()
        drained = site.client.drain("blue", 0.2, direct=True)
        assert (drained.cut, drained.in_flight_left) in ((2, 0), (2, 2))
        assert one.is_closed() and two.is_closed()
        assert time.monotonic() - began < 5
    assert site.pid_of("blue") == pid
    with request_to(path, "/") as line:
        assert line.answer().body == b"r1"


def test_a_connection_that_has_the_number_of_one_that_was_closed_is_not_cut() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        inode = os.fstat(ours.fileno()).st_ino
        try:
            assert not direct._shut_down(os.getpid(), ours.fileno(), inode + 1)
        except PermissionError:
            pytest.skip("this system does not let us have the files of a process")
        theirs.sendall(b"still here")
        assert ours.recv(20) == b"still here"
        assert direct._shut_down(os.getpid(), ours.fileno(), inode)
        assert ours.recv(20) == b""


def test_where_a_group_may_pass_a_service_of_any_umask_makes_a_socket_for_it(site: Site) -> None:
    run = site.root / "run"
    before = os.umask(0o022)
    try:
        site.client.shutdown()
        open_to_group(run, None)
        site.client = type(site)(site.root).client
    finally:
        os.umask(before)
    site.start("blue", "r1", site.web(listen="socket"))
    socket_file = run / "blue" / "api.sock"
    wait_for("the group's right", lambda: socket_file.exists() and bool(socket_file.stat().st_mode & 0o020))
    modes = {
        name: stat.S_IMODE((run / name).stat().st_mode)
        for name in (".", "blue", "blue/api.sock", "blue/env.json", "host.sock")
    }
    assert modes == {
        ".": 0o2710,
        "blue": 0o2710,
        "blue/api.sock": 0o775,
        "blue/env.json": 0o600,
        "host.sock": 0o600,
    }


def test_without_a_group_everything_is_for_this_user_only(site: Site, path: str) -> None:
    run = site.root / "run"
    assert stat.S_IMODE(run.stat().st_mode) == stat.S_IMODE((run / "blue").stat().st_mode) == 0o700


def test_a_group_comes_to_a_socket_that_is_its_own_or_everybodys_and_to_no_other(tmp_path: Path) -> None:
    run, beside = tmp_path / "root" / "run", tmp_path / "beside"
    folder = run / "blue"
    folder.mkdir(parents=True)
    beside.mkdir()
    for place in (folder, beside):
        place.chmod(0o750)
        with socket.socket(socket.AF_UNIX) as line:
            before = Path.cwd()
            os.chdir(place)  # a path of pytest is too long for an address
            line.bind("web.sock")
            os.chdir(before)
        (place / "web.sock").chmod(0o660)
    assert group_may_connect(run, folder / "web.sock"), "not opened to any group: nobody is asked about"
    open_to_group(run, None)
    assert group_may_connect(run, folder / "web.sock")
    (folder / "web.sock").chmod(0o606)
    assert not group_may_connect(run, folder / "web.sock")
    (folder / "web.sock").chmod(0o660)
    folder.chmod(0o700)
    assert not group_may_connect(run, folder / "web.sock")
    assert group_may_connect(run, beside / "web.sock")
    (beside / "web.sock").chmod(0o600)
    assert not group_may_connect(run, beside / "web.sock")
    with pytest.raises(OSError, match="No such file"):
        group_may_connect(run, beside / "gone.sock")
