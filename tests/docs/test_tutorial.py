"""The tutorial, typed by a shell that is not a person: every command block of it, in order, on a real service."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.host.children import MARK_ROOT, find_marked

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial" / "first-rollback.md"
AT_MOST_S = 180.0  # on a machine that does other things, too

# Notes each command with its exit code, and is otherwise not there.
NOTING = """
mobius() { command mobius "$@"; local code=$?; echo "$code mobius $*" >>"$NOTES"; return $code; }
"""


@pytest.mark.journey
@pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial asks the service with curl")
@pytest.mark.skipif(shutil.which("bash") is None, reason="the tutorial is typed into bash")
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    project, notes = tmp_path / "notes", tmp_path / "typed"
    try:
        told = _typed(project, notes, tmp_path)
    finally:
        _end_whatever_is_left(project / ".mobius" / "production")

    codes = [line.split(" ", 1) for line in notes.read_text("utf-8").splitlines()]
    assert ["12", "mobius deploy --tag v3"] in codes
    assert [line for code, line in codes if code != "0"] == ["mobius deploy --tag v3"]
    assert "exit code 12" in told
    assert "verdict: errors" in told
    assert re.search(r"^live:     v2 since", told.split("exit code 12")[1], re.MULTILINE)
    way_back = r"^way back: code alone, about 1 s, proven \d\d:\d\d, nothing lost; the migrated schema"
    if Bubblewrap().why_not():
        way_back = r"^way back: code alone, not proven: the schema has moved on since \(002_titles\)"
    assert re.search(way_back, told, re.MULTILINE)
    assert "No request failed because of the switches." in told
    assert "unbroken" in told
    assert "production is down" in told
    assert not project.exists()


def _typed(project: Path, notes: Path, scratch: Path) -> str:
    """Everything the tutorial printed. Its port, its folder and its Python are replaced by ours."""
    page = TUTORIAL.read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    port = _free_port()
    ours = (
        f"sed -i.before -e 's/127.0.0.1:5001/127.0.0.1:{port}/' -e 's|\"python3\"|\"{sys.executable}\"|' mobius.toml\n"
        "rm mobius.toml.before\n"
    )
    script = NOTING + "".join(blocks).replace("127.0.0.1:5001", f"127.0.0.1:{port}")
    script = script.replace("/tmp/notes", str(project)).replace(
        "mobius config check\n", f"{ours}mobius config check\n", 1
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MOBIUS_")}
    out = scratch / "told"
    with out.open("wb") as said:  # not a pipe: what outlives a command would hold it open
        shell = subprocess.Popen(
            ["bash", "-c", script],
            cwd=ROOT,
            env={**environ, "PATH": path, "NOTES": str(notes)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            shell.wait(AT_MOST_S)
        finally:  # its load in the background, too
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    return out.read_text("utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _end_whatever_is_left(root: Path) -> None:
    """A tutorial that broke off half way leaves its supervisor, and that its processes."""
    until = time.monotonic() + 10
    while (left := _of(root)) and time.monotonic() < until:
        for process in left:
            try:
                process.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(left, timeout=1)


def _of(root: Path) -> list[psutil.Process]:
    marked = list(find_marked(MARK_ROOT, str(root)))
    return [process for process in marked if process.pid != os.getpid()]
