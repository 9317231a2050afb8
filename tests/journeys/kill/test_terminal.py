"""Whoever looks on may leave at any time, in any way: the work goes on, and a line says how to come back."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import termios

import pytest

from journeys.kill.field import Field
from journeys.service import wait_until

pytestmark = pytest.mark.journey

COME_BACK = "stopped looking; the work goes on. Come back: mobius monitor -e production"


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
    ],
    ids=lambda number: signal.Signals(number).name,
)
def test_a_signal_ends_the_looking_only(ground: Field, number: signal.Signals) -> None:
    tag, before = _slow_release(ground)
    looking = ground.service.start("deploy", "--tag", tag)
    _wait_for_the_runner(ground, before)
    looking.send_signal(number)
    done = ground.service.finish(looking)
    assert (done.code, done.err.strip()) == (130, COME_BACK), done
    again = ground.service.mobius("monitor", expect=0)
    assert f"deploying {tag}" in again.out
    ground.assert_all_is_well(tag, states=["accepted"])


@pytest.mark.slow
def test_a_reader_that_leaves_ends_the_looking_only(ground: Field) -> None:
    tag, before = _slow_release(ground)
    looking = ground.service.start("deploy", "--tag", tag)
    _wait_for_the_runner(ground, before)
    assert looking.stdout is not None and looking.stderr is not None
    looking.stdout.close()
    assert looking.wait(60) == 130
    assert looking.stderr.read().strip() == COME_BACK
    ground.assert_all_is_well(tag, states=["accepted"])


@pytest.mark.slow
def test_a_terminal_that_closes_ends_the_looking_only(ground: Field) -> None:
    tag, before = _slow_release(ground)
    ours, theirs = pty.openpty()

    def take_the_terminal() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    looking = ground.service.start(
        "deploy", "--tag", tag, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=take_the_terminal
    )
    os.close(theirs)
    _wait_for_the_runner(ground, before)
    os.close(ours)
    assert looking.wait(60) == 130
    ground.assert_all_is_well(tag, states=["accepted"])


def _slow_release(ground: Field) -> tuple[str, int]:
    """A release that takes two seconds to listen, and the newest run before its own."""
    ground.broken = True
    (newest,) = ground.service.journal("SELECT max(id) FROM runs")
    return ground.next_tag(listens_after_s=2.0), newest[0]


def _wait_for_the_runner(ground: Field, before: int) -> None:
    query = f"SELECT id FROM runs WHERE id > {before} AND state = 'running'"
    wait_until(lambda: ground.service.journal(query), what="the deployment is under way")
