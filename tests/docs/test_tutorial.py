"""The tutorial, typed by a shell that is not a person: every command block of it, in order, on a real service."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from free_ports import free_port
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from pages import reading
from pages.followed import follow
from pages.shop import end_all


@pytest.mark.journey
@pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial asks the service with curl")
@pytest.mark.skipif(shutil.which("bash") is None, reason="the tutorial is typed into bash")
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    project, port = tmp_path / "notes", free_port()
    ours = f'sed -i \'s/127.0.0.1:5001/127.0.0.1:{port}/; s|"python3"|"{sys.executable}"|\' mobius.toml'
    try:
        told = follow(
            "docs/tutorial/first-rollback.md",
            tmp_path,
            as_={
                "examples/notes": str(reading.ROOT / "examples" / "notes"),
                "/tmp/notes": str(project),
                "127.0.0.1:5001": f"127.0.0.1:{port}",
            },
            before={"mobius config check": ours},
        )
    finally:
        end_all(project / ".mobius" / "production")

    broken = told.after("mobius deploy --tag v3")
    assert "exit code 12" in broken
    assert "verdict: errors" in broken
    assert "No request failed because of the switches." in told.after("mobius report")
    assert "unbroken" in told.after("mobius audit verify")
    assert "production is down" in told.after("mobius host stop")
    assert re.search(r"^live:     v2 since", told.after("mobius status", 2), re.MULTILINE)
    way_back = r"^way back: code alone, about 1 s, proven \d\d:\d\d, nothing lost; the migrated schema"
    if Bubblewrap().why_not():
        way_back = r"^way back: code alone, not proven: the schema has moved on since \(002_titles\)"
    assert re.search(way_back, told.after("mobius status", 1), re.MULTILINE)
    assert not project.exists()
