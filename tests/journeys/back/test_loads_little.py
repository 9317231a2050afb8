"""What is needed at 3:00 loads nothing that could be broken or slow: help, and the way back in an emergency."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from journeys.service import Service

pytestmark = pytest.mark.journey
HEAVY = {"aiohttp", "rich", "jinja2", "av", "numpy", "psycopg", "prometheus_client", "cryptography"}
IMPORTED = re.compile(r"^import time:.*\|\s*([\w.]+)$", re.MULTILINE)
TELLING = {"PYTHONPROFILEIMPORTTIME": "1"}  # each process says what it imports, its children too


def imported(told: str) -> set[str]:
    """The packages that a process said it imported."""
    found = {name.partition(".")[0] for name in IMPORTED.findall(told)}
    assert "mobius" in found, told
    return found


def test_help_and_the_way_back_in_an_emergency_load_nothing_heavy(tmp_path: Path) -> None:
    with Service(tmp_path, alone=False, window="60s") as service:
        assert not imported(service.mobius("--help", environ=TELLING, expect=0).err) & HEAVY
        for tag in ("v1", "v2"):
            service.add_release(tag)
            service.mobius("deploy", "--tag", tag, "--detach", expect=0)
        done = service.mobius("rollback", "--emergency", environ=TELLING, expect=0)
        assert not imported(done.err) & HEAVY
        ((run,),) = service.journal("SELECT max(id) FROM runs")
        carried_by = service.root / "run" / "jobs" / f"run-{run}.log"  # the process that does it
        assert not imported(carried_by.read_text(encoding="utf-8")) & HEAVY
        assert service.status()["live"]["tag"] == "v1"
