"""The sender with its threads: one receiver that hangs holds up no other, and it ends when nothing is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from flows.notify.people import MAIL, OPS, People
from mobius.errors import MobiusError
from mobius.flows.notify.sender import Sender, send_until_done
from mobius.model.notices import Message, NotSent, Sent


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def test_a_receiver_that_hangs_holds_up_no_other() -> None:
    people, over = People(channels=(OPS, MAIL)), threading.Event()

    def hangs(_: Message) -> Sent | NotSent:
        over.wait(60.0)
        return Sent("ok")

    people.ops.answer = hangs
    sender = Sender(people.telling())
    for number in range(3):
        people.say("run begun", f"deploying v{number}", "started")
        assert sender.look()
        until(lambda number=number: len(people.said("mail")) == number + 1, "the mail is sent")
    assert people.said("ops") == [] and len(people.ops.asked) == 1
    over.set()
    sender.finish(30.0)
    until(lambda: len(people.said("ops")) == 3, "what hung is sent")


def test_it_ends_a_while_after_the_last_message() -> None:
    people = People()
    people.say("run begun", "deploying v2", "started")
    send_until_done(Sender(people.telling()))
    assert people.said() == ["deploying v2"]


def test_it_makes_room_when_it_is_told_to() -> None:
    people = People()
    people.say("page", "5 % fail", "alert")  # open: it would go on for days
    looks = iter([True, True, False])
    send_until_done(Sender(people.telling()), may_go_on=lambda: next(looks))


def test_a_journal_that_cannot_be_read_is_said_once_and_tried_again() -> None:
    people, said = People(), []
    telling = people.telling()
    broken = People().telling()

    def no_journal(environment: str) -> tuple[()]:
        raise MobiusError("the journal cannot be written: the disk is full", "free space")

    broken.journal.unrouted = no_journal  # type: ignore[method-assign]
    sender = Sender(
        type(telling)(**{**{f: getattr(broken, f) for f in type(broken).__slots__}, "say": said.append})
    )
    assert sender.look() and sender.look()
    assert said == ["the journal cannot be written: the disk is full; free space"]
