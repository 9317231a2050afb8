"""What a backup holds and what it says of itself."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import msgspec

from mobius.adapters.redaction import SECRET_NAME, SHOWN, secrets_in_words
from mobius.adapters.rehearsal.evidence import read_evidence
from mobius.archive.publish import sidecar_of
from mobius.archive.verify import read_metadata
from mobius.errors import MobiusError
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import EnvironmentSettings, ProcessSettings


def member_of(name: str) -> str:
    """Where a configured path lies in the archive; `./data/` is `data`."""
    return f"data/{PurePosixPath(name)}"


def outermost(names: Sequence[str]) -> list[str]:
    """The configured paths without those that another one holds already: nothing is kept, or put back, twice."""
    paths = {PurePosixPath(name): name for name in names}
    return [name for path, name in paths.items() if not any(outer in paths for outer in path.parents)]


@dataclass(frozen=True, slots=True)
class Moment:
    """What is true of one backup alone. `after`: when the newest one that was there was made: time may not seem to go
    back between two, also where the clock was set back. `processes` are the release's own."""

    kind: str
    release: Release | None
    run_id: int
    processes: Sequence[ProcessSettings] = ()
    schema_revision: str = ""
    after: float = 0.0


def metadata_of(
    service: str, settings: EnvironmentSettings, moment: Moment, around: Mapping[str, object]
) -> dict[str, object]:
    """All that a rollback needs to know with nothing but the archive at hand. `around` has git's facts and the tools'
    versions; the commit of the release, where it has one, is the one that counts."""
    release = moment.release
    processes = [_without_secrets(process) for process in moment.processes]
    return {
        "schema_version": 1,
        "service": service,
        "environment": settings.name,
        "kind": moment.kind,
        "run_id": moment.run_id,
        "created_at": datetime.now(UTC).isoformat(),
        "created_unix": max(time.time(), moment.after + 0.001),
        **around,
        "git_commit": (release.commit if release else "") or around.get("git_commit", ""),
        "release": asdict(release) if release else None,
        "schema_revision": moment.schema_revision or (release.schema_revision if release else ""),
        "config_digest": release.config_digest if release else "",
        "processes": json.loads(msgspec.json.encode(processes, enc_hook=dict)),
        "paths": paths_of(settings),
        "databases": [database.name for database in settings.databases],
    }


def paths_of(settings: EnvironmentSettings) -> dict[str, str]:
    """Where each configured path lies in the archive, and where it belongs."""
    return {member_of(name): name for name in settings.backup.kept_paths}


def with_secrets_of(
    processes: Sequence[ProcessSettings], present: Sequence[ProcessSettings]
) -> tuple[ProcessSettings, ...]:
    """What `metadata_of` took out, put in again as `mobius.toml` has it today; left out where it does not."""
    known = {process.name: process for process in present}
    return tuple(
        replace(
            process,
            env=_filled(process.env, now.env if now else {}),
            start=_words_filled(process.start, now.start if now else ()),
        )
        for process, now in ((process, known.get(process.name)) for process in processes)
    )


def _without_secrets(process: ProcessSettings) -> ProcessSettings:
    """The metadata is shown by `backup list`; a secret of the configuration is in the archive's own mobius.toml."""
    env = {name: SHOWN if SECRET_NAME.search(name) else value for name, value in process.env.items()}
    secrets = set(secrets_in_words(process.start)) - {""}
    start = tuple(_word_without(secrets, word) for word in process.start)
    return replace(process, env=env, start=start)


def _word_without(secrets: set[str], word: str) -> str:
    option, equals, value = word.partition("=")
    if equals and option.startswith("-") and value in secrets:
        return f"{option}={SHOWN}"
    return SHOWN if word in secrets else word


def _words_filled(words: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """An option whose value is known no more is left out with it: the process says what it lacks."""
    filled: list[str] = []
    for word in words:
        option, equals, value = word.partition("=")
        if equals and value == SHOWN:
            filled += [now for now in known if now.startswith(f"{option}=")][:1]
        elif word == SHOWN and filled:
            place = known.index(filled[-1]) + 1 if filled[-1] in known else len(known)
            filled = [*filled, known[place]] if place < len(known) else filled[:-1]
        else:
            filled.append(word)
    return tuple(filled)


def _filled(env: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    values = {name: known.get(name, "") if value == SHOWN else value for name, value in env.items()}
    return {name: value for name, value in values.items() if env[name] != SHOWN or name in known}


def described(path: Path) -> BackupRecord | None:
    """What the archive says of itself, and what its rehearsal left beside it; None for a file that is not one of
    ours. It was verified when it was made: no other is ever published."""
    try:
        says = read_metadata(path)
        release = msgspec.convert(says.get("release"), Release | None)
        sha256, _, recorded = sidecar_of(path).read_text("utf-8").rstrip("\n").partition("  ")
        if PurePosixPath(recorded).name != path.name:
            return None  # renamed, or the checksum of another
        created_at = float(str(says["created_unix"]))
        rehearsal = read_evidence(path, sha256) or {}
        return BackupRecord(
            name=path.name,
            path=str(path),
            sha256=sha256,
            size_bytes=path.stat().st_size,
            created_at=created_at,
            release_id=release.id if release else "",
            run_id=int(str(says["run_id"])),
            kind=str(says["kind"]),
            verified_at=created_at,
            rehearsed_at=_figure(rehearsal.get("rehearsed_at")),
            restore_s=_figure(rehearsal.get("restore_s")),
            metadata=dict(says),
            booted=rehearsal.get("booted") is True,
            not_proven=str(rehearsal.get("failed") or rehearsal.get("not_proven") or ""),
            rto_s=_figure(rehearsal.get("rto_s")),
            rpo_s=_figure(rehearsal.get("rpo_s")),
        )
    except (MobiusError, OSError, KeyError, ValueError, msgspec.MsgspecError):
        return None


def _figure(found: object) -> float:
    return float(found) if isinstance(found, int | float) else 0.0


def is_day_name(path: Path, service: str) -> bool:
    """The second name of the newest backup of a day: `dhash_YYYYMMDD.zip`."""
    stem = path.stem.removeprefix(f"{service}_")
    return len(stem) == 8 and stem.isdigit()
