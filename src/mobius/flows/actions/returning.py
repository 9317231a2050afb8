"""What is done only when data goes back: laid out, exchanged, and told afterwards what is lost."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from mobius.errors import Locked, MobiusError
from mobius.flows.actions.action import own_backup
from mobius.flows.record import Record
from mobius.model.plan import Step
from mobius.model.verdict import Outcome
from mobius.ports import LostRow, NotAllTold

LOST_ROWS = "lost-rows.jsonl"
MOST_ROWS = 10_000
MOST_CHARACTERS = 8_000_000
LISTING_S = 120.0
MOST_UNTOLD = 5  # tables named in a sentence
GONE_S = 5.0  # what was stopped may take a moment to close its files
DAY_S = 86_400.0


def prepare_data(step: Step, record: Record) -> Mapping[str, Any]:
    path = Path(step.params["backup"] or own_backup(record).path)
    return record.ports.backups.prepare_data(path, key=key_of(record), progress=record.tell)


def restore_data(step: Step, record: Record) -> Mapping[str, Any]:
    """Everything of the service is stopped: whoever still has the data open is somebody else."""
    if not step.params.get("even_if_open"):
        _refuse_while_open(record)
    path = Path(step.params["backup"] or own_backup(record).path)
    told = record.ports.backups.restore_data(path, key=key_of(record), progress=record.tell)
    for name, place in dict(told.get("kept") or {}).items():
        record.log(f"       what {name} held before is in {place}")
    return told


def list_lost(step: Step, record: Record) -> Mapping[str, Any]:
    """Never fatal: users are served already, and the emergency backup has it all."""
    try:
        return _list_lost(step, record)
    except Locked:
        raise
    except (MobiusError, OSError) as problem:
        why = problem.message if isinstance(problem, MobiusError) else str(problem)
        sentence = f"what was lost could not be listed: {why}"
        told = {"sentence": sentence, "choices": ["mobius backup list"]}
        record.say("page", sentence, told, topic="alert")
        return {"failed": why}


def gate_after(step: Step, record: Record) -> Mapping[str, Any]:
    """Told, and a person is called for a no: what came back is not taken away again."""
    name = step.params["name"]
    result = record.ports.checks.gate(name)
    answer = {"name": name, "outcome": str(result.outcome), "message": result.message}
    record.say("gate", f"{name}: {result.outcome} {result.message}", answer)
    if result.outcome is not Outcome.PASS:
        sentence = f"after going back the gate {name} says {result.outcome}: {result.message}"
        told = {"sentence": sentence, "choices": [f"mobius status -e {record.run.environment}"]}
        record.say("page", sentence, told, topic="alert")
    return answer


def let_go(step: Step, record: Record) -> Mapping[str, Any]:
    """The replaced data, where the emergency backup has all of it; else it stays for as long as backups do."""
    ports, days = record.ports, record.ports.settings.backup.retention_days
    listed = [s.result for s in record.steps().values() if "late" in s.result]
    has_all = bool(listed) and all(r.get("late_known", r["whole"]) and not r["late"] for r in listed)
    before = ports.clock.now() - days * DAY_S
    try:
        gone = ports.backups.let_go(key_of(record) if has_all else "", before=before)
    except (MobiusError, OSError) as problem:
        record.log(f"the data that was replaced could not be removed: {problem}")
        return {"failed": str(problem)}
    return {"let_go": list(gone)}


def key_of(record: Record) -> str:
    """Names what this run lays out and keeps. With the time it began: a journal that was lost numbers its runs anew."""
    return f"run-{record.run.id}-{int(record.run.started_at)}"


def _refuse_while_open(record: Record) -> None:
    """Raises `MobiusError` naming who has it open; ours are gone, or are given a moment to go."""
    ports = record.ports
    until = ports.clock.monotonic() + GONE_S
    while users := ports.backups.in_use(()):
        if ports.clock.monotonic() >= until:
            raise MobiusError(
                f"the data was not replaced: {'; '.join(users)}",
                f"end it, then: mobius rollback -e {record.run.environment} --backup FILE; or add --even-if-open",
            )
        ports.clock.wait(0.2)


def _list_lost(step: Step, record: Record) -> Mapping[str, Any]:
    ports, run = record.ports, record.run
    path = Path(step.params["backup"] or own_backup(record).path)
    known = [b for b in ports.backups.found() if b.run_id == run.id and b.kind == "emergency"]
    emergency = next((b for b in known if b.created_at >= run.started_at), None)
    seen = _seen(
        ports.backups.lost(
            path,
            key=key_of(record),
            emergency=Path(emergency.path) if emergency else None,
            within_s=LISTING_S,
        )
    )
    artifact = str(ports.artifact(LOST_ROWS, "".join(f"{line}\n" for line in seen.lines)))
    kept = emergency.name if emergency else ""
    told = {
        "backup": path.name,
        "counts": dict(seen.counts),
        "late": seen.late,
        "late_known": seen.late_known,
        "whole": seen.whole,
        "untold": seen.untold,
        "listed": artifact,
        "emergency": kept,
        "get_back": _get_back(record, kept) if kept else "",
    }
    words = ", ".join(_in_words(what, count) for what, count in seen.counts.items()) or "nothing"
    more = "" if seen.whole else " and more"
    sentence = f"not in the live data any more: {words}{more}, listed in {LOST_ROWS}"
    if kept and (seen.counts or seen.late):
        sentence += f"; {kept} has it"
    if seen.late:
        sentence += (
            f", but for {seen.late:,} that came after it was taken: they are in the data that was replaced"
        )
    for name, why in list(seen.untold.items())[:MOST_UNTOLD]:
        sentence += f"; not listed: {name} ({why})"
    for name, place in _kept_on_servers(record).items():
        sentence += f"; what the database {name} held is kept as {place}"
    record.say("lost", sentence, told)
    return told


@dataclass
class _Seen:
    """`whole`: every row is in `lines`; `late_known`: every one that the emergency backup has not is."""

    lines: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    late: int = 0
    whole: bool = True
    late_known: bool = True
    untold: dict[str, str] = field(default_factory=dict)


def _seen(found: Iterator[LostRow]) -> _Seen:
    seen, characters = _Seen(), 0
    try:
        for row in islice(found, MOST_ROWS + 1):
            line = json.dumps(asdict(row), ensure_ascii=False)
            characters += len(line)
            if len(seen.lines) >= MOST_ROWS or characters > MOST_CHARACTERS:
                seen.whole = seen.late_known = False
                break
            seen.lines.append(line)
            seen.late += row.late
            if not row.late:
                seen.counts[f"{'rows' if row.table else 'files'} {row.change}"] += 1
    except NotAllTold as more:
        seen.whole, seen.late_known = False, not more.late
        seen.untold = {**more.late, **more.untold}
    return seen


def _kept_on_servers(record: Record) -> Mapping[str, str]:
    """Databases that were replaced, by the name under which their server keeps what was live."""
    names = {database.name for database in record.ports.settings.databases}
    kept: dict[str, str] = {}
    for step in record.steps().values():
        kept |= {name: str(at) for name, at in dict(step.result.get("kept") or {}).items() if name in names}
    return kept


def _get_back(record: Record, kept: str) -> str:
    """The command that takes paths and dumps out of the emergency backup, into a folder of its own."""
    settings = record.ports.settings
    words = ["mobius", "backup", "restore", kept, "-e", record.run.environment]
    for name in settings.backup.kept_paths:
        words += ["--only", f"data/{PurePosixPath(name)}"]
    for database in settings.databases:
        words += ["--only", f"databases/{database.name}"] if database.engine == "dump" else []
    return shlex.join(words)


def _in_words(what: str, count: int) -> str:
    """ "1 row added", "12 rows added" """
    kind, _, change = what.partition(" ")
    return f"{count:,} {kind.removesuffix('s') if count == 1 else kind} {change}"
