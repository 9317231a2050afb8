"""What a backup holds and what it says of itself."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import msgspec

from mobius.adapters.redaction import SECRET_NAME, SHOWN
from mobius.archive.publish import sidecar_of
from mobius.archive.verify import read_metadata
from mobius.errors import MobiusError
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import ProcessSettings


def member_of(name: str) -> str:
    """Where a configured path lies in the archive; `./data/` is `data`."""
    return f"data/{PurePosixPath(name)}"


def outermost(names: Sequence[str]) -> list[str]:
    """The configured paths without those that another one holds already: nothing is kept, or put back, twice."""
    paths = {PurePosixPath(name): name for name in names}
    return [name for path, name in paths.items() if not any(outer in paths for outer in path.parents)]


def metadata_of(
    service: str,
    environment: str,
    kind: str,
    release: Release | None,
    processes: Sequence[ProcessSettings],
    paths: Sequence[str],
    run_id: int,
) -> dict[str, object]:
    """All that a rollback needs to know with nothing but the archive at hand. `processes` are the release's own."""
    return {
        "schema_version": 1,
        "service": service,
        "environment": environment,
        "kind": kind,
        "run_id": run_id,
        "created_at": datetime.now(UTC).isoformat(),
        "created_unix": time.time(),
        "release": asdict(release) if release else None,
        "git_commit": release.commit if release else "",
        "processes": json.loads(msgspec.json.encode([_without_secrets(p) for p in processes], enc_hook=dict)),
        "paths": {member_of(name): name for name in outermost(paths)},
        "tools": {"python": platform.python_version(), "system": platform.platform()},
    }


def with_secrets_of(
    processes: Sequence[ProcessSettings], present: Sequence[ProcessSettings]
) -> tuple[ProcessSettings, ...]:
    """What `metadata_of` took out, put in again as `mobius.toml` has it today; left out where it does not."""
    known = {process.name: process.env for process in present}
    return tuple(
        replace(process, env=_filled(process.env, known.get(process.name, {}))) for process in processes
    )


def _without_secrets(process: ProcessSettings) -> ProcessSettings:
    """The metadata is shown by `backup list`; a secret of the configuration is in the archive's own mobius.toml."""
    env = {name: SHOWN if SECRET_NAME.search(name) else value for name, value in process.env.items()}
    return replace(process, env=env)


def _filled(env: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    values = {name: known.get(name, "") if value == SHOWN else value for name, value in env.items()}
    return {name: value for name, value in values.items() if env[name] != SHOWN or name in known}


def described(path: Path) -> BackupRecord | None:
    """What the archive says of itself; None for a file that is not one of ours."""
    try:
        says = read_metadata(path)
        release = msgspec.convert(says.get("release"), Release | None)
        return BackupRecord(
            name=path.name,
            path=str(path),
            sha256=sidecar_of(path).read_text("utf-8")[:64],
            size_bytes=path.stat().st_size,
            created_at=float(str(says["created_unix"])),
            release_id=release.id if release else "",
            run_id=int(str(says["run_id"])),
            kind=str(says["kind"]),
            metadata=dict(says),
        )
    except (MobiusError, OSError, KeyError, ValueError, msgspec.MsgspecError):
        return None


def is_day_name(path: Path, service: str) -> bool:
    """The second name of the newest backup of a day: `dhash_YYYYMMDD.zip`."""
    stem = path.stem.removeprefix(f"{service}_")
    return len(stem) == 8 and stem.isdigit()
