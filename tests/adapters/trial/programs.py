"""Programs of a project's own that migrate, for tests: scripts in Python, run as they are on the database."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.databases.postgres_address import url_of
from mobius.adapters.migrations.command import CommandSource
from mobius.adapters.migrations.source import Progress, Ran, Target
from mobius.errors import MobiusError

_POSTGRES = """
import os, psycopg
db = psycopg.connect(os.environ["DATABASE"], autocommit=True)
"""
_SQLITE = """
import os, sqlite3
db = sqlite3.connect(os.environ["DATABASE"], isolation_level=None)
"""


@dataclass(frozen=True)
class Local:
    """Runs a program here and now: what isolates it has tests of its own."""

    def run(
        self, argv: Sequence[str], *, cwd: Path, target: Target, within_s: float, progress: Progress
    ) -> Ran:
        """See `mobius.adapters.migrations.source.Runner`."""
        database = str(target.path) if target.address is None else url_of(target.address)
        began = time.monotonic()
        try:
            done = subprocess.run(
                argv,
                cwd=cwd,
                env={**os.environ, "DATABASE": database},
                capture_output=True,
                text=True,
                timeout=within_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MobiusError(f"{argv[0]} was not done in {within_s:.0f} s", "look at it") from None
        return Ran(done.returncode, done.stdout + done.stderr, time.monotonic() - began)


def program(folder: Path, up: str, down: str | None = None, *, postgres: bool = False) -> CommandSource:
    """A source whose commands are these scripts, which find their connection as `db`."""
    folder.mkdir(exist_ok=True)
    commands = []
    for name, text in (("up.py", up), ("down.py", down or "")):
        (folder / name).write_text((_POSTGRES if postgres else _SQLITE) + text)
        commands.append((sys.executable, name))
    return CommandSource(commands[0], commands[1] if down is not None else ())
