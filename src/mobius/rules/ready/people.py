"""What people said of a point, judged: of this release, and by whom it has to be."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.ready import Confirmation, Point, Proof, Subject
from mobius.model.verdict import Outcome
from mobius.rules.ready.age import short

PLACEHOLDERS = frozenset(
    {
        "deploy_lead",
        "actual_lead",
        "lead",
        "your_name",
        "name",
        "tbd",
        "todo",
        "nobody",
        "someone",
        "somebody",
    }
)


def judge_lead(lead: str, said: Sequence[Confirmation], subject: Subject) -> tuple[Proof, ...]:
    """Whether somebody leads the deployment, and said so for this release."""
    named = _named(lead, subject)
    if named.outcome is not Outcome.PASS:
        return (named,)
    return (named, judge_said(Point.LEAD, said, subject, by=lead))


def judge_said(point: Point, said: Sequence[Confirmation], subject: Subject, *, by: str = "") -> Proof:
    """The newest word about the point, oldest first in `said`. `by`: who alone can say it, "" for anybody."""
    whose = by or "NAME"
    renew = (
        f'mobius ready confirm {point} -e {subject.environment} --tag {subject.tag} --by {whose} --note "…"'
    )
    words = [each for each in said if each.point is point]
    ours = [each for each in words if each.content == subject.content]
    where = "journal"
    if not ours:
        told = "nobody has confirmed it"
        if words:
            told = (
                f"{words[-1].by} confirmed it for {words[-1].tag} ({short(words[-1].content)}), not for this"
            )
        return Proof("confirmed", Outcome.FAIL, told, where, 0.0, renew)
    last = ours[-1]
    note = f": {last.note}" if last.note else ""
    if last.withdrawn:
        return Proof("confirmed", Outcome.FAIL, f"{last.by} took it back{note}", where, last.at, renew)
    if by and _plain(last.by) != _plain(by):
        told = f"{last.by} confirmed it, and {by} leads"
        return Proof("confirmed", Outcome.FAIL, told, where, last.at, renew)
    told = f"by {last.by} ({last.who}){note}" if last.who else f"by {last.by}{note}"
    return Proof("confirmed", Outcome.PASS, told, where, last.at, renew)


def was_withdrawn(point: Point, said: Sequence[Confirmation], subject: Subject) -> bool:
    """Whether the newest word about the point, for this release, takes it back."""
    ours = [each for each in said if each.point is point and each.content == subject.content]
    return bool(ours) and ours[-1].withdrawn


def is_placeholder(name: str) -> bool:
    """Whether it stands for a name that somebody was to put there."""
    plain = _plain(name)
    return plain in PLACEHOLDERS or plain.startswith(("<", "{{", "[")) or "@example." in plain


def _named(lead: str, subject: Subject) -> Proof:
    where = f"deploy_lead of {subject.environment}, DEPLOY_LEAD"
    renew = "export DEPLOY_LEAD=@NAME, or set deploy_lead in mobius.toml"
    if not lead.strip():
        return Proof("lead", Outcome.FAIL, "nobody is named", where, 0.0, renew)
    if is_placeholder(lead):
        return Proof("lead", Outcome.FAIL, f"{lead} is a placeholder", where, 0.0, renew)
    return Proof("lead", Outcome.PASS, lead, where)


def _plain(name: str) -> str:
    return name.strip().removeprefix("@").casefold()
