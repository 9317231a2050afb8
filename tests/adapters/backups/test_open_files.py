"""A process that has the database open and is not the service's is found, by its files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.backups.yard import Yard
from mobius.adapters.backups.open_files import PROC, users_of
from mobius.host.children import MARK_ROOT

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="the system has no /proc")
OPEN = "import sys; f = open(sys.argv[1], 'rb'); print('open', flush=True); sys.stdin.read()"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


@contextmanager
def somebody(file: Path, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """Not a child of ours, as far as who counts can tell: it is in a session and a family of its own."""
    argv = [sys.executable, "-I", "-S", "-c", OPEN, str(file)]
    pipe, env = subprocess.PIPE, {**os.environ, **environ}
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, env=env) as process:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()


def seen(yard: Yard, *ours: int, of: int) -> list[str]:
    """What is said of one process, when the one that asks is not its parent."""
    code = (
        "import sys; from pathlib import Path; from mobius.adapters.backups.open_files import users_of;"
        "print(*users_of([Path(sys.argv[1])], Path(sys.argv[2]), [int(p) for p in sys.argv[3:]]), sep='\\n')"
    )
    argv = [sys.executable, "-c", code, str(yard.data), str(yard.root), *map(str, ours)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith(f"process {of} ")]


def test_who_has_it_open_is_named(yard: Yard) -> None:
    with somebody(yard.data / "app.db") as process:
        [told] = seen(yard, of=process.pid)
        assert told.startswith(f"process {process.pid} (python") and told.endswith(f"{yard.data}/app.db open")


def test_the_service_itself_what_mobius_started_and_readers_of_other_files_are_not(yard: Yard) -> None:
    (yard.data / "note.txt").write_text("no database")
    with somebody(yard.data / "app.db") as process:
        assert seen(yard, process.pid, of=process.pid) == []
        assert users_of([yard.data], yard.root, ()) == (), "what this process started itself"
    with somebody(yard.data / "app.db", **{MARK_ROOT: str(yard.root.resolve())}) as process:
        assert seen(yard, of=process.pid) == []
    with somebody(yard.data / "note.txt") as process:
        assert seen(yard, of=process.pid) == []
