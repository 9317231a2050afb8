"""What systemd hands to the supervisor, and what it hears of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from free_ports import free_port
from host.sites import wait_for
from mobius.host.client import HostClient, HostUnavailable, ensure_running, unit_of
from mobius.host.systemd import Notify, take_handed_sockets

SOURCE = str(Path(__file__).parents[2] / "src")
# As systemd does it: the socket as descriptor 3, and the pid of whoever it is meant for.
ACTIVATE = """
import os, socket, sys
line = socket.socket()
line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
line.bind(("127.0.0.1", int(sys.argv[1])))
line.listen(64)
if line.fileno() != 3:
    os.dup2(line.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="door")
os.execv(sys.executable, [sys.executable, "-P", "-m", "mobius.host", "--root", sys.argv[2]])
"""


class Listener:
    """Where a service says how it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.bind(str(path))
        self.line.settimeout(15)

    def hear(self) -> str:
        return self.line.recv(4096).decode()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(tmp_path / "notify.sock")
    yield made
    made.line.close()


@pytest.fixture
def activated(tmp_path: Path, listener: Listener) -> Iterator[tuple[int, Path, subprocess.Popen[bytes]]]:
    root, port = tmp_path / "root", free_port()
    root.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", ACTIVATE, str(port), str(root)],
        env={
            **os.environ,
            "PYTHONPATH": SOURCE,
            "NOTIFY_SOCKET": str(listener.path),
            "WATCHDOG_USEC": "400000",
        },
    )
    try:
        yield port, root, process
    finally:
        process.terminate()
        process.wait(30)


def test_the_front_door_serves_on_the_socket_that_systemd_holds(
    activated: tuple[int, Path, subprocess.Popen[bytes]], listener: Listener
) -> None:
    port, root, process = activated
    assert listener.hear() == f"READY=1\nSTATUS=supervisor of {root}"
    assert [listener.hear() for _ in range(3)] == ["WATCHDOG=1"] * 3
    client = HostClient(root)
    # Nobody else could bind the port now: it is the handed socket that the door gets.
    assert client.configure_door(f"127.0.0.1:{port}").listen == f"127.0.0.1:{port}"
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 503")
    assert client.ping().pid == process.pid
    before = client.ping().started_at
    assert client.upgrade().started_at != before
    while "READY=1" not in listener.hear():
        pass  # the upgraded one says so too, and goes on being watched
    assert listener.hear() == "WATCHDOG=1"


def test_no_child_of_the_supervisor_can_speak_for_it(
    activated: tuple[int, Path, subprocess.Popen[bytes]], listener: Listener
) -> None:
    import psutil

    port, root, process = activated
    listener.hear()
    HostClient(root).configure_door(f"127.0.0.1:{port}")
    wait_for("its door", lambda: bool(psutil.Process(process.pid).children()))
    for child in psutil.Process(process.pid).children():
        names = child.environ().keys()
        assert not [name for name in names if "NOTIFY" in name or "WATCHDOG" in name or "LISTEN_" in name]


def test_sockets_for_another_process_are_not_taken() -> None:
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "door"}
    assert take_handed_sockets(environ) == []
    assert environ == {}


def test_nothing_is_said_where_nobody_listens(tmp_path: Path) -> None:
    for address in ("", "relative", str(tmp_path / "gone")):
        Notify({"NOTIFY_SOCKET": address}).ready("up")
    assert Notify({"WATCHDOG_USEC": "1000000"}).every_s == 0.0
    assert Notify({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).every_s == 0.0
    assert Notify({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "3000000"}).every_s == 1.5


def test_a_status_is_one_line(listener: Listener) -> None:
    Notify({"NOTIFY_SOCKET": str(listener.path)}).status("two\nlines READY=1\n")
    assert listener.hear() == "STATUS=two lines READY=1"


@pytest.mark.parametrize(
    "name", ["sshd.service", "mobius-x.service\nreboot", "mobius-a b.service", "", "mobius-../x"]
)
def test_a_note_that_names_another_unit_starts_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "host.unit").write_text(name)
    with pytest.raises(HostUnavailable, match="names no unit"):
        ensure_running(tmp_path)


def test_without_a_note_the_supervisor_is_started_by_itself(tmp_path: Path) -> None:
    assert unit_of(tmp_path) == ""


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs this machine")
def test_a_unit_on_a_machine_without_systemd_is_said(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "host.unit").write_text("mobius-dhash.service\n")
    with pytest.raises(HostUnavailable) as caught:
        ensure_running(tmp_path, timeout_s=0.1)
    assert caught.value.message == textwrap.dedent(f"""\
        the supervisor of {tmp_path} does not start: it is the unit mobius-dhash.service, and systemd does not run\
 this machine""")
    assert caught.value.hint == "journalctl -u mobius-dhash.service"
