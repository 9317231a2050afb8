"""What a person is told over the line: questions, Ctrl-C, and why the far side could not be reached."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from journeys.line.far import HOST, MOBIUS, FarSide, runs
from journeys.service import Service, wait_until
from mobius.adapters.remote_frames import PROTOCOL

pytestmark = pytest.mark.journey


@pytest.mark.parametrize(
    ("cut", "environ", "told"),
    [
        (
            {"say": "ssh: connect to host far port 22: Connection refused\n"},
            {},
            [
                "ssh: connect to host far port 22: Connection refused",
                f"error: {HOST} cannot be reached; nothing was begun there",
                f"  try by hand: ssh {HOST}",
            ],
        ),
        (
            {"say": f"{HOST}: Permission denied (publickey).\n"},
            {},
            [
                f"{HOST}: Permission denied (publickey).",
                f"error: {HOST} does not let you in",
                f"  load your key (ssh-add), then try: ssh {HOST}",
            ],
        ),
        (
            {},
            {"MOBIUS_REMOTE": "/no/such/mobius"},
            [
                "/bin/sh: 1: /no/such/mobius: not found",
                f"error: there is no /no/such/mobius on {HOST}",
                "  correct MOBIUS_REMOTE, which names it",
            ],
        ),
        (
            {"say": "bash: line 1: mobius: command not found\n", "code": 127},
            {"MOBIUS_REMOTE": ""},
            [
                "bash: line 1: mobius: command not found",
                f"error: there is no mobius on {HOST}",
                "  install it there; or say where it lies: MOBIUS_REMOTE=/opt/mobius/bin/mobius",
            ],
        ),
        (
            {"say": "Error: No such command 'relay'.\n", "code": 2},
            {},
            [
                "Error: No such command 'relay'.",
                f"error: the mobius on {HOST} is too old for --on",
                "  install the same version on both sides",
            ],
        ),
        (
            {"greeting": {"mobius": "9.0", "protocol": 9}},
            {},
            [
                f"error: mobius 9.0 on {HOST} speaks another protocol (9) than this one ({PROTOCOL})",
                "  install the same version on both sides",
            ],
        ),
        (
            {},
            {"MOBIUS_REMOTE": "mobius; touch pwned"},
            [
                "error: MOBIUS_REMOTE is 'mobius; touch pwned', which is no path of a program",
                "  it may hold letters, digits and _ . / + - only, such as /opt/mobius/bin/mobius",
            ],
        ),
        (
            {},
            {"MOBIUS_RECONNECT": "soon"},
            [
                "error: MOBIUS_RECONNECT is 'soon'",
                "  give it in seconds, such as 600; 0 tries only once",
            ],
        ),
    ],
    ids=[
        "refused",
        "not let in",
        "no program there",
        "not on the PATH",
        "too old",
        "newer",
        "hostile",
        "patience",
    ],
)
def test_why_it_was_not_begun_and_what_to_do(
    far: FarSide, cut: dict[str, object], environ: dict[str, str], told: list[str]
) -> None:
    far.cut(cut)
    done = far.on("status", environ=environ)
    assert (done.code, done.out) == (2 if "MOBIUS_RE" in told[0] else 1, ""), done
    assert done.err.splitlines() == told


def test_what_a_login_shell_prints_is_in_nobodys_way(far: FarSide) -> None:
    far.cut({"noise": 'Welcome to far!\n{"not": "ours"}\n\n'})
    done = far.on("--version", at=HOST)
    assert (done.code, done.err) == (0, ""), done
    assert done.out.startswith("mobius, version ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], f"error: what is to be done on {HOST}?"),
        (["demo"], "error: demo is for this machine"),
        (["relay"], "error: relay is for this machine"),
    ],
)
def test_what_is_not_for_the_line_is_refused_here(far: FarSide, words: list[str], told: str) -> None:
    done = far.on(*words)
    assert (done.code, done.err.splitlines()[0], far.connections) == (2, told, [])


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), pytest.param("n\n", 1, marks=pytest.mark.slow)])
def test_a_question_is_asked_here_and_answered_there(
    far: FarSide, shop: Callable[..., Service], answer: str, code: int
) -> None:
    service = shop(alone=False)
    service.mobius("host", "start", expect=0)
    ours, theirs = pty.openpty()
    far.cut({"frames": 1})  # once it was asked, the line is cut
    asked = far.start("host", "stop", stdin=theirs)
    os.close(theirs)
    try:
        os.write(ours, answer.encode())
        out, err = asked.communicate(timeout=60)
    finally:
        os.close(ours)
    assert asked.returncode == code, (out, err)
    assert out.startswith("Stop everything of production? The service will be down. [y/N]: ")
    assert ("production is down" in out) == (code == 0)
    assert service.host.is_running() == (code != 0)


@pytest.mark.slow
def test_nobody_is_asked_without_a_terminal(far: FarSide, shop: Callable[..., Service]) -> None:
    service = shop(alone=False)
    service.mobius("host", "start", expect=0)
    done = far.on("host", "stop")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1] == "  add --yes"
    assert far.on("host", "stop", "--yes").code == 0


def test_ctrl_c_ends_the_looking_here_and_there(far: FarSide, shop: Callable[..., Service]) -> None:
    service = shop(alone=False, window="10m")
    looking = far.start("deploy", "--tag", "v1", "--json")
    assert looking.stdout is not None
    while json.loads(looking.stdout.readline())["event"] != "window opened":
        pass
    assert far.commands()
    looking.send_signal(signal.SIGINT)
    _, err = looking.communicate(timeout=30)
    assert (looking.returncode, err) == (
        130,
        f"stopped looking; the work goes on. Come back: mobius --on {HOST}:shop monitor -e production\n",
    )
    wait_until(lambda: not far.commands(), what="the command there has ended")
    assert runs(service) == [(1, "deploy", "observing")]


@pytest.mark.slow
def test_a_log_that_is_followed_ends_with_whoever_reads_it(
    far: FarSide, shop: Callable[..., Service]
) -> None:
    service = shop(alone=False)
    service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
    reading = far.start("logs", "-f")
    wait_until(far.commands, what="it is followed there")
    assert reading.stdout is not None
    wait_until(lambda: service.get("/")["code"] == 200)
    reading.send_signal(signal.SIGINT)
    reading.communicate(timeout=30)
    assert reading.returncode == 130
    wait_until(lambda: not far.commands(), what="the command there has ended")


def test_only_what_says_something_to_mobius_goes_over_the_line(
    far: FarSide, shop: Callable[..., Service]
) -> None:
    shop(alone=False)
    environ = {
        "MOBIUS_MAX_ERROR_RATE": "7.5",
        "DEPLOY_LEAD": "$(touch pwned)",
        "MOBIUS_ROOT": "/elsewhere",
        "LD_PRELOAD_OF_MINE": "x",
        "PYTHONSTARTUP": "/elsewhere/x",
    }
    done = far.on("config", "show", "-e", "production", "--json", environ=environ)
    assert done.code == 0, done
    assert "7.5" in done.out and "$(touch pwned)" in done.out and "elsewhere" not in done.out
    (argv,) = far.connections
    assert argv == [
        "-T",
        "-o",
        "ServerAliveInterval=5",
        "-o",
        "ServerAliveCountMax=3",
        "-o",
        "BatchMode=yes",
        "--",
        HOST,
        f"{MOBIUS} relay",
    ]


@pytest.mark.parametrize(
    "line", ["", "{}\n", "no\n", '{"protocol": 9}\n', '{"protocol": 1, "token": "../x", "argv": []}\n']
)
def test_a_relay_that_is_not_asked_properly_does_nothing(far: FarSide, line: str) -> None:
    done = subprocess.run(
        [str(MOBIUS), "relay"],
        input=line,
        capture_output=True,
        text=True,
        cwd=far.home,
        env={**os.environ, "HOME": str(far.home)},
        timeout=30,
    )
    greeting, refused = map(json.loads, done.stdout.splitlines())
    assert (greeting["protocol"], done.returncode, refused.keys()) == (
        PROTOCOL,
        refused["refused"]["exit_code"],
        {"refused"},
    )
    assert done.returncode in (1, 2)
    assert not far.lines.exists()


def test_whoever_comes_back_too_late_is_shown_the_run_by_its_journal(
    far: FarSide, shop: Callable[..., Service]
) -> None:
    service = shop(alone=False, window="10m")
    request: dict[str, object] = {
        "protocol": PROTOCOL,
        "token": "a1",
        "argv": ["deploy", "--tag", "v1", "--json"],
    }
    with relayed(far, service, request) as first:
        seen = 0
        while True:
            frame = json.loads(first.stdout.readline())
            seen += "out" in frame
            if frame.get("run", {}).get("seq") == 9:
                break
        first.stdin.write('{"bye": 1}\n')
        first.stdin.flush()
    assert len(far.commands()) == 1, "it goes on"
    again = {**request, "again": True, "seen": seen, "run": frame["run"]}
    with ExitStack() as line:
        second = line.enter_context(relayed(far, service, again))
        while not (
            words := second.stdout.readline()
        ):  # it was just leaving: as the near side does, we ask again
            line.close()
            second = line.enter_context(relayed(far, service, again))
        said: list[int] = []
        while len(said) < 5:
            frame = json.loads(words or second.stdout.readline())
            words = ""
            assert "out" in frame or "beat" in frame, frame
            said += [json.loads(frame["out"])["seq"]] if "out" in frame else []
        assert said == [10, 11, 12, 13, 14]
        second.stdin.write('{"signal": "INT"}\n')
        second.stdin.flush()
        while "exit" not in (last := json.loads(second.stdout.readline())):
            pass
        assert last == {"exit": 130}
    assert runs(service) == [(1, "deploy", "observing")]


@contextmanager
def relayed(far: FarSide, service: Service, request: dict[str, object]) -> Iterator[Any]:
    """`mobius relay` as ssh would start it, the request sent and the greeting read."""
    process = subprocess.Popen(
        [str(MOBIUS), "relay"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=service.folder,
        env={**os.environ, "HOME": str(far.home)},
    )
    assert process.stdin is not None and process.stdout is not None
    impatient = threading.Timer(60, process.kill)  # what is read from it ends then
    impatient.start()
    try:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["protocol"] == PROTOCOL
        yield process
    finally:
        impatient.cancel()
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(20)
        finally:
            process.kill()


@pytest.mark.slow
def test_on_a_terminal_it_looks_as_it_does_there(far: FarSide, shop: Callable[..., Service]) -> None:
    shop(alone=False)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (30, 72))
    shown = far.start("deploy", "--tag", "v1", stdout=theirs, environ={"TERM": "xterm", "NO_COLOR": ""})
    os.close(theirs)
    said = b""
    try:
        while True:
            said += os.read(ours, 65_536)
    except OSError:
        pass  # that is how a terminal ends
    finally:
        os.close(ours)
    assert shown.wait(60) in (0, 4)
    text = said.decode()
    assert "\x1b[2K" in text and "\x1b[32m✓" in text
    lines = [re.sub(r"\x1b\[[0-9;]*[mK]", "", line).rpartition("\r")[2] for line in text.split("\r\n")]
    assert max(map(len, lines)) <= 72
    assert any(line.startswith("  switch") for line in lines), text
