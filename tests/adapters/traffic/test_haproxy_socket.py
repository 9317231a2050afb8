"""What can go wrong on HAProxy's socket is said with what to do, in bounded time; nothing can be smuggled into it."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.traffic.haproxies import WHY_NOT
from host.sites import wait_for
from mobius.adapters.traffic.haproxy_reading import read_servers, read_statistics
from mobius.adapters.traffic.haproxy_socket import RuntimeApi, split_answers
from mobius.errors import MobiusError


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mobius-hs-") as made:
        yield Path(made)


def refusal(path: Path, *words: str, timeout_s: float = 3.0) -> tuple[str, str]:
    began = time.monotonic()
    with pytest.raises(MobiusError) as refused:
        RuntimeApi(path, timeout_s).ask(words or ("show", "info"))
    assert time.monotonic() - began < timeout_s + 1.0
    return refused.value.message.replace(str(path), "SOCKET"), refused.value.hint.replace(str(path), "SOCKET")


def test_a_socket_that_is_not_there(folder: Path) -> None:
    assert refusal(folder / "admin.sock") == (
        "HAProxy's socket SOCKET is not there",
        "start HAProxy, or correct [traffic] socket; what its configuration needs: mobius traffic snippet",
    )


def test_a_socket_whose_haproxy_is_gone(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "admin.sock"))
    assert refusal(folder / "admin.sock") == (
        "HAProxy does not run: nobody answers on SOCKET",
        "systemctl start haproxy",
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_socket_that_this_user_may_not_open(folder: Path) -> None:
    folder.chmod(0o755)
    path = folder / "admin.sock"
    with socket.socket(socket.AF_UNIX) as admin:
        admin.bind(str(path))
        admin.listen()
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        os.seteuid(65534)
        try:
            told = refusal(path)
        finally:
            os.seteuid(0)
    assert told == (
        "this user may not open HAProxy's socket SOCKET",
        "write `stats socket SOCKET mode 660 group GROUP level admin` with a group of this user",
    )


def test_a_path_that_is_too_long_for_a_socket(folder: Path) -> None:
    message, _ = refusal(folder / ("x" * 120))
    assert message == "HAProxy's socket SOCKET cannot be used: AF_UNIX path too long"


def answering(folder: Path, behave: Callable[[socket.socket], None]) -> Path:
    """A socket whose every caller is treated so."""
    path = folder / "admin.sock"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def serve() -> None:
        try:
            with listening:
                listening.settimeout(5)
                caller, _ = listening.accept()
                with caller:
                    behave(caller)
        except OSError:
            pass  # whoever asked has gone

    threading.Thread(target=serve, daemon=True).start()
    return path


def test_an_haproxy_that_hangs(folder: Path) -> None:
    path = answering(folder, lambda caller: time.sleep(5.0))
    assert refusal(path, timeout_s=0.3) == (
        "HAProxy did not answer on SOCKET within 0.3 s",
        "see whether it hangs: systemctl status haproxy; then try again",
    )


def test_an_haproxy_that_talks_without_end(folder: Path) -> None:
    def babble(caller: socket.socket) -> None:
        until = time.monotonic() + 5.0
        while time.monotonic() < until:
            caller.sendall(b"x")
            time.sleep(0.01)

    message, _ = refusal(answering(folder, babble), timeout_s=0.3)
    assert message == "HAProxy did not answer on SOCKET within 0.3 s"


def test_an_haproxy_that_hangs_up_without_a_word(folder: Path) -> None:
    message, _ = refusal(answering(folder, lambda caller: None))
    assert message in (
        "HAProxy gave 0 answers to 1 questions on SOCKET",
        "HAProxy's socket SOCKET broke off: Connection reset by peer",
        "HAProxy's socket SOCKET broke off: Broken pipe",
    )


@pytest.mark.parametrize(
    "word", ["app; shutdown", "app\nclear counters", "a b", "", "app/blue;", "<<", "\\", "é", "a\0b", "@1 x"]
)
def test_no_name_can_carry_another_command(folder: Path, word: str) -> None:
    with pytest.raises(MobiusError) as refused:
        RuntimeApi(folder / "admin.sock").ask(("show", "servers", "state", word))
    assert refused.value.message == f"{word!r} cannot be a name in HAProxy"


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_a_socket_of_level_operator_says_what_it_lacks(folder: Path) -> None:
    path = folder / "admin.sock"
    (folder / "haproxy.cfg").write_text(
        f"global\n  stats socket {path} mode 600 level operator\n"
        "defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n"
        "backend app\n  server blue 127.0.0.1:1\n"
        f"listen here\n  bind unix@{folder}/in.sock\n  server a 127.0.0.1:1\n"
    )
    haproxy = subprocess.Popen(
        ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], stdout=sys.stderr, stderr=subprocess.DEVNULL
    )
    try:
        wait_for("its socket", path.exists)
        assert refusal(path, "set", "server", "app/blue", "state", "maint") == (
            "HAProxy's socket SOCKET is not of level admin, so nothing can be changed by it",
            "write `stats socket SOCKET mode 660 level admin` in `global`, and reload HAProxy once",
        )
        told = RuntimeApi(path).ask(("show", "servers", "state", "app"), ("show", "servers", "state", "nope"))
        assert read_servers(told[0], "app")["blue"].is_ready
        with pytest.raises(MobiusError, match="HAProxy has no backend nope"):
            read_servers(told[1], "nope")
    finally:
        haproxy.kill()
        haproxy.wait(30)


@pytest.mark.parametrize(
    ("heard", "answers"),
    [
        ("", []),
        ("\n", [""]),
        ("\n\n\n", ["", "", ""]),
        ("No such server.\n\n\n", ["No such server.", ""]),
        ("\nNo such server.\n\n", ["", "No such server."]),
        ("1\n# a b\n1 2\n\n", ["1\n# a b\n1 2"]),
        ("cut off", ["cut off"]),
    ],
)
def test_answers_are_told_apart(heard: str, answers: list[str]) -> None:
    assert split_answers(heard) == answers


@pytest.mark.parametrize(
    "text", ["# pxname,svname\napp", "# a,b\n1,2", "# pxname,svname,scur\napp,blue,many\n"]
)
def test_statistics_that_make_no_sense_are_no_zeroes(text: str) -> None:
    with pytest.raises(MobiusError, match="HAProxy's statistics of app cannot be read"):
        read_statistics(text, "app")
