"""Somebody sees to an alert: it goes to nobody else."""

from __future__ import annotations

from mobius.errors import UsageError
from mobius.flows.notify.look import open_alerts
from mobius.flows.notify.telling import Telling
from mobius.model.seen import Note
from mobius.report.words import printable, shortened
from mobius.rules.notices.escalating import Alert


def acknowledge(telling: Telling, alert_id: int | None, *, by: str) -> tuple[Alert, ...]:
    """The alert of that number, and every other open one of its run; None for all. Returns them. Raises `UsageError`
    where there is none."""
    environment = telling.settings.name
    alerts, _ = open_alerts(telling)
    named = [alert for alert in alerts if alert_id in (None, alert.id)]
    if not named:
        which = f"alert {alert_id} is not open" if alert_id is not None else "no alert is open"
        raise UsageError(f"{which} in {environment}", f"see which are: mobius notify status -e {environment}")
    runs = {alert.run_id for alert in named}
    also = tuple(alert for alert in alerts if alert.run_id in runs)
    who = shortened(printable(by), 100) or "somebody"
    for run_id in sorted(runs):
        of_run = [alert.id for alert in also if alert.run_id == run_id]
        note = Note("acknowledged", f"{who} sees to it", {"by": who, "alerts": of_run, "of_run": run_id})
        telling.journal.say(None, environment, note, now=telling.clock.now(), who=who)
    return also


def announce(telling: Telling, *, tag: str, at: str, note: str, who: str, content: str = "") -> str:
    """Writes that a deployment is planned, for everybody who wants to know; returns the words. `content`: the commit,
    or the digest, that the tag is now; "" where there is no such tag yet."""
    e = telling.settings.name
    when = f" at {shortened(printable(at), 60)}" if at else ""
    more = f": {shortened(printable(note), 500)}" if note else ""
    words = f"{telling.service} {tag} will be deployed to {e}{when}{more}"
    lead = telling.settings.deploy_lead or who
    data = {"tag": tag, "when": at, "reason": note, "lead": lead, "content": content}
    telling.journal.say(
        None, e, Note("planned", words, data, topic="planned"), now=telling.clock.now(), who=who
    )
    return words
