"""A service whose requests come through a real HAProxy, configured by what we print."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.traffic.haproxies import WHY_NOT, Haproxy
from journeys.service import Service
from mobius.config import load

TRAFFIC = """
[traffic]
kind = "haproxy"
socket = "proxy/admin.sock"
config = "proxy/haproxy.cfg"
"""


@contextmanager
def behind_haproxy(*, master: bool = False, **how: Any) -> Iterator[tuple[Service, Haproxy]]:
    """The service, not deployed yet, and HAProxy on its port. Skips where there is no HAProxy."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    # pytest's own folders have names too long for a Unix socket.
    folder = Path(tempfile.mkdtemp(prefix="mobius-hx-"))
    service = Service(folder, **{**how, "more": TRAFFIC + how.get("more", "")})
    try:
        settings = load(service.config, environ=os.environ).environment("production")
        with Haproxy(folder / "proxy", "probe", settings, master=master) as haproxy:
            yield service, haproxy
    finally:
        service.close()
        shutil.rmtree(folder, ignore_errors=True)
