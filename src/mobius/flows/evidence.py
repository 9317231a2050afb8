"""Leaves evidence of every run that ended. Nothing here stops or delays a run: it comes after."""

from __future__ import annotations

from collections.abc import Mapping

from mobius.errors import MobiusError
from mobius.model.evidence import Written
from mobius.model.run import Run
from mobius.ports import Note, Ports
from mobius.ports.proving import EvidenceWriter
from mobius.report.evidence import statement

EVIDENCE = "evidence"
EVERY = 1_000_000  # events of one run
NEWEST = 20  # runs that are looked at: one that was superseded has nobody else to write its evidence


def leave_evidence(
    ports: Ports, writer: EvidenceWriter, *, tools: Mapping[str, str], who: str = ""
) -> tuple[Written, ...]:
    """Of each ended run of the newest that has none yet, or to which something was added since. An event says what was
    written. Raises `MobiusError` where it cannot be; the next run tries again."""
    journal, environment = ports.journal, ports.settings.name
    told: dict[int, int] = {}
    for event in journal.events(environment=environment, kinds=(EVIDENCE,)):
        told[int(event.data.get("run") or 0)] = int(event.data.get("seq") or 0)
    left = []
    for run in reversed(journal.runs(environment, NEWEST)):
        if run.ended and journal.events(run_id=run.id, after=told.get(run.id, 0), limit=1):
            written = _of(run, ports, writer, tools)
            by = f"signed by {written.signed_by}" if written.signed_by else f"unsigned: {written.why_not}"
            facts = {
                "run": run.id,
                "file": written.path.name,
                "sha256": written.sha256,
                "seq": written.seq,
                "signed_by": written.signed_by,
                "why_not": written.why_not,
            }
            note = Note("evidence", f"evidence of run {run.id} is {written.path.name}, {by}", facts)
            journal.say(None, environment, note, now=ports.clock.now(), who=who)
            left.append(written)
    return tuple(left)


def _of(run: Run, ports: Ports, writer: EvidenceWriter, tools: Mapping[str, str]) -> Written:
    journal = ports.journal
    events = journal.events(run_id=run.id, limit=EVERY)
    known = {release.id: release for release in journal.releases(run.environment)}
    told = statement(
        run,
        journal.steps(run.id),
        events,
        known.get(run.plan.release_id),
        tools=tools,
        chain_finding=_finding(ports),
        written_at=ports.clock.now(),
    )
    return writer.write(run.id, events[-1].seq, told)


def _finding(ports: Ports) -> str:
    """What is wrong with the log that this comes from: what is signed must not make a broken one look whole."""
    try:
        ports.journal.verify_chain()
    except MobiusError as problem:
        return problem.message
    return ""
