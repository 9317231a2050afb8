"""Ctrl-C that comes over the line: at any moment, and never amid a frame."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from mobius.adapters.remote_frames import Frame
from mobius.adapters.remote_keeper import Keeper
from mobius.cli.relayed_streams import Interrupts, Told


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    made = Interrupts()
    before = signal.signal(signal.SIGINT, made.take)
    yield made
    signal.signal(signal.SIGINT, before)


class Interrupting(Keeper):
    """A keeper in which Ctrl-C arrives while it keeps a frame."""

    def __init__(self) -> None:
        super().__init__(60)
        self.said: list[Frame] = []

    def say(self, frame: Frame) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        self.said.append(frame)


def test_one_that_comes_before_the_command_ends_it_as_it_begins(interrupts: Interrupts) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupts.let_through()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_one_that_comes_amid_a_frame_waits_for_its_end(interrupts: Interrupts) -> None:
    interrupts.let_through()
    keeper = Interrupting()
    out = Told("out", keeper, False, interrupts)
    with pytest.raises(KeyboardInterrupt):
        out.write("a line\n")
    assert keeper.said == [{"out": "a line\n"}]
    with pytest.raises(KeyboardInterrupt), out.together({"seq": 7}):
        out.write("an ")
        os.kill(os.getpid(), signal.SIGINT)
        out.write("event\n")
    assert keeper.said[1:] == [{"out": "an event\n", "run": {"seq": 7}}]
