"""What users say of the live release: one event, and a sample of the window where one is open."""

from __future__ import annotations

from contextlib import suppress

from mobius.errors import Fenced, UsageError
from mobius.flows.standing import standing
from mobius.model.run import Event, RunState
from mobius.model.status import IssueNow
from mobius.ports import Note, Ports
from mobius.report.words import printable, shortened

ISSUE = "issue"
MOST_CHARACTERS, MOST_OF_A_NAME = 500, 80


def report_issue(ports: Ports, text: str, *, by: str) -> tuple[IssueNow, int]:
    """Writes it down: with the run whose window is open, and its id is returned, else (0) with what is live. Raises
    `UsageError` for an empty one."""
    told = shortened(printable(text), MOST_CHARACTERS)
    if not told:
        raise UsageError("what was reported?", 'mobius monitor report-issue "TEXT"')
    issue = IssueNow(ports.clock.now(), shortened(printable(by), MOST_OF_A_NAME), told)
    environment = ports.settings.name
    run = ports.journal.active_run(environment)
    if run is not None and run.state is RunState.OBSERVING:
        with suppress(Fenced):  # taken over at this moment: then it is of what is live
            ports.journal.say(run, environment, _note(issue, run.plan.release_id), now=issue.at, who=issue.by)
            return issue, run.id
    live = standing(ports).live
    ports.journal.say(None, environment, _note(issue, live.id if live else ""), now=issue.at, who=issue.by)
    return issue, 0


def issues_of(ports: Ports, release_id: str, since: float) -> tuple[IssueNow, ...]:
    """What was reported of a release since a unix time, oldest first."""
    events = ports.journal.events(environment=ports.settings.name, kinds=(ISSUE,))
    return tuple(
        issue_of(event)
        for event in events
        if event.data.get("release_id") == release_id and event.at >= since
    )


def issue_of(event: Event) -> IssueNow:
    """The issue that an event tells of."""
    return IssueNow(event.at, event.who, str(event.data.get("text") or event.message))


def _note(issue: IssueNow, release_id: str) -> Note:
    data = {"text": issue.text, "by": issue.by, "release_id": release_id}
    return Note("issue", f"{issue.by} reports: {issue.text}", data)
