"""A service that somebody else deploys, starts and stops: real programs, a real port, `mobius` around them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from journeys.service import Service, wait_until
from mobius.adapters.commands.kept import KeptCommands
from mobius.adapters.places import Places
from mobius.model.settings import EnvironmentSettings

PROGRAMS = Path(__file__).parent / "command" / "programs"

CONFIG = """
service = "shop"
policy = "conservative"

[backup]
paths = ["data"]

[health]
path = "/health"
interval = "50ms"
min_healthy = "100ms"
deadline = "20s"

[[smoke]]
name = "front page"
get = "/"
expect = ["status == 200", 'json.value == "good"']

[monitor]
interval = "200ms"

[environments.production]
target = "<target>"
url = "http://127.0.0.1:<port>"
window = "<window>"
<more>
[environments.production.command]
<commands>
"""


@contextmanager
def by_hand(
    new_service: Callable[..., Service],
    *,
    target: str,
    without: tuple[str, ...] = (),
    window: str = "1s",
    more: str = "",
) -> Iterator[Service]:
    """The service runs v0, which nobody knows; `without` some of its commands. Ended with all it left running."""
    service = new_service()
    for program in PROGRAMS.iterdir():
        shutil.copy(program, service.folder)
    names = [name for name in ("deploy", "rollback", "start", "stop") if name not in without]
    lines = [f"{name} = {json.dumps([sys.executable, 'deploy.py', name])}" for name in names]
    if "version" not in without:
        lines.append('version = ["cat", "VERSION"]')
    values = {"target": target, "port": str(service.port), "window": window, "more": more}
    text = CONFIG.replace("<commands>", "\n".join(lines))
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    service.config.write_text(text)
    for folder in ("tags", "data"):
        (service.folder / folder).mkdir()
    (service.folder / "data" / "value").write_text("good")
    (service.folder / "port").write_text(str(service.port))
    (service.folder / "VERSION").write_text("v0\n")
    try:
        service.finish(_program(service, "start"))
        answers(service, "v0")
        yield service
    finally:
        service.close()  # first, so that no runner begins another
        _end_commands(service)
        with suppress(OSError, ValueError):
            os.kill(int((service.folder / "server.pid").read_text()), signal.SIGKILL)


def add_tag(service: Service, tag: str, **how: Any) -> None:
    """A tag that behaves as said in `command/programs/deploy.py`."""
    (service.folder / "tags" / f"{tag}.json").write_text(json.dumps(how))


def answers(service: Service, tag: str) -> None:
    """Waits until the service answers as this tag."""
    wait_until(lambda: service.get().get("release") == tag, what=f"an answer of {tag}")


def ran(service: Service) -> list[str]:
    """What its commands did, one line each, without the start by hand."""
    return (service.folder / "ran").read_text().splitlines()[1:]


def _end_commands(service: Service) -> None:
    """A command outlives whoever asked for it, a test that failed, too."""
    places = Places(service.folder, service.root)
    environment = EnvironmentSettings("production", service.url, service.root)
    KeptCommands(environment, places, {}).end("")


def _program(service: Service, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "deploy.py", what],
        cwd=service.folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
