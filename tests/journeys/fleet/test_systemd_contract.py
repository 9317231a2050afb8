"""The contract of every target, held to by the systemd of a bed: the same suite, run inside."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from beds.host import Host

HERE = Path(__file__).parents[3]
SUITE = "tests/adapters/contracts/test_target.py"


@pytest.mark.fleet
def test_units_of_systemd_keep_every_promise_of_a_target(host: Host) -> None:
    argv = [
        sys.executable,
        "-B",
        "-m",
        "pytest",
        "-q",
        "-rA",
        "-k",
        "systemd",
        "--basetemp=/tmp/contract",
        SUITE,
    ]
    done = host.run(argv, cwd=HERE, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = [line for line in done.stdout.splitlines() if line.startswith("PASSED")]
    assert len(passed) >= 14, done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]
