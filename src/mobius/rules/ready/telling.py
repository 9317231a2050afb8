"""Whether anybody can be reached when it goes wrong: the channels, and who is named to be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mobius.model.notices import (
    ChannelSettings,
    Delivery,
    EscalationSettings,
    EscalationStep,
    NotifySettings,
    Topic,
)
from mobius.model.ready import Proof, Subject
from mobius.model.verdict import Outcome
from mobius.rules.ready.age import other_release
from mobius.rules.ready.people import is_placeholder

WHERE = "escalation.steps in mobius.toml"


def judge_telling(notify: NotifySettings, escalation: EscalationSettings) -> tuple[Proof, ...]:
    """That each contact who is named is one, and can be reached. Nothing where the project names none: then a person's
    word is all there is."""
    return tuple(_judged(notify, escalation))


def judge_announced(
    deliveries: Sequence[Delivery], notify: NotifySettings, subject: Subject
) -> tuple[Proof, ...]:
    """That this deployment was announced, and the receivers confirmed it. Nothing where there is no channel that takes
    announcements, or none was made: then a person has to say that people know. A tag can be moved: what was announced
    of another commit, or of none, is not this release."""
    renew = f"mobius notify announce -e {subject.environment} --tag {subject.tag}"
    ours = [one for one in deliveries if one.topic == Topic.PLANNED and _data(one, "tag") == subject.tag]
    newest = max((one.id for one in ours), default=0)
    where = "mobius notify status"
    taken = {channel.name for channel in notify.channels if takes(channel, subject.environment)}
    told = [
        one for one in sorted(ours, key=lambda one: one.channel) if one.id == newest and one.channel in taken
    ]
    if told and (why_not := other_release(_data(told[0], "content"), subject)):
        return (Proof("announced", Outcome.FAIL, why_not, where, told[0].created_at, renew),)
    return tuple(_delivered(one, renew) for one in told)


def takes(channel: ChannelSettings, environment: str) -> bool:
    """Whether announcements of this environment go through it."""
    of_topic = not channel.topics or Topic.PLANNED in channel.topics
    return of_topic and (not channel.environments or environment in channel.environments)


def _data(one: Delivery, key: str) -> str:
    data = one.payload.get("data")
    return str(data.get(key) or "") if isinstance(data, dict) else ""


def _delivered(one: Delivery, renew: str) -> Proof:
    what, where = f"announced by {one.channel}", "mobius notify status"
    if one.state in ("sent", "repeated"):
        return Proof(what, Outcome.PASS, one.answer or "the receiver confirmed it", where, one.sent_at, renew)
    if one.state == "waiting":
        told = f"not sent yet{f': {one.error}' if one.error else ''}"
        return Proof(what, Outcome.INCONCLUSIVE, told, where, one.created_at, "mobius notify status, or wait")
    return Proof(what, Outcome.FAIL, one.error or "given up", where, one.created_at, "mobius notify retry")


def _judged(notify: NotifySettings, escalation: EscalationSettings) -> Iterator[Proof]:
    channels = {channel.name for channel in notify.channels}
    for number, step in enumerate(escalation.steps, start=1):
        what = f"contact {number}, {step.role or 'without a role'}"
        if why_not := _why_not(step, channels):
            yield Proof(what, Outcome.FAIL, why_not, WHERE, 0.0, f"name somebody in {WHERE}")
        else:
            through = step.channel or "every channel for alerts"
            yield Proof(what, Outcome.PASS, f"{step.name or step.contact}, by {through}", WHERE)


def _why_not(step: EscalationStep, channels: set[str]) -> str:
    if not (step.name or step.contact):
        return "nobody is named"
    for word in (step.name, step.contact):
        if word and is_placeholder(word):
            return f"{word} is a placeholder"
    if not channels:
        return "there is no channel to reach them by"
    return "" if not step.channel or step.channel in channels else f"there is no channel {step.channel}"
