"""A service whose requests come through a real nginx or Caddy, configured by what we print."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.traffic.proxies import Proxy, why_not
from journeys.service import Service
from mobius.config import load

TRAFFIC = """
[traffic]
kind = "{kind}"
config = "proxy/{kind}.conf"
{log}
"""
LOG = 'access_log = "proxy/access.log"'


@contextmanager
def behind_live_socket(kind: str, *, direct: bool, **how: Any) -> Iterator[tuple[Service, Proxy]]:
    """The service, not deployed yet, and the proxy on its port. `direct`: it serves on MOBIUS_SOCKET, and its log is
    read, so that the proxy dials it itself; else it has a port alone. Skips where there is no such proxy."""
    if reason := why_not(kind):
        pytest.skip(reason)
    # pytest's own folders have names too long for a Unix socket.
    folder = Path(tempfile.mkdtemp(prefix="mobius-ls-")).resolve()
    web = (sys.executable, "tunnel.py", *(["--socket"] if direct else []))
    more = TRAFFIC.format(kind=kind, log=LOG if direct else "")
    service = Service(folder, **{"web": web, **how, "more": more + how.get("more", "")})
    try:
        settings = load(service.config, environ=os.environ).environment("production")
        with Proxy(kind, folder / "proxy", settings, service="probe") as proxy:
            yield service, proxy
    finally:
        service.close()
        shutil.rmtree(folder, ignore_errors=True)
