"""An alert goes from person to person until somebody says that they see to it, or acts."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.notify.people import MAIL, OPS, STEPS, People
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.errors import UsageError
from mobius.flows.notify.acknowledge import acknowledge, announce
from mobius.flows.notify.standing import standing
from mobius.model.notices import NotifySettings


def people_with_steps(**more: object) -> People:
    return People(channels=(OPS, MAIL), escalation=STEPS, **more)  # type: ignore[arg-type]


def escalated(people: People) -> list[tuple[float, str]]:
    """When, from the first event on, and who was asked."""
    events = people.journal.events(kinds=("escalated",))
    begun = people.journal.events()[0].at
    return [(event.at - begun, str(event.data["role"])) for event in events]


def test_the_deploy_lead_is_asked_by_the_alert_itself_then_the_next_through_their_channel() -> None:
    people = people_with_steps()
    alert = people.say("page", "5 % fail", "alert")
    people.pass_time(10.0)
    assert ("Asked", "deploy lead Ann (@ann); ops on call after 5 min") in people.ops.got[0].facts
    assert f"I see to it: mobius notify ack -e production {alert}" in people.ops.got[0].more
    people.pass_time(300.0)
    assert people.said("ops") == ["5 % fail"]
    assert people.receivers["mail"].got[-1].to == "@ops-oncall"
    assert people.titles("mail")[-1] == "dhash in production still needs somebody: ops on call"
    people.pass_time(700.0)
    assert escalated(people) == [(0, "deploy lead"), (300, "ops on call"), (900, "manager")]
    assert people.titles("ops")[-1] == "dhash in production still needs somebody: manager"


def test_a_channel_that_is_not_there_swallows_no_escalation() -> None:
    people = People(channels=(OPS,), escalation=STEPS)
    people.say("page", "5 % fail", "alert")
    people.pass_time(301.0)
    assert people.titles("ops")[-1] == "dhash in production still needs somebody: ops on call"


def test_an_acknowledgement_ends_it() -> None:
    people = people_with_steps()
    alert = people.say("page", "5 % fail", "alert")
    people.pass_time(100.0)
    (done,) = acknowledge(people.telling(), alert, by="Ben")
    people.pass_time(3000.0)
    assert done.id == alert and escalated(people) == [(0, "deploy lead")]
    assert standing(people.telling())["open_alerts"] == []
    with pytest.raises(UsageError, match="is not open"):
        acknowledge(people.telling(), alert, by="Ben")


@pytest.mark.parametrize(
    ("kind", "data"),
    [("disarmed", {}), ("accepted", {"by": "ann@box"}), ("rollback begun", {"because": "aborted by x"})],
)
def test_acting_ends_it_too(kind: str, data: dict[str, str]) -> None:
    people = people_with_steps()
    people.say("page", "5 % fail", "alert")
    people.pass_time(100.0)
    people.say(kind, "somebody acts", "", **data)
    people.pass_time(3000.0)
    assert escalated(people) == [(0, "deploy lead")]


def test_what_the_watch_does_by_itself_ends_nothing() -> None:
    people = people_with_steps()
    people.say("page", "5 % fail", "alert")
    people.say("accepted", "accepted by the window", "", by="the window")
    people.pass_time(301.0)
    assert escalated(people) == [(0, "deploy lead"), (300, "ops on call")]


def test_a_new_alert_after_an_acknowledgement_begins_anew() -> None:
    people = people_with_steps()
    people.say("page", "5 % fail", "alert")
    people.pass_time(10.0)
    acknowledge(people.telling(), None, by="Ben")
    people.pass_time(50.0)
    people.say("page", "the disk is full", "alert")
    people.pass_time(361.0)
    assert [role for _, role in escalated(people)] == ["deploy lead", "deploy lead", "ops on call"]


def test_many_alerts_are_one_escalation() -> None:
    people = people_with_steps()
    for number in range(50):
        people.say("page", f"alert {number}", "alert")
    people.pass_time(301.0)
    assert len(escalated(people)) == 2
    assert people.said("mail")[-1].endswith("alert 0, and 49 more alerts")


def test_it_goes_on_where_it_was_after_the_sender_was_killed(tmp_path: Path) -> None:
    first = people_with_steps(journal=SqliteJournal(tmp_path / "journal.db"))
    first.say("page", "5 % fail", "alert")
    first.pass_time(200.0)
    second = people_with_steps(journal=SqliteJournal(tmp_path / "journal.db"), clock=first.clock)
    second.pass_time(101.0)
    second.look("another one")
    assert escalated(second) == [(0, "deploy lead"), (300, "ops on call")]


def test_without_steps_an_alert_that_nobody_acknowledged_comes_again() -> None:
    people = People(notify=NotifySettings(group_wait_s=0.0, repeat_interval_s=3600.0))
    people.say("page", "5 % fail", "alert")
    people.pass_time(7300.0, step_s=60.0)
    assert len(people.ops.got) == 3 and people.said()[1].startswith("nobody has acknowledged since")


def test_after_three_days_it_is_left_alone() -> None:
    people = People(notify=NotifySettings(group_wait_s=0.0, repeat_interval_s=86_000.0))
    people.say("page", "5 % fail", "alert")
    people.pass_time(6 * 86_400.0, step_s=1000.0)
    assert len(people.ops.got) == 4


def test_a_deployment_can_be_announced() -> None:
    people = People()
    words = announce(people.telling(), tag="v2", at="14:00\nBcc: x", note="the new player", who="ann@box")
    people.pass_time(10.0)
    assert words == "dhash v2 will be deployed to production at 14:00 Bcc: x: the new player"
    assert people.titles() == ["dhash v2 will be deployed to production"] and people.said() == [words]
