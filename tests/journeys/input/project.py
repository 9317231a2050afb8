"""A user's project in a temporary folder: its `mobius.toml`, its releases, and `mobius` run as a command."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from journeys.service import PROGRAM, Done, Service
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.model.run import Event, Run
from mobius.wiring import App, open_app

HERE = Path(__file__).parent
PYTHON = f'{json.dumps(sys.executable)}, "-I", "-S"'  # starts in a third of the time

CONFIG = """\
service = "shop"
policy = "conservative"
{top}
[release]
source = "{source}"
{release}
[[process]]
name = "web"
kind = "web"
start = [{start}]
stop_timeout = "5s"
{process}
{processes}
[backup]
paths = ["shared/data"]
{backup}
[health]
path = "/health"
expect = ["status == 200"]
interval = "50ms"
min_healthy = "100ms"
deadline = "5s"
{health}
[[smoke]]
name = "front page"
get = "/"
expect = ["status == 200", "json.status == \\"OK\\""]
{smoke}
[monitor]
interval = "{interval}"
{monitor}
[door]
drain_timeout = "3s"

[environments.production]
target = "process"
url = "http://127.0.0.1:{port}"
window = "{window}"
{environment}
{environments}
"""
PIECES = re.findall(r"^\{(\w+)\}$", CONFIG, re.MULTILINE)
# Coarse enough that a busy machine makes its looks in time: four where three are expected.
USUAL = {"source": "releases/{tag}", "window": "900ms", "interval": "300ms", "start": f'{PYTHON}, "app.py"'}


class Project(Service):
    """One project whose service does as its release says. `environ` is all that its commands see."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, alone=False)
        self.environ = quiet_environment(folder)
        self.shared = self.root / "shared"
        (self.shared / "data").mkdir(parents=True)
        (self.shared / "data" / "orders.txt").write_text("one\n")
        self.configure()

    # -- making it ---------------------------------------------------------------------------------------------

    def configure(self, text: str | None = None, **pieces: str) -> Project:
        """Writes `mobius.toml`: whole, or the usual one with these pieces put in."""
        values = {**dict.fromkeys(PIECES, ""), **USUAL, "port": str(self.port), **pieces}
        self.config.write_text(CONFIG.format(**values) if text is None else text, encoding="utf-8")
        return self

    def release(self, tag: str, *, into: Path | None = None, **behaviour: Any) -> Path:
        """Writes a release that behaves as said (see `app.py`), below `releases/` or into a folder."""
        folder = into or self.folder / "releases" / tag
        folder.mkdir(parents=True, exist_ok=True)
        for program in (HERE / "app.py", PROGRAM / "alone.py"):
            shutil.copy(program, folder)
        (folder / "behaviour.json").write_text(json.dumps({"release": tag, **behaviour}))
        return folder

    # -- using it ----------------------------------------------------------------------------------------------

    def deploy(
        self, tag: str, *words: str, expect: int | None = None, environ: Mapping[str, str] | None = None
    ) -> Done:
        """`mobius deploy`, followed to its end."""
        return self.mobius("deploy", "-e", "production", "--tag", tag, *words, expect=expect, environ=environ)

    def deployed(self, tag: str, **behaviour: Any) -> Project:
        """The project, with a release that is live and accepted."""
        self.release(tag, **behaviour)
        self.deploy(tag, expect=0)
        return self

    def app(self, **environ: str) -> App:
        """The library's App of this project."""
        return open_app(self.folder, environ={**self.environ, **environ})

    # -- looking at it -----------------------------------------------------------------------------------------

    def written(self) -> SqliteJournal:
        """The journal, to read."""
        return SqliteJournal(self.root / "journal.db", read_only=True)

    def newest_run(self, kind: str = "deploy") -> Run:
        """The last one begun."""
        return next(run for run in self.written().runs("production") if run.kind == kind)

    def events(self, kind: str) -> list[Event]:
        """Every event of a kind, oldest first."""
        return [event for event in self.written().events(environment="production") if event.kind == kind]

    def serves(self, tag: str) -> bool:
        """Whether this release answers its users, and is marked as the current one."""
        answer = self.get()
        current = self.root / "current"
        assert (answer["code"], answer.get("release")) == (200, tag), f"{tag} does not answer: {answer}"
        assert current.readlink().name.startswith(f"{tag}-"), f"{current} points to {current.readlink()}"
        return True


def quiet_environment(home: Path) -> dict[str, str]:
    """What a command needs, and nothing of what the shell of whoever runs the tests says."""
    kept = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    return {**found, "HOME": str(home), "USER": "tester", "PYTHONDONTWRITEBYTECODE": "1"}
