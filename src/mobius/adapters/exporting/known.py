"""What a file that left the host knows of the audit log: an export every event's hash, evidence that of one."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.evidence import envelope as dsse
from mobius.errors import MobiusError, RecordBroken, UsageError
from mobius.model.run import Event

EVENTS = "journal/events.jsonl"
MOST_BYTES = 512 << 20
HINT = "give an export (.zip) or the evidence of a run (.dsse.json)"


@dataclass(frozen=True, slots=True)
class Known:
    """The hash of each event by its number, and the environment they are of ("" where the file does not say)."""

    environment: str
    hashes: Mapping[int, str]

    def held_by(self, events: Iterable[Event]) -> int:
        """How many events it knows, all of which are among `events`. Raises RecordBroken naming the first that is not,
        or is another."""
        there = {event.seq: event.hash for event in events if event.seq in self.hashes}
        for seq, known in sorted(self.hashes.items()):
            if there.get(seq) != known:
                what = "is another one now" if seq in there else "is missing"
                raise RecordBroken(
                    f"the audit log was changed since the file was written: event {seq} {what}",
                    "keep the log and the file as they are for whoever looks into it",
                )
        return len(self.hashes)


def known_events(file: Path) -> Known:
    """What the file knows. Raises UsageError for one that cannot be read as either kind, or knows nothing."""
    try:
        with file.open("rb") as opened:
            is_archive = opened.read(4) == b"PK\3\4"
        known = _of_export(file) if is_archive else _of_evidence(file)
    except (
        OSError,
        zipfile.BadZipFile,
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
        RecursionError,
        NotImplementedError,
    ) as problem:
        raise UsageError(f"{file} cannot be read: {problem}", HINT) from problem
    except MobiusError as problem:
        raise UsageError(f"{file}: {problem.message}", HINT) from problem
    if not known.hashes:
        raise UsageError(f"{file} has no event of an audit log", HINT)
    return known


def _of_export(file: Path) -> Known:
    with zipfile.ZipFile(file) as archive:
        if archive.getinfo(EVENTS).file_size > MOST_BYTES:
            raise ValueError("its events are larger than they can be")
        rows = [json.loads(line) for line in archive.read(EVENTS).splitlines() if line.strip()]
        told = json.loads(archive.read("MANIFEST.json"))
    return Known(str(told.get("environment") or ""), {int(row["seq"]): str(row["hash"]) for row in rows})


def _of_evidence(file: Path) -> Known:
    from mobius.adapters.evidence.folder import read_file

    said = dsse.statement_of(dsse.read(read_file(file)))["predicate"]
    return Known(str(said.get("environment") or ""), {int(said["audit"]["seq"]): str(said["audit"]["hash"])})
