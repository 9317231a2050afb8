"""Whether anybody can be reached when it goes wrong: the channels, and who is named to be told."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.model.notices import EscalationSettings, EscalationStep, NotifySettings
from mobius.model.ready import Proof
from mobius.model.verdict import Outcome
from mobius.rules.ready.people import is_placeholder

WHERE = "escalation.steps in mobius.toml"


def judge_telling(notify: NotifySettings, escalation: EscalationSettings) -> tuple[Proof, ...]:
    """That each contact who is named is one, and can be reached. Nothing where the project names none: then a person's
    word is all there is."""
    return tuple(_judged(notify, escalation))


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
