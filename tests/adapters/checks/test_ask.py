"""Many requests at once, and a prober that was itself too late: then it found nothing out."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from adapters.checks.server import answers, drips, serving, silent, unused_port
from mobius.adapters.checks import ask as asking
from mobius.adapters.checks import lag
from mobius.adapters.checks.ask import NotAsked, Request, Unanswered, ask, ask_all
from mobius.rules.expect import Answer

OK = answers(body=b"ok")


@pytest.fixture(autouse=True)
def is_patient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests starves this one, too: that is not what most of them are about."""
    if "prober" not in request.node.name and "slept" not in request.node.name:
        monkeypatch.setattr(lag, "LATE_S", 60.0)


# Many at once


def test_several_hundred_are_asked_at_once_each_on_its_own_connection() -> None:
    with serving(OK) as (url, requests):
        found = ask_all([Request(f"{url}/{number}") for number in range(400)], 20.0)

    assert [one.status for one in found if isinstance(one, Answer)] == [200] * 400
    assert sorted(int(one.split(b" ")[1][1:]) for one in requests) == list(range(400))


def test_one_that_hangs_holds_no_other_up_and_each_has_its_own_reason() -> None:
    with serving(OK) as (good, _), serving(silent) as (mute, _), serving(drips()) as (slow, _):
        addresses = [mute, good, slow, f"http://127.0.0.1:{unused_port()}", good, "ftp://x"]
        began = time.monotonic()
        found = ask_all([Request(address) for address in addresses], 1.5)

        assert time.monotonic() - began < 4
    assert [str(one) for one in found if not isinstance(one, Answer)] == [
        "no answer within 1.5 s",
        "the answer not complete within 1.5 s",
        "connection refused",
        "not an address of http or https: ftp://x",
    ]
    assert [type(one) for one in found] == [Unanswered, Answer, Unanswered, Unanswered, Answer, NotAsked]


def test_more_than_may_be_open_at_once_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "AT_ONCE", 3)
    opened, most = 0, 0
    lock = threading.Lock()

    def counts(sock: socket.socket, asked: bytes, over: threading.Event) -> None:
        nonlocal opened, most
        with lock:
            opened += 1
            most = max(most, opened)
        over.wait(0.01)
        with lock:
            opened -= 1
        OK(sock, asked, over)

    with serving(counts) as (url, _):
        found = ask_all([Request(url)] * 12, 20.0)

    assert all(isinstance(one, Answer) for one in found) and 1 <= most <= 3


def test_nothing_asked_is_nothing_answered() -> None:
    assert ask_all([], 1.0) == []


def test_no_file_stays_open_whatever_happens() -> None:
    with serving(OK) as (good, _), serving(silent) as (mute, _):
        requests = [
            Request(good),
            Request(mute),
            Request(f"http://127.0.0.1:{unused_port()}"),
            Request("http://["),
        ]
        ask_all(requests, 0.3)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            ask_all(requests, 0.3)
        here = len(list(Path("/proc/self/fd").iterdir()))

    assert here <= before + 3  # the server of this test may not have closed its ends yet


# Reasons


def test_a_certificate_that_has_expired_is_told_as_that() -> None:
    authority = trustme.CA()
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    authority.issue_cert(
        "127.0.0.1", not_before=yesterday - timedelta(days=9), not_after=yesterday
    ).configure_cert(context)
    authority.configure_trust(trusting)
    with serving(OK, context) as (url, _), pytest.raises(Unanswered) as caught:
        ask(Request(url), 10.0, lambda: trusting)

    assert str(caught.value) == "its certificate is not trusted: certificate has expired"


def test_a_handshake_that_never_comes_is_told_as_that() -> None:
    trusting = ssl.create_default_context()
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(Unanswered) as caught:
        ask(Request(f"https://127.0.0.1:{listener.getsockname()[1]}"), 0.5, lambda: trusting)

    assert str(caught.value) == "TLS not agreed on within 0.5 s"


def test_a_second_address_is_tried_when_the_first_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(OK) as (url, _):
        port = int(url.rpartition(":")[2])
        tcp = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        both = [(*tcp, ("127.0.0.1", unused_port())), (*tcp, ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        assert ask(Request(f"http://two.invalid:{port}"), 5.0).status == 200


# The prober itself


def test_a_prober_that_was_starved_of_processor_time_blames_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starved = iter(range(0, 10_000, 3))
    monkeypatch.setattr(lag, "starved_s", lambda: float(next(starved)))
    with serving(silent) as (url, _), pytest.raises(NotAsked) as caught:
        ask(Request(url), 0.3)

    assert str(caught.value).startswith("the prober itself was late by ")


def test_a_machine_that_slept_meanwhile_found_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real, slept = lag.now_s, [0.0]

    def sleeps(sock: socket.socket, asked: bytes, over: threading.Event) -> None:
        slept[0] = 600.0

    monkeypatch.setattr(lag, "now_s", lambda: real() + slept[0])
    with serving(sleeps) as (url, _), pytest.raises(NotAsked) as caught:
        ask(Request(url), 5.0)

    assert str(caught.value) == "the prober itself was late by 600.0 s"


def test_what_was_answered_holds_however_late_the_prober_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    starved = iter(range(0, 10_000, 3))
    monkeypatch.setattr(lag, "starved_s", lambda: float(next(starved)))
    with serving(answers("503 Busy")) as (url, _):
        assert ask(Request(url), 5.0).status == 503


@pytest.mark.parametrize("lost_s", [0.0, 0.15])
def test_the_time_of_an_answer_is_without_what_the_prober_lost(
    lost_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [0.0]

    def late(sock: socket.socket, asked: bytes, over: threading.Event) -> None:
        over.wait(0.2)
        lost[0] = lost_s
        OK(sock, asked, over)

    monkeypatch.setattr(lag.Lag, "so_far_s", lambda _: lost[0])
    with serving(late) as (url, _):
        before = time.monotonic()
        ms = ask(Request(url), 30.0).ms
        took_ms = 1000 * (time.monotonic() - before)

    assert 195 - 1000 * lost_s <= ms <= took_ms - 1000 * lost_s


@pytest.mark.parametrize("by_s", [-1e6, 1e6])
def test_a_clock_that_is_set_meanwhile_changes_nothing(by_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time

    def sets(sock: socket.socket, asked: bytes, over: threading.Event) -> None:
        monkeypatch.setattr(time, "time", lambda: real() + by_s)
        OK(sock, asked, over)

    with serving(sets) as (url, _):
        assert 0 < ask(Request(url), 20.0).ms < 20_000


STOPPED = """
import sys
from mobius.adapters.checks.ask import NotAsked, Request, Unanswered, ask
print("ready", flush=True)
try:
    print(ask(Request(sys.argv[1]), 1.0).status)
except (NotAsked, Unanswered) as why:
    print(f"{type(why).__name__}: {why}")
"""


@pytest.mark.parametrize(
    ("is_answered", "told"), [(True, "200"), (False, "NotAsked: the prober itself was late by ")]
)
def test_a_prober_that_was_stopped_for_longer_than_its_time_blames_nobody_else(
    is_answered: bool, told: str
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def waits(sock: socket.socket, head: bytes, over: threading.Event) -> None:
        asked.set()
        go_on.wait(20)
        if is_answered:
            OK(sock, head, over)
        over.wait(20)

    with (
        serving(waits) as (url, _),
        subprocess.Popen([sys.executable, "-c", STOPPED, url], stdout=subprocess.PIPE, text=True) as prober,
    ):
        try:
            assert asked.wait(20)
            os.kill(prober.pid, signal.SIGSTOP)
            go_on.set()
            time.sleep(1.6)  # what is tested is that this much time was lost
            os.kill(prober.pid, signal.SIGCONT)
            said = prober.communicate(timeout=20)[0].splitlines()
        finally:
            with contextlib.suppress(ProcessLookupError):
                prober.kill()

    assert said[1].startswith(told)
    if not is_answered:
        assert float(said[1].removeprefix(told).split()[0]) >= 1.3, "the time in which it was stopped"
