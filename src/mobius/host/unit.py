"""`python -m mobius.host.unit ROOT NAME INSTANCE`: becomes what a file of ours says that this unit runs.

The unit files are written once and name no release; the target writes the file before it starts the instance.
Standard library only: it stands between systemd and every start of a process.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

CREDENTIAL = "mobius-unit"
NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
NOT_CONFIGURED, TAKEN, NOT_THERE = 78, 75, 127
ALONE = ("worker", "singleton")


def unit_file(root: Path, name: str, instance: str) -> Path:
    """Where it is written what an instance runs: argv, cwd, env, kind."""
    folder = root / "run" / "units"
    return folder / "run" / f"{instance}.json" if name == "run" else folder / instance / f"{name}.json"


def main(argv: list[str]) -> NoReturn:
    if len(argv) != 3 or not NAME.fullmatch(argv[1]) or not NAME.fullmatch(argv[2]):
        _end("usage: python -m mobius.host.unit ROOT NAME INSTANCE", NOT_CONFIGURED)
    root, name, instance = Path(argv[0]), argv[1], argv[2]
    said = _read(unit_file(root, name, instance))
    # Of a worker and a singleton never two, whoever starts them: the lock is the process's until all of it is gone.
    if said.get("kind") in ALONE:
        _hold_lock(name)
    env = {**os.environ, **said["env"]}
    try:
        os.chdir(said["cwd"])
        os.execvpe(said["argv"][0], said["argv"], env)
    except OSError as problem:
        _end(f"{name} cannot be started: {problem.strerror}: {said['argv'][0]} in {said['cwd']}", NOT_THERE)


def _read(path: Path) -> dict[str, Any]:
    handed = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nowhere"), CREDENTIAL)
    try:
        said = json.loads((handed if handed.exists() else path).read_bytes())
        if not (isinstance(said["argv"], list) and said["argv"] and isinstance(said["env"], dict)):
            raise ValueError("no command")
    except (OSError, ValueError, LookupError, TypeError) as problem:
        _end(f"{path} does not say what to start: {problem}", NOT_CONFIGURED)
    return dict(said)


def _hold_lock(name: str) -> None:
    """Locks, for as long as any process of this one's lives, what both slots share."""
    import fcntl

    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if not folder:
        _end(f"{name} has no folder for its lock: the unit lacks RuntimeDirectory=", NOT_CONFIGURED)
    held = os.open(Path(folder, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _end(f"{name} still runs in another slot: two of it never run at once", TAKEN)
    os.set_inheritable(held, True)


def _end(words: str, code: int) -> NoReturn:
    print(words, file=sys.stderr, flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
