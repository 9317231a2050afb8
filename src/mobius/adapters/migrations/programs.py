"""What a program of the project's own is given when it migrates: where it is, and how long it waits for a lock."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from mobius.adapters.migrations.source import Target
from mobius.adapters.places import Places
from mobius.model.settings import EnvironmentSettings, ProcessSettings

INSTALLED_IN = ("venv/bin", ".venv/bin", "node_modules/.bin", "bin")


def tree_around(cwd: Path, places: Places) -> Path:
    """The tree of the release that `cwd` lies in; `cwd` itself where it lies elsewhere."""
    cwd = cwd.absolute()
    for folder in (cwd, *cwd.parents):
        if folder.parent == places.releases:
            return folder
    return cwd


def found_in(tree: Path, argv: Sequence[str], cwd: Path, path: str) -> list[str]:
    """The words with the program as it is to be started: of the release's tree where that has it, else as it is on the
    `path`; as it was said where it is nowhere."""
    program = argv[0]
    if Path(program).is_absolute():
        return list(argv)
    if "/" in program:
        there = next((each for each in (tree / program, cwd / program) if os.path.lexists(each)), None)
    else:
        folders = os.pathsep.join(str(tree / folder) for folder in INSTALLED_IN)
        names = (program, "python3") if program == "python" else (program,)
        places = ((name, where) for where in (folders, path) for name in names)
        found = next((file for name, where in places if (file := shutil.which(name, path=where))), None)
        there = Path(found) if found else None
    return [str(there) if there else program, *argv[1:]]


def process_of(settings: EnvironmentSettings) -> ProcessSettings | None:
    """Whose environment the programs get: that of `migrations.process`, else of the first web process."""
    wanted = settings.migrations.process if settings.migrations else ""
    named = [process for process in settings.processes if process.name == wanted]
    webs = [process for process in settings.processes if process.kind == "web"]
    return next(iter([*named, *webs, *settings.processes]), None)


def with_lock_timeout(env: Mapping[str, str], target: Target) -> dict[str, str]:
    """`env` with how long a statement of PostgreSQL waits for a lock; what the project itself says of it counts."""
    if target.kind != "postgresql" or not target.lock_timeout_s:
        return dict(env)
    ours = f"-c lock_timeout={max(1, round(target.wait_s(target.lock_timeout_s) * 1000))}"
    return {**env, "PGOPTIONS": f"{ours} {env.get('PGOPTIONS', '')}".rstrip()}
