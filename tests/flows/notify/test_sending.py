"""What is written goes out: in order, once, patiently; and a storm is a few messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.contracts.journal_facts import moved, opened
from flows.notify.people import MAIL, OPS, People
from mobius.adapters.journals.memory import MemoryJournal
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.flows.notify.look import route_new
from mobius.flows.notify.send import send_next
from mobius.flows.notify.standing import standing
from mobius.model.notices import ChannelSettings, Message, NotifySettings, NotSent, Sent, Settlement
from mobius.model.run import RunState
from mobius.model.seen import Note

DOWN = NotSent("connection refused")


def answers(*results: Sent | NotSent) -> Callable[[Message], Sent | NotSent]:
    """These, one after the other; the last one from then on."""
    left = list(results)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


class Killed(BaseException):
    """kill -9."""


def test_what_happens_to_a_deployment_arrives_in_order_and_once() -> None:
    people = People(channels=(OPS, MAIL))
    people.say("run begun", "deploying v2", "started", tag="v2")
    people.say("rollback begun", "going back to v1", "started", tag="v2", to="v1")
    people.say("rolled back", "v1 is live again", "rolled back", tag="v2", to="v1", seconds=0.4)
    people.pass_time(60.0)
    for channel in ("ops", "mail"):
        assert people.titles(channel) == [
            "dhash v2 is being deployed to production",
            "dhash in production is going back to v1",
            "dhash in production was taken back to v1",
        ]
    assert people.journal.outbox() == () and standing(people.telling())["messages"] == []


def test_each_message_has_the_head_of_the_audit_log_and_a_key_of_its_own() -> None:
    people = People()
    for number in range(3):
        people.say("page", f"message {number}", "failed")
    people.pass_time(10.0)
    heads = [message.head for message in people.ops.got]
    count, last = people.journal.verify_chain(heads[-1])
    assert count == 3 and last.startswith(heads[-1].rpartition(":")[2])
    assert len({message.key for message in people.ops.got}) == 3


def test_what_people_and_files_are_called_draws_on_no_screen_and_breaks_no_encoding() -> None:
    people = People()
    people.say(
        "run begun", "deploying v2", "started", tag="v2\x1b[2J", lead="Ann \u202eeno\udc80", step="\u2066x"
    )
    people.pass_time(10.0)
    (message,) = people.ops.got
    texts = [
        message.title,
        message.sentence,
        *map(str, message.values.values()),
        *(value for _, value in message.facts),
    ]
    assert [text for text in texts if set(text) & set("\x1b\u202e\u2066\udc80")] == []
    assert message.values["deploy_lead"] == "Ann \ufffdeno\\udc80"


def test_a_receiver_that_is_down_for_an_hour_gets_everything_when_it_is_back() -> None:
    people = People()
    people.ops.answer = lambda _: DOWN
    people.say("run begun", "deploying v2", "started")
    people.pass_time(3600.0)
    tries = len(people.ops.asked)
    assert people.ops.got == [] and 10 < tries < 30  # two seconds at first, five minutes in the end
    told = standing(people.telling())["channels"][0]
    assert told["waiting"] == 1 and told["error"] == "connection refused" and told["next_at"] > 0
    people.ops.answer = lambda _: Sent("ok")
    people.pass_time(301.0)
    assert people.said() == ["deploying v2"]


def test_what_the_receiver_asked_to_wait_for_is_waited_for() -> None:
    people = People()
    people.ops.answer = answers(NotSent("answered 429", retry_after_s=120.0), Sent("ok"))
    people.say("run begun", "deploying v2", "started")
    people.pass_time(119.0, step_s=1.0)
    assert len(people.ops.asked) == 1
    people.pass_time(3.0, step_s=1.0)
    assert len(people.ops.got) == 1


def test_after_so_many_attempts_a_message_is_dead_the_others_go_on_and_it_can_be_sent_again() -> None:
    people = People(notify=NotifySettings(group_wait_s=0.0, attempts=3))
    people.ops.answer = answers(DOWN, DOWN, DOWN, Sent("ok"))
    first = people.say("run begun", "first", "started")
    people.say("run begun", "second", "started")
    people.pass_time(60.0, step_s=1.0)
    assert people.said() == ["second"]
    (dead,) = standing(people.telling())["messages"]
    assert (dead["id"], dead["state"], dead["attempts"], dead["error"]) == (first, "dead", 3, DOWN.reason)
    assert people.journal.retry("production", [first], now=people.clock.now()) == 1
    people.pass_time(10.0)
    assert people.said() == ["second", "first"]
    assert people.journal.retry("production", None, now=people.clock.now()) == 0


def test_what_one_channel_could_not_send_is_told_through_the_others_once() -> None:
    people = People(channels=(OPS, MAIL))
    people.ops.answer = lambda _: NotSent("answered 404: no_service", final=True)
    people.say("page", "5 % fail", "alert")
    people.pass_time(600.0)
    words = "1 message could not be sent through ops: answered 404: no_service"
    assert people.said("mail") == ["5 % fail", words]


def test_of_a_channel_that_stays_dead_the_others_hear_once_in_a_run() -> None:
    people = People(channels=(OPS, MAIL))
    people.ops.answer = lambda _: NotSent("answered 404: no_service", final=True)
    words = "could not be sent through ops: answered 404: no_service"
    for times in (1, 2):
        run = opened(people.journal, now=people.clock.now())
        for number in range(4):
            people.journal.say(
                run, "production", Note("page", f"{number}", topic="alert"), now=people.clock.now()
            )
            people.pass_time(300.0)
        told = [sentence for sentence in people.said("mail") if words in sentence]
        assert len(told) == times, told
        moved(people.journal, run, RunState.ACCEPTED, now=people.clock.now())


def test_a_channel_whose_secret_is_not_here_keeps_its_messages_for_who_has_it() -> None:
    people = People()
    people.ops.lacks = "the variable SLACK_WEBHOOK_URL is not set"
    people.say("page", "5 % fail", "alert")
    people.pass_time(3600.0)
    assert people.ops.asked == []
    assert standing(people.telling())["channels"][0]["missing"].startswith("the variable")
    people.ops.lacks = ""
    people.pass_time(10.0)
    assert people.said() == ["5 % fail"]


def test_a_thousand_alerts_are_a_few_messages_and_none_is_lost() -> None:
    people = People(notify=NotifySettings(group_wait_s=5.0))
    for second in range(100):
        for number in range(10):
            people.say("page", f"alert {10 * second + number}", "alert")
        people.pass_time(1.0, step_s=1.0)
    people.pass_time(600.0)
    assert len(people.ops.got) == 2
    assert people.ops.got[1].title.startswith("9") and "more: mobius notify status" in "\n".join(
        people.ops.got[1].more
    )
    assert people.journal.outbox() == ()


def test_the_same_words_again_and_again_are_said_once() -> None:
    people = People()
    for _ in range(20):
        people.say("page", "the disk is full", "alert")
        people.pass_time(60.0)
    assert people.said() == ["the disk is full"]


def test_messages_of_before_there_was_a_channel_go_out_as_one() -> None:
    people = People()
    for number in range(50):
        people.say("run begun", f"deploying v{number}", "started")
    people.pass_time(10.0)
    assert len(people.ops.got) == 1 and people.ops.got[0].title.startswith("50 messages about dhash")


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_of_two_senders_only_one_has_the_channel(kind: str, tmp_path: Path) -> None:
    journal = MemoryJournal() if kind == "memory" else SqliteJournal(tmp_path / "journal.db")
    now = 1000.0
    assert journal.claim("production", "ops", who="one", now=now, until=now + 60)
    assert not journal.claim("production", "ops", who="two", now=now + 59, until=now + 119)
    assert journal.claim("production", "mail", who="two", now=now, until=now + 60)
    assert journal.claim("production", "ops", who="two", now=now + 60, until=now + 120)
    # The first one comes back late: what it sent is sent, and the claim of the second stays.
    journal.settle("production", "ops", Settlement(), who="one", now=now + 61)
    assert not journal.claim("production", "ops", who="three", now=now + 62, until=now + 122)


def test_a_clock_that_was_set_back_ends_a_claim_too() -> None:
    journal = MemoryJournal()
    assert journal.claim("production", "ops", who="one", now=1e9, until=1e9 + 60)
    assert journal.claim("production", "ops", who="two", now=1000.0, until=1060.0)


def test_two_senders_in_turns_say_everything_once() -> None:
    people = People()
    for number in range(4):
        people.say("run begun", f"deploying v{number}", "started")
    one, two = people.telling("one"), people.telling("two")
    route_new(one)
    route_new(two)
    for telling in (one, two) * 4:
        send_next(telling, *telling.notifiers[0])
    assert people.said() == [f"deploying v{number}" for number in range(4)]


def test_a_sender_killed_before_it_sent_loses_nothing_and_the_next_one_sends_it_once() -> None:
    people = People()
    people.say("run begun", "deploying v2", "started")

    def killed(_: Message) -> Sent | NotSent:
        raise Killed

    people.ops.answer = killed
    with pytest.raises(Killed):
        people.look("first")
    people.ops.answer = lambda _: Sent("ok")
    people.look("second")
    assert people.said() == []  # the channel is still claimed
    people.clock.wait(120.0)
    people.look("second")
    people.look("third")
    assert people.said() == ["deploying v2"]


def test_a_sender_killed_after_the_record_of_the_answer_says_nothing_twice() -> None:
    people = People()
    people.say("run begun", "deploying v2", "started")
    settle = people.journal.settle

    def killed(*args: object, **more: object) -> None:
        settle(*args, **more)  # type: ignore[arg-type]
        raise Killed

    people.journal.settle = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        people.look("first")
    people.journal.settle = settle  # type: ignore[method-assign]
    people.clock.wait(120.0)
    people.look("second")
    assert people.said() == ["deploying v2"]


def test_between_the_answer_and_its_record_a_kill_says_it_again_under_the_same_key() -> None:
    """At least once: what the receiver can tell apart by."""
    people = People()
    people.say("run begun", "deploying v2", "started")
    settle = people.journal.settle

    def killed(*_: object, **__: object) -> None:
        raise Killed

    people.journal.settle = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        people.look("first")
    people.journal.settle = settle  # type: ignore[method-assign]
    people.clock.wait(120.0)
    people.look("second")
    assert people.said() == ["deploying v2"] * 2
    assert len({message.key for message in people.ops.got}) == 1


def test_a_message_that_cannot_be_written_holds_up_nobody() -> None:
    people = People()

    def broken(message: Message) -> Sent | NotSent:
        if message.sentence == "first":
            raise ValueError("surprise")
        return Sent("ok")

    people.ops.answer = broken
    people.say("run begun", "first", "started")
    people.say("run begun", "second", "started")
    people.pass_time(10.0)
    assert people.said() == ["second"]
    assert "surprise" in standing(people.telling())["messages"][0]["error"]


def test_a_channel_gets_what_it_wants() -> None:
    loud = ChannelSettings("phones", severity="critical")
    people = People(channels=(OPS, loud))
    people.say("run begun", "deploying v2", "started")
    people.say("page", "5 % fail", "alert")
    people.pass_time(10.0)
    assert people.said("ops") == ["deploying v2", "5 % fail"] and people.said("phones") == ["5 % fail"]


def test_what_nobody_wants_to_know_is_done_and_an_alert_that_nobody_takes_stays_unsent() -> None:
    people = People(channels=(ChannelSettings("ops", topics=("rolled_back",)),))
    people.say("run begun", "deploying v2", "started")
    people.say("page", "5 % fail", "alert")
    people.pass_time(10.0)
    assert [row.topic for row in people.journal.outbox()] == ["alert"] and people.ops.asked == []
